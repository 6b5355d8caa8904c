"""Colorization from scribbles: Levin, Lischinski and Weiss, 2004.

"Colorization using Optimization": neighbours of similar luminance should have similar colours. Each
pixel's colour should be the weighted mean of its neighbours' colours, with weights that decrease
where the luminance changes. The squared residuals are summed over the picture (equation 1) and
minimised with fixed scribbled pixels: one sparse linear system for each of a and b.

Deviations: CIELAB instead of YUV, as in the evaluation of the networks; weights are computed from
L, of which the paper's Y is a monotone function. As in the authors' code, residuals at scribbled
pixels are left out, so that all others can be zero at once, and the variance of a window is scaled
by 0.6 and bounded from below, so that some neighbour always has weight.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from tintype.errors import LearnError

AUTOMATIC = False
"""It receives true colours; tables that compare it with networks must state that."""

_NEIGHBOURS = tuple((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0))
_VARIANCE_SHARE = 0.6
_SMALLEST_VARIANCE = 2e-6
_SMALLEST_WEIGHT = 0.01
"""Lower bound of the most similar neighbour's weight."""


@dataclass(frozen=True, slots=True)
class ScribbledPixels:
    """Colours that a user has set at some pixels.

    Attributes:
        ab: (2, H, W) CIELAB units; used only where ``marked``.
        marked: (H, W) mask of scribbled pixels.
    """

    ab: NDArray[np.floating]
    marked: NDArray[np.bool_]


def predict(L: NDArray[np.floating], points: ScribbledPixels) -> NDArray[np.float32]:
    """Propagates the colours of some pixels over the picture.

    Args:
        L: (H, W) lightness in [0, 100]; at least 2 x 2.
        points: The scribbles, of the same size.

    Returns:
        (2, H, W) CIELAB units; exactly the scribbled colour at scribbled pixels.

    Raises:
        LearnError: The shapes do not match, or nothing is marked.
    """
    marked = points.marked.ravel()
    if min(L.shape) < 2 or points.ab.shape != (2, *L.shape) or points.marked.shape != L.shape:
        raise LearnError(
            f"Lightness {L.shape}, colours {points.ab.shape} and marks {points.marked.shape} "
            "do not match.",
            advice="Give (H, W), (2, H, W) and (H, W).",
        )
    if not marked.any():
        raise LearnError("There are no scribbles.", advice="Mark at least one pixel.")
    result = np.array(points.ab, np.float32).reshape(2, -1)
    if not marked.all():
        equations = sparse.eye_array(L.size, format="csr") - neighbour_weights(L / 100)
        equations = equations[~marked]
        held = result[:, marked].astype(np.float64)
        # Every row contains its diagonal, so factorisation without pivoting is safe; its factors
        # are several times sparser.
        factor = splu(
            equations[:, ~marked].tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        result[:, ~marked] = factor.solve(-(equations[:, marked] @ held.T)).T
    return result.reshape(2, *L.shape)


def neighbour_weights(luma01: NDArray[np.floating]) -> sparse.csr_array:
    """The weight of each neighbour's colour for each pixel (section 2, equation 2).

    Args:
        luma01: (H, W) in [0, 1].

    Returns:
        (H W, H W); each row sums to 1 and has at most eight entries.
    """
    height, width = luma01.shape
    padded = np.pad(luma01.astype(np.float64), 1, constant_values=np.nan)
    around = np.stack(
        [padded[1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in _NEIGHBOURS]
    )  # (8, H, W), NaN outside
    outside = np.isnan(around)
    variance = _VARIANCE_SHARE * np.nanvar(np.concatenate([around, luma01[None]]), axis=0)
    distance = np.where(outside, np.inf, (around - luma01) ** 2)
    needed = distance.min(axis=0) / -np.log(_SMALLEST_WEIGHT)
    variance = np.maximum(np.maximum(variance, needed), _SMALLEST_VARIANCE)
    weights = np.exp(-distance / variance)
    weights /= weights.sum(axis=0)
    index = np.arange(luma01.size).reshape(height, width)
    target = np.pad(index, 1, constant_values=-1)
    columns = np.stack(
        [target[1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in _NEIGHBOURS]
    )
    rows = np.broadcast_to(index, columns.shape)
    inside = ~outside
    return sparse.csr_array(
        (weights[inside], (rows[inside], columns[inside])), shape=(luma01.size, luma01.size)
    )


def true_points(ab: NDArray[np.floating], *, count: int = 20, seed: int) -> ScribbledPixels:
    """True colours at uniformly drawn pixels, which simulate user input in the protocol.

    Args:
        ab: (2, H, W) true chroma, CIELAB units.
        count: Number of points; at most all pixels.
        seed: Seed of the sampling.
    """
    marked = np.zeros(ab[0].size, bool)
    draw = np.random.default_rng(seed)
    marked[draw.choice(marked.size, size=min(count, marked.size), replace=False)] = True
    return ScribbledPixels(ab, marked.reshape(ab.shape[1:]))
