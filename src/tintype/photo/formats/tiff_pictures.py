"""TIFF strips and tiles that are complete pictures in another format: WebP, PNG, JPEG 2000.

Aerial maps, microscopes and GDAL write them. (JPEG strips share tables, and are left to libtiff.)

Source: libtiff's documentation of COMPRESSION_WEBP; tifffile's list of compressions.
"""

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from PIL import ImageFile

from tintype.photo.formats.input_file import InputFile

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True, slots=True)
class PictureReader:
    """A reader for such strips.

    Attributes:
        title: Title of the format, for messages.
        plugin: Returns Pillow's class for it; imported only when it is needed.
    """

    title: str
    plugin: Callable[[], type[ImageFile.ImageFile]]


def _webp() -> type[ImageFile.ImageFile]:
    from PIL import WebPImagePlugin

    return WebPImagePlugin.WebPImageFile


def _png() -> type[ImageFile.ImageFile]:
    from PIL import PngImagePlugin

    return PngImagePlugin.PngImageFile


def _jpeg2000() -> type[ImageFile.ImageFile]:
    from PIL import Jpeg2KImagePlugin

    return Jpeg2KImagePlugin.Jpeg2KImageFile


_JPEG2000 = PictureReader("JPEG 2000", _jpeg2000)

READERS: Mapping[int, PictureReader] = MappingProxyType({
    33003: _JPEG2000,
    33005: _JPEG2000,
    34712: _JPEG2000,
    34933: PictureReader("PNG", _png),
    50001: PictureReader("WebP", _webp),
})  # fmt: skip
"""By compression number; 33003 and 33005 are those of Aperio."""


def unpacked(
    file: InputFile, compression: int, packed: list[bytes], shape: tuple[int, int, int]
) -> list[bytes]:
    """The samples of strips or tiles that are 8-bit pictures.

    Args:
        file: For messages.
        compression: A key of `READERS`.
        packed: The strips or tiles, as stored.
        shape: (rows, columns, samples) of each.

    Raises:
        UnreadablePhotoError: One of them is damaged, or has a different size.
        UnsupportedPhotoError: One of them has different channels from the page.
    """
    return [_decoded(file, READERS[compression], part, shape) for part in packed]


def _decoded(
    file: InputFile, reader: PictureReader, data: bytes, shape: tuple[int, int, int]
) -> bytes:
    rows, columns, samples = shape
    with file.reading():
        image = reader.plugin()(io.BytesIO(data))
    if image.size != (columns, rows):
        file.fail(f"a {reader.title} strip has {image.width} x {image.height} pixels")
    wanted = _MODES.get(samples)
    # An alpha that is opaque everywhere may be missing from a picture, and stays in the page.
    if wanted is None or image.mode not in (wanted, wanted.removesuffix("A")):
        file.refuse(
            f"is a TIFF with {reader.title} pictures in an unusual form",
            "Save it uncompressed, or with LZW or deflate.",
        )
    with file.reading():
        pixels = np.asarray(image.convert(wanted))
    assert pixels.size == math.prod(shape)
    return pixels.tobytes()
