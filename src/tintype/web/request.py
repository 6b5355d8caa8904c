"""How a client wants a photograph coloured: from JSON or from a query, checked, and frozen."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tintype.engine.hints import Hint, hint_of, parse_hint
from tintype.engine.layers import Mask, Scribbles
from tintype.engine.settings import Settings
from tintype.errors import UsageError
from tintype.web.errors import MalformedError

_MOST_HINTS = 1000
_MOST_POINTS = 50_000
_KNOWN = frozenset(
    {
        "vividness",
        "warmth",
        "quality",
        "palettes",
        "palette",
        "hints",
        "strokes",
        "grey_strokes",
        "scribbles",
        "mask",
        "reference",
    }
)


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line that somebody painted.

    Attributes:
        points: (x, y) in pixels of the upright photograph.
        radius: Half of its width, in the same pixels.
        color: sRGB as ``#c04030``; empty for one that keeps grey.
    """

    points: tuple[tuple[int, int], ...]
    radius: int
    color: str = ""


@dataclass(frozen=True, slots=True)
class ColorRequest:
    """How to colour, as a client says it.

    Attributes:
        settings: What needs no photograph to be understood.
        strokes: Painted colours.
        grey_strokes: What was painted to stay grey.
        scribbles: Name of a layer that was sent before.
        mask: Name of one.
        reference: Name of one.
    """

    settings: Settings
    strokes: tuple[Stroke, ...] = ()
    grey_strokes: tuple[Stroke, ...] = ()
    scribbles: str = ""
    mask: str = ""
    reference: str = ""


def coloring_from(said: Mapping[str, Any]) -> ColorRequest:
    """A wish from a JSON object.

    Raises:
        MalformedError: A key is unknown, or a value of the wrong kind.
        UsageError: A value is out of range.
    """
    unknown = sorted(set(said) - _KNOWN)
    if unknown:
        raise MalformedError(
            f"There is no setting {unknown[0]!r}.", advice=f"Known are {', '.join(sorted(_KNOWN))}."
        )
    try:
        palettes, palette = int(said.get("palettes") or 1), int(said.get("palette") or 0)
        vividness = said.get("vividness")
        settings = Settings(
            vividness=None if vividness is None else float(vividness),
            quality=said.get("quality") or "high",
            warmth=float(said.get("warmth") or 0),
            hints=_hints(said.get("hints") or ()),
            palettes=palettes,
            palette=palette,
        )
        return ColorRequest(
            settings,
            _strokes(said.get("strokes") or (), colored=True),
            _strokes(said.get("grey_strokes") or (), colored=False),
            str(said.get("scribbles") or ""),
            str(said.get("mask") or ""),
            str(said.get("reference") or ""),
        )
    except UsageError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise MalformedError(
            f"The settings are not understood ({type(error).__name__}: {error})."
        ) from None


def coloring_from_query(query: Mapping[str, str], hints: list[str]) -> ColorRequest:
    """A wish from the query of an address.

    Args:
        query: Each key once; the keys of `coloring_from`.
        hints: ``X,Y,#c04030`` or ``X,Y,#c04030,RADIUS``.

    Raises:
        WebError, UsageError: As for `coloring_from`.
    """
    if len(hints) > _MOST_HINTS:
        raise MalformedError(f"There are more than {_MOST_HINTS} hints.")
    coloring = coloring_from(query)
    told = tuple(parse_hint(text) for text in hints)
    return replace(coloring, settings=replace(coloring.settings, hints=told))


def _hints(said: Any) -> tuple[Hint, ...]:  # noqa: ANN401
    if len(said) > _MOST_HINTS:
        raise MalformedError(f"There are more than {_MOST_HINTS} hints.")
    return tuple(
        hint_of(int(h["x"]), int(h["y"]), str(h["color"]), int(h.get("radius", 0))) for h in said
    )


def _strokes(said: Any, *, colored: bool) -> tuple[Stroke, ...]:  # noqa: ANN401
    strokes = []
    points = 0
    for stroke in said:
        places = tuple((int(x), int(y)) for x, y in stroke["points"])
        points += len(places)
        if not places or points > _MOST_POINTS:
            raise MalformedError(f"Strokes have 1 to {_MOST_POINTS} points in all.")
        radius = int(stroke.get("radius", 0))
        color = str(stroke["color"]) if colored else ""
        if color:
            hint_of(0, 0, color)  # refuses what is no colour
        if not 0 <= radius <= 10_000 or max(abs(c) for xy in places for c in xy) > 1 << 20:
            raise MalformedError("A stroke is far outside of any photograph.")
        strokes.append(Stroke(places, radius, color))
    return tuple(strokes)


def as_scribbles(strokes: tuple[Stroke, ...], shape: tuple[int, int]) -> Scribbles:
    """Painted colours as a layer.

    Args:
        strokes: A later one covers an earlier one.
        shape: (height, width) of the photograph.
    """
    image = Image.new("RGBA", shape[::-1])
    for stroke in strokes:
        _draw(image, stroke, (*bytes.fromhex(stroke.color.removeprefix("#")), 255))
    return Scribbles("The strokes", _hash(strokes, shape), np.asarray(image))


def as_mask(strokes: tuple[Stroke, ...], shape: tuple[int, int]) -> Mask:
    """What was painted to stay grey, as a mask; arguments as for `as_scribbles`."""
    image = Image.new("L", shape[::-1], 255)
    for stroke in strokes:
        _draw(image, stroke, 0)
    return Mask("The grey strokes", _hash(strokes, shape), np.asarray(image))


def _draw(image: Image.Image, stroke: Stroke, ink: int | tuple[int, ...]) -> None:
    pen = ImageDraw.Draw(image)
    r = stroke.radius
    pen.point(stroke.points, ink)  # an ellipse of no radius paints nothing
    pen.line(stroke.points, ink, width=2 * r + 1)
    for x, y in stroke.points:  # round ends and joints
        pen.ellipse((x - r, y - r, x + r, y + r), ink)


def _hash(strokes: tuple[Stroke, ...], shape: tuple[int, int]) -> str:
    return hashlib.sha256(repr((strokes, shape)).encode()).hexdigest()
