"""Renders pixels from grey and chroma: in strips that fit a core's cache, in bands across cores."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from tintype import cancellation
from tintype.color import gamut_grid
from tintype.engine.upsample import ChromaUp
from tintype.photo.photo import HalfChroma

_STRIP = 1 << 16
"""Pixels per strip: five float planes of this size fit in a core's cache."""
_BAND = 1 << 20
"""Pixels per band, the unit of work of a thread. Pillow unpacks its table again for each band."""


def render_u8(grey: NDArray[np.uint8], up: ChromaUp, *, threads: int) -> NDArray[np.uint8]:
    """(H, W, 3) sRGB with this grey (Y'), and chroma as near as the gamut allows."""
    step = gamut_grid.step_for(up.largest)
    color = np.empty((*grey.shape, 3), np.uint8)
    up.express(*gamut_grid.rgb_u8_coding(step))

    def band(rows: slice) -> None:
        codes = np.empty((2, rows.stop - rows.start, grey.shape[1]), np.uint8)
        for strip in strips(rows, grey.shape[1]):
            cancellation.check()
            coded = up.rows(strip.start, grey[strip])
            np.clip(coded, 0, 255, out=coded)
            codes[:, strip.start - rows.start : strip.stop - rows.start] = coded
        color[rows] = gamut_grid.codes_to_rgb_u8(grey[rows], codes, step=step)

    _each_band(grey.shape, threads, band)
    return color


def render_half_chroma(
    full: NDArray[np.uint8], grey: NDArray[np.uint8], up: ChromaUp, *, threads: int
) -> HalfChroma:
    """Chroma planes of half the size, as a JPEG stores them.

    Args:
        full: (2 H, 2 W) Y'.
        grey: (H, W) its mean over 2 x 2 pixels.
        up: Provides chroma for rows of `grey`.
        threads: Number of threads to use.
    """
    step = gamut_grid.step_for(up.largest)
    half = HalfChroma(np.empty_like(grey), np.empty_like(grey))
    up.express(*gamut_grid.chroma_u8_coding(step))

    def band(rows: slice) -> None:
        for strip in strips(rows, grey.shape[1]):
            cancellation.check()
            coded = up.rows(strip.start, grey[strip])
            extremes = halved_range(full[2 * strip.start : 2 * strip.stop])
            half.cb[strip], half.cr[strip] = gamut_grid.codes_to_chroma_u8(
                grey[strip], *extremes, coded, step=step
            )

    _each_band(grey.shape, threads, band)
    return half


def render_u16(grey: NDArray[np.uint16], up: ChromaUp, *, threads: int) -> NDArray[np.uint16]:
    """`render_u8` at 16 bits."""
    step = gamut_grid.step_for(up.largest)
    color = np.empty((*grey.shape, 3), np.uint16)
    up.express(*gamut_grid.rgb_u16_coding(step))

    def band(rows: slice) -> None:
        for strip in strips(rows, grey.shape[1]):
            cancellation.check()
            coded = up.rows(strip.start, grey[strip])
            color[strip] = gamut_grid.codes_to_rgb_u16(grey[strip], coded, step=step)

    _each_band(grey.shape, threads, band)
    return color


def _each_band(shape: tuple[int, ...], threads: int, work: Callable[[slice], None]) -> None:
    """Processes the rows of a picture in bands, distributed evenly over the cores."""
    height, width = shape[0], shape[1]
    count = -(-height * width // _BAND)
    if height * width >= _STRIP:
        count = -(-count // threads) * threads
    rows = -(-height // count)
    bands = [slice(top, min(top + rows, height)) for top in range(0, height, rows)]
    if len(bands) == 1 or threads == 1:
        for band in bands:
            work(band)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, bands))


def strips(rows: slice, width: int) -> Iterator[slice]:
    """Cuts rows of a picture of this width into strips."""
    height = max(1, _STRIP // width)
    for top in range(rows.start, rows.stop, height):
        yield slice(top, min(top + height, rows.stop))


def halved_range(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The minimum and maximum of each 2 x 2 pixels.

    Args:
        grey: (H, W) Y'; an odd last row or column is used alone.

    Returns:
        Both (ceil(H/2), ceil(W/2)).
    """
    return _paired(grey, np.minimum), _paired(grey, np.maximum)


def _paired(grey: NDArray[np.uint8], pick: np.ufunc) -> NDArray[np.uint8]:
    tall, wide = grey.shape[0] // 2, grey.shape[1] // 2
    rows = np.empty((grey.shape[0] - tall, grey.shape[1]), np.uint8)
    rows[-1:] = grey[-1:]
    pick(grey[: 2 * tall : 2], grey[1::2], out=rows[:tall])
    both = np.empty((rows.shape[0], grey.shape[1] - wide), np.uint8)
    both[:, -1:] = rows[:, -1:]
    pick(rows[:, : 2 * wide : 2], rows[:, 1::2], out=both[:, :wide])
    return both
