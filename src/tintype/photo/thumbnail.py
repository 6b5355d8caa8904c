"""Thumbnails: small JPEG files for a contact sheet.

They depend only on files: the grey on the source as decoded, the colours on the written bytes,
whether these are still in memory or come from an earlier run. So a resumed run shows the same
thumbnails.
"""

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from tintype.photo.decode import decode_colors
from tintype.photo.formats import jpeg_pixels, jpeg_segments
from tintype.photo.formats.input_file import InputFile
from tintype.photo.formats.registry import FORMATS, sniff
from tintype.photo.metadata import exif
from tintype.photo.orientation import upright
from tintype.photo.photo import Photo, Pixels
from tintype.photo.sandbox.scope import current

SIDE = 160
"""Pixels on the longer side."""

_QUALITY = 70


def of_pixels(pixels: Pixels) -> bytes:
    """A thumbnail of pixels in memory.

    Args:
        pixels: (H, W) or (H, W, 3), 8-bit or 16-bit.

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
    """A thumbnail of a coloured file, or of the first of its pages.

    Args:
        data: The file.
        name: Its name in messages.
        max_pixels: As for `decode`.

    Returns:
        A JPEG in colour.

    Raises:
        PhotoError: It cannot be read.
    """
    return of_pixels(small_colors(data, name=name, max_pixels=max_pixels))


def small_colors(data: bytes, *, name: str, max_pixels: int) -> NDArray[np.uint8]:
    """The colours of a coloured file, downscaled as far as its decoder supports it.

    Args:
        data: The file.
        name: Its name in messages.
        max_pixels: As for `decode`.

    Returns:
        (h, w, 3), upright; each side is at least that of a thumbnail.

    Raises:
        PhotoError: It cannot be read.
    """
    if (sandbox := current()) is not None:
        return sandbox.small_colors(data, name=name, max_pixels=max_pixels)
    if sniff(data) == "JPEG":
        file = InputFile(data, name, max_pixels)
        header = jpeg_segments.read_header(data)
        file.check_size(header.width, header.height)
        with file.reading():
            # Decoded at a quarter or an eighth, in a third of the time: coloured files are in sRGB.
            rgb = jpeg_pixels.decode_small(data, _fitted((header.height, header.width)))
        return upright(rgb, exif.orientation(header.exif) or 1)
    return decode_colors(data, name=name, max_pixels=max_pixels)[0]


def of_coloring(photo: Photo, data: bytes, *, form: str, name: str) -> bytes:
    """A thumbnail of a photo just coloured: the same as from `of_file`, at lower cost.

    Args:
        photo: Coloured.
        data: The file it was encoded to.
        form: Its format. A lossless file need not be read back.
        name: Its name in messages.

    Raises:
        PhotoError: As `of_file`.
    """
    # A 16-bit file is shown by the high byte of every sample, as `decode_colors` returns it.
    exact = FORMATS[form].lossless(photo.meta)
    if exact and photo.bits == 8 and isinstance(photo.color, np.ndarray):
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
