"""Chroma planes for the stored luma plane of a film, in the film's own layout.

The luma plane is never changed. A stream stores a colour as Y' and two differences, so a film is
coloured by writing new differences: R' - Y' and B' - Y' of the colour that has this Y' in the
stream's own matrix and, as far as the gamut allows, the predicted CIELAB chroma
(`tintype.color.gamut`). ITU-R BT.601-7, BT.709-6 and BT.2020-2 define the matrices and the ranges.

Primaries and transfer are assumed to be those of sRGB: BT.709 has the same primaries, and old film
had none. In BT.2020 the same differences are more saturated colours.
"""

import numpy as np
from PIL import Image

from tintype.color import gamut_grid
from tintype.color.gamut import LUMA_SHARES, Shares
from tintype.engine.upsample import ChromaUp
from tintype.video.layout import Matrix, PlaneLayout, Samples

_SHARES: dict[Matrix, Shares] = {
    "bt601": LUMA_SHARES,
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020": (0.2627, 0.6780, 0.0593),
}
_STRIP_PIXELS = 1 << 16  # as float planes, they fit into the cache of a core


def grey_of(luma: Samples, layout: PlaneLayout) -> Samples:
    """The stored luma as the grey of a photograph: full range, upright.

    Args:
        luma: ``layout.shape`` codes as stored.
        layout: The layout of the stream.

    Returns:
        uint8 for 8 bits, otherwise uint16 in 0..65535; codes below black and above white are
        clipped.
    """
    table = _grey_table(layout)
    return np.take(table, layout.upright(luma), mode="clip")


def _grey_table(layout: PlaneLayout) -> Samples:
    top = (1 << layout.bits) - 1
    codes = np.arange(top + 1, dtype=np.float64)
    unit = 1 << (layout.bits - 8)
    black, white = (0, top) if layout.full_range else (16 * unit, 235 * unit)
    share = np.clip((codes - black) / (white - black), 0, 1)
    if layout.bits == 8:
        return np.rint(share * 255).astype(np.uint8)
    return np.rint(share * 65535).astype(np.uint16)


def chroma_planes(up: ChromaUp, grey: Samples, layout: PlaneLayout) -> tuple[Samples, Samples]:
    """Cb and Cr for a stored luma plane.

    Args:
        up: Chroma at the shape of `mean_grey`.
        grey: As returned by `grey_of`.
        layout: The layout of the stream.

    Returns:
        Both ``layout.chroma_shape``, as the stream stores them. A sample that covers several pixels
        is desaturated until the brightest and the darkest of them are inside the gamut.
    """
    means = mean_grey(grey, layout)
    shares = _SHARES[layout.matrix]
    scale = 1.0 if layout.full_range else 224 / 255
    step = gamut_grid.step_for(up.largest)
    deep = layout.bits > 8
    up.express(*(gamut_grid.rgb_u16_coding if deep else gamut_grid.chroma_u8_coding)(step))
    cb, cr = np.empty_like(means), np.empty_like(means)
    rows = max(1, _STRIP_PIXELS // means.shape[1])
    down = _steps(layout)[0]
    for top in range(0, means.shape[0], rows):
        strip = slice(top, top + rows)
        lumas = means[strip], *_extremes(grey[down * top : down * (top + rows)], layout)
        codes = up.rows(top, means[strip])
        if deep:
            mean, lowest, highest = (plane * np.float32(255 / 65535) for plane in lumas)
            differences = gamut_grid.codes_to_chroma(
                mean, lowest, highest, codes, step=step, shares=shares
            )
            unit = 1 << (layout.bits - 8)
            # A full range of n bits is 2^n - 1 steps wide, a narrow one 224 units.
            width = ((1 << layout.bits) - 1) / 255 if layout.full_range else unit * scale
            for plane, difference in zip((cb, cr), differences, strict=True):
                stored = np.rint(difference * np.float32(width)) + 128 * unit
                plane[strip] = np.clip(stored, 0, 256 * unit - 1)
        else:
            cb[strip], cr[strip] = gamut_grid.codes_to_chroma_u8(
                *lumas, codes=codes, step=step, shares=shares, scale=scale
            )
    return np.ascontiguousarray(layout.stored(cb)), np.ascontiguousarray(layout.stored(cr))


def mean_grey(grey: Samples, layout: PlaneLayout) -> Samples:
    """The mean grey of the pixels that each chroma sample covers.

    Args:
        grey: As returned by `grey_of`.
        layout: The layout of the stream.

    Returns:
        The upright shape of a chroma plane; the same type as the grey.
    """
    down, across = _steps(layout)
    if (down, across) == (1, 1):
        return grey
    if grey.dtype == np.uint8:
        return np.asarray(Image.fromarray(grey).reduce((across, down)))
    parts = _parts(grey, layout)
    mean = np.sum(parts, axis=0, dtype=np.uint32)
    return np.asarray((mean + len(parts) // 2) // len(parts), np.uint16)


def _extremes(grey: Samples, layout: PlaneLayout) -> tuple[Samples, Samples]:
    """The lowest and the highest grey that each chroma sample covers."""
    first, *others = _parts(grey, layout)
    lowest = highest = first
    for part in others:
        lowest, highest = np.minimum(lowest, part), np.maximum(highest, part)
    return lowest, highest


def _parts(grey: Samples, layout: PlaneLayout) -> list[Samples]:
    """The pixels of each chroma sample, one plane per position; odd edges are repeated."""
    down, across = _steps(layout)
    odd = grey.shape[0] % down, grey.shape[1] % across
    if any(odd):
        grey = np.pad(grey, ((0, odd[0]), (0, odd[1])), mode="edge")
    return [grey[i::down, j::across] for i in range(down) for j in range(across)]


def _steps(layout: PlaneLayout) -> tuple[int, int]:
    """Rows and columns of the upright picture for one chroma sample."""
    down, across = (1 + half for half in layout.subsampled)
    return (across, down) if layout.turn % 2 else (down, across)
