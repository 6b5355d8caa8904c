"""Hints: known colours at given points, and the planes that a network receives them as."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tintype import cancellation
from tintype.color.cielab import rgb01_to_lab
from tintype.color.gamut import solve_rgb01
from tintype.engine.color_names import rgb_of
from tintype.engine.geometry import Fit
from tintype.engine.hint_propagation import spread
from tintype.engine.layers import Scribbles
from tintype.engine.upsample import Pin
from tintype.errors import UsageError, brief

_HINT = re.compile(
    r"\s*(-?[0-9]{1,12})\s*,\s*(-?[0-9]{1,12})\s*,\s*([^,\s][^,]{0,39}?)\s*"
    r"(?:,\s*(-?[0-9]{1,12})\s*)?"
)
_PALE = 0.9  # of the requested chroma
_SOFT_FROM = 4.0  # times the reach: from a quarter on, edges are as soft as one output pixel
_SIGMAS = 3.0  # standard deviations of the fade in half of a square's width
_MOST_SAID = 20  # hints with a sentence of their own; notes are also sent in a header
_NEUTRAL = 3.0  # a chroma below which there is nothing to lose
_LARGEST_PIXEL = 10**9  # more than any photograph has on a side
_LARGEST_AB = 200  # CIELAB; no colour of sRGB is beyond 111
MOST_PAINTED = 2 * 10**9
"""Limit on the pixels painted by the hints of one photograph; a few seconds of work."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One colour at one point of a photograph.

    Attributes:
        x: Pixels from the left edge of the upright photograph; 0 is the first column.
        y: Pixels from its upper edge.
        a: Desired CIELAB a.
        b: Desired CIELAB b.
        radius: Pixels around the point that are covered too: a square of 2 radius + 1.
    """

    x: int
    y: int
    a: float
    b: float
    radius: int = 0

    def __post_init__(self) -> None:
        for name, value, most in (
            ("x", self.x, _LARGEST_PIXEL),
            ("y", self.y, _LARGEST_PIXEL),
            ("radius", self.radius, _LARGEST_PIXEL),
            ("a", self.a, _LARGEST_AB),
            ("b", self.b, _LARGEST_AB),
        ):
            # Not "value > most": NaN is in no range.
            if not -most <= value <= most or (name == "radius" and value < 0):
                raise UsageError(
                    f"The {name} of a hint is {brief(value)}, which is out of range.",
                    advice=f"Use 0 to {most:,}." if most == _LARGEST_PIXEL else "",
                )


def hint_of(x: int, y: int, color: str, radius: int = 0) -> Hint:
    """Creates a hint from an sRGB colour.

    Args:
        x: Column.
        y: Row.
        color: sRGB as ``#c04030`` or ``#c43``, or a name in `tintype.engine.color_names`. Its hue
            and chroma are used; the lightness is the photograph's.
        radius: Pixels around the point that are covered too.

    Raises:
        UsageError: The colour is malformed, or a number is negative.
    """
    if min(x, y, radius) < 0:
        raise UsageError(
            f"The hint at {brief(x)},{brief(y)} with radius {brief(radius)} has a negative number.",
            advice="Count pixels from 0 at the upper left corner.",
        )
    _, a, b = rgb01_to_lab(np.array(rgb_of(color)) / 255).tolist()
    return Hint(x, y, a, b, radius)


def parse_hint(text: str) -> Hint:
    """Parses a hint: ``X,Y,COLOUR`` or ``X,Y,COLOUR,RADIUS``; colours as in `hint_of`.

    Raises:
        UsageError: It is malformed.
    """
    found = _HINT.fullmatch(text)
    if found is None:
        raise UsageError(
            f"The hint {brief(text)} is not understood.",
            advice='Write it as X,Y,COLOUR or X,Y,COLOUR,RADIUS: "120,80,#c04030,4" or 120,80,red.',
        )
    x, y, color, radius = found.groups()
    return hint_of(int(x), int(y), color, int(radius or 0))


def painted_pixels(hints: Sequence[Hint], shape: tuple[int, int]) -> int:
    """How many pixels hints paint; a pixel counts each time it is painted.

    Args:
        hints: The hints.
        shape: (height, width) of the photograph.
    """
    pixels = shape[0] * shape[1]
    # On each side, a hint fades out over a distance equal to its radius.
    return sum(min((4 * hint.radius + 1) ** 2, pixels) for hint in hints)


def check_painted(hints: Sequence[Hint], shape: tuple[int, int]) -> None:
    """Refuses hints that would take minutes, because they are large and overlap.

    Args:
        hints: The hints.
        shape: (height, width) of the photograph.

    Raises:
        UsageError: They paint more than `MOST_PAINTED` pixels.
    """
    painted = painted_pixels(hints, shape)
    if painted > MOST_PAINTED:
        raise UsageError(
            f"The {len(hints):,} hints paint {painted // 10**6:,} million pixels in total.",
            advice=f"The limit is {MOST_PAINTED // 10**6:,} million; give fewer hints or a smaller"
            " radius.",
        )


def hints_at(
    hints: Sequence[Hint], scribbles: Scribbles | None, fit: Fit, *, cell: int
) -> NDArray[np.float32]:
    """The hints as planes on the grid of a network's input or output.

    Args:
        hints: A later hint covers an earlier one.
        scribbles: They cover the hints.
        fit: Placement of the photograph in the input.
        cell: Input pixels per grid cell: 1, or the stride of the output.

    Returns:
        (3, h, w) covering the padded input: a and b, 0 where there is no hint, and a mask of 0 and
        1. A hint smaller than a cell fills that cell.

    Raises:
        UsageError: A hint outside the photograph.
    """
    height, width = fit.shape
    down, across = fit.content[0] / height / cell, fit.content[1] / width / cell
    planes = np.zeros((3, fit.padded[0] // cell, fit.padded[1] // cell), np.float32)
    for hint in hints:
        if not (0 <= hint.x < width and 0 <= hint.y < height):
            raise UsageError(
                f"The hint at {hint.x},{hint.y} is outside the photograph of {width} x {height}.",
                advice="Count pixels from 0 at the upper left corner.",
            )
        rows = _span(hint.y, hint.radius, height, down)
        columns = _span(hint.x, hint.radius, width, across)
        planes[:, rows, columns] = np.array([hint.a, hint.b, 1], np.float32)[:, None, None]
    if scribbles is not None:
        places = -(-fit.content[0] // cell), -(-fit.content[1] // cell)
        ab, where = scribbles.fitted(places)
        inside = planes[:, : places[0], : places[1]]
        inside[:2] = np.where(where, ab, inside[:2])
        inside[2] = np.maximum(inside[2], where)
    return planes


def covered(
    hints: Sequence[Hint], scribbles: Scribbles | None, fit: Fit, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """The pixels that hints and scribbles cover in a picture of the photograph's size or smaller.

    Args:
        hints: In pixels of the photograph.
        scribbles: The scribbles.
        fit: Contains the photograph's size.
        shape: (height, width) of the picture.

    Returns:
        (height, width). A hint smaller than a pixel of the picture covers that pixel.
    """
    height, width = fit.shape
    found = np.zeros(shape, bool)
    for hint in hints:
        rows = _span(hint.y, hint.radius, height, shape[0] / height)
        columns = _span(hint.x, hint.radius, width, shape[1] / width)
        found[rows, columns] = True
    if scribbles is not None:
        found |= scribbles.fitted(shape)[1]
    return found


def pins_of(hints: Sequence[Hint], fit: Fit, shape: tuple[int, int], *, reach: float) -> list[Pin]:
    """Hints as squares in a picture of the photograph's size or smaller.

    Args:
        hints: In pixels of the photograph.
        fit: Contains the photograph's size.
        shape: (height, width) of the picture.
        reach: As in the settings. The smaller it is, the harder the edge of a square.
    """
    down, across = shape[0] / fit.shape[0], shape[1] / fit.shape[1]
    place = shape[0] * fit.stride / fit.content[0]  # pixels of the picture per output pixel
    softest = place * min(1.0, _SOFT_FROM * reach)
    return [
        Pin(
            int((hint.y + 0.5) * down),
            int((hint.x + 0.5) * across),
            int((hint.radius + 0.5) * down),
            (hint.a, hint.b),
            max(1.0, softest, (hint.radius + 0.5) * down / _SIGMAS),
        )
        for hint in hints
    ]


def hold_hints(
    planes: NDArray[np.float32], ab: NDArray[np.float32], luma: NDArray[np.float32], fit: Fit
) -> NDArray[np.float32]:
    """Corrects a prediction so that it has the colours of the hints at their positions.

    Args:
        planes: (3, h, w) for the output, as returned by `hints_at`.
        ab: (2, h, w) predicted chroma, CIELAB units, padding included.
        luma: ``fit.padded`` the network's input, Y' in 0..255.
        fit: Placement of the photograph in the input.

    Returns:
        (2, h, w): exact at hints to within a few hundredths; other positions are shifted with them
        according to their similarity.
    """
    height, width = ab.shape[1:]
    low = luma.reshape(height, fit.stride, width, fit.stride).mean(axis=(1, 3))
    where = planes[2] > 0
    return ab + spread((planes[:2] - ab) * where, where, low, ab)


def pale(
    hints: Sequence[Hint], scribbles: Scribbles | None, grey: NDArray[np.unsignedinteger]
) -> list[str]:
    """Notes on hints that are out of gamut: their colour does not exist at the local lightness.

    Args:
        hints: The hints.
        scribbles: The scribbles.
        grey: (H, W) Y' of the photograph.

    Returns:
        A sentence for each hint that got less than nine tenths of its chroma, for more than 20 a
        count of the others, and a sentence for the scribbles if more than a tenth of the painted
        pixels did.
    """
    top = np.iinfo(grey.dtype).max
    sentences = []
    weak_ones = [(hint, share) for hint, share in _shares(hints, grey) if share < _PALE]
    for hint, share in weak_ones[:_MOST_SAID]:
        sentences.append(
            f"The colour of the hint at {hint.x},{hint.y} does not exist at the lightness "
            f"there, so it has {share:.0%} of its strength."
        )
    if (further := len(weak_ones) - _MOST_SAID) > 0:
        sentences.append(f"The same is true of {further:,} more of the hints.")
    if scribbles is not None:
        luma, ab = scribbles.sampled(grey)
        # All strokes may be outside the picture; then nothing is painted, and nothing is pale.
        weak = float((_possible(luma / top, ab) < _PALE).sum()) / max(1, len(luma))
        if weak > 0.1:
            sentences.append(
                f"On {weak:.0%} of the painted pixels the colour does not exist at the lightness "
                "there, so it is paler."
            )
    return sentences


def _shares(
    hints: Sequence[Hint], grey: NDArray[np.unsignedinteger]
) -> Iterator[tuple[Hint, float]]:
    """Each hint with how much of its chroma it has, 0 to 1; solved once, for those that differ."""
    if not hints:
        return
    medians: dict[tuple[int, ...], float] = {}
    wanted = np.empty((len(hints), 3))
    for row, hint in zip(wanted, hints, strict=True):
        cancellation.check()
        height, width = grey.shape
        top, bottom = max(0, hint.y - hint.radius), min(height, hint.y + hint.radius + 1)
        left, right = max(0, hint.x - hint.radius), min(width, hint.x + hint.radius + 1)
        square = top, bottom, left, right
        if square not in medians:
            medians[square] = float(np.median(grey[top:bottom, left:right]))
        row[:] = medians[square] / np.iinfo(grey.dtype).max, hint.a, hint.b
    distinct, which = np.unique(wanted, axis=0, return_inverse=True)
    shares = _possible(distinct[:, 0], distinct[:, 1:])[which.reshape(-1)]
    yield from zip(hints, shares.tolist(), strict=True)


def _possible(luma01: NDArray[np.float64], ab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) fraction of a chroma that sRGB can represent at a luma, 0 to 1."""
    got = rgb01_to_lab(solve_rgb01(luma01, ab))[:, 1:]
    wanted = np.hypot(*ab.T)
    share = np.hypot(*got.T) / np.maximum(wanted, 1e-6)
    return np.asarray(np.where(wanted < _NEUTRAL, 1, share), np.float64).clip(0, 1)


def _span(place: int, radius: int, size: int, scale: float) -> slice:
    """The input pixels whose centres lie in a hint; if there are none, the nearest one."""
    low = max(0, place - radius) * scale
    high = min(size, place + radius + 1) * scale
    first, last = int(np.ceil(low - 0.5)), int(np.ceil(high - 0.5))
    if last <= first:
        first = int((low + high) / 2)
        last = first + 1
    return slice(first, last)
