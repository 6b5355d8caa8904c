"""Parses settings from files and requests: JSON of a known structure, and pictures.

msgspec checks the structure and describes it as a JSON schema. In requests and hints files, "3" is
taken for 3, since clients of version 0.1.0 send it; settings files, which only Tintype writes, are
read strictly. Ranges are checked by the table (`tintype.engine.settings`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, cast

import msgspec

from tintype.engine.given_colors import GivenColors
from tintype.engine.hints import Hint, hint_of
from tintype.engine.layers import Layer, mask_from, read_bytes, scribbles_from
from tintype.engine.reference import reference_from
from tintype.engine.setting_row import Interface, Setting
from tintype.engine.settings import LAYERS, SETTINGS, Settings
from tintype.errors import UsageError, brief, shown
from tintype.files.json_text import parse_json
from tintype.numerals import number_of, whole_of
from tintype.photo.limits import MAX_PIXELS

T = TypeVar("T")

_MOST_BYTES = 16 << 20
_MOST_HINTS = 10_000
_LONGEST_PATH = 1024  # characters; it is repeated in messages


class Whole(int):
    """A whole number; see `convert`."""


class Number(float):
    """A number; see `convert`."""


class Text(str):
    """Text; see `convert`."""

    __slots__ = ()


_SCHEMAS: Mapping[type, str] = MappingProxyType(
    {Whole: "integer", Number: "number", Text: "string"}
)


_JSON_NAMES: Mapping[type, str] = MappingProxyType(
    {
        bool: "boolean",
        int: "number",
        float: "number",
        str: "string",
        list: "array",
        dict: "object",
        type(None): "null",
    }
)


class HintEntry(msgspec.Struct, frozen=True):
    """A hint in JSON."""

    x: Annotated[Whole, msgspec.Meta(description="Pixels from the left edge, from 0.")]
    y: Annotated[Whole, msgspec.Meta(description="Pixels from the upper edge, from 0.")]
    color: Annotated[Text, msgspec.Meta(description="sRGB as #c04030, or a name.")]
    radius: Annotated[
        Whole, msgspec.Meta(description="Pixels around the point that the hint covers.")
    ] = cast(Whole, 0)  # its schema shows no subclass of int

    def hint(self) -> Hint:
        """The hint.

        Raises:
            UsageError: The colour is malformed, or a number is negative.
        """
        return hint_of(int(self.x), int(self.y), self.color, int(self.radius))


def convert(data: object, kind: type[T], *, strict: bool = False) -> T:
    """Converts parsed JSON to a structure.

    Args:
        data: The parsed JSON.
        kind: A type that msgspec supports.
        strict: Whether only numbers are numbers, and only strings are text. Otherwise strings such
            as "3" are numbers, too.

    Raises:
        msgspec.ValidationError: The data does not match; the message says where.
    """
    return msgspec.convert(data, kind, dec_hook=_take_strictly if strict else _take)


def _take(kind: type, value: object) -> object:
    if value is None or isinstance(value, bool | list | dict):
        raise TypeError(f"Expected `{_SCHEMAS[kind]}`, got `{_JSON_NAMES[type(value)]}`")
    if kind is Text:
        return Text(value)
    try:
        if isinstance(value, str):
            value = whole_of(value) if kind is Whole else number_of(value)
        if kind is Whole and isinstance(value, float) and not value.is_integer():
            raise ValueError("a fraction")
        return kind(value)
    except (ValueError, OverflowError):  # infinity, NaN, and integers of hundreds of digits
        what = "a whole number" if kind is Whole else "a number"
        raise ValueError(f"{brief(value)} is not {what}") from None


def _take_strictly(kind: type, value: object) -> object:
    wanted: Any = {Whole: (int, float), Number: (int, float), Text: (str,)}[kind]
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise TypeError(f"Expected `{_SCHEMAS[kind]}`, got `{_JSON_NAMES[type(value)]}`")
    return _take(kind, value)


def plain(value: Any) -> Any:  # noqa: ANN401
    """Converts a value to Python's own type: NumPy treats a subclass of float as a float64."""
    for kind in (int, float, str):
        if isinstance(value, kind) and not isinstance(value, bool):
            return kind(value)
    return value


def schemas_of(*kinds: Any, place: str) -> dict[str, Any]:  # noqa: ANN401
    """JSON schemas of structures, by name.

    Args:
        kinds: msgspec structures.
        place: Template for references between them, with the placeholder ``{name}``.
    """
    _, found = msgspec.json.schema_components(
        kinds, schema_hook=lambda kind: {"type": _SCHEMAS[kind]}, ref_template=place
    )
    return dict(found)


def value_type(row: Setting, interface: Interface) -> Any:  # noqa: ANN401
    """The JSON type of a setting's value in an interface, with the metadata for its schema."""
    more: dict[str, Any] = {}
    match row.kind:
        case "number":
            kind: Any = Number if row.default is not None else Number | None
        case "count":
            kind = Whole
        case "flag":
            kind = bool
        case "hints":
            kind = tuple[HintEntry, ...]
        case _:
            kind = Text | None if row.kind == "format" else Text
            if row.choices:
                more["enum"] = list(row.choices)
    if row.low is not None:
        more |= {"minimum": row.low, "maximum": row.high}
    return Annotated[kind, msgspec.Meta(description=row.text(interface), extra_json_schema=more)]


# ----- the settings in a settings file -----

_SavedHint = tuple[Whole, Whole, Number, Number, Whole]


def _saved_fields() -> list[tuple[str, Any] | tuple[str, Any, Any]]:
    found: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for row in SETTINGS.values():
        if row.recorded == "never" or "file" not in row.interfaces:
            continue
        kind = tuple[_SavedHint, ...] if row.kind == "hints" else value_type(row, "file")
        if row.recorded == "always":
            found.append((row.name, kind))
        else:
            found.append((row.name, kind, "" if row.kind == "layer" else row.default))
    return [*found, ("palette", tuple[Whole, Whole], (0, 1))]


_Saved = msgspec.defstruct(
    "Saved", _saved_fields(), forbid_unknown_fields=True, kw_only=True, frozen=True
)


def saved_settings(data: object) -> Settings:
    """Settings from the parsed output of `Settings.canonical`, without the pictures among them.

    Args:
        data: The parsed JSON.

    Raises:
        UsageError: The data does not match, or a value is out of range.
    """
    try:
        found = msgspec.structs.asdict(convert(data, _Saved, strict=True))
        palette, palettes = found.pop("palette")
        hints = tuple(_saved_hint(*values) for values in found.pop("hints"))
    except ValueError as error:
        raise UsageError(
            f"The settings are not valid: {brief(error, most=200)}.",
            advice="Give a file written by --save-settings.",
        ) from error
    values = {name: plain(value) for name, value in found.items() if name not in LAYERS}
    return Settings(**values, hints=hints, palettes=int(palettes), palette=int(palette))


def _saved_hint(x: int, y: int, a: float, b: float, radius: int) -> Hint:
    return Hint(int(x), int(y), float(a), float(b), int(radius))


# ----- hints and pictures in files -----


def with_name(error: UsageError, path: Path) -> UsageError:
    """The same error, with the name of the file that caused it."""
    if shown(path) in error.message:
        return error
    return UsageError(f"{shown(path)}: {error.message}", advice=error.advice)


def read_hints(path: Path) -> list[Hint]:
    """Hints from a JSON file: a list of ``{"x": 120, "y": 80, "color": "#c04030", "radius": 4}``.

    Raises:
        UsageError: It cannot be read, or an entry is incomplete or out of range.
    """
    try:
        data = parse_json(read_bytes(path, most=_MOST_BYTES))
        if isinstance(data, list) and len(data) > _MOST_HINTS:
            raise ValueError(f"more than {_MOST_HINTS:,} hints")
        return [entry.hint() for entry in convert(data, tuple[HintEntry, ...])]
    except UsageError as error:
        raise with_name(error, path) from error
    except ValueError as error:
        raise UsageError(
            f"{shown(path)} is not a list of hints ({brief(error, most=200)}).",
            advice='Each is {"x": 120, "y": 80, "color": "#c04030"}, with an optional "radius".',
        ) from error


_LAYER_READERS: Mapping[str, Callable[..., Layer]] = MappingProxyType(
    {
        "scribbles": scribbles_from,
        "mask": mask_from,
        "reference": reference_from,
        "colors": GivenColors.of,
    }
)


def layer_from(setting: str, data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> Layer:
    """Reads the picture of a setting from a file's bytes.

    Args:
        setting: One of `tintype.engine.settings.LAYERS`.
        data: The file.
        name: Its name, for messages.
        max_pixels: A picture with more pixels is refused without decoding it.

    Raises:
        UsageError: It is not a suitable picture.
    """
    return _LAYER_READERS[setting](data, name=name, max_pixels=max_pixels)


def read_layer(
    setting: str, path: Path, *, max_pixels: int = MAX_PIXELS, regular: bool = False
) -> Layer:
    """`layer_from` for a file; also raises UsageError if it cannot be read.

    Args:
        setting: As for `layer_from`.
        path: The file.
        max_pixels: As for `layer_from`.
        regular: As for `read_bytes`: whether another file, not an option, names it.
    """
    if len(str(path)) > _LONGEST_PATH:  # in a settings file, it can be as long as the file
        raise UsageError(f"The {setting} {brief(path)} cannot be read: its name is too long.")
    return layer_from(
        setting, read_bytes(path, regular=regular), name=str(path), max_pixels=max_pixels
    )
