"""Thumbnails: what a contact sheet shows of a photograph, as small JPEG files.

They follow from the files alone: the grey from the source as it was decoded, the colours from the
bytes that were written, whether these are in memory still or were written by an earlier run. So a
run that continues another one shows the same.
"""

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from tintype.photo import exif, jpeg
from tintype.photo.decode import decode_colors
from tintype.photo.formats import sniff
from tintype.photo.photo import Pixels, upright
from tintype.photo.raw import Source

SIDE = 160
"""Pixels of the longer side."""

_QUALITY = 70


def of_grey(grey: Pixels) -> bytes:
    """A thumbnail of a photograph before it is coloured.

    Args:
        grey: (H, W), 8 or 16 bits.

    Returns:
        A grey JPEG.
    """
    step = max(1, max(grey.shape) // (4 * SIDE)) if grey.dtype == np.uint16 else 1
    grey_u8 = grey if step == 1 and grey.dtype == np.uint8 else (grey[::step, ::step] >> 8)
    small = _shrunk(np.ascontiguousarray(grey_u8.astype(np.uint8, copy=False)))
    data: bytes = simplejpeg.encode_jpeg(small[..., None], _QUALITY, "GRAY", "Gray")
    return data


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
        rgb = upright(rgb, exif.orientation(head.exif) or 1)
    else:
        rgb, _ = decode_colors(data, name=name, max_pixels=max_pixels)
    written: bytes = simplejpeg.encode_jpeg(_shrunk(rgb), _QUALITY, "RGB", "420")
    return written


def _fitted(shape: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) of a thumbnail; small pictures are not enlarged."""
    scale = min(1.0, SIDE / max(shape[:2]))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = _fitted(pixels.shape)
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0))
