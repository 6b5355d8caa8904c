"""Functions shared by the codecs that decode or encode with Pillow.

Codecs call Pillow's plug-in classes directly instead of `Image.open`: only the detected format is
tried, and our own size limit applies (`Image.open` has one of its own, in a variable of the whole
process).
"""

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFile

from tintype import cancellation
from tintype.photo.formats import jpeg_pixels
from tintype.photo.formats.codec import DecodedPage
from tintype.photo.formats.input_file import InputFile
from tintype.photo.metadata import exif
from tintype.photo.photo import HalfChroma, Photo, Pixels
from tintype.photo.sandbox import scope

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

RASTER_FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of what `open_any` opens: the formats that are read here. One of Pillow's others
starts Ghostscript (EPS), and most are of no use for photographs. An MPO is opened as JPEG."""

# ----- reading -----


def open_any(data: bytes) -> Image.Image:
    """Opens a picture that may be of any of the raster formats; nothing is decoded yet.

    This is the only call of `Image.open`, which without a list tries every plug-in of Pillow.

    Args:
        data: The file.

    Raises:
        OSError: It is of none of these formats. A damaged file may raise any of `READING_ERRORS`.
    """
    return Image.open(io.BytesIO(data), formats=RASTER_FORMATS)


def opened(
    plugin: type[ImageFile.ImageFile], stream: io.BytesIO, file: InputFile
) -> ImageFile.ImageFile:
    """Opens a picture and checks the size that Pillow would allocate.

    Our own readers check the size, too, but of a damaged file Pillow may read another one.

    Args:
        plugin: Pillow's class for the format.
        stream: The picture: the file, or what was made of it for Pillow.
        file: Contains the limit.

    Raises:
        UnreadablePhotoError: It has no pixels.
        PhotoTooLargeError: It has more pixels than the limit.
    """
    image = plugin(stream)
    file.check_size(*image.size)
    return image


def open_still(plugin: type[ImageFile.ImageFile], file: InputFile) -> ImageFile.ImageFile:
    """Opens a file and checks its size, before a pixel is decoded.

    Args:
        plugin: Pillow's class for the format.
        file: The file to open.

    Raises:
        UnreadablePhotoError: It is damaged.
        UnsupportedPhotoError: It is an animation.
        PhotoTooLargeError: It has more pixels than the limit.
    """
    with file.reading():
        image = opened(plugin, io.BytesIO(file.data), file)
        # Whether there are several frames, not how many: counting those of a GIF reads all of it.
        animated = bool(getattr(image, "is_animated", False))
    if animated:
        file.refuse_animation()
    return image


def decode_page(image: ImageFile.ImageFile, file: InputFile) -> DecodedPage:
    """Decodes an opened image, with the metadata that Pillow found in it.

    Args:
        image: As returned by `open_still`.
        file: For messages.

    Raises:
        UnreadablePhotoError: It is damaged.
        UnsupportedPhotoError: Its pixels are of a kind that photographs do not have.
    """
    with file.reading():
        image.load()
        picture, alpha = split_modes(image, file)
    page = DecodedPage(picture, alpha)
    icc = image.info.get("icc_profile")
    page.icc = icc if isinstance(icc, bytes) and icc else None
    block = image.info.get("exif")
    page.exif = exif.without_prefix(block) if isinstance(block, bytes) and block else None
    packet = image.info.get("xmp")
    page.xmp = packet if isinstance(packet, bytes) and packet else None
    dpi = image.info.get("dpi")
    if isinstance(dpi, tuple) and len(dpi) == 2 and min(dpi) > 0:
        page.dpi = float(dpi[0]), float(dpi[1])
    page.dpi = page.dpi or exif.resolution(page.exif)
    comment = image.info.get("comment")
    if isinstance(comment, bytes):
        page.comment = comment.rstrip(b"\0").decode("utf-8", "surrogateescape") or None
    return page


def split_modes(image: Image.Image, file: InputFile) -> tuple[Image.Image | Pixels, Pixels | None]:
    """Reduces any Pillow mode to the few that `DecodedPage` supports, and separates transparency.

    Args:
        image: Loaded or not.
        file: For messages.

    Returns:
        The picture as in `DecodedPage`, and its alpha.

    Raises:
        UnsupportedPhotoError: Floating-point, 32-bit or CIELAB pixels.
    """
    mode = image.mode
    if mode.startswith("I;16") or mode == "I":
        return _grey_16(image, file)
    if mode in ("F", "LAB"):
        kind = "floating-point" if mode == "F" else "CIELAB"
        file.refuse(f"has {kind} pixels", "Save it with 8 or 16 bits a channel in sRGB.")
    if image.has_transparency_data:
        # "La" and "RGBa" are premultiplied; Pillow converts them to "LA" and "RGBA" only.
        plain = {"La": "LA", "RGBa": "RGBA"}.get(mode)
        image = image.convert(plain) if plain else image
        target = "LA" if image.mode in ("L", "LA", "1") else "RGBA"
        both = image if image.mode == target else image.convert(target)
        alpha = np.asarray(both.getchannel("A"))
        return both.convert(target[:-1]), alpha.copy()
    if mode in ("L", "RGB", "CMYK"):
        return image, None
    return image.convert("L" if mode == "1" else "RGB"), None


def _grey_16(image: Image.Image, file: InputFile) -> tuple[Pixels, Pixels | None]:
    grey = np.asarray(image)
    if grey.dtype != np.uint16:
        if grey.size and (int(grey.min()) < 0 or int(grey.max()) > 65_535):
            file.refuse("has 32-bit pixels", "Save it with 8 or 16 bits a channel.")
        grey = grey.astype(np.uint16)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        return grey, np.where(grey == transparent, 0, 65_535).astype(np.uint16)
    return np.ascontiguousarray(grey.astype("=u2")), None


# ----- writing -----

_IN_ONE_CALL = frozenset({"AVIF", "JPEG2000", "WEBP"})
"""Encoders that return only when the picture is done: only ending the process interrupts them."""


class InSlices(io.BytesIO):
    """The output of Pillow's other encoders, in pieces: cancelled work ends at the next one."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Writes a piece.

        Raises:
            WorkCancelledError: Nobody waits for the file any more.
        """
        cancellation.check()
        return super().write(data)


def samples(photo: Photo) -> Pixels:
    """(H, W), or (H, W, 2 to 4): grey or colour, with alpha as the last channel."""
    color = photo.color
    if isinstance(color, HalfChroma):
        # The samples that a JPEG decoder would return.
        color = jpeg_pixels.decode_rgb(jpeg_pixels.encode_planes(photo.grey, color))
    if color is None:
        color = photo.grey
    if photo.alpha is None:
        return color
    return np.dstack([color, photo.alpha])


def image_of(photo: Photo) -> Image.Image:
    """The samples of a photo as a Pillow image."""
    return Image.fromarray(np.ascontiguousarray(samples(photo)))


def image_without_la(photo: Photo) -> Image.Image:
    """Like `image_of`, for the WebP and AVIF writers: they do not support grey with alpha."""
    image = image_of(photo)
    return image.convert("RGBA") if image.mode == "LA" else image


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    """Encodes with Pillow.

    Args:
        image: The picture.
        kind: Pillow's name for the format.
        **options: For the writer of that format.

    Returns:
        The file.

    Raises:
        ValueError: The encoder refuses.
        UnsupportedPhotoError: In a sandbox: the encoder crashed or exceeded its limits.
        WorkCancelledError: Nobody waits for the file any more.
    """
    sandbox = scope.current()
    if sandbox is not None and kind in _IN_ONE_CALL:
        return sandbox.encode(image, kind, options)
    stream = InSlices()
    with warnings.catch_warnings():
        # Writers parse the EXIF block they receive and warn about details in it.
        warnings.simplefilter("ignore")
        image.save(stream, kind, **options)
    return stream.getvalue()
