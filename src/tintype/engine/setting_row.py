"""A row of the table of settings: everything that an interface needs for one setting."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Literal, cast, get_args, get_origin

from tintype.errors import UsageError, brief
from tintype.photo.formats.registry import writable_formats

Interface = Literal["command", "film", "http", "python", "file"]
"""`tintype PHOTO...`, `tintype video`, the HTTP API, the Python API, and the settings file."""

Stage = Literal["network", "decoding", "writing"]
"""What has to be recomputed when a setting changes."""

Kind = Literal["number", "count", "choice", "flag", "format", "hints", "layer"]
Recorded = Literal["always", "changed", "never"]

_EVERYWHERE: tuple[Interface, ...] = get_args(Interface)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A row of the table. The first four attributes are derived from the annotated field.

    Attributes:
        name: Name in every interface; the command writes ``-`` for ``_``.
        kind: Type of its values.
        default: The default value.
        choices: All values of a choice.
        help: A sentence on what it does.
        stage: The first stage that has to be repeated when it changes.
        low: Minimum of a number or a count.
        high: Maximum of a number or a count.
        unset: Description in the help of what a default of None means.
        interfaces: The interfaces that offer it.
        defaults: Defaults that differ by interface.
        former: Earlier names of choices, which are still accepted, and their current names.
        same: Choices that are the default under another name, and are recorded like it.
        named: Names that are accepted in place of values; the command has an option for each.
        spelling: A sentence on how an interface writes a value, if that is not obvious.
        needs: Capabilities that a model must have to support it.
        heard_by: The capability of a model whose network has it as an input; without that
            capability, it is applied to the prediction. Empty for an input of every network.
        recorded: Whether it is recorded in the provenance of outputs, which a resumed run compares.
    """

    name: str = ""
    kind: Kind = "number"
    default: Any = None
    choices: tuple[str, ...] = ()
    help: str
    stage: Stage
    low: float | None = None
    high: float | None = None
    unset: str = ""
    interfaces: tuple[Interface, ...] = _EVERYWHERE
    defaults: Mapping[Interface, Any] = field(default_factory=dict)
    former: Mapping[str, str] = field(default_factory=dict)
    same: tuple[str, ...] = ()
    named: Mapping[str, float] = field(default_factory=dict)
    spelling: Mapping[Interface, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    heard_by: str = ""
    recorded: Recorded = "changed"

    def default_of(self, interface: Interface) -> Any:  # noqa: ANN401
        """The default of an interface."""
        return self.defaults.get(interface, self.default)

    def default_text(self, interface: Interface) -> str:
        """The default as shown in the help; empty if there is nothing to show."""
        value = self.default_of(interface)
        if value is None:
            return self.unset
        if self.kind in ("number", "count"):
            return f"{value:g}"
        return str(value) if self.kind == "choice" else ""

    @property
    def range_text(self) -> str:
        """The range as text, such as ``0 to 2``; empty if there is none."""
        return "" if self.low is None or self.high is None else f"{self.low:g} to {self.high:g}"

    def text(self, interface: Interface) -> str:
        """The help text of an interface: what it does, its range, and how to write a value."""
        limits = f", {self.range_text}" if self.range_text else ""
        sentence = f"{self.help.removesuffix('.')}{limits}."
        if self.named and interface in ("http", "python"):
            names = ", ".join(f"{name} for {value:g}" for name, value in self.named.items())
            sentence = f"{sentence} Or a name: {names}."
        return f"{sentence} {self.spelling[interface]}" if interface in self.spelling else sentence

    def is_default(self, value: Any) -> bool:  # noqa: ANN401
        """Whether a value is equivalent to the default."""
        return bool(value == self.default) or (isinstance(value, str) and value in self.same)

    def current(self, value: Any) -> Any:  # noqa: ANN401
        """Resolves the name of a value, and the former name of a choice."""
        if not isinstance(value, str):
            return value
        return self.named.get(value, self.former.get(value, value))

    def check(self, value: Any) -> None:  # noqa: ANN401
        """Refuses a value of the wrong type, outside the choices, or out of range.

        Raises:
            UsageError: The value is not valid.
        """
        if value is None and self.default is None:
            return
        self._check_kind(value)
        if self.choices and value not in self.choices:
            *others, last = self.choices
            raise UsageError(
                f"{brief(repr(value))} is not a valid {self.name}.",
                advice=f"Use {', '.join(others)} or {last}.",
            )
        # Not "value < low": NaN is in no range.
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            raise UsageError(
                f"The {self.name} {brief(value)} is out of range."
                if self.kind == "number"
                else f"The number of {self.name}, {brief(value)}, is out of range.",
                advice=f"Use {self.range_text}.",
            )

    def _check_kind(self, value: Any) -> None:  # noqa: ANN401
        """Refuses values that a Python caller may pass by mistake: "1", True, a list."""
        wanted, word = {
            "number": (Real, "a number"),
            "count": (Integral, "a whole number"),
            "choice": (str, "a string"),
            "format": (str, "a string"),
        }.get(self.kind, (object, ""))
        if not isinstance(value, wanted) or (wanted is not object and isinstance(value, bool)):
            values = self.range_text or ", ".join(self.choices)
            raise UsageError(
                f"The {self.name} {str(value)[:40]!r} is of type {type(value).__name__}, not "
                f"{word}.",
                advice=f"Use {values}." if values else "",
            )

    def plain(self, value: Any) -> Any:  # noqa: ANN401
        """A value as stored in the JSON of provenance and settings files."""
        match self.kind:
            case "number":
                return None if value is None else float(value)
            case "hints":
                return [[h.x, h.y, float(h.a), float(h.b), h.radius] for h in value]
            case "layer":
                return value.sha256
            case _:
                return value


def table_of(kind: type) -> Mapping[str, Setting]:
    """The rows of a class, from its type annotations and their `Setting` metadata."""
    rows = {}
    for each in fields(kind):
        annotation = cast(Any, each.type)  # Annotated[type, Setting(...)]
        of, row = annotation.__origin__, annotation.__metadata__[0]
        more: dict[str, Any] = {}
        if get_origin(of) is Literal:
            more = {"kind": "choice", "choices": get_args(of)}
        elif of is bool:
            more = {"kind": "flag"}
        elif of is int:
            more = {"kind": "count"}
        elif row.kind == "format":
            more = {"choices": writable_formats()}
        assert each.default is not MISSING
        rows[each.name] = replace(row, name=each.name, default=each.default, **more)
    return MappingProxyType(rows)


def recorded(values: object, rows: Mapping[str, Setting]) -> dict[str, Any]:
    """These settings as stored in the provenance of an output.

    Settings introduced after the first version are recorded only if they are used, so outputs of
    earlier versions are still recognised.
    """
    found = {}
    for row in rows.values():
        value = getattr(values, row.name)
        if row.recorded == "always" or (row.recorded == "changed" and not row.is_default(value)):
            found[row.name] = row.plain(value)
    return found


def canonical_json(data: Mapping[str, Any]) -> str:
    """Canonical JSON: equal data always has the same text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))
