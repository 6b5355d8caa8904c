"""Preserves the luma of whole photographs by interpolating a grid of solved colours.

The definition (`tintype.color.gamut`) is solved at 52 lumas by 52 x 52 chromas and interpolated
linearly in between. That is safe: luma is linear in encoded RGB, so all colours on the line between
two colours in the cube with the correct luma also have it. Rounding errors are then corrected in G,
whose steps are finer than a step of luma, so the luma is exact at every pixel.

The grid is read in three ways, each the fastest correct one: Pillow's 3-D table for 8-bit RGB,
NumPy for 16 bits, and, for the chroma planes of a JPEG, which are rounded to integers anyway, a
finer table of final values without interpolation (a tenth of the time of Pillow's).
"""

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tintype.color.cielab import lab_to_rgb01, rgb_u16_to_luma_u16
from tintype.color.gamut import LUMA_SHARES, Shares, gamut_edge, settle_luma, solve_L

NODES = 52
"""Nodes of the grid along Y', a and b. 51 divides 255, so every node has an integer code."""
STEPS = (0.25, 0.5, 0.75, 1.0)
"""CIELAB units of a or b per code: fine for pale photographs, coarse for the range of vivid
ones."""

_NEUTRAL = 125
"""The code of a = 0 and of b = 0: the 26th node, so neutral colours stay exactly neutral."""
_CHROMA_CODES = 128
_CHROMA_NEUTRAL = 63
# Lumas of the table for chroma planes. In the shadows, where the gamut opens like a cone, each luma
# has its own entry; in the midtones eight share one, in the highlights four.
_CHROMA_LUMAS = np.r_[0:32, 32:224:8, 224:256:4]

_BLOCK = 1 << 13
"""Number of values solved at a time."""

Coding = tuple[float, float]
"""Scale and offset: a reader of the grid takes ``ab * scale + offset``."""


def step_for(largest: float) -> float:
    """The finest step whose codes can represent a chroma component.

    Args:
        largest: The largest |a| or |b| of the whole photograph, not of a strip: all strips of a
            photograph must be rounded alike.

    Returns:
        One of `STEPS`. Chroma beyond 125 is far outside sRGB and may be clipped to that.
    """
    return next((step for step in STEPS if largest <= _NEUTRAL * step), STEPS[-1])


def _blocks(count: int) -> Iterator[slice]:
    """Slices of `count` values whose temporaries fit in a core's cache."""
    for start in range(0, count, _BLOCK):
        yield slice(start, start + _BLOCK)


@functools.cache
def chroma_grid(step: float, shares: Shares = LUMA_SHARES) -> NDArray[np.float32]:
    """The solved nodes: the offsets of R and B from Y' at each luma and chroma.

    Computed on first use in about a twentieth of a second; a stored file could become outdated.

    Args:
        step: One of `STEPS`.
        shares: Weights of the luma.

    Returns:
        (52, 52, 52, 2) read-only, indexed by Y', a and b at the codes 0, 5, ... 255; R - Y' and
        B - Y' in 8-bit steps. G follows from the luma.
    """
    y = np.linspace(0, 1, NODES)
    axis = (np.linspace(0, 255, NODES) - _NEUTRAL) * step
    a, b = np.meshgrid(axis, axis, indexing="ij")
    hue, chroma = np.arctan2(b, a), np.hypot(a, b)
    # Many nodes share a hue, so each hue is looked up only once.
    hues, which = np.unique(hue.ravel().round(9), return_inverse=True)
    edge = gamut_edge(y[1:-1], hues, shares=shares)[:, which.ravel()].reshape(
        NODES - 2, NODES, NODES, 3
    )
    grid = np.zeros((NODES, NODES, NODES, 2), np.float32)
    grid[1:-1] = (edge[..., 1:] - y[1:-1, None, None, None]) * 255
    inner = np.argwhere(chroma[None] <= edge[..., 0])
    row, i, j = inner[:, 0] + 1, inner[:, 1], inner[:, 2]
    luma = y[row].astype(np.float32)
    wanted = axis[i].astype(np.float32), axis[j].astype(np.float32)
    L = np.concatenate(
        [
            solve_L(luma[part], *(plane[part] for plane in wanted), steps=8, shares=shares)
            for part in _blocks(luma.size)
        ]
    )
    rgb01 = np.clip(lab_to_rgb01(np.stack([L, *wanted], -1)), 0, 1)
    grid[row, i, j] = (rgb01[:, ::2] - luma[:, None]) * 255
    neutral = _NEUTRAL * (NODES - 1) // 255
    grid[:, neutral, neutral] = 0
    grid.setflags(write=False)
    return grid


def _green(
    luma: NDArray[np.float32],
    red: NDArray[np.float32],
    blue: NDArray[np.float32],
    shares: Shares = LUMA_SHARES,
) -> NDArray[np.float32]:
    """G, from the remainder of the luma."""
    green: NDArray[np.float32] = (luma - shares[0] * red - shares[2] * blue) / shares[1]
    return green


# --- 8-bit RGB ----------------------------------------------------------------------------------

# Pillow truncates its fixed-point values (1/64) three times when it applies a table; this measured
# offset centres the result again.
_TRUNCATED = 1.5 / 64


def rgb_u8_coding(step: float) -> Coding:
    """The coding of ab for `codes_to_rgb_u8`; the half makes truncation round."""
    return 1 / step, _NEUTRAL + 0.5


@functools.cache
def _rgb_u8_table(step: float) -> ImageFilter.Color3DLUT:
    grid = chroma_grid(step)
    luma = np.linspace(0, 255, NODES, dtype=np.float32)[:, None, None]
    red, blue = luma + grid[..., 0], luma + grid[..., 1]
    rgb = np.stack([red, _green(luma, red, blue), blue], -1)
    # Pillow requires the first axis to vary fastest, and values in 0..1.
    flat = ((rgb.transpose(2, 1, 0, 3) + np.float32(_TRUNCATED)) / 255).astype(np.float32).ravel()
    return ImageFilter.Color3DLUT(NODES, flat, channels=3, target_mode="RGB")


def codes_to_rgb_u8(
    luma_u8: NDArray[np.uint8], codes: NDArray[np.uint8], *, step: float
) -> NDArray[np.uint8]:
    """An 8-bit picture with exactly this luma.

    Args:
        luma_u8: (H, W) Y'.
        codes: (2, H, W) a and b coded by `rgb_u8_coding`, truncated to integers.
        step: One of `STEPS`.

    Returns:
        (H, W, 3) encoded sRGB, for which `rgb_u8_to_luma_u8` returns ``luma_u8`` at every pixel.
    """
    planes = [Image.fromarray(plane) for plane in (luma_u8, *codes)]
    image = Image.merge("RGB", planes).filter(_rgb_u8_table(step))
    rgb_u8 = np.array(image)
    wrong = np.flatnonzero(np.asarray(image.convert("L")) != luma_u8)
    if wrong.size:
        flat = rgb_u8.reshape(-1, 3)
        flat[wrong] = settle_luma(luma_u8.reshape(-1)[wrong], flat[wrong], 255)
    return rgb_u8


# --- 8-bit chroma planes ------------------------------------------------------------------------


def chroma_u8_coding(step: float) -> Coding:
    """The coding of ab for `codes_to_chroma_u8`; the half makes truncation round."""
    return 0.5 / step, _CHROMA_NEUTRAL + 0.5


def chroma_scales(shares: Shares) -> tuple[float, float]:
    """Factors that convert B - Y' and R - Y' to Cb and Cr (ITU-R BT.601, 2.5.2)."""
    return 0.5 / (1 - shares[2]), 0.5 / (1 - shares[0])


def _read_along(
    grid: NDArray[np.float32], axis: int, at: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Resamples the grid along one axis, linearly between its nodes."""
    at = np.clip(at, 0, NODES - 1)
    base = np.minimum(at.astype(int), NODES - 2)
    shape = [1] * grid.ndim
    shape[axis] = -1
    lower = np.take(grid, base, axis)
    upper: NDArray[np.float32] = np.take(grid, base + 1, axis)
    upper -= lower
    upper *= (at - base).astype(np.float32).reshape(shape)
    upper += lower
    return upper


@functools.cache
def _chroma_u8_table(
    step: float, shares: Shares, scale: float
) -> tuple[NDArray[np.int32], NDArray[np.uint32]]:
    """(256,) start index of the entries of each luma, and the entries.

    An entry has four bytes, the least significant first: Cb, Cr, and how far the colour's highest
    and lowest channels are above and below its luma.
    """
    tops = np.append(_CHROMA_LUMAS[1:], 256) - 1
    to_node = (NODES - 1) / 255
    chroma = ((np.arange(_CHROMA_CODES) - _CHROMA_NEUTRAL) * 2 + _NEUTRAL) * to_node
    grid = _read_along(chroma_grid(step, shares), 0, (_CHROMA_LUMAS + tops) / 2 * to_node)
    to_cb, to_cr = (np.float32(part * scale) for part in chroma_scales(shares))
    answers = np.zeros((grid.shape[0], _CHROMA_CODES, _CHROMA_CODES), np.uint32)
    for number, nodes in enumerate(grid):  # one luma at a time fits in a core's cache
        found = _read_along(_read_along(nodes, 0, chroma), 1, chroma)
        red, blue = np.ascontiguousarray(np.moveaxis(found, -1, 0))
        green = _green(np.zeros_like(red), red, blue, shares)
        over = np.maximum(np.maximum(red, green), blue)
        under = -np.minimum(np.minimum(red, green), blue)
        for place, value in enumerate((blue * to_cb + 128, red * to_cr + 128, over, under)):
            steps = np.clip(value + np.float32(0.5), 0, 255).astype(np.uint32)
            answers[number] |= steps << np.uint32(8 * place)
    entry = np.searchsorted(_CHROMA_LUMAS, np.arange(256), side="right") - 1
    return (entry * _CHROMA_CODES**2).astype(np.int32), answers.ravel()


def codes_to_chroma_u8(
    luma_u8: NDArray[np.uint8],
    lowest: NDArray[np.uint8],
    highest: NDArray[np.uint8],
    codes: NDArray[np.float32],
    *,
    step: float,
    shares: Shares = LUMA_SHARES,
    scale: float = 1.0,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The chroma of colours with this luma, for writing beside an unchanged Y plane.

    One chroma sample applies to four pixels. If it is out of gamut at the brightest or the darkest
    of them, a JPEG decoder would clip and so change the luma there, so it is faded until it fits
    all four.

    Args:
        luma_u8: (H, W) Y', the mean of four pixels.
        lowest: (H, W) the lowest of the four.
        highest: (H, W) the highest.
        codes: (2, H, W) a and b coded by `chroma_u8_coding`, with fractions.
        step: One of `STEPS`.
        shares: Weights of the luma; JFIF uses that of the photographs.
        scale: Scale of the chroma codes: 1 as in JFIF, 224/255 for films that use 16 to 240.

    Returns:
        Cb and Cr, both (H, W), 128 is neutral.
    """
    begins, answers = _chroma_u8_table(step, shares, scale)
    np.clip(codes, 0, _CHROMA_CODES - 1, out=codes)
    a, b = codes.astype(np.int32)
    a *= _CHROMA_CODES
    # `take` is three times as fast as indexing with brackets, and "clip" avoids a copy.
    index = np.take(begins, luma_u8, mode="clip")
    index += a
    index += b
    answer = np.take(answers, index, mode="clip")
    cb, cr, over, under = ((answer >> np.uint32(8 * place)).astype(np.uint8) for place in range(4))
    crowded = np.flatnonzero((over > 255 - highest) | (under > lowest))
    if crowded.size:
        above = 255 - np.take(highest, crowded).astype(np.float32)
        below = np.take(lowest, crowded).astype(np.float32)
        room = np.minimum(
            above / np.maximum(np.take(over, crowded), 1),
            below / np.maximum(np.take(under, crowded), 1),
        )
        np.minimum(room, 1, out=room)
        for plane in (cb, cr):
            faded = (np.take(plane, crowded) - np.float32(128)) * room
            np.put(plane, crowded, faded + np.float32(128.5))
    return cb, cr


# --- 16-bit RGB ---------------------------------------------------------------------------------


def rgb_u16_coding(step: float) -> Coding:
    """The coding of ab for `codes_to_rgb_u16`: fractional node positions."""
    to_node = (NODES - 1) / 255
    return to_node / step, _NEUTRAL * to_node


def codes_to_rgb_u16(
    luma_u16: NDArray[np.uint16], codes: NDArray[np.float32], *, step: float
) -> NDArray[np.uint16]:
    """A 16-bit picture with exactly this luma; chroma is not rounded in between.

    Args:
        luma_u16: (H, W) Y'.
        codes: (2, H, W) a and b coded by `rgb_u16_coding`.
        step: One of `STEPS`.

    Returns:
        (H, W, 3) encoded sRGB, for which `rgb_u16_to_luma_u16` returns ``luma_u16`` at every pixel.
    """
    away = _away(luma_u16 * np.float32((NODES - 1) / 65535), codes, chroma_grid(step))
    luma = luma_u16.astype(np.float32)
    red, blue = luma + away[..., 0] * 257, luma + away[..., 1] * 257
    rgb = np.stack([red, _green(luma, red, blue), blue], -1)
    rgb_u16: NDArray[np.uint16] = np.clip(np.rint(rgb), 0, 65535).astype(np.uint16)
    wrong = np.flatnonzero(rgb_u16_to_luma_u16(rgb_u16) != luma_u16)
    flat = rgb_u16.reshape(-1, 3)
    flat[wrong] = settle_luma(luma_u16.reshape(-1)[wrong], flat[wrong], 65535)
    return rgb_u16


def _away(
    luma: NDArray[np.float32], codes: NDArray[np.float32], grid: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Interpolates the grid between its nodes.

    Args:
        luma: (H, W) fractional node positions.
        codes: (2, H, W) a and b as fractional node positions.
        grid: As returned by `chroma_grid`.

    Returns:
        (H, W, 2) R - Y' and B - Y' in 8-bit steps.
    """
    grid = grid.reshape(-1, 2)
    index = np.zeros(luma.shape, np.int32)
    fractions = []
    for place in (luma, *codes):
        within = np.clip(place, 0, NODES - 1)
        base = np.minimum(within.astype(np.int32), NODES - 2)
        fractions.append(within - base)
        index *= NODES
        index += base
    away = np.zeros((*luma.shape, 2), np.float32)
    for corner in range(8):
        weight = np.ones(luma.shape, np.float32)
        offset = 0
        for axis, fraction in enumerate(fractions):
            upper = corner >> axis & 1
            weight *= fraction if upper else 1 - fraction
            offset = offset * NODES + upper
        away += np.take(grid, index + offset, axis=0) * weight[..., None]
    return away


# --- chroma planes of more than 8 bits ----------------------------------------------------------


def codes_to_chroma(
    luma: NDArray[np.float32],
    lowest: NDArray[np.float32],
    highest: NDArray[np.float32],
    codes: NDArray[np.float32],
    *,
    step: float,
    shares: Shares,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Like `codes_to_chroma_u8`, but interpolated and not rounded.

    Args:
        luma: (H, W) Y' in 0..255, with fractions.
        lowest: (H, W) the lowest luma that the chroma sample applies to.
        highest: (H, W) the highest.
        codes: (2, H, W) a and b coded by `rgb_u16_coding`.
        step: One of `STEPS`.
        shares: Weights of the luma.

    Returns:
        Cb and Cr, both (H, W), in 8-bit steps of the full range; 0 is neutral.
    """
    away = _away(luma * np.float32((NODES - 1) / 255), codes, chroma_grid(step, shares))
    red, blue = away[..., 0], away[..., 1]
    green = _green(np.zeros_like(red), red, blue, shares)
    over = np.maximum(np.maximum(red, green), blue)
    under = -np.minimum(np.minimum(red, green), blue)
    tiny = np.float32(1e-3)
    room = np.minimum((255 - highest) / np.maximum(over, tiny), lowest / np.maximum(under, tiny))
    np.clip(room, 0, 1, out=room)
    to_cb, to_cr = (np.float32(part) for part in chroma_scales(shares))
    return blue * room * to_cb, red * room * to_cr
