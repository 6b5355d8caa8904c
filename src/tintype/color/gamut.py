"""Colours with exactly the given luma and, as far as sRGB allows, the given chroma.

Every function takes Y' (the Rec.601 luma of encoded sRGB, `tintype.color.cielab`) and a desired
CIELAB chroma, and returns a colour whose luma *is* that Y'. The lightness L is adjusted: at a fixed
ab, the luma increases with L throughout the sRGB gamut, so exactly one L fits. Out-of-gamut chroma
is scaled towards neutral along its hue, at constant luma, until it fits. Nothing is clipped: a
clipped channel would change the luma, and with it the photograph.

This module is the definition, solved for each colour in double precision, and makes integer luma
exact. `tintype.color.gamut_grid` does the same for whole photographs.

Converting Lab to RGB, clipping, and then scaling to the luma was rejected: it shifts hues, and
clipped values stay clipped.
"""

import numpy as np
from numpy.typing import NDArray

from tintype import cancellation
from tintype.color.cielab import (
    LUMA_WEIGHTS,
    WHITE,
    XYZ_TO_RGB,
    lab_to_rgb01,
    linear_to_rgb01_and_slope,
    luma01_to_L,
    rgb01_to_lab,
)

Shares = tuple[float, float, float]
"""Weights of R, G and B in a luma; they sum to 1."""

LUMA_SHARES: Shares = (LUMA_WEIGHTS[0] / 65536, LUMA_WEIGHTS[1] / 65536, LUMA_WEIGHTS[2] / 65536)
"""The luma of photographs, Rec.601; films may use another (`tintype.video`)."""

_INSIDE = 1e-9


def _luma_and_slope(
    L: NDArray[np.floating], a: NDArray[np.floating], b: NDArray[np.floating], shares: Shares
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Luma of a Lab colour and its derivative by L; negative channels are treated as zero.

    This keeps the luma monotone outside the gamut too (apart from blues that no screen can show);
    with a linear continuation of the transfer curve it would not be.
    """
    fy = (L + 16) / 116
    xyz, slopes = [], []
    for t, white in zip((fy + a / 500, fy, fy - b / 200), WHITE, strict=True):
        cubic = t > 6 / 29
        xyz.append(white * np.where(cubic, t * t * t, (t - 4 / 29) * (108 / 841)))
        slopes.append(white / 116 * np.where(cubic, 3 * t * t, 108 / 841))
    luma = np.zeros_like(fy)
    slope = np.zeros_like(fy)
    for weight, row in zip(shares, XYZ_TO_RGB, strict=True):
        linear = row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2]
        by_L = row[0] * slopes[0] + row[1] * slopes[1] + row[2] * slopes[2]
        encoded, by_linear = linear_to_rgb01_and_slope(linear)
        luma += weight * encoded
        slope += weight * by_L * by_linear
    return luma, slope


def solve_L(
    luma01: NDArray[np.floating],
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    steps: int,
    shares: Shares = LUMA_SHARES,
) -> NDArray[np.floating]:
    """L with this luma at this ab: bracketed Newton, with bisection where it does not converge.

    Plain Newton cycles around the points where a channel reaches zero.
    """
    low = np.full_like(luma01, -20)
    high = np.full_like(luma01, 120)
    L = np.asarray(luma01_to_L(luma01), luma01.dtype)
    moved = high - low
    for _ in range(steps):
        luma, slope = _luma_and_slope(L, a, b, shares)
        below = luma < luma01
        low = np.where(below, L, low)
        high = np.where(below, high, L)
        step = (luma01 - luma) / np.maximum(slope, 1e-6)
        newton = (np.abs(step) * 2 <= moved) & (L + step >= low) & (L + step <= high)
        newton |= np.abs(step) < 1e-4  # converged; the rest is rounding error
        goal = np.where(newton, L + step, (low + high) / 2)
        moved = np.abs(goal - L)
        L = goal
    return L


def solve_rgb01(
    luma01: NDArray[np.float64], ab: NDArray[np.float64], *, steps: int = 40
) -> NDArray[np.float64]:
    """The colour with this luma and this chroma, solved for each pixel: the definition.

    Args:
        luma01: (...) Y' in [0, 1].
        ab: (..., 2) desired CIELAB a and b; any magnitude.
        steps: Bisection steps of the chroma scale, and Newton steps for each; 40 reaches double
            precision.

    Returns:
        (..., 3) encoded sRGB in [0, 1] whose luma is ``luma01`` to within 1e-9. In-gamut colours
        have the desired ab; for others, ab is scaled towards neutral to the edge of the gamut.
    """
    a, b = np.asarray(ab[..., 0], np.float64), np.asarray(ab[..., 1], np.float64)
    luma01 = np.asarray(luma01, np.float64)

    def colour(scale: NDArray[np.float64]) -> NDArray[np.float64]:
        L = solve_L(luma01, a * scale, b * scale, steps=steps)
        rgb01: NDArray[np.float64] = lab_to_rgb01(np.stack([L, a * scale, b * scale], -1))
        return rgb01

    def inside(rgb01: NDArray[np.float64]) -> NDArray[np.bool_]:
        held = np.abs(rgb01 @ np.array(LUMA_SHARES) - luma01) < _INSIDE
        within = np.all((rgb01 >= -_INSIDE) & (rgb01 <= 1 + _INSIDE), axis=-1)
        return np.asarray(within & held)

    # The in-gamut part of a ray from neutral is one segment (a test checks this), so bisection
    # finds its end. Some blues of luma 12 or less leave the gamut and return; they may stop at
    # either end.
    keep = np.zeros_like(luma01)
    give = np.ones_like(luma01)
    fits = inside(colour(give))
    keep[fits] = 1
    for _ in range(steps):
        cancellation.check()
        middle = (keep + give) / 2
        fits = inside(colour(middle))
        keep = np.where(fits, middle, keep)
        give = np.where(fits, give, middle)
    neutral = luma01[..., None] * np.ones(3)
    result: NDArray[np.float64] = np.where(keep[..., None] > 0, colour(keep), neutral)
    return np.clip(result, 0, 1)


def gamut_edge(
    luma01: NDArray[np.float64], hues: NDArray[np.float64], *, shares: Shares = LUMA_SHARES
) -> NDArray[np.float64]:
    """The edge of the gamut at each luma and hue.

    A plane of constant luma intersects the RGB cube in a polygon. Converting points along its
    outline to Lab needs only forward conversions; solving for the edge along each hue would need
    two nested searches.

    Args:
        luma01: (n,) in (0, 1).
        hues: (m,) sorted CIELAB hue angles, radians in [-pi, pi].
        shares: Weights of the luma.

    Returns:
        (n, m, 3): the largest chroma, and R and B there, encoded in [0, 1].
    """
    around = (np.arange(720) + 0.5) * (np.pi / 360)  # half steps: no direction has a zero component
    red, blue = np.cos(around), np.sin(around)
    green = -(shares[0] * red + shares[2] * blue) / shares[1]
    away = np.stack([red, green, blue], -1)  # directions of constant luma
    y = luma01[:, None, None]
    room = np.where(away > 0, 1 - y, -y) / away
    rgb01 = y + room.min(axis=-1, keepdims=True) * away
    lab = rgb01_to_lab(rgb01)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    angle = np.arctan2(lab[..., 2], lab[..., 1])
    result = np.empty((luma01.size, hues.size, 3))
    # Like `np.interp` with a period, which would sort the same angles for each of the three.
    turn = 2 * np.pi
    wanted, angle = hues % turn, angle % turn
    for row in range(luma01.size):
        order = np.argsort(angle[row])
        order = np.concatenate([order[-1:], order, order[:1]])
        known = angle[row, order]
        known[0] -= turn
        known[-1] += turn
        for column, values in enumerate((chroma[row], rgb01[row, :, 0], rgb01[row, :, 2])):
            result[row, :, column] = np.interp(wanted, known, values[order])
    return result


def settle_luma(
    luma: NDArray[np.unsignedinteger], rgb: NDArray[np.unsignedinteger], top: int
) -> NDArray[np.int64]:
    """Makes the luma of pixels exact by adjusting G, and by fading R and B if G has no room.

    A step of luma is 65536 in fixed point and a step of G contributes less, so some G fits any R
    and B. While that G is outside 0..top, R and B move a sixteenth of the way to neutral; at
    neutral, R = G = B = Y' fits.

    Args:
        luma: (n,) Y'.
        rgb: (n, 3) with nearly the right luma.
        top: 255 or 65535.

    Returns:
        (n, 3) with exactly the right luma.
    """
    target = luma.astype(np.int64)
    settled = rgb.astype(np.int64)
    away = settled - target[:, None]
    open_ = np.arange(target.size)
    for sixteenths in range(16, -1, -1):
        red, blue = (
            target[open_] + (away[open_, channel] * sixteenths + 8) // 16 for channel in (0, 2)
        )
        rest = (target[open_] << 16) - 0x8000 - LUMA_WEIGHTS[0] * red - LUMA_WEIGHTS[2] * blue
        lowest = -(-rest // LUMA_WEIGHTS[1])
        highest = (rest + 0xFFFF) // LUMA_WEIGHTS[1]
        green = np.clip(settled[open_, 1], np.maximum(lowest, 0), np.minimum(highest, top))
        settled[open_] = np.stack([red, green, blue], -1)
        open_ = open_[(np.maximum(lowest, 0) > np.minimum(highest, top))]
        if not open_.size:
            break
    return settled
