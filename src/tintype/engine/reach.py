"""How far hints and strokes reach: from the pixels that they cover to the whole thing they lie on.

A network that takes hints changes colours all over the photograph, and nobody can tell it where to
stop. So the network is run without the hints as well, and between the two a region decides: it
grows from the hints through what looks alike, further the larger the reach, and everything outside
has the colours that it would have without any hint.

The region is a random walker's probability to end at a hint (L. Grady, "Random Walks for Image
Segmentation", PAMI 2006, section III), with a chance to stop at every step in place of background
seeds. At the edges of strokes a guided filter follows the grey (K. He, J. Sun, X. Tang, "Guided
Image Filtering", ECCV 2010, section 3).
"""

import numpy as np
from numpy.typing import NDArray

from tintype.engine.geometry import Fit
from tintype.engine.hint_propagation import spread
from tintype.engine.layers import Scribbles

_SHORTEST, _LONGEST = 1.0, 64.0  # output pixels of the network over which the region fades
_INSIDE = (0.15, 0.45)  # probabilities between which the region begins
_COVERED = 0.999  # of the window: the middle of a stroke
_EDGE = 12.0**2  # variance of Y' below which the guided filter takes a window for even
_OWN = 0.6  # share of the hint's own colour within the region, beside the network's, at full reach


def limited(
    hinted: NDArray[np.float32],
    plain: NDArray[np.float32],
    planes: NDArray[np.float32],
    luma: NDArray[np.float32],
    fit: Fit,
    *,
    reach: float,
) -> NDArray[np.float32]:
    """Restricts what hints change to a region around them.

    Args:
        hinted: (2, h, w) chroma with the hints, exact at their places, CIELAB units.
        plain: (2, h, w) chroma without them.
        planes: (3, h, w) as `tintype.engine.hints.hints_at` gives them for the output.
        luma: ``fit.padded`` the network's input, Y' in 0..255.
        fit: How the photograph lies in the input.
        reach: 0, nothing but what is covered, to 1, the whole thing.

    Returns:
        (2, h, w): `plain` outside the region.
    """
    given = planes[2] > 0
    if reach == 0 or not given.any():
        return plain
    height, width = plain.shape[1:]
    low = luma.reshape(height, fit.stride, width, fit.stride).mean(axis=(1, 3))
    known = np.concatenate([planes[:2], np.ones_like(planes[2:])]) * given
    length = _SHORTEST * (_LONGEST / _SHORTEST) ** reach
    found = spread(known, given, low, plain, length=length)
    probability = found[2]
    t = ((probability - _INSIDE[0]) / (_INSIDE[1] - _INSIDE[0])).clip(0, 1)
    region = t * t * (3 - 2 * t)
    own = found[:2] / np.maximum(probability, np.float32(1e-6))
    target = hinted + (own - hinted) * np.float32(_OWN * reach)
    return np.asarray(plain + region * (target - plain), np.float32)


def painted(
    scribbles: Scribbles, grey: NDArray[np.unsignedinteger]
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Painted strokes with soft edges that follow those of the photograph.

    Nothing changes beyond half a stroke's width from it. The middle of a stroke is covered in full,
    whatever lies under it.

    Args:
        scribbles: The strokes.
        grey: (H, W) Y' of the photograph, or of a smaller copy, 8 or 16 bits.

    Returns:
        (2, H, W) colours in CIELAB units, and (H, W) how much of them each pixel gets, 0 to 1.
    """
    ab, where = scribbles.fitted((grey.shape[0], grey.shape[1]))
    share = where.astype(np.float16)
    radius = int(_half_width(where) / 2)
    if radius < 1:
        return ab, share
    box = _box_around(where, 2 * radius)
    inside = where[box].astype(np.float32)
    luma = grey[box].astype(np.float32) * np.float32(255 / np.iinfo(grey.dtype).max)
    mean, mean_luma = _window_mean(inside, radius), _window_mean(luma, radius)
    variance = _window_mean(luma * luma, radius) - mean_luma**2
    slope = (_window_mean(inside * luma, radius) - mean * mean_luma) / (variance + _EDGE)
    level = mean - slope * mean_luma
    soft = _window_mean(slope, radius) * luma + _window_mean(level, radius)
    soft[mean > _COVERED] = 1
    share[box] = soft.clip(0, 1)
    # Around a stroke its colour goes on: the mean of what is painted near by.
    weight = _window_mean(mean, radius)
    beyond = (weight > 0) & ~where[box]
    for plane in ab:
        near = _window_mean(_window_mean(plane[box] * inside, radius), radius)
        plane[box][beyond] = near[beyond] / weight[beyond]
    return ab, share


def _half_width(where: NDArray[np.bool_]) -> float:
    """Half of the mean width of strokes, in pixels: their area over the length of their outline."""
    outline = where.copy()
    outline[1:-1, 1:-1] &= ~(
        where[:-2, 1:-1] & where[2:, 1:-1] & where[1:-1, :-2] & where[1:-1, 2:]
    )
    length = int(outline.sum())
    return int(where.sum()) / length if length else 0.0


def _box_around(where: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """The rows and columns of what is painted, and some more."""
    spans = []
    for axis, size in enumerate(where.shape):
        found = np.flatnonzero(where.any(axis=1 - axis))
        spans.append(slice(max(0, found[0] - margin), min(size, found[-1] + margin + 1)))
    return spans[0], spans[1]


def _window_mean(plane: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Mean over squares of 2 radius + 1; at the edges over what lies inside."""
    for axis in (0, 1):
        size = plane.shape[axis]
        first = np.maximum(np.arange(size) - radius, 0)
        last = np.minimum(np.arange(size) + radius + 1, size)
        total = np.insert(np.cumsum(plane, axis, np.float64), 0, 0, axis)
        shape = (-1, 1) if axis == 0 else (1, -1)
        count = (last - first).reshape(shape)
        mean = (np.take(total, last, axis) - np.take(total, first, axis)) / count
        plane = mean.astype(np.float32)
    return plane
