"""The grey is sacred: a colour with exactly this luma and, as far as sRGB allows, that chroma.

Every function here takes Y' (the Rec.601 luma of encoded sRGB, `tintype.color.cielab`) and a wanted
CIELAB chroma, and returns a colour whose luma *is* that Y'. The lightness L is what gives way: at a
fixed ab the luma grows with L all through the sRGB gamut, so one L fits. Where it lies outside the
gamut, chroma is pulled towards neutral along its hue, at constant luma, until it fits. Nothing is
clipped: a clipped channel changes the luma, and with it the photograph.

Two roads lead there. `solve_rgb01` solves each pixel in double precision; it is the definition.
Whole photographs go through a grid of solved nodes, 52 lumas by 52 x 52 chromas, interpolated
linearly. Interpolation is safe: between two colours inside the cube whose luma is right lies a
straight line of such colours, because luma is linear in encoded RGB. Rounding to integers is then
repaired in G, whose steps are finer than a step of luma, so the luma is exact at every pixel.

The alternative that lost: clipping Lab to RGB and scaling to the luma afterwards shifts hue and
moves the luma of one pixel in ten by more than a step in saturated skies.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tintype.color.cielab import (
    LUMA_WEIGHTS,
    WHITE,
    XYZ_TO_RGB,
    lab_to_rgb01,
    luma01_to_L,
    rgb01_to_lab,
    rgb_u16_to_luma_u16,
)

NODES = 52
"""Nodes of the grid along Y', a and b. 51 divides 255, so every node falls on a whole code."""
NEUTRAL = 125
"""The code of a = 0 and of b = 0: the 26th node, so that no chroma stays exactly no chroma."""
STEPS = (0.25, 0.5, 0.75, 1.0)
"""CIELAB units of a or b for one code: pale photographs are coded finely, vivid ones must reach."""

_W = tuple(weight / 65536 for weight in LUMA_WEIGHTS)
_INSIDE = 1e-9


def step_for(largest: float) -> float:
    """The finest step whose codes hold a chroma component.

    Args:
        largest: The largest |a| or |b| of the whole photograph, not of a strip: two strips of one
            photograph must be rounded alike.

    Returns:
        One of `STEPS`. Chroma beyond 125 is far outside sRGB and may be cut to that.
    """
    return next((step for step in STEPS if largest <= NEUTRAL * step), STEPS[-1])


# --- the definition -----------------------------------------------------------------------------


def _luma_and_slope(
    L: NDArray[np.floating], a: NDArray[np.floating], b: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Luma of a Lab colour and its derivative by L; channels below zero count as zero.

    Counting them as zero keeps the luma monotone outside the gamut too (apart from blues that no
    screen shows); with the straight continuation of the transfer curve it turns around there.
    """
    fy = (L + 16) / 116
    xyz, slopes = [], []
    for t, white in zip((fy + a / 500, fy, fy - b / 200), WHITE, strict=True):
        cubic = t > 6 / 29
        xyz.append(white * np.where(cubic, t * t * t, (t - 4 / 29) * (108 / 841)))
        slopes.append(white / 116 * np.where(cubic, 3 * t * t, 108 / 841))
    luma = np.zeros_like(fy)
    slope = np.zeros_like(fy)
    for weight, row in zip(_W, XYZ_TO_RGB, strict=True):
        linear = row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2]
        by_L = row[0] * slopes[0] + row[1] * slopes[1] + row[2] * slopes[2]
        toe = linear <= 0.0031308
        safe = np.maximum(linear, 0.0031308)
        power = 1.055 * safe ** (1 / 2.4)
        luma += weight * np.where(toe, 12.92 * np.maximum(linear, 0), power - 0.055)
        steep = np.where(toe, np.where(linear > 0, 12.92, 0), power / (2.4 * safe))
        slope += weight * by_L * steep
    return luma, slope


def _solve_L(
    luma01: NDArray[np.floating],
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    steps: int,
) -> NDArray[np.floating]:
    """L with this luma at this ab: Newton inside a bracket, halved where Newton does not converge.

    Plain Newton runs in circles around the points where a channel meets zero.
    """
    low = np.full_like(luma01, -20)
    high = np.full_like(luma01, 120)
    L = np.asarray(luma01_to_L(luma01), luma01.dtype)
    moved = high - low
    for _ in range(steps):
        luma, slope = _luma_and_slope(L, a, b)
        below = luma < luma01
        low = np.where(below, L, low)
        high = np.where(below, high, L)
        step = (luma01 - luma) / np.maximum(slope, 1e-6)
        newton = (np.abs(step) * 2 <= moved) & (L + step >= low) & (L + step <= high)
        newton |= np.abs(step) < 1e-4  # there, and what is left is rounding
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
        ab: (..., 2) wanted CIELAB a and b; any size.
        steps: Halvings of the chroma scale, and Newton steps for each; 40 is double precision.

    Returns:
        (..., 3) encoded sRGB in [0, 1] whose luma is ``luma01`` to within 1e-9. Where the gamut
        holds the wanted colour its ab is the wanted one; elsewhere ab is scaled towards neutral to
        the edge of the gamut.
    """
    a, b = np.asarray(ab[..., 0], np.float64), np.asarray(ab[..., 1], np.float64)
    luma01 = np.asarray(luma01, np.float64)

    def colour(scale: NDArray[np.float64]) -> NDArray[np.float64]:
        L = _solve_L(luma01, a * scale, b * scale, steps=steps)
        rgb01: NDArray[np.float64] = lab_to_rgb01(np.stack([L, a * scale, b * scale], -1))
        return rgb01

    def inside(rgb01: NDArray[np.float64]) -> NDArray[np.bool_]:
        held = np.abs(rgb01 @ np.array(_W) - luma01) < _INSIDE
        within = np.all((rgb01 >= -_INSIDE) & (rgb01 <= 1 + _INSIDE), axis=-1)
        return np.asarray(within & held)

    # The part of a ray from neutral that lies in the gamut is one piece (a test looks), so halving
    # finds its end.
    keep = np.zeros_like(luma01)
    give = np.ones_like(luma01)
    fits = inside(colour(give))
    keep[fits] = 1
    for _ in range(steps):
        middle = (keep + give) / 2
        fits = inside(colour(middle))
        keep = np.where(fits, middle, keep)
        give = np.where(fits, give, middle)
    neutral = luma01[..., None] * np.ones(3)
    result: NDArray[np.float64] = np.where(keep[..., None] > 0, colour(keep), neutral)
    return np.clip(result, 0, 1)


# --- the grid -----------------------------------------------------------------------------------


def _edge(luma01: NDArray[np.float64], hues: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the gamut ends at each luma and hue.

    The plane of one luma cuts the RGB cube in a polygon. Walking around it and asking each point
    for its Lab is a forward conversion; solving for the edge along each hue would be two nested
    searches.

    Args:
        luma01: (n,) in (0, 1).
        hues: (m,) sorted CIELAB hue angles, radians in [-pi, pi].

    Returns:
        (n, m, 3): the largest chroma, and R and B there, encoded in [0, 1].
    """
    around = (np.arange(720) + 0.5) * (np.pi / 360)  # half steps: no direction has a zero in it
    red, blue = np.cos(around), np.sin(around)
    green = -(_W[0] * red + _W[2] * blue) / _W[1]
    away = np.stack([red, green, blue], -1)  # directions of constant luma
    y = luma01[:, None, None]
    room = np.where(away > 0, 1 - y, -y) / away
    rgb01 = y + room.min(axis=-1, keepdims=True) * away
    lab = rgb01_to_lab(rgb01)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    angle = np.arctan2(lab[..., 2], lab[..., 1])
    result = np.empty((luma01.size, hues.size, 3))
    for row in range(luma01.size):
        order = np.argsort(angle[row])
        for column, values in enumerate((chroma[row], rgb01[row, :, 0], rgb01[row, :, 2])):
            result[row, :, column] = np.interp(
                hues, angle[row, order], values[order], period=2 * np.pi
            )
    return result


@functools.cache
def chroma_grid(step: float) -> NDArray[np.float32]:
    """The solved nodes: how far R and B lie from Y' at each luma and chroma.

    Computed at first use in about a twentieth of a second; a file would have to be kept in step.

    Args:
        step: CIELAB units for one code of a or b.

    Returns:
        (52, 52, 52, 2) read-only, indexed by Y', a and b at the codes 0, 5, ... 255; R - Y' and
        B - Y' in 8-bit steps. G follows from the luma.
    """
    y = np.linspace(0, 1, NODES)
    axis = (np.linspace(0, 255, NODES) - NEUTRAL) * step
    a, b = np.meshgrid(axis, axis, indexing="ij")
    hue, chroma = np.arctan2(b, a), np.hypot(a, b)
    # Many nodes share a hue, and each hue is looked up once.
    hues, which = np.unique(hue.ravel().round(9), return_inverse=True)
    edge = _edge(y[1:-1], hues)[:, which.ravel()].reshape(NODES - 2, NODES, NODES, 3)
    grid = np.zeros((NODES, NODES, NODES, 2), np.float32)
    grid[1:-1] = (edge[..., 1:] - y[1:-1, None, None, None]) * 255
    inner = np.argwhere(chroma[None] <= edge[..., 0])
    row, i, j = inner[:, 0] + 1, inner[:, 1], inner[:, 2]
    luma = y[row].astype(np.float32)
    wanted = axis[i].astype(np.float32), axis[j].astype(np.float32)
    L = _solve_L(luma, *wanted, steps=8)
    rgb01 = np.clip(lab_to_rgb01(np.stack([L, *wanted], -1)), 0, 1)
    grid[row, i, j] = (rgb01[:, ::2] - luma[:, None]) * 255
    neutral = NEUTRAL * (NODES - 1) // 255
    grid[:, neutral, neutral] = 0
    grid.setflags(write=False)
    return grid


def _green(
    luma: NDArray[np.float32], red: NDArray[np.float32], blue: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What is left of the luma for G."""
    green: NDArray[np.float32] = (luma - _W[0] * red - _W[2] * blue) / _W[1]
    return green


# Pillow cuts the fractions of its fixed point (1/64) three times on the way through a table; this
# much, measured, puts the middle of what comes out back to where it belongs.
_TRUNCATED = 1.5 / 64


@functools.cache
def _rgb_table(step: float) -> ImageFilter.Color3DLUT:
    grid = chroma_grid(step)
    luma = np.linspace(0, 255, NODES, dtype=np.float32)[:, None, None]
    red, blue = luma + grid[..., 0], luma + grid[..., 1]
    return _table(np.stack([red, _green(luma, red, blue), blue], -1))


@functools.cache
def _chroma_table(step: float) -> ImageFilter.Color3DLUT:
    grid = chroma_grid(step)
    cr, cb = grid[..., 0] / 1.402 + 128, grid[..., 1] / 1.772 + 128
    return _table(np.stack([cb, cr, np.zeros_like(cb)], -1))


def _table(values: NDArray[np.float32]) -> ImageFilter.Color3DLUT:
    """A Pillow table from (Y', a, b, 3) values in 0..255; Pillow wants the first axis fastest."""
    flat = ((values.transpose(2, 1, 0, 3) + _TRUNCATED) / 255).astype(np.float32).ravel()
    return ImageFilter.Color3DLUT(NODES, flat, channels=3, target_mode="RGB")


# --- whole photographs --------------------------------------------------------------------------


def _through(
    table: ImageFilter.Color3DLUT,
    luma_u8: NDArray[np.uint8],
    a_code: NDArray[np.uint8],
    b_code: NDArray[np.uint8],
) -> Image.Image:
    planes = [Image.fromarray(plane) for plane in (luma_u8, a_code, b_code)]
    return Image.merge("RGB", planes).filter(table)


def codes_to_rgb_u8(
    luma_u8: NDArray[np.uint8],
    a_code: NDArray[np.uint8],
    b_code: NDArray[np.uint8],
    *,
    step: float,
) -> NDArray[np.uint8]:
    """An 8-bit picture with exactly this luma.

    Args:
        luma_u8: (H, W) Y'.
        a_code: (H, W) a as ``a / step + 125``, rounded.
        b_code: (H, W) b likewise.
        step: One of `STEPS`.

    Returns:
        (H, W, 3) encoded sRGB, for which `rgb_u8_to_luma_u8` gives ``luma_u8`` at every pixel.
    """
    image = _through(_rgb_table(step), luma_u8, a_code, b_code)
    rgb_u8 = np.array(image)
    wrong = np.flatnonzero(np.asarray(image.convert("L")) != luma_u8)
    if wrong.size:
        flat = rgb_u8.reshape(-1, 3)
        flat[wrong] = _settle(luma_u8.reshape(-1)[wrong], flat[wrong], 255)
    return rgb_u8


def codes_to_chroma_u8(
    luma_u8: NDArray[np.uint8],
    a_code: NDArray[np.uint8],
    b_code: NDArray[np.uint8],
    *,
    step: float,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The JFIF chroma planes of colours with this luma, for writing beside an untouched Y plane.

    Args:
        luma_u8: (H, W) Y'.
        a_code: (H, W) a as ``a / step + 125``, rounded.
        b_code: (H, W) b likewise.
        step: One of `STEPS`.

    Returns:
        Cb and Cr, both (H, W), 128 is neutral.
    """
    chroma = np.asarray(_through(_chroma_table(step), luma_u8, a_code, b_code))
    return np.ascontiguousarray(chroma[..., 0]), np.ascontiguousarray(chroma[..., 1])


def ab_to_rgb_u16(
    luma_u16: NDArray[np.uint16],
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    *,
    step: float,
) -> NDArray[np.uint16]:
    """A 16-bit picture with exactly this luma; chroma is not rounded on the way.

    Args:
        luma_u16: (H, W) Y'.
        a: (H, W) wanted a, CIELAB units.
        b: (H, W) wanted b.
        step: One of `STEPS`; chroma beyond 125 of them is cut to that.

    Returns:
        (H, W, 3) encoded sRGB, for which `rgb_u16_to_luma_u16` gives ``luma_u16`` at every pixel.
    """
    grid = chroma_grid(step).reshape(-1, 2)
    last = NODES - 1
    position = luma_u16 * np.float32(last / 65535)
    index = np.zeros(luma_u16.shape, np.int32)
    fractions = []
    for place in (
        position,
        (a * np.float32(1 / step) + NEUTRAL) * np.float32(last / 255),
        (b * np.float32(1 / step) + NEUTRAL) * np.float32(last / 255),
    ):
        whole = np.clip(place, 0, last - 1e-3).astype(np.int32)
        fractions.append(np.clip(place - whole, 0, 1))
        index = index * NODES + whole
    away = np.zeros((*luma_u16.shape, 2), np.float32)
    for corner in range(8):
        weight = np.ones(luma_u16.shape, np.float32)
        offset = 0
        for axis, fraction in enumerate(fractions):
            upper = corner >> axis & 1
            weight *= fraction if upper else 1 - fraction
            offset = offset * NODES + upper
        away += grid[index + offset] * weight[..., None]
    luma = luma_u16.astype(np.float32)
    red, blue = luma + away[..., 0] * 257, luma + away[..., 1] * 257
    rgb = np.stack([red, _green(luma, red, blue), blue], -1)
    rgb_u16: NDArray[np.uint16] = np.clip(np.rint(rgb), 0, 65535).astype(np.uint16)
    wrong = np.flatnonzero(rgb_u16_to_luma_u16(rgb_u16) != luma_u16)
    flat = rgb_u16.reshape(-1, 3)
    flat[wrong] = _settle(luma_u16.reshape(-1)[wrong], flat[wrong], 65535)
    return rgb_u16


def _settle(
    luma: NDArray[np.unsignedinteger], rgb: NDArray[np.unsignedinteger], top: int
) -> NDArray[np.int64]:
    """Makes the luma of some pixels exact by moving G, and where G has no room by fading R and B.

    A step of luma is 65536 in fixed point and a step of G is 38470, so that some G fits any R and
    B. When it lies outside 0..top, R and B go a sixteenth of the way to neutral, again and again;
    at neutral R = G = B = Y' fits.

    Args:
        luma: (n,) Y'.
        rgb: (n, 3) nearly right.
        top: 255 or 65535.

    Returns:
        (n, 3) exactly right.
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
