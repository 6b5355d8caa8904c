"""Metrics, with definitions, sources and pitfalls."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def colorfulness(rgb_u8: NDArray[np.uint8]) -> float:
    """Colourfulness of a picture: 0 is grey, about 30 an ordinary photograph, 100 very colourful.

    Source: D. Hasler, S. Suesstrunk, "Measuring colourfulness in natural images", 2003, section 7.

    Args:
        rgb_u8: (H, W, 3) sRGB.
    """
    r, g, b = (rgb_u8[..., i].astype(np.float64) for i in range(3))
    rg, yb = r - g, (r + g) / 2 - b
    spread = np.hypot(rg.std(), yb.std())
    offset = np.hypot(rg.mean(), yb.mean())
    return float(spread + 0.3 * offset)


def psnr(rgb_u8: NDArray[np.uint8], truth_u8: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio over R, G and B together, in dB.

    Pitfall: a sepia picture scores better than most good colorizations; not a main metric.

    Args:
        rgb_u8: (H, W, 3).
        truth_u8: (H, W, 3).
    """
    difference = rgb_u8.astype(np.float64) - truth_u8
    mean = float((difference**2).mean())
    return float("inf") if mean == 0 else 10 * float(np.log10(255**2 / mean))


def ab_distance(lab: Floats, truth: Floats) -> Floats:
    """Euclidean distance in ab at every pixel, in CIELAB units.

    Args:
        lab: (..., 3).
        truth: (..., 3).
    """
    distance: Floats = np.hypot(lab[..., 1] - truth[..., 1], lab[..., 2] - truth[..., 2])
    return distance


def delta_e_2000(lab: Floats, truth: Floats) -> Floats:
    """CIEDE2000 colour difference with k_L = k_C = k_H = 1.

    Source: G. Sharma, W. Wu, E. Dalal, "The CIEDE2000 color-difference formula", 2005,
    equations 2-22.

    Args:
        lab: (..., 3).
        truth: (..., 3).

    Returns:
        (...) differences; about 1 is just noticeable.
    """
    L1, a1, b1 = (lab[..., i] for i in range(3))
    L2, a2, b2 = (truth[..., i] for i in range(3))
    c_mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(c_mean**7 / (c_mean**7 + 25.0**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    neutral = c1 * c2 == 0
    turn = h2 - h1
    turn = np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn))
    dL, dC = L2 - L1, c2 - c1
    dH = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(np.where(neutral, 0, turn) / 2))
    L_mean, c_mean = (L1 + L2) / 2, (c1 + c2) / 2
    total = h1 + h2
    far = np.abs(h1 - h2) > 180
    h_mean = np.where(far, np.where(total < 360, total + 360, total - 360), total) / 2
    h_mean = np.where(neutral, total, h_mean)
    t = (
        1
        - 0.17 * np.cos(np.radians(h_mean - 30))
        + 0.24 * np.cos(np.radians(2 * h_mean))
        + 0.32 * np.cos(np.radians(3 * h_mean + 6))
        - 0.20 * np.cos(np.radians(4 * h_mean - 63))
    )
    s_L = 1 + 0.015 * (L_mean - 50) ** 2 / np.sqrt(20 + (L_mean - 50) ** 2)
    s_C = 1 + 0.045 * c_mean
    s_H = 1 + 0.015 * c_mean * t
    theta = 30 * np.exp(-(((h_mean - 275) / 25) ** 2))
    r_T = -2 * np.sqrt(c_mean**7 / (c_mean**7 + 25.0**7)) * np.sin(np.radians(2 * theta))
    terms = (dL / s_L, dC / s_C, dH / s_H)
    squared = terms[0] ** 2 + terms[1] ** 2 + terms[2] ** 2 + r_T * terms[1] * terms[2]
    # Rounding can make the sum slightly negative where both colours are equal.
    result: Floats = np.sqrt(np.maximum(squared, 0))
    return result


def auc(distance: Floats, weights: Floats | None = None, *, limit: int = 150) -> float:
    """Area under the cumulative histogram of ab error, in percent.

    Source: Zhang et al. 2016, section 3.1; thresholds 0, 1, ..., `limit`. Weights of inverse
        frequency give their "rebalanced" variant.

    Args:
        distance: (...) ab distances.
        weights: (...) weight of each pixel; None for equal weights.
        limit: The largest threshold.
    """
    flat = distance.ravel()
    share = np.ones(flat.size) if weights is None else weights.ravel().astype(np.float64)
    within = np.bincount(np.minimum(np.ceil(flat), limit + 1).astype(int), share, limit + 2)
    return float(100 * (np.cumsum(within)[: limit + 1] / share.sum()).mean())


def auc_curve(distance: Floats, weights: Floats, *, limit: int = 150) -> tuple[float, float]:
    """Numerator and denominator of `auc`, for pooling over pictures.

    Args:
        distance: (...) ab distances.
        weights: (...) weight of each pixel.
        limit: The largest threshold.

    Returns:
        The weighted area under the histogram, in percent times weight, and the total weight.
    """
    total = float(weights.sum())
    return (auc(distance, weights, limit=limit) * total if total > 0 else 0.0), total


def accuracy(lab: Floats, truth: Floats, percent: float, *, with_lightness: bool) -> float:
    """Percentage of pixels that are correct within a percentage of each channel's range.

    Source: K. Nazeri, E. Ng, M. Ebrahimi, "Image Colorization using Generative Adversarial
    Networks", 2018, section 4, with the ranges (100 and 220) and the rounding of their code.

    Pitfall: their code includes the lightness too, which every method copies from its input.

    Args:
        lab: (..., 3).
        truth: (..., 3).
        percent: 2 or 5 in the paper.
        with_lightness: Whether L must be correct too, as in their code.
    """
    off = np.abs(np.rint(lab) - np.rint(truth))
    right = (off[..., 1] <= 2.2 * percent) & (off[..., 2] <= 2.2 * percent)
    if with_lightness:
        right &= off[..., 0] <= percent
    return float(100 * right.mean())


def ssim(rgb_u8: NDArray[np.uint8], truth_u8: NDArray[np.uint8]) -> float:
    """Structural similarity, mean over R, G and B; 1 for identical pictures.

    Source: Z. Wang et al., "Image Quality Assessment: From Error Visibility to Structural
    Similarity", 2004: an 11 x 11 Gaussian window of 1.5 pixels, K1 = 0.01, K2 = 0.03, no border.

    Args:
        rgb_u8: (H, W, 3), at least 11 x 11.
        truth_u8: (H, W, 3).
    """
    one, other = rgb_u8.astype(np.float64), truth_u8.astype(np.float64)
    planes = np.stack([one, other, one * one, other * other, one * other])
    mean, true_mean, square, true_square, product = _gaussian_window(planes)
    variance, true_variance = square - mean**2, true_square - true_mean**2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean * true_mean + c1) / (mean**2 + true_mean**2 + c1)
    structure = (2 * (product - mean * true_mean) + c2) / (variance + true_variance + c2)
    return float((luminance * structure).mean())


def _gaussian_window(planes: Floats, *, radius: int = 5, sigma: float = 1.5) -> Floats:
    """(n, H, W, 3) to (n, H - 10, W - 10, 3)."""
    taps = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    taps /= taps.sum()
    for axis in (1, 2):
        windows = np.lib.stride_tricks.sliding_window_view(planes, len(taps), axis=axis)
        planes = windows @ taps
    return planes


def negative_log_likelihood(
    log_p: Floats, indices: NDArray[np.int16], shares: NDArray[np.float32]
) -> float:
    """Mean cross-entropy of the soft-encoded truth, in nats per pixel.

    Args:
        log_p: (313, N) log-probabilities.
        indices: (N, n) bins of the soft encoding.
        shares: (N, n) their probability mass.
    """
    chosen = np.take_along_axis(log_p, indices.T.astype(np.int64), axis=0)
    return float(-(chosen * shares.T).sum(axis=0).mean())


def interval(values: Floats, *, seed: int = 0, rounds: int = 1000) -> tuple[float, float]:
    """A 95 % bootstrap interval of the mean over pictures.

    Args:
        values: (N,) one number per picture.
        seed: Seed of the resampling.
        rounds: Number of resamples.
    """
    draw = np.random.default_rng(seed)
    means = values[draw.integers(0, len(values), (rounds, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
