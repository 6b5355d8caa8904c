"""Reads and decodes the pictures of data sets, which come from anywhere."""

import errno
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from tintype.errors import PhotoError, brief, shown
from tintype.files.local import read_regular
from tintype.photo.formats.decoder_warnings import captured_stderr
from tintype.photo.formats.input_file import READING_ERRORS, InputFile
from tintype.photo.formats.pillow import open_any
from tintype.photo.formats.registry import codec_of_pillow

MOST_BYTES = 256 << 20
"""Of the file of one picture."""
MOST_PIXELS = 64_000_000
"""Of a picture as it is decoded, which takes up to 8 bytes each. Full-frame cameras stay below."""
_FREE_PIXELS = 4 * MOST_PIXELS
_PIXELS_PER_BYTE = 100
"""Photographs have fewer than 20 pixels in a byte. An empty picture has a thousand, and in a zip,
which compresses it again, hundreds of thousands."""


class PixelBudget:
    """Limits the pixels that all pictures of a container are decoded to.

    Each picture is limited by `MOST_PIXELS`, but a zip of 45 kB can hold a hundred of that size.
    Together they may have 256 megapixels, and a hundred pixels more for each byte of the container.
    """

    def __init__(self) -> None:
        self._left: dict[Path, int] = {}
        self._folders: set[Path] = set()
        self._refused: Counter[Path] = Counter()

    def admission(self, container: Path, data: bytes) -> Callable[[int], bool]:
        """The check for one picture, as `decode_rgb` takes it.

        Args:
            container: Its container. A zip counts with the size of its file, because its members
                may be compressed; a folder with the pictures read so far.
            data: Its file.
        """
        if container not in self._left:
            is_file = container.is_file()
            size = container.stat().st_size if is_file else 0
            self._left[container] = _FREE_PIXELS + _PIXELS_PER_BYTE * size
            if not is_file:
                self._folders.add(container)
        if container in self._folders:
            self._left[container] += _PIXELS_PER_BYTE * len(data)

        def admit(pixels: int) -> bool:
            if pixels > self._left[container]:
                self._refused[container] += 1
                return False
            self._left[container] -= pixels
            return True

        return admit

    def remarks(self) -> list[str]:
        """A sentence for each container of which pictures were refused."""
        return [
            f"{shown(container)}: its pictures have more than {_PIXELS_PER_BYTE} pixels per byte, "
            f"unlike photographs; after {_FREE_PIXELS // 1_000_000} megapixels the others "
            f"({count}) count as broken."
            for container, count in self._refused.items()
        ]


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


def decode_rgb(
    data: bytes, *, least: int | None = None, admit: Callable[[int], bool] | None = None
) -> Image.Image:
    """Decodes a picture of a data set.

    Args:
        data: The file.
        least: A JPEG may be decoded at a smaller scale at which both sides are at least this long;
            None for the full size.
        admit: Called with the number of its pixels before they are decoded; whether they may be.
            See `PixelBudget.admission`.

    Returns:
        The picture as RGB.

    Raises:
        ValueError: It is of none of the raster formats, damaged, larger than `MOST_PIXELS`, takes
            far more time than its size suggests, or is not admitted; the text says which, in one
            short line.
    """
    refusal = f"it has more than {MOST_PIXELS // 1_000_000} megapixels"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_any(data) as image:
                whole = max(1, image.width) * max(1, image.height)
                pixels = whole
                if least is not None:
                    image.draft("RGB", (least, least))
                # All coefficients of a progressive JPEG are in memory, whatever the scale.
                if "progressive" not in image.info:
                    pixels = max(1, image.width) * max(1, image.height)
                if pixels <= MOST_PIXELS:
                    _check_effort(data, image.format)
                    if admit is None or admit(whole):
                        with captured_stderr():  # libtiff prints its warnings
                            return image.convert("RGB")
                    refusal = "the pictures beside it have too many pixels for the size of all"
    except UnidentifiedImageError:
        raise ValueError("it is not a picture of a supported format") from None
    except PhotoError as error:
        raise ValueError(brief(error.message.rstrip("."), most=120)) from None
    # Decoders raise almost anything on a damaged file; what one raises is true of that file only.
    except (*READING_ERRORS, MemoryError) as error:
        raise ValueError(f"it cannot be decoded ({brief(error, most=120)})") from None
    raise ValueError(refusal)


def _check_effort(data: bytes, pillow_format: str | None) -> None:
    """The checks of the photo readers on what the size of a picture does not tell.

    Raises:
        PhotoError: It has thousands of scans, for example.
    """
    codec = codec_of_pillow(pillow_format)
    if codec is not None and codec.check is not None:
        codec.check(InputFile(data, "it", MOST_PIXELS))
