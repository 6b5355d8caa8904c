"""Between the containers and `Photo`: pixels as stored, and the guards around reading them."""

import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from PIL import Image

from tintype.errors import PhotoTooLargeError, UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.photo import Pixels, Tone

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
"""What Pillow's readers raise on damaged files: seven kinds seen, their neighbours added."""

# Their texts speak of Python ("'NoneType' object is not ..."), not of the file.
_SPEECHLESS = (
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    struct.error,
)


@dataclass(slots=True)
class Raw:
    """One page as its container gives it.

    Attributes:
        picture: 8 bits: a Pillow image of mode "L", "RGB" or "CMYK", or an (H, W) grey array.
            16 bits: (H, W) or (H, W, 3) uint16.
        alpha: (H, W) of the same depth, or None.
        icc: Profile of these pixels.
        orientation: As the container says; 1 where the reader has turned the pixels already.
        tone: Where the reader knows it already.
        exif: TIFF structure as found.
        xmp: Packet as found.
        dpi: As in `Metadata`, and so the rest.
    """

    picture: Image.Image | Pixels
    alpha: Pixels | None = None
    icc: bytes | None = None
    orientation: int | None = None
    tone: Tone | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: str | None = None
    text: tuple[tuple[str, str], ...] = ()
    iptc: bytes | None = None
    packing: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """What every reader is given.

    Attributes:
        data: The file.
        name: For messages.
        max_pixels: The limit.
    """

    data: bytes
    name: str
    max_pixels: int

    def check_size(self, width: int, height: int) -> None:
        """Refuses before a pixel is decoded.

        Raises:
            PhotoTooLargeError: More pixels than the limit.
            UnreadablePhotoError: No pixels at all.
        """
        if width < 1 or height < 1:
            self.fail("its header gives no size")
        if width * height > self.max_pixels:
            self._refuse_size(f"{width} x {height} pixels", width * height)

    def check_pages(self, pixels: int) -> None:
        """Refuses pages that are each within the limit but not together: all are in memory at once.

        Raises:
            PhotoTooLargeError: More pixels than the limit.
        """
        if pixels > self.max_pixels:
            self._refuse_size("pages", pixels)

    def check_pixels(self, pixels: int) -> None:
        """Refuses a picture that is coded with more pixels than it says.

        Raises:
            PhotoTooLargeError: More pixels than the limit.
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
            f"{self.name} is damaged or incomplete: {why}.",
            advice="Open it in an image viewer, and copy it again from where it came.",
        )

    def refuse(self, why: str, hint: str) -> NoReturn:
        """Refuses a file that is fine but cannot be kept without loss.

        Raises:
            UnsupportedPhotoError: Always.
        """
        raise UnsupportedPhotoError(f"{self.name} {why}.", advice=hint)

    def too_large_for_memory(self) -> PhotoTooLargeError:
        """The error to raise where memory ran out."""
        return PhotoTooLargeError(
            f"{self.name} does not fit into the memory of this machine.",
            advice="Close other programs, or shrink the photo first.",
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The boundary around foreign readers: their exceptions become one line.

        Their warnings are about details (an odd tag, a missing end) that either do not matter or
        come back as an exception; printed, they would break the promise of one line.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except MemoryError as error:
            raise self.too_large_for_memory() from error
        except READING_ERRORS as error:
            reason = " ".join(str(error).split()).rstrip(".")[:120]
            if isinstance(error, _SPEECHLESS) or " " not in reason:
                reason = "its structure makes no sense"
            raise UnreadablePhotoError(
                f"{self.name} is damaged or incomplete: {reason}.",
                advice="Open it in an image viewer, and copy it again from where it came.",
            ) from error


def split_modes(image: Image.Image, source: Source) -> tuple[Image.Image | Pixels, Pixels | None]:
    """Any Pillow mode to the few that `Raw` knows, with transparency taken aside.

    Args:
        image: Loaded or not.
        source: For messages.

    Returns:
        The picture as in `Raw`, and its alpha.

    Raises:
        UnsupportedPhotoError: Modes that are no photograph for us (floating point, 32 bits, Lab).
    """
    mode = image.mode
    if mode.startswith("I;16") or mode == "I":
        return _deep_grey(image, source)
    if mode in ("F", "LAB"):
        kind = "floating-point" if mode == "F" else "CIELAB"
        source.refuse(f"has {kind} pixels", "Save it with 8 or 16 bits a channel in sRGB.")
    if image.has_transparency_data:
        # "La" and "RGBa" are premultiplied; Pillow converts them only to their plain twins.
        plain = {"La": "LA", "RGBa": "RGBA"}.get(mode)
        image = image.convert(plain) if plain else image
        target = "LA" if image.mode in ("L", "LA", "1") else "RGBA"
        both = image if image.mode == target else image.convert(target)
        alpha = np.asarray(both.getchannel("A"))
        return both.convert(target[:-1]), alpha.copy()
    if mode in ("L", "RGB", "CMYK"):
        return image, None
    return image.convert("L" if mode == "1" else "RGB"), None


def _deep_grey(image: Image.Image, source: Source) -> tuple[Pixels, Pixels | None]:
    grey = np.asarray(image)
    if grey.dtype != np.uint16:
        if grey.size and (int(grey.min()) < 0 or int(grey.max()) > 65_535):
            source.refuse("has 32-bit pixels", "Save it with 8 or 16 bits a channel.")
        grey = grey.astype(np.uint16)
    key = image.info.get("transparency")
    if isinstance(key, int):
        return grey, np.where(grey == key, 0, 65_535).astype(np.uint16)
    return np.ascontiguousarray(grey.astype("=u2")), None
