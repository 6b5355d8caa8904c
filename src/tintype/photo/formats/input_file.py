"""A file to be decoded, and the safeguards around decoding it."""

import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from PIL import Image

from tintype.errors import PhotoTooLargeError, UnreadablePhotoError, UnsupportedPhotoError

READING_ERRORS = (
    OSError,  # also UnidentifiedImageError
    SyntaxError,
    ValueError,  # also UnicodeDecodeError
    TypeError,
    LookupError,  # IndexError, KeyError
    AttributeError,
    EOFError,
    struct.error,
    zlib.error,
    ArithmeticError,  # ZeroDivisionError, OverflowError
    AssertionError,
    RuntimeError,  # RecursionError is one
    Image.DecompressionBombError,
)
"""Exceptions of Pillow's readers on damaged files: seven kinds observed, and related ones."""

# Their messages are about Python ("'NoneType' object is not ..."), not about the file.
# Python's notation for bytes and numbers means nothing to a user.
_OF_PYTHON = re.compile(r"\bb['\"]|invalid literal|could not convert")
_ABOUT_PYTHON = (
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    struct.error,
)

_COPY_AGAIN = "Open it in an image viewer, and copy it again from where it came."


@dataclass(frozen=True, slots=True)
class InputFile:
    """The input of every codec.

    Attributes:
        data: The file.
        name: For messages.
        max_pixels: The limit.
    """

    data: bytes
    name: str
    max_pixels: int

    def check_size(self, width: int, height: int) -> None:
        """Refuses a picture before a pixel is decoded.

        Raises:
            PhotoTooLargeError: It has more pixels than the limit.
            UnreadablePhotoError: It has no pixels.
        """
        if width < 1 or height < 1:
            self.fail("its header gives no size")
        if width * height > self.max_pixels:
            self._refuse_size(f"{width} x {height} pixels", width * height)

    def check_pages(self, pixels: int) -> None:
        """Refuses pages that together exceed the limit: all of them are in memory at once.

        Raises:
            PhotoTooLargeError: They have more pixels than the limit.
        """
        if pixels > self.max_pixels:
            self._refuse_size("pages", pixels)

    def check_coded_pixels(self, pixels: int) -> None:
        """Refuses a picture that is coded with more pixels than its container states.

        Raises:
            PhotoTooLargeError: It has more pixels than the limit.
        """
        if pixels > self.max_pixels:
            self._refuse_size("a coded picture", pixels)

    def _refuse_size(self, what: str, pixels: int) -> NoReturn:
        size = pixels / 1e6
        raise PhotoTooLargeError(
            f"{self.name} has {what} ({size:.0f} megapixels), more than the limit of "
            f"{self.max_pixels / 1e6:g} megapixels.",
            advice=f"Add --max-megapixels {math.ceil(size)} if you trust the file.",
        )

    def fail(self, why: str) -> NoReturn:
        """Refuses a damaged file.

        Raises:
            UnreadablePhotoError: Always.
        """
        raise UnreadablePhotoError(
            f"{self.name} is damaged or incomplete: {why}.", advice=_COPY_AGAIN
        )

    def refuse(self, why: str, advice: str) -> NoReturn:
        """Refuses a file that is intact but cannot be preserved without loss.

        Raises:
            UnsupportedPhotoError: Always.
        """
        raise UnsupportedPhotoError(f"{self.name} {why}.", advice=advice)

    def refuse_animation(self, *, is_film: bool = True) -> NoReturn:
        """Refuses a file with moving pictures.

        Args:
            is_film: Whether it can be coloured as a film.

        Raises:
            UnsupportedPhotoError: Always.
        """
        advice = "Save the frame you want as a still picture"
        more = ", or colour all of them: tintype video FILE" if is_film else ""
        self.refuse("is an animation", f"{advice}{more}.")

    def too_large_for_memory(self) -> PhotoTooLargeError:
        """The error to raise when memory runs out."""
        return PhotoTooLargeError(
            f"{self.name} does not fit into the memory of this machine.",
            advice="Close other programs, or shrink the photo first.",
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The boundary around third-party readers: their exceptions become one line.

        Their warnings concern details (an unknown tag, a missing end marker) that either do not
        matter or come back as an exception; printing them would break the promise of one line.

        Raises:
            UnreadablePhotoError: Raised for their exceptions, except the following.
            UnsupportedPhotoError: They report that they do not support this kind of file.
            PhotoTooLargeError: It has too many pixels for them, or memory ran out.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except MemoryError as error:
            raise self.too_large_for_memory() from error
        except READING_ERRORS as error:
            reason = " ".join(str(error).split()).rstrip(".")[:120]
            if isinstance(error, Image.DecompressionBombError):
                raise PhotoTooLargeError(
                    f"{self.name} has more pixels than its format's reader accepts.",
                    advice="Shrink it, or save it in another format.",
                ) from error
            if reason.lower().startswith("unsupported "):
                raise UnsupportedPhotoError(
                    f"{self.name} cannot be read: {reason[0].lower()}{reason[1:]}.",
                    advice="Save it as PNG or TIFF in an image editor.",
                ) from error
            if isinstance(error, _ABOUT_PYTHON) or _OF_PYTHON.search(reason) or " " not in reason:
                reason = "its structure makes no sense"
            raise UnreadablePhotoError(
                f"{self.name} is damaged or incomplete: {reason}.", advice=_COPY_AGAIN
            ) from error
