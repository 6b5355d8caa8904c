"""How to colour and what to write: one table for every door.

`Settings` and `Output` are the table. Each field has its type and its default beside it and a
`Setting` with everything else: the range, a sentence of help, what has to be done again when it
changes, and which doors have it. From `SETTINGS` and `OUTPUT` come the options of the command, the
parameters and the description of the HTTP API, the signature of the Python API, the settings file,
the provenance in outputs, the keys of caches, and the pages of the reference.

A new decoding option is a field here, a line in `tintype.keywords.Options`, and what
`tintype.engine.decode` or `tintype.engine.predict` does with it.

Nothing heavy is imported, since the help of the command is made from this module.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args, get_origin

from tintype.errors import ModelError, UsageError
from tintype.photo.formats.registry import writable_formats

if TYPE_CHECKING:
    from tintype.engine.hints import Hint
    from tintype.engine.layers import Layer, Mask, Scribbles
    from tintype.engine.reference import Reference

Quality = Literal["fast", "normal", "high"]
KeepLuminance = Literal["usual", "exact"]
"""How a JPEG keeps the luminance of a JPEG: coded anew, or coefficient by coefficient."""

Door = Literal["command", "film", "http", "python", "file"]
"""`tintype PHOTO...`, `tintype video`, the HTTP API, the Python API, and the settings file."""

Reach = Literal["network", "decoding", "writing"]
"""What has to be done again when a setting changes."""

Kind = Literal["number", "count", "choice", "flag", "format", "hints", "layer"]
Recorded = Literal["always", "changed", "never"]

_EVERYWHERE: tuple[Door, ...] = get_args(Door)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A row of the table. The first four come from the field that it stands at.

    Attributes:
        name: In every door; the command writes ``-`` for ``_``.
        kind: What its values are.
        default: What is used where nothing is given.
        choices: All values of a choice.
        help: What it does, a sentence.
        reach: What has to be done again when it changes.
        low: Smallest value of a number or a count.
        high: Largest.
        unset: What is used where the default is None, as help shows it.
        doors: Who has it.
        defaults: Of doors with a default of their own.
        spelling: How a door writes a value that is not simply the value; a sentence.
        needs: Capabilities of the model without which it cannot be used.
        heard_by: The capability of a model whose network takes it as an input; without it, it is
            applied to the prediction. Empty for what every network takes.
        recorded: Whether an output says it, and a run that is resumed compares it.
    """

    name: str = ""
    kind: Kind = "number"
    default: Any = None
    choices: tuple[str, ...] = ()
    help: str
    reach: Reach
    low: float | None = None
    high: float | None = None
    unset: str = ""
    doors: tuple[Door, ...] = _EVERYWHERE
    defaults: Mapping[Door, Any] = field(default_factory=dict)
    spelling: Mapping[Door, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    heard_by: str = ""
    recorded: Recorded = "changed"

    def default_of(self, door: Door) -> Any:  # noqa: ANN401
        """What a door uses where nothing is given."""
        return self.defaults.get(door, self.default)

    def default_text(self, door: Door) -> str:
        """The default as help shows it; empty where there is nothing to show."""
        value = self.default_of(door)
        if value is None:
            return self.unset
        if self.kind in ("number", "count"):
            return f"{value:g}"
        return str(value) if self.kind == "choice" else ""

    @property
    def range_text(self) -> str:
        """The range in words, such as ``0 to 2``; empty where there is none."""
        return "" if self.low is None or self.high is None else f"{self.low:g} to {self.high:g}"

    def text(self, door: Door) -> str:
        """The help of a door: what it does, its range, and how a value is written there."""
        limits = f", {self.range_text}" if self.range_text else ""
        sentence = f"{self.help.removesuffix('.')}{limits}."
        return f"{sentence} {self.spelling[door]}" if door in self.spelling else sentence

    def check(self, value: Any) -> None:  # noqa: ANN401
        """Refuses a value that is no choice, or out of range.

        Raises:
            UsageError: It is.
        """
        if value is None and self.default is None:
            return
        if self.choices and value not in self.choices:
            *others, last = self.choices
            raise UsageError(
                f"There is no {self.name} {value!r}.", advice=f"Use {', '.join(others)} or {last}."
            )
        # Not "value < low": NaN is in no range.
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            raise UsageError(
                f"The {self.name} {value} is out of range."
                if self.kind == "number"
                else f"{value} {self.name} cannot be made.",
                advice=f"Use {self.range_text}.",
            )

    def plain(self, value: Any) -> Any:  # noqa: ANN401
        """A value as JSON holds it in provenance and settings files."""
        match self.kind:
            case "number":
                return None if value is None else float(value)
            case "hints":
                return [[h.x, h.y, float(h.a), float(h.b), h.radius] for h in value]
            case "layer":
                return value.sha256
            case _:
                return value


@dataclass(frozen=True, slots=True)
class Settings:
    """How to colour. The table above all: see `Setting` for what the rows say.

    Attributes:
        vividness: None is what the model's card recommends.
        quality: "high" is the mean of the predictions at the smallest and the largest size;
            "normal" and "fast" look once.
        warmth: Where several colours are possible, towards blue or towards orange.
        hints: For the one photograph they are for; a later one covers an earlier one.
        scribbles: Painted over that photograph; they cover the hints.
        mask: What of that photograph is coloured.
        reference: For any photograph.
        palettes: How many versions there are.
        palette: Which of them this is, from 1; 0 is the single answer.
    """

    vividness: Annotated[
        float | None,
        Setting(
            help="How strong the colours are.",
            reach="decoding",
            low=0,
            high=2,
            unset="the model's",
            recorded="always",
        ),
    ] = None
    quality: Annotated[
        Quality,
        Setting(
            help="How closely the model looks; outputs always have full resolution.",
            reach="network",
            defaults={"film": "normal"},
            recorded="always",
        ),
    ] = "high"
    warmth: Annotated[
        float,
        Setting(
            help="Lean the colours towards blue (below 0) or orange (above 0) where the model is "
            "uncertain.",
            reach="decoding",
            low=-1,
            high=1,
        ),
    ] = 0.0
    hints: Annotated[
        "tuple[Hint, ...]",
        Setting(
            kind="hints",
            help="Colours that are known at some points.",
            reach="network",
            heard_by="hints",
            spelling={
                "http": 'A list of {"x", "y", "color", "radius"}: pixels of the upright '
                "photograph, a colour as #c04030, and a radius that may be left out.",
                "python": 'Each is (x, y, "#c04030") or (x, y, "#c04030", radius), in pixels of '
                "the upright photograph.",
            },
        ),
    ] = ()
    scribbles: Annotated[
        "Scribbles | None",
        Setting(
            kind="layer",
            help="Colours painted over the photograph: a picture of the same size, transparent "
            "elsewhere.",
            reach="network",
            heard_by="hints",
            doors=("command", "http", "python", "file"),
            spelling={"http": "The id of a layer, from POST /v1/layers?kind=scribbles."},
        ),
    ] = None
    mask: Annotated[
        "Mask | None",
        Setting(
            kind="layer",
            help="What to colour: a picture of the same size as the photograph; black stays grey.",
            reach="decoding",
            doors=("command", "http", "python", "file"),
            spelling={"http": "The id of a layer, from POST /v1/layers?kind=mask."},
        ),
    ] = None
    reference: Annotated[
        "Reference | None",
        Setting(
            kind="layer",
            help="A picture in colour, of any size, to take the colours from where it shows the "
            "same things.",
            reach="network",
            needs=("logits", "features"),
            spelling={"http": "The id of a layer, from POST /v1/layers?kind=reference."},
        ),
    ] = None
    palettes: Annotated[
        int,
        Setting(
            help="How many plausible versions there are.",
            reach="decoding",
            low=1,
            high=16,
            doors=("command", "http", "file"),
            spelling={
                "command": "Each is written, name.color-1.jpg and so on: the default one first, "
                "then the others, likeliest first.",
            },
            needs=("logits",),
            recorded="never",  # with `palette`, as a pair
        ),
    ] = 1
    palette: Annotated[
        int,
        Setting(
            help="Which of the versions this is, from 1; 0 is the single answer.",
            reach="decoding",
            doors=("http", "file"),
            recorded="never",
        ),
    ] = 0

    def __post_init__(self) -> None:
        for row in SETTINGS.values():
            row.check(getattr(self, row.name))
        if not 0 <= self.palette <= self.palettes:
            raise UsageError(f"There is no palette {self.palette} of {self.palettes}.")

    @property
    def one_of_several(self) -> bool:
        """Whether this is one version among others."""
        return self.palette > 0 and self.palettes > 1

    @property
    def hinted(self) -> bool:
        """Whether colours are given at some places."""
        return bool(self.hints) or self.scribbles is not None

    @property
    def of_one_photograph(self) -> bool:
        """Whether they are about places, and so about one photograph."""
        return self.hinted or self.mask is not None

    @property
    def needs(self) -> frozenset[str]:
        """What the card of a model must list among its capabilities for them."""
        return frozenset(need for row in self._changed() for need in row.needs)

    def check_model(self, name: str, capabilities: Collection[str]) -> None:
        """Refuses a model that cannot do what they ask for.

        Args:
            name: Of the model.
            capabilities: As its card lists them.

        Raises:
            ModelError: It cannot.
        """
        for row in self._changed():
            missing = [need for need in row.needs if need not in capabilities]
            if missing:
                raise ModelError(
                    f"The setting {row.name} needs {' and '.join(missing)}, which the model {name} "
                    "does not give.",
                    advice="Use tintype-own, or another model whose card lists "
                    f"{' and '.join(row.needs)}.",
                )

    def check_size(self, shape: tuple[int, int]) -> None:
        """Refuses a photograph that the layers do not fit.

        Args:
            shape: (height, width).

        Raises:
            UsageError: A layer has another size.
        """
        for layer in (self.scribbles, self.mask):
            if layer is not None:
                layer.check_size(shape)

    def for_network(self, capabilities: Collection[str]) -> "Settings":
        """What of them a network's prediction depends on; everything else is at its default.

        Args:
            capabilities: As the model's card lists them.
        """
        kept = {
            row.name: getattr(self, row.name)
            for row in SETTINGS.values()
            if row.reach == "network" and (not row.heard_by or row.heard_by in capabilities)
        }
        return Settings(**kept)

    def canonical(self) -> str:
        """One spelling for one meaning, as provenance and resumed runs compare it."""
        data = recorded(self, SETTINGS)
        if self.palettes > 1:
            data["palette"] = [self.palette, self.palettes]
        return canonical_json(data)

    def layers(self) -> "dict[str, Layer]":
        """The pictures among them, by the name of their field."""
        found = {name: getattr(self, name) for name in LAYERS}
        return {name: layer for name, layer in found.items() if layer is not None}

    def _changed(self) -> list[Setting]:
        """The rows whose value is not the default."""
        return [row for row in SETTINGS.values() if getattr(self, row.name) != row.default]


@dataclass(frozen=True, slots=True)
class Output:
    """What is written, once it is coloured: the other half of the table.

    Attributes:
        format: A key of `tintype.photo.formats.registry.FORMATS`; None is the source's own.
        strip_metadata: Write no more metadata than the pixels need.
        keep_luminance: "exact" reads every output back and compares it.
        keep_location: Whether coordinates stay in the metadata.
    """

    format: Annotated[
        str | None,
        Setting(
            kind="format",
            help="Format of the output.",
            reach="writing",
            doors=("command", "http", "file"),
            unset="that of the input",
            recorded="never",  # the output's own bytes say it
        ),
    ] = None
    strip_metadata: Annotated[
        bool,
        Setting(
            help="Leave out location, date, camera and all other metadata, but for the note that "
            "a machine coloured it.",
            reach="writing",
            doors=("command", "http", "file"),
            spelling={"http": "1 or 0."},
        ),
    ] = False
    keep_luminance: Annotated[
        KeepLuminance,
        Setting(
            help="With exact, a JPEG made from a JPEG keeps the luminance coefficients of its "
            "input, and this is verified; needs the extra tintype[exact].",
            reach="writing",
            doors=("command", "python", "file"),
        ),
    ] = "usual"
    keep_location: Annotated[
        bool,
        Setting(
            help="Keep the coordinates in the metadata.",
            reach="writing",
            doors=("http",),
            # A file that is sent over a network leaves the house.
            defaults={"http": False},
            spelling={"http": "1 or 0."},
            recorded="never",
        ),
    ] = True

    def __post_init__(self) -> None:
        for row in OUTPUT.values():
            row.check(getattr(self, row.name))

    def recorded_with(self, settings: str) -> str:
        """`Settings.canonical` and what of this counts as a setting too, in one text."""
        data = recorded(self, OUTPUT)
        return canonical_json(json.loads(settings) | data) if data else settings


def recorded(values: object, rows: Mapping[str, Setting]) -> dict[str, Any]:
    """What an output says of these settings, as JSON holds it.

    What came after the first version is said only where it is used: so what earlier versions wrote
    is still recognised.
    """
    found = {}
    for row in rows.values():
        value = getattr(values, row.name)
        if row.recorded == "always" or (row.recorded == "changed" and value != row.default):
            found[row.name] = row.plain(value)
    return found


def canonical_json(data: Mapping[str, Any]) -> str:
    """JSON with one spelling for one meaning."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def default_settings(door: Door) -> Settings:
    """What a door uses where nothing is given."""
    return Settings(**{row.name: row.default_of(door) for row in SETTINGS.values()})


def default_output(door: Door) -> Output:
    """What a door writes where nothing is asked for."""
    return Output(**{row.name: row.default_of(door) for row in OUTPUT.values()})


def rows_of(door: Door) -> dict[str, Setting]:
    """The settings and output options that a door has, in the order of the table."""
    return {row.name: row for row in (*SETTINGS.values(), *OUTPUT.values()) if door in row.doors}


def _table(kind: type) -> Mapping[str, Setting]:
    """The rows of a class; what the type says is not said again in the row."""
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


SETTINGS: Mapping[str, Setting] = _table(Settings)
"""How to colour, a row for each field of `Settings`."""

OUTPUT: Mapping[str, Setting] = _table(Output)
"""What to write, a row for each field of `Output`."""

LAYERS = tuple(name for name, row in SETTINGS.items() if row.kind == "layer")
"""The fields that are pictures; `Settings.canonical` knows them by the hash of their file."""
