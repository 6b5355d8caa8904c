"""Fits the chroma of a toned print: a function of lightness, plus a smooth function of position.

Both are fitted by reweighted least squares: the farther a pixel is from the fit, the less it
counts, so a stamp, ink or a colour target hardly bends them. Chroma is the logarithm of red over
green and of blue over green, in steps of 0.01: on that scale the absorption of a stain or the tint
of a lamp is additive, and as large in the highlights as in the shadows, except in the darkest.
"""

import numpy as np
from numpy.typing import NDArray

from tintype.color.cielab import REC601

F32 = NDArray[np.float32]

_LUMA = np.array(REC601, np.float32)
_FLOOR = 24.0  # added before the logarithm: noise in dark pixels is not colour
_BINS = 16  # knots over lightness
_BENDS = np.diff(np.eye(_BINS), 2, axis=0).T @ np.diff(np.eye(_BINS), 2, axis=0)
_STIFF = 2e-3  # penalty on bends of the curve
_ROUNDS = 4  # of reweighting
# A lightness with few pixels leans towards the whole picture, or it would only fit itself.
_PRIOR_PIXELS = 4
_RIDGE = 1e-2
_WAVES = 5  # of cosines: half as many periods across the picture


def luma_and_chroma(rgb: F32) -> tuple[F32, F32]:
    """Luma (N,) and chroma (N, 2) of (H, W, 3) in 0..255."""
    logarithm = np.log(rgb.reshape(-1, 3) + _FLOOR) * 100
    return rgb.reshape(-1, 3) @ _LUMA, logarithm[:, ::2] - logarithm[:, 1:2]


def slopes(shape: tuple[int, int]) -> F32:
    """(N, 7) polynomials in the position of each pixel: second degree, and edges (fourth)."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    down, right = (plane.ravel() for plane in np.meshgrid(y, x, indexing="ij"))
    curved = [down**2 - 1 / 3, right**2 - 1 / 3, down**4 - 1 / 5, right**4 - 1 / 5]
    return np.stack([down, right, down * right, *curved], -1)


def waves(shape: tuple[int, int], luma: F32) -> F32:
    """(N, 20) cosines in the position of each pixel, as fine as a stain, and weak in the dark.

    Args:
        shape: Rows and columns.
        luma: (N,) of the pixels. A stain absorbs a share of each channel; the constant added
            before the logarithm reduces this where the pixel is dark.
    """
    down, right = (
        np.cos(np.pi * np.arange(_WAVES + 1)[:, None] * (np.arange(side) + 0.5) / side)
        for side in shape
    )
    planes = [
        np.outer(down[i], right[k]).ravel()
        for i in range(_WAVES + 1)
        for k in range(_WAVES + 1 - i)
        if i + k > 0
    ]
    return np.asarray(np.stack(planes, -1) * (luma / (luma + _FLOOR))[:, None], np.float32)


def fitted(luma: F32, chroma: F32, places: F32 | None) -> tuple[F32, F32]:
    """Fits a curve over lightness and, with `places`, a smooth function of position.

    The curve is linear between its knots, with a penalty on its bends.

    Args:
        luma: (N,) 0 to 255.
        chroma: (N, 2).
        places: (N, P) terms of the smooth function, as from `slopes` or `waves`.

    Returns:
        (_BINS, 2), and (N, 2) or (1, 2) of zeros.
    """
    lower, part = _bins(luma)
    weights: F32 = np.ones(len(luma), np.float32)
    smooth = np.zeros((1, 2), np.float32)
    overall = np.median(chroma, axis=0)
    for _ in range(_ROUNDS):
        curve = _curve(lower, part, chroma - smooth, weights, overall)
        toned = curve[lower] * (1 - part[:, None]) + curve[lower + 1] * part[:, None]
        if places is not None:
            weighted = (places * weights[:, None]).T
            normal = weighted @ places + _RIDGE * len(luma) * np.eye(places.shape[1], dtype="f4")
            smooth = places @ np.linalg.solve(normal, weighted @ (chroma - toned))
        length = np.hypot(*(chroma - toned - smooth).T)
        scale = 1 + 1.5 * float(np.median(length))
        weights = np.asarray(1 / (1 + (length / scale) ** 2), np.float32)
    return curve, smooth


def curve_at(curve: F32, luma: F32) -> F32:
    """(N, 2) a fitted curve, interpolated at the lightnesses (N,)."""
    lower, part = _bins(luma)
    part = part[:, None]
    return np.asarray(curve[lower] * (1 - part) + curve[lower + 1] * part)


def _curve(lower: NDArray[np.intp], part: F32, chroma: F32, weights: F32, overall: F32) -> F32:
    """(_BINS, 2) by weighted least squares, pulled towards `overall` where pixels are few."""
    mean = float(weights.mean())
    left, right = weights * (1 - part), weights * part
    normal = mean * (_STIFF * len(lower) * _BENDS + _PRIOR_PIXELS * np.eye(_BINS))
    at, after = np.arange(_BINS - 1), np.arange(1, _BINS)
    normal[at, at] += np.bincount(lower, left * (1 - part), _BINS)[:-1]
    normal[after, after] += np.bincount(lower, right * part, _BINS)[:-1]
    both = np.bincount(lower, left * part, _BINS)[:-1]
    normal[at, after] += both
    normal[after, at] += both
    total = np.empty((_BINS, 2))
    for axis in range(2):
        total[:, axis] = np.bincount(lower, left * chroma[:, axis], _BINS)
        total[1:, axis] += np.bincount(lower, right * chroma[:, axis], _BINS)[:-1]
    total += mean * _PRIOR_PIXELS * overall
    return np.linalg.solve(normal, total).astype(np.float32)


def _bins(luma: F32) -> tuple[NDArray[np.intp], F32]:
    # On a logarithmic scale, like the chroma: toning bends it most in the shadows.
    place = np.log1p(luma / _FLOOR) * np.float32((_BINS - 1.001) / np.log1p(255 / _FLOOR))
    lower = place.astype(np.intp)
    return lower, (place - lower).astype(np.float32)
