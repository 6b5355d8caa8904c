"""Thumbnails: what a contact sheet shows of a photograph, as small JPEG files.

They follow from the files alone: the grey from the source as it was decoded, the colours from the
bytes that were written, whether these are in memory still or were written by an earlier run. So a
run that continues another one shows the same.
"""

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from tintype.photo.decode import decode_colors
from tintype.photo.formats import jpeg
from tintype.photo.formats.raw import Source
from tintype.photo.formats.registry import sniff
from tintype.photo.metadata import exif
from tintype.photo.photo import Photo, Pixels, upright

SIDE = 160
"""Pixels of the longer side."""

_QUALITY = 70


def of_pixels(pixels: Pixels) -> bytes:
    """A thumbnail of what is in memory.

    Args:
        pixels: (H, W) or (H, W, 3), 8 or 16 bits.

    Returns:
        A JPEG, grey or in colour.
    """
    if pixels.dtype == np.uint16:
        step = max(1, max(pixels.shape[:2]) // (4 * SIDE))
        pixels = (pixels[::step, ::step] >> 8).astype(np.uint8)
    small = _shrunk(pixels)
    if small.ndim == 2:
        data: bytes = simplejpeg.encode_jpeg(small[..., None], _QUALITY, "GRAY", "Gray")
        return data
    colored: bytes = simplejpeg.encode_jpeg(small, _QUALITY, "RGB", "420")
    return colored


def of_file(data: bytes, *, name: str, max_pixels: int) -> bytes:
    """A thumbnail of a coloured file; of several pages the first counts.

    Args:
        data: The file.
        name: What messages call it.
        max_pixels: As for `decode`.

    Returns:
        A JPEG in colour.

    Raises:
        PhotoError: It cannot be read.
    """
    if sniff(data) == "JPEG":
        source = Source(data, name, max_pixels)
        head = jpeg.segments(data)
        source.check_size(head.width, head.height)
        with source.reading():
            # A quarter or an eighth is decoded: a third of the time, and the colours are ours, in
            # sRGB.
            rgb = jpeg.read_small(data, _fitted((head.height, head.width)))
        return of_pixels(upright(rgb, exif.orientation(head.exif) or 1))
    colors, _ = decode_colors(data, name=name, max_pixels=max_pixels)
    return of_pixels(colors)


def of_coloring(photo: Photo, data: bytes, *, form: str, name: str) -> bytes:
    """A thumbnail of what has just been coloured: what `of_file` will give, at less cost.

    Args:
        photo: Coloured.
        data: The file that was made of it.
        form: Its format. PNG and TIFF hold the pixels as they are, and need not be read back.
        name: What messages call it.

    Raises:
        PhotoError: As `of_file`.
    """
    # With 16 bits a file is shown by the upper byte of every pixel, as `decode_colors` gives it.
    if form in ("PNG", "TIFF") and photo.bits == 8 and isinstance(photo.color, np.ndarray):
        return of_pixels(photo.color)
    return of_file(data, name=name, max_pixels=photo.height * photo.width)


def _fitted(shape: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) of a thumbnail; small pictures are not enlarged."""
    scale = min(1.0, SIDE / max(shape[:2]))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = _fitted(pixels.shape)
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0))
