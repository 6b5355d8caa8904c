"""Recognises scanned negatives, which still look like negatives when they are coloured.

A negative is an ordinary photograph with its values inverted; the way light behaves gives it away.
In a photograph, areas with little detail are bright (sky, walls, highlights) or black, the finest
bright details are stronger than the finest dark ones, and light comes from above. Each cue is weak;
a weighted sum of them decides, and reports a negative only where it is nearly certain.

The weights are fitted and measured by ``benchmarks/negatives.py``.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.photo.photo import Pixels

_SIDE = 128
_SCALES = (1, 2, 4)
_LEVELS, _PLACES, _CELL = 8, 4, 16
# Limits of the local contrast, as fractions of the full range.
_CONTRASTS = np.array([0.02, 0.06, 0.15, 0.35], np.float32)
_TINY = 1e-3
# In the order of `evidence`.
_WEIGHTS = (
    -2.29, 0.62, 0.87, 1, -0.45, 0.28, -0.44, -0.11, 0.49, -0.34,
    -0.45, 0.98, -0.05, -0.45, -0.07, -0.22, -0.23, -0.15, -0.41, -0.97,
    -0.41, -0.54, -0.12, -0.27, -0.26, -0.08, -0.31, -0.86, -2.28, -0.21,
    0.04, 0.19, -1.75, 4.29, 9.62, 0.5, -19, -2.17, 1.16, 6.19,
    8.32, 7.43, -1.18, -1.08, 0.91, 4.57, -1.86, -0.18, 2.47, 1.85,
    4.46, 1.4, -84.61, 1.22, -9.62, 34.36, -27.85, -60.01, -44.31, 9.36,
    -1.49, 2.02, 2.06, -0.61, 3.91, -1.28, -3.86, -0.25, 3.04, 3.21,
    0.82, -0.18, -1.05, 3.41, 8.22, -0.05, -3.54, -3.63, -4.28, -3.22,
    16.69, 5.86, -2.14, -3.09, 36.77, -12.4, 1.14, -4.11, -1.47, 0.43,
    0.02, -1.44, -3.11, -0.97, -0.67, -0.33, 1.31, -0.03, -4.49, 0.47,
    -1.74, -0.14, -0.71, -0.41, 1.28, 0.76, -1.62, -1.61, -11.99, -5.91,
    -8.11, 5.79, 4.92, 0.47, 0.41, 4.86,
)  # fmt: skip
# About one photograph in two thousand is below it, and one negative in five
# (benchmarks/negatives.md).
_BOUND = -4.0


def is_negative(grey: Pixels) -> bool:
    """Whether a picture is almost certainly a negative; for most negatives that is not certain.

    Args:
        grey: (H, W) uint8 or uint16; pictures below 64 pixels a side have too little evidence.
    """
    if min(grey.shape) < _SIDE // 2:
        return False
    return float(evidence(grey) @ np.array(_WEIGHTS)) < _BOUND


def evidence(grey: Pixels) -> NDArray[np.float32]:
    """Evidence for a photograph; an inverted picture gives the same numbers with the other sign.

    Args:
        grey: (H, W) uint8 or uint16.

    Returns:
        (116,): the brightness of 8 x 4 places, left and right combined (32); and at each of three
        scales, how often each level occurs with each local contrast (20), and how often a pixel is
        at each position between its darkest and its brightest neighbour (8).
    """
    eight = grey if grey.dtype == np.uint8 else (grey >> 8).astype(np.uint8)
    small = Image.fromarray(eight).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    values = np.asarray(small, np.float32) / np.float32(255)
    inverse = np.float32(1) - values
    return np.asarray((_measures(values) - _measures(inverse)) / 2, np.float32)


def _measures(values: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = np.quantile(values, [0.01, 0.99])
    stretched = ((values - low) / (high - low + 0.02)).clip(0, 1)
    cells = _averaged(stretched, _CELL)
    mirrored = (cells + cells[:, ::-1])[:, : cells.shape[1] // 2] / 2
    parts = [mirrored]
    for scale in _SCALES:
        coarse = _averaged(values, scale)
        darkest, brightest = _neighbours(coarse, np.minimum), _neighbours(coarse, np.maximum)
        inside = coarse[1:-1, 1:-1]
        contrast = brightest - darkest
        place = (inside - darkest) / (contrast + _TINY)
        # The upper half of levels and of positions is the lower half of the inverse.
        parts.append(_frequencies(inside, contrast, _LEVELS, _CONTRASTS)[: _LEVELS // 2])
        parts.append(_frequencies(place, contrast, _PLACES, _CONTRASTS[1:])[: _PLACES // 2])
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)


def _averaged(values: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    side = len(values) // factor
    means: NDArray[np.float32] = values.reshape(side, factor, side, factor).mean((1, 3))
    return means


def _neighbours(values: NDArray[np.float32], choose: np.ufunc) -> NDArray[np.float32]:
    rows = choose(choose(values[:-2], values[1:-1]), values[2:])
    found: NDArray[np.float32] = choose(choose(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return found


def _frequencies(
    values: NDArray[np.float32],
    contrast: NDArray[np.float32],
    steps: int,
    bounds: NDArray[np.float32],
) -> NDArray[np.float64]:
    """(steps, contrasts): the square roots of the frequencies."""
    step = np.minimum((values * steps).astype(np.intp), steps - 1)
    width = len(bounds) + 1
    both = step * width + np.digitize(contrast, bounds)
    count = np.bincount(both.ravel(), minlength=steps * width)
    return np.sqrt(count.reshape(steps, width) / both.size)
