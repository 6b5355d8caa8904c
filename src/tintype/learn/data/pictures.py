"""Reads and decodes the pictures of data sets, which come from anywhere."""

import errno
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from tintype.errors import brief
from tintype.files.local import read_regular
from tintype.photo.formats.input_file import READING_ERRORS
from tintype.photo.formats.pillow import open_any

MOST_BYTES = 256 << 20
"""Of the file of one picture."""
MOST_PIXELS = 64_000_000
"""Of a picture as it is decoded, which takes up to 8 bytes each. Full-frame cameras stay below."""


def read_picture(path: Path) -> bytes:
    """The bytes of a picture; none where it is no regular file, or too long for a photograph.

    Raises:
        OSError: It is not there, or cannot be read.
    """
    try:
        return read_regular(path, most=MOST_BYTES)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EFBIG):
            return b""
        raise


def decode_rgb(data: bytes, *, least: int | None = None) -> Image.Image:
    """Decodes a picture of a data set.

    Args:
        data: The file.
        least: A JPEG may be decoded at a smaller scale at which both sides are at least this long;
            None for the full size.

    Returns:
        The picture as RGB.

    Raises:
        ValueError: It is of none of the raster formats, damaged, or larger than `MOST_PIXELS`; the
            text says which, in one short line.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_any(data) as image:
                pixels = max(1, image.width) * max(1, image.height)
                if least is not None:
                    image.draft("RGB", (least, least))
                # All coefficients of a progressive JPEG are in memory, whatever the scale.
                if "progressive" not in image.info:
                    pixels = max(1, image.width) * max(1, image.height)
                if pixels <= MOST_PIXELS:
                    return image.convert("RGB")
    except UnidentifiedImageError:
        raise ValueError("it is not a picture of a supported format") from None
    # Decoders raise almost anything on a damaged file; what one raises is true of that file only.
    except (*READING_ERRORS, MemoryError) as error:
        raise ValueError(f"it cannot be decoded ({brief(error, most=120)})") from None
    raise ValueError(f"it has more than {MOST_PIXELS // 1_000_000} megapixels")
