"""Chroma planes of a film's own kind, for the luminance plane that stands beside them.

A stored luminance is only read here. What a screen shows of a colour is Y' and its two differences,
so a film is coloured by writing the differences anew: R' - Y' and B' - Y' of the colour that has
this Y' in the stream's own matrix and, as far as the gamut allows, the wanted CIELAB chroma
(`tintype.color.gamut`). ITU-R BT.601-7, BT.709-6 and BT.2020-2 give the matrices and the ranges.

Primaries and transfer are taken as those of sRGB: BT.709 has the same primaries, and old film had
none. In BT.2020 the same differences are more saturated colours.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color import gamut_grid
from tintype.color.gamut import LUMA_SHARES, Shares
from tintype.engine.upsample import ChromaUp
from tintype.video.layout import Layout, Matrix

Samples = NDArray[Any]
"""A plane as a stream stores it: uint8 for 8 bits, uint16 for more."""

_SHARES: dict[Matrix, Shares] = {
    "bt601": LUMA_SHARES,
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020": (0.2627, 0.6780, 0.0593),
}
_STRIP = 1 << 16  # pixels whose float planes stay in a core's cache


def grey_of(luma: Samples, layout: Layout) -> Samples:
    """The stored luminance as the grey of a photograph: full range, upright.

    Args:
        luma: ``layout.shape`` codes as stored.
        layout: What they mean.

    Returns:
        uint8 of 8 bits, else uint16 in 0..65535; codes below black and above white are cut.
    """
    turned: Samples = np.rot90(luma, layout.turn)
    table = _grey_table(layout)
    return np.take(table, turned, mode="clip")


def _grey_table(layout: Layout) -> Samples:
    top = (1 << layout.bits) - 1
    codes = np.arange(top + 1, dtype=np.float64)
    unit = 1 << (layout.bits - 8)
    black, white = (0, top) if layout.full_range else (16 * unit, 235 * unit)
    share = np.clip((codes - black) / (white - black), 0, 1)
    if layout.bits == 8:
        return np.rint(share * 255).astype(np.uint8)
    return np.rint(share * 65535).astype(np.uint16)


def chroma_planes(up: ChromaUp, grey: Samples, layout: Layout) -> tuple[Samples, Samples]:
    """Cb and Cr to stand beside a stored luminance.

    Args:
        up: Chroma for `served_grey`'s shape.
        grey: As `grey_of` gives it.
        layout: The stream's.

    Returns:
        Both ``layout.chroma_shape``, as the stream stores them. Where one sample serves several
        pixels it is faded until it fits the brightest and the darkest of them.
    """
    served = served_grey(grey, layout)
    shares = _SHARES[layout.matrix]
    scale = 1.0 if layout.full_range else 224 / 255
    step = gamut_grid.step_for(up.largest)
    deep = layout.bits > 8
    up.express(*(gamut_grid.rgb_u16_coding if deep else gamut_grid.chroma_u8_coding)(step))
    cb, cr = np.empty_like(served), np.empty_like(served)
    rows = max(1, _STRIP // served.shape[1])
    down = _steps(layout)[0]
    for top in range(0, served.shape[0], rows):
        strip = slice(top, top + rows)
        lumas = served[strip], *_extremes(grey[down * top : down * (top + rows)], layout)
        codes = up.rows(top, served[strip])
        if deep:
            mean, lowest, highest = (plane * np.float32(255 / 65535) for plane in lumas)
            away = gamut_grid.codes_to_chroma(
                mean, lowest, highest, codes, step=step, shares=shares
            )
            unit = 1 << (layout.bits - 8)
            # A full range of n bits is 2^n - 1 steps wide, a narrow one 224 units.
            wide = ((1 << layout.bits) - 1) / 255 if layout.full_range else unit * scale
            for plane, difference in zip((cb, cr), away, strict=True):
                stored = np.rint(difference * np.float32(wide)) + 128 * unit
                plane[strip] = np.clip(stored, 0, 256 * unit - 1)
        else:
            cb[strip], cr[strip] = gamut_grid.codes_to_chroma_u8(
                *lumas, codes=codes, step=step, shares=shares, scale=scale
            )
    back = -layout.turn
    return np.ascontiguousarray(np.rot90(cb, back)), np.ascontiguousarray(np.rot90(cr, back))


def served_grey(grey: Samples, layout: Layout) -> Samples:
    """The mean grey of the pixels that one chroma sample serves.

    Args:
        grey: As `grey_of` gives it.
        layout: The stream's.

    Returns:
        The upright shape of a chroma plane; the same type.
    """
    down, across = _steps(layout)
    if (down, across) == (1, 1):
        return grey
    if grey.dtype == np.uint8:
        return np.asarray(Image.fromarray(grey).reduce((across, down)))
    parts = _parts(grey, layout)
    mean = np.sum(parts, axis=0, dtype=np.uint32)
    return np.asarray((mean + len(parts) // 2) // len(parts), np.uint16)


def _extremes(grey: Samples, layout: Layout) -> tuple[Samples, Samples]:
    """The lowest and the highest grey that each chroma sample serves."""
    first, *others = _parts(grey, layout)
    lowest = highest = first
    for part in others:
        lowest, highest = np.minimum(lowest, part), np.maximum(highest, part)
    return lowest, highest


def _parts(grey: Samples, layout: Layout) -> list[Samples]:
    """The pixels of each chroma sample, one plane for each; an odd edge stands for its pair."""
    down, across = _steps(layout)
    odd = grey.shape[0] % down, grey.shape[1] % across
    if any(odd):
        grey = np.pad(grey, ((0, odd[0]), (0, odd[1])), mode="edge")
    return [grey[i::down, j::across] for i in range(down) for j in range(across)]


def _steps(layout: Layout) -> tuple[int, int]:
    """Rows and columns of the upright picture for one chroma sample."""
    down, across = (1 + half for half in layout.halved)
    return (across, down) if layout.turn % 2 else (down, across)
