"""The quantised ab plane: 313 bins, soft encoding, rebalancing weights, annealed mean.

Source: R. Zhang, P. Isola, A. A. Efros, "Colorful Image Colorization", ECCV 2016, sections 2.1-2.3.
"""

import functools

import numpy as np
from numpy.typing import NDArray

# The released 313 bin centres, one row per line: a, lowest b, highest b, in steps of 10. They are
# the corners of the 268 cells of 10 x 10 that contain an 8-bit sRGB colour, plus (40, 90),
# (100, -90), (100, -10) and (100, 0). Deriving them takes twelve seconds over 16.8 million colours,
# so the result is stored here and a test derives it again.
_ROWS = (
    (-90, 50, 90), (-80, 20, 90), (-70, 0, 90), (-60, -20, 90), (-50, -30, 100),
    (-40, -40, 100), (-30, -50, 100), (-20, -50, 100), (-10, -60, 100), (0, -70, 100),
    (10, -80, 90), (20, -80, 90), (30, -90, 90), (40, -100, 90), (50, -100, 80),
    (60, -110, 80), (70, -110, 80), (80, -110, 70), (90, -110, 70), (100, -90, 0),
)  # fmt: skip

BINS = 313
AB_LIMIT = 110
"""Largest |a| or |b| in the integer table; the sRGB gamut ends at 108."""
# Colours at a time. With more than 279, the product below wakes OpenBLAS's other threads, which
# spin for longer than the product takes.
_BLOCK = 256


@functools.cache
def bin_centers() -> NDArray[np.float32]:
    """The centres of the bins, sorted by a, then b.

    Returns:
        (313, 2) read-only, CIELAB units.
    """
    rows = [(a, b) for a, low, high in _ROWS for b in range(low, high + 10, 10)]
    centers = np.array(rows, dtype=np.float32)
    centers.setflags(write=False)
    return centers


@functools.cache
def soft_code_table(
    neighbors: int = 5, sigma: float = 5.0
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Soft encoding of every integer ab, so that encoding a target is a table look-up.

    Args:
        neighbors: Number of nearest bins that share the mass. The paper states 5; the released
            training layer uses 10.
        sigma: Width of the Gaussian in ab units (section 2.2).

    Returns:
        Indices and weights, both (221, 221, neighbors) and read-only; entry ``[a + 110, b + 110]``
        belongs to the colour (a, b); the weights of one entry sum to 1.
    """
    axis = np.arange(-AB_LIMIT, AB_LIMIT + 1, dtype=np.float32)
    indices = np.empty((axis.size, axis.size, neighbors), np.int16)
    weights = np.empty((axis.size, axis.size, neighbors), np.float32)
    centers = bin_centers()
    for row, a in enumerate(axis):
        squared = (a - centers[:, 0]) ** 2 + (axis[:, None] - centers[:, 1]) ** 2  # (221, 313)
        nearest = np.argsort(squared, axis=1, kind="stable")[:, :neighbors]
        chosen = np.take_along_axis(squared, nearest, axis=1)
        # Subtracting the smallest distance cancels out in the normalisation, and prevents 0 / 0 for
        # colours far outside the grid.
        mass = np.exp(-(chosen - chosen[:, :1]) / (2 * sigma**2))
        indices[row] = nearest
        weights[row] = mass / mass.sum(axis=1, keepdims=True)
    indices.setflags(write=False)
    weights.setflags(write=False)
    return indices, weights


def rebalancing_weights(
    prior: NDArray[np.float64], *, uniform: float = 0.5, sigma: float = 5.0
) -> NDArray[np.float64]:
    """Zhang's class weights, equation 4: ``w`` proportional to 1 / ((1 - u) p + u / Q).

    Args:
        prior: (313,) share of training pixels in each bin, summing to 1.
        uniform: The share u of the uniform distribution mixed in (lambda in the paper).
        sigma: Width of the Gaussian that smooths the prior, in ab units; 0 disables smoothing.

    Returns:
        (313,) weights with ``sum(prior_smoothed * w) == 1``. The uniform part is spread only over
        bins with a prior above zero, as in the released code.
    """
    smoothed = prior
    if sigma > 0:
        centers = bin_centers().astype(np.float64)
        squared = ((centers[:, None] - centers[None]) ** 2).sum(axis=-1)
        kernel = np.exp(-squared / (2 * sigma**2))
        smoothed = (kernel / kernel.sum(axis=0, keepdims=True)) @ prior
    occupied = smoothed > 0
    mixed = (1 - uniform) * smoothed + uniform * occupied / occupied.sum()
    weights = np.where(occupied, 1 / np.where(occupied, mixed, 1), 0)
    return np.asarray(weights / (smoothed * weights).sum())


def log_rarity(prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log of Zhang's class weights, for decoding with ``tau log w``.

    Args:
        prior: (313,) share of training pixels in each bin, summing to 1.

    Returns:
        (313,). Bins without training pixels have no weight of their own and get the largest one, so
        a colour that the network considers probable is not ruled out by a finite sample.
    """
    weights = rebalancing_weights(prior)
    return np.asarray(np.log(np.where(weights > 0, weights, weights.max())))


def annealed_mean(
    logits: NDArray[np.float32],
    *,
    temperature: float = 0.38,
    bias: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """The colour of a distribution: its mean after sharpening with a temperature.

    Zhang, equation 5: ``softmax(log z / T)``. With ``bias`` = tau log w, rebalancing is applied
    here instead of in training: ``softmax((logits + bias) / T)``.

    Args:
        logits: (313, ...) unnormalised log-probabilities.
        temperature: T in (0, 1]; 1 is the plain mean, and 0 would be the mode.
        bias: (313,) added to the logits.

    Returns:
        (2, ...) a and b in CIELAB units.
    """
    flat = logits.reshape(BINS, -1)
    sharpness = np.float32(1 / temperature)
    offset = 0 if bias is None else (bias * sharpness).astype(np.float32)[:, None]
    # One product computes both moments and the total. A block of columns stays in a core's cache
    # throughout, which takes a quarter of the time needed with whole arrays.
    moments = np.vstack([bin_centers().T, np.ones((1, BINS), np.float32)])
    mean = np.empty((2, flat.shape[1]), np.float32)
    for left in range(0, flat.shape[1], _BLOCK):
        mass = flat[:, left : left + _BLOCK] * sharpness
        mass += offset
        mass -= mass.max(axis=0)
        np.exp(mass, out=mass)
        total = moments @ mass
        mean[:, left : left + _BLOCK] = total[:2] / total[2]
    return mean.reshape(2, *logits.shape[1:])
