"""Colouring requests: parsed from JSON or a query, validated and frozen."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, cast

import msgspec
import numpy as np
from PIL import Image, ImageDraw

from tintype import cancellation
from tintype.engine.color_names import rgb_of
from tintype.engine.hints import MOST_PAINTED, Hint, painted_pixels, parse_hint
from tintype.engine.layers import Mask, Scribbles
from tintype.engine.settings import LAYERS, OUTPUT, SETTINGS, Output, Settings, default_output
from tintype.engine.settings_parsing import (
    HintEntry,
    Text,
    Whole,
    convert,
    plain,
    schemas_of,
    value_type,
)
from tintype.errors import brief
from tintype.photo.formats.registry import writable_format, writable_formats
from tintype.web.errors import MalformedError

_MOST_HINTS = 1000
_MOST_POINTS = 50_000
_MOST_RADIUS = 10_000
_MOST_COORDINATE = 1 << 20
_ROW = 30  # fixed cost of a row of a shape, in pixels painted in the same time


class Stroke(msgspec.Struct, frozen=True):
    """A painted line."""

    points: Annotated[
        tuple[tuple[Whole, Whole], ...],
        msgspec.Meta(description="[x, y] in pixels of the upright photograph."),
    ]
    radius: Annotated[Whole, msgspec.Meta(description="Half of its width, in the same pixels.")] = (
        cast(Whole, 0)
    )
    color: Annotated[
        Text,
        msgspec.Meta(description="sRGB as #c04030, or a name; ignored in grey_strokes."),
    ] = cast(Text, "")


Strokes = tuple[Stroke, ...]

_NUMBERS = frozenset(row.name for row in SETTINGS.values() if row.kind == "number")
_ROWS = {row.name: row for row in SETTINGS.values() if "http" in row.interfaces}


def _fields() -> list[tuple[str, Any, Any]]:
    """The fields of a request: the rows of the table, layers by id, and strokes as layers."""
    found: list[tuple[str, Any, Any]] = [
        (row.name, value_type(row, "http"), "" if row.kind == "layer" else row.default)
        for row in _ROWS.values()
    ]
    painted = "Painted colours, in place of scribbles."
    grey = "Painted places that stay grey, in place of a mask."
    for name, text in (("strokes", painted), ("grey_strokes", grey)):
        found.append((name, Annotated[Strokes, msgspec.Meta(description=text)], ()))
    return found


_Body = msgspec.defstruct(
    "Settings",
    _fields(),
    namespace={"__doc__": 'A string of ASCII digits, such as "3", is a number, too.'},
    forbid_unknown_fields=True,
    kw_only=True,
)


@dataclass(frozen=True, slots=True)
class ColorRequest:
    """A client's colouring request.

    Attributes:
        settings: The settings that can be parsed without a photograph.
        strokes: Painted colours.
        grey_strokes: Strokes painted to stay grey.
        layers: The ids of previously uploaded layers, by the name of their setting.
    """

    settings: Settings
    strokes: Strokes = ()
    grey_strokes: Strokes = ()
    layers: Mapping[str, str] = field(default_factory=dict)


def coloring_from(data: Mapping[str, Any]) -> ColorRequest:
    """Parses a request from a JSON object.

    Null and empty values, and counts of 0, mean the default.

    Raises:
        MalformedError: A key is unknown, or a value has the wrong type.
        UsageError: A value is out of range.
    """
    known = _Body.__struct_fields__
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise MalformedError(
            f"{brief(repr(unknown[0]))} is not a setting.",
            advice=f"Use {', '.join(sorted(known))}.",
        )
    defaults = dict(zip(known, _Body.__struct_defaults__, strict=True))
    given = {
        name: _ROWS[name].current(value) if name in _ROWS else value
        for name, value in data.items()
        if not _is_absent(value)
        or (value is not None and defaults[name] is None)
        or (value == 0 and name in _NUMBERS)
    }
    try:
        found: dict[str, Any] = msgspec.structs.asdict(convert(given, _Body))
    except msgspec.ValidationError as error:
        raise MalformedError(f"The settings are not valid: {brief(error, most=200)}.") from None
    layers = {name: str(found.pop(name)) for name in LAYERS}
    strokes, grey_strokes = found.pop("strokes"), found.pop("grey_strokes")
    hints = _hints(found.pop("hints"))
    values = {name: plain(value) for name, value in found.items()}
    return ColorRequest(
        Settings(**values, hints=hints),
        _checked(strokes, colored=True),
        _checked(grey_strokes, colored=False),
        {name: layer for name, layer in layers.items() if layer},
    )


def _is_absent(value: object) -> bool:
    """Whether it is null, an empty string or list, or a count of 0."""
    if isinstance(value, str | list | tuple):
        return not value
    return value is None or (type(value) is int and value == 0)


def coloring_from_query(query: Mapping[str, str], hints: list[str]) -> ColorRequest:
    """Parses a request from query parameters.

    Args:
        query: Each key once; the keys of `coloring_from`.
        hints: ``X,Y,#c04030`` or ``X,Y,#c04030,RADIUS``.

    Raises:
        WebError, UsageError: As for `coloring_from`.
    """
    if len(hints) > _MOST_HINTS:
        raise MalformedError(f"There are more than {_MOST_HINTS} hints.")
    coloring = coloring_from(query)
    parsed = tuple(parse_hint(text) for text in hints)
    return replace(coloring, settings=replace(coloring.settings, hints=parsed))


def output_from_query(query: Mapping[str, str]) -> Output:
    """Parses the output options from query parameters; other keys are ignored.

    Raises:
        MalformedError: A value is not one of the accepted values.
    """
    given: dict[str, Any] = {}
    for row in OUTPUT.values():
        text = query.get(row.name, "")
        if "http" not in row.interfaces or (
            not text and (row.kind != "flag" or row.name not in query)
        ):
            continue
        if row.kind == "flag":
            if text not in {"0", "1"}:
                raise MalformedError(f"{row.name} must be 0 or 1.")
            given[row.name] = text == "1"
        else:
            given[row.name] = _form(text) if row.kind == "format" else text
    if given.get("strip_metadata") and given.get("keep_location"):
        raise MalformedError(
            "strip_metadata removes the location, but keep_location keeps it.",
            advice="Leave one of them out.",
        )
    return replace(default_output("http"), **given)


def _form(name: str) -> str:
    found = writable_format(name)
    if found is None:
        raise MalformedError(f"{brief(repr(name))} is not one of {', '.join(writable_formats())}.")
    return found


def _hints(entries: tuple[HintEntry, ...]) -> tuple[Hint, ...]:
    if len(entries) > _MOST_HINTS:
        raise MalformedError(f"There are more than {_MOST_HINTS} hints.")
    return tuple(entry.hint() for entry in entries)


def _checked(strokes: Strokes, *, colored: bool) -> Strokes:
    """Checks strokes: not too many, not too far away; coloured ones must have a valid colour."""
    points = 0
    found = []
    for stroke in strokes:
        points += len(stroke.points)
        if not stroke.points or points > _MOST_POINTS:
            raise MalformedError(f"Strokes must have 1 to {_MOST_POINTS} points in total.")
        if colored:
            rgb_of(stroke.color)  # refuses an invalid colour
        furthest = max(abs(coordinate) for point in stroke.points for coordinate in point)
        if not 0 <= stroke.radius <= _MOST_RADIUS or furthest > _MOST_COORDINATE:
            raise MalformedError("A stroke is far outside the photograph.")
        found.append(stroke if colored else Stroke(stroke.points, stroke.radius))
    return tuple(found)


def as_scribbles(strokes: tuple[Stroke, ...], shape: tuple[int, int]) -> Scribbles:
    """Painted colours as a layer.

    Args:
        strokes: A later one covers an earlier one.
        shape: (height, width) of the photograph.
    """
    image = Image.new("RGBA", shape[::-1])
    for stroke in strokes:
        _draw(image, stroke, (*rgb_of(stroke.color), 255))
    return Scribbles("The strokes", digest_of_strokes(strokes, shape), np.asarray(image))


def as_mask(strokes: tuple[Stroke, ...], shape: tuple[int, int]) -> Mask:
    """Strokes painted to stay grey, as a mask; arguments as for `as_scribbles`."""
    image = Image.new("L", shape[::-1], 255)
    for stroke in strokes:
        _draw(image, stroke, 0)
    return Mask("The grey strokes", digest_of_strokes(strokes, shape), np.asarray(image))


def _draw(image: Image.Image, stroke: Stroke, ink: int | tuple[int, ...]) -> None:
    pen = ImageDraw.Draw(image)
    r = stroke.radius
    pen.point(stroke.points, ink)  # an ellipse with radius 0 paints nothing
    for point, following in zip(stroke.points, (*stroke.points[1:], None), strict=True):
        cancellation.check()
        if following is not None:
            pen.line((point, following), ink, width=2 * r + 1)
        x, y = point
        pen.ellipse((x - r, y - r, x + r, y + r), ink)  # round ends and joints


def check_effort(strokes: Strokes, hints: tuple[Hint, ...], shape: tuple[int, int]) -> None:
    """Refuses strokes and hints that paint too many pixels, and would block a worker.

    Args:
        strokes: As painted.
        hints: As given.
        shape: (height, width) of the photograph.

    Raises:
        MalformedError: They paint more than `MOST_PAINTED` pixels; a pixel counts each time it is
            painted.
    """
    pixels = shape[0] * shape[1]
    painted = float(painted_pixels(hints, shape))
    for stroke in strokes:
        points = np.array(stroke.points, np.float64)
        wide = 2 * int(stroke.radius) + 1
        length = np.abs(np.diff(points, axis=0)).sum(axis=1)
        # Each row of a shape takes time, even outside the photograph.
        painted += len(points) * (min(wide**2, pixels) + _ROW * wide)
        painted += float((np.minimum(length * wide, pixels) + _ROW * (length + wide)).sum())
    if painted > MOST_PAINTED:
        raise MalformedError(
            f"Strokes and hints paint {painted / 1e6:,.0f} million pixels in total.",
            advice=f"The limit is {MOST_PAINTED // 10**6:,} million; use fewer points or a smaller"
            " radius.",
        )


def schemas(*, place: str) -> dict[str, Any]:
    """JSON schemas of the settings and their parts, by name.

    Args:
        place: Template for references between them, containing ``{name}``.
    """
    return schemas_of(_Body, place=place)


def digest_of_strokes(strokes: Strokes, shape: tuple[int, int]) -> str:
    """A hash that identifies a painting; arguments as for `as_scribbles`."""
    return hashlib.sha256(repr((strokes, shape)).encode()).hexdigest()
