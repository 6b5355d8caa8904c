"""How far hints and strokes reach: from the pixels they cover to the whole object they lie on.

A network with hint inputs changes colours all over the photograph, and its reach cannot be
controlled. So the network is also run without the hints, and a region around each hint selects
between the two results: everything outside has the colours that it would have without any hint.

The region is a random walker's probability of ending at the hint (L. Grady, "Random Walks for Image
Segmentation", PAMI 2006, section III), with a prior probability at every position of belonging to
it (L. Grady, "Multilabel Random Walker Image Segmentation Using Prior Models", CVPR 2005, section
2). The prior compares each position with those of the hint: the predicted distributions over
colours, the network's features, the grey, and the distance. At the edges of strokes a guided filter
follows the grey (K. He, J. Sun, X. Tang, "Guided Image Filtering", ECCV 2010, section 3).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.engine.geometry import Fit
from tintype.engine.hint_propagation import walk
from tintype.engine.layers import Scribbles

F32 = NDArray[np.float32]

# Coefficients of a logistic regression for "belongs to the object under the hint" on 30 outlined
# objects, fitted and measured by benchmarks/hint_reach.py: similarity of distributions (0 to 1) and
# of features (-1 to 1), difference of grey (in units of 50 steps of Y'), and distance (in units of
# the square root of the area).
_WEIGHTS = (10.35, 4.4, -0.35, -3.4)
_WEIGHTS_WITHOUT_FEATURES = (11.3, 0.0, -0.4, -8.0)
_BIAS, _BIAS_WITHOUT_FEATURES = -9.5, -8.0
_PATH = 9.0  # output pixels over which the prior outweighs the walk, at full reach
_LUMA = 10.0  # steps of Y' between neighbours that hold the walker back
_UNLIKE = 0.03  # the same for 1 minus the Bhattacharyya coefficient of their distributions
_AB = 12.0  # CIELAB units, instead of the above, for a network that predicts single colours
_INSIDE = (0.35, 0.55)  # probabilities between which the region begins
_AREA = (3.4, 11)  # positions of a hint, and of a stroke: more of them attract more walks,
_HIGHER = 0.06  # so with a stroke the region begins at probabilities that are higher by this
_NEAREST = 0.02  # distance, in square roots of the area, that the smallest reach allows for
_SAME = 8.0  # CIELAB units within which neighbouring positions are one hint
_MOST = 24  # hints with a region of their own; any further ones, the smallest, share one
_COVERED = 0.999  # of the window: the middle of a stroke
_EDGE = 6.0**2  # variance of Y' below which the guided filter treats a window as uniform
_OWN = 0.7  # share of the hint's own colour within the region, beside the network's, at full reach


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The network's output for a photograph without hints, used to compare positions.

    Attributes:
        luma: (h, w) Y' in 0..255 on the grid of the output.
        ab: (2, h, w) CIELAB units.
        amplitudes: (n, h, w) square roots of the predicted probabilities, or None for a network
            that predicts single colours.
        features: (c, h, w) of length 1 at each position, or None.
        area: Number of positions that are not padding.
    """

    luma: F32
    ab: F32
    amplitudes: F32 | None
    features: F32 | None
    area: float


def surroundings(
    ab: F32,
    luma: F32,
    fit: Fit,
    *,
    logits: F32 | None,
    features: F32 | None,
) -> Surroundings:
    """Prepares a prediction for `limited`.

    Args:
        ab: (2, h, w) chroma without hints, CIELAB units, padding included.
        luma: ``fit.padded`` the network's input, Y' in 0..255.
        fit: Placement of the photograph in the input.
        logits: (bins, h, w) log-probabilities up to a constant, or None.
        features: (c, h', w') covering the same area as `ab`, or None.
    """
    height, width = ab.shape[1:]
    low = luma.reshape(height, fit.stride, width, fit.stride).mean(axis=(1, 3))
    rows, columns = (-(-side // fit.stride) for side in fit.content)
    amplitudes = None
    if logits is not None:
        amplitudes = np.exp((logits - logits.max(axis=0)) / 2)
        amplitudes /= np.linalg.norm(amplitudes, axis=0)
    if features is not None:
        images = (Image.fromarray(np.asarray(plane, np.float32)) for plane in features)
        size, method = (width, height), Image.Resampling.BILINEAR
        features = np.stack([np.asarray(image.resize(size, method)) for image in images])
        features -= features[:, :rows, :columns].mean(axis=(1, 2), keepdims=True)
        features /= np.linalg.norm(features, axis=0) + np.float32(1e-6)
    return Surroundings(low, ab, amplitudes, features, float(rows * columns))


def limited(hinted: F32, around: Surroundings, planes: F32, *, reach: float) -> F32:
    """Restricts the effect of hints to a region around each.

    Args:
        hinted: (2, h, w) chroma with the hints, exact at their positions, CIELAB units.
        around: The prediction without them.
        planes: (3, h, w) for the output, as returned by `tintype.engine.hints.hints_at`.
        reach: From 0, only the covered pixels, to 1, the whole object.

    Returns:
        (2, h, w): outside the regions, the chroma without hints.
    """
    given = planes[2] > 0
    if reach == 0 or not given.any():
        return around.ab
    neighbours = _alike(around, 0), _alike(around, 1)
    regions = np.zeros(given.shape, np.float32)
    own = np.zeros_like(planes[:2])
    for seed in _groups(planes):
        prior = _prior(around, seed, reach)
        found = walk(seed, given & ~seed, prior, neighbours, length=max(1.0, _PATH * reach))
        low = _INSIDE[0] + _HIGHER * float(np.interp(seed.sum(), _AREA, (0, 1)))
        t = ((found - low) / (_INSIDE[1] - _INSIDE[0])).clip(0, 1)
        region = t * t * (3 - 2 * t)
        regions += region
        own += region * planes[:2, seed].mean(axis=1)[:, None, None]
    own /= np.maximum(regions, np.float32(1e-6))
    target = hinted + (own - hinted) * np.float32(_OWN * reach)
    return np.asarray(around.ab + np.minimum(regions, 1) * (target - around.ab), np.float32)


def cues(around: Surroundings, seed: NDArray[np.bool_]) -> tuple[F32, F32, F32, F32]:
    """The cues for whether a position belongs to the object under a hint.

    Args:
        around: The prediction without hints.
        seed: (h, w) the hint's own positions.

    Returns:
        (h, w) each: similarity of distributions, 0 to 1, and of features, -1 to 1 (0 if there are
        none); difference of grey, in units of 50 steps of Y'; distance, in units of the square root
        of the area.
    """
    if around.amplitudes is None:
        apart = around.ab - around.ab[:, seed].mean(axis=1)[:, None, None]
        alike = np.exp(-(apart**2).sum(axis=0) / (2 * _AB**2))
    else:
        alike = _cosine(around.amplitudes, seed)
    features = np.zeros_like(alike) if around.features is None else _cosine(around.features, seed)
    difference = np.abs(around.luma - around.luma[seed].mean()) / 50
    distance = _distance(seed) / np.float32(around.area**0.5)
    return alike, features, difference, distance


def _prior(around: Surroundings, seed: NDArray[np.bool_], reach: float) -> F32:
    """(h, w) prior probability of belonging to the object under a hint, within its reach."""
    weights, bias = _WEIGHTS, _BIAS
    if around.features is None:
        weights, bias = _WEIGHTS_WITHOUT_FEATURES, _BIAS_WITHOUT_FEATURES
    found = cues(around, seed)
    distance = found[3]
    z = sum(weight * cue for weight, cue in zip(weights, found, strict=True)) + bias
    with np.errstate(over="ignore"):  # far away, 1 / infinity is the 0 that is wanted
        belongs = 1 / (1 + np.exp(-z))
    if reach == 1:
        return np.asarray(belongs, np.float32)
    furthest = _NEAREST * (1 / _NEAREST) ** reach
    return np.asarray(belongs * np.exp(-(distance**2) / (2 * furthest**2)), np.float32)


def _cosine(vectors: F32, seed: NDArray[np.bool_]) -> F32:
    """(h, w) similarity of each position's vector to the mean over the seed."""
    mean = vectors[:, seed].mean(axis=1)
    mean /= np.linalg.norm(mean) + 1e-6
    return np.asarray(np.tensordot(mean, vectors, 1), np.float32)


def _distance(seed: NDArray[np.bool_]) -> F32:
    """(h, w) distance to the nearest position of the seed, in output pixels."""
    rows, columns = np.nonzero(seed)
    y, x = np.ogrid[: seed.shape[0], : seed.shape[1]]
    nearest = np.full(seed.shape, np.inf)
    for row, column in zip(rows, columns, strict=True):
        np.minimum(nearest, (y - row) ** 2 + (x - column) ** 2, out=nearest)
    return np.asarray(np.sqrt(nearest), np.float32)


def _alike(around: Surroundings, axis: int) -> F32:
    """How easily a walker steps from each position to the next one along an axis, 0 to 1."""
    apart = np.diff(around.luma, axis=axis) ** 2 / np.float32(2 * _LUMA**2)
    if around.amplitudes is None:
        apart += (np.diff(around.ab, axis=axis + 1) ** 2).sum(axis=0) / np.float32(2 * _AB**2)
    else:
        here, there = slice(None, -1), slice(1, None)
        index = (slice(None),) * (axis + 1)
        shared = (around.amplitudes[(*index, here)] * around.amplitudes[(*index, there)]).sum(
            axis=0
        )
        apart += np.maximum(1 - shared, 0) / np.float32(_UNLIKE)
    return np.asarray(np.exp(-apart), np.float32)


def _groups(planes: F32) -> Iterator[NDArray[np.bool_]]:
    """Separates the hints: (h, w) masks of connected positions of similar colour, largest first."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(planes[2]), strict=True)}
    found: list[list[tuple[int, int]]] = []
    while left:
        group = [left.pop()]
        for row, column in group:  # which grows during the iteration
            color = planes[:2, row, column]
            for place in [(row + y, column + x) for y in (-1, 0, 1) for x in (-1, 0, 1)]:
                if place in left and np.hypot(*(planes[:2, place[0], place[1]] - color)) < _SAME:
                    left.remove(place)
                    group.append(place)
        found.append(group)
    found.sort(key=len, reverse=True)
    if len(found) > _MOST:
        found[_MOST - 1 :] = [[place for group in found[_MOST - 1 :] for place in group]]
    for group in found:
        mask = np.zeros(planes.shape[1:], bool)
        mask[tuple(np.array(group).T)] = True
        yield mask


def painted(
    scribbles: Scribbles, grey: NDArray[np.unsignedinteger]
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Painted strokes with soft edges that follow those of the photograph.

    Nothing changes further than half a stroke's width from it. The middle of a stroke is fully
    covered, whatever is under it.

    Args:
        scribbles: The strokes.
        grey: (H, W) Y' of the photograph, or of a smaller copy, 8 or 16 bits.

    Returns:
        (2, H, W) colours in CIELAB units, and (H, W) their opacity at each pixel, 0 to 1.
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
    # Around a stroke its colour is extrapolated: the mean of the painted pixels near by.
    weight = _window_mean(mean, radius)
    beyond = (weight > 0) & ~where[box]
    for plane in ab:
        near = _window_mean(_window_mean(plane[box] * inside, radius), radius)
        plane[box][beyond] = near[beyond] / weight[beyond]
    return ab, share


def _half_width(where: NDArray[np.bool_]) -> float:
    """Half the mean stroke width in pixels: the strokes' area over the length of their outline."""
    outline = where.copy()
    outline[1:-1, 1:-1] &= ~(
        where[:-2, 1:-1] & where[2:, 1:-1] & where[1:-1, :-2] & where[1:-1, 2:]
    )
    length = int(outline.sum())
    return int(where.sum()) / length if length else 0.0


def _box_around(where: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """The bounding box of the painted pixels, with a margin."""
    spans = []
    for axis, size in enumerate(where.shape):
        found = np.flatnonzero(where.any(axis=1 - axis))
        spans.append(slice(max(0, found[0] - margin), min(size, found[-1] + margin + 1)))
    return spans[0], spans[1]


def _window_mean(plane: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Mean over squares of 2 radius + 1, cropped at the edges."""
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
