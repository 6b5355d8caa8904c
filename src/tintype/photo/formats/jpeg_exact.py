"""A JPEG whose luminance is the source's own, coefficient by coefficient.

Encoding a photograph as JPEG a second time rounds its grey a second time, by half a step of 255 on
average at most. Here the quantised coefficients of Y and their table are copied from the source
unchanged, and chroma is added to them. Every output is read back and compared before it is
returned.

Pixels that are turned by their metadata stay as stored: turning them would give another set of
coefficients.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.formats import jpeg_coefficients, jpeg_pixels, jpeg_segments
from tintype.photo.formats.codec import Codec
from tintype.photo.formats.jpeg_coefficients import CoefficientsError, Component
from tintype.photo.orientation import as_stored
from tintype.photo.photo import HalfChroma, Photo, Pixels
from tintype.photo.sandbox.scope import current

_LEAVE_OUT = "Leave --keep-luminance out."


def check(photos: Sequence[Photo], data: bytes, *, codec: Codec, name: str) -> None:
    """Refuses, before anything is coloured, files whose luminance cannot be kept exactly.

    Args:
        photos: The decoded file.
        data: The file.
        codec: Of the format to write.
        name: The file's name in messages.

    Raises:
        UnsupportedPhotoError: This output is not possible for the file, or the extra is missing.
    """
    meta = photos[0].meta
    if codec.write_exact is None:
        if not codec.lossless(meta):
            raise UnsupportedPhotoError(
                f"{codec.title} cannot keep the luminance of {name} exactly.",
                advice="Write it with --format png or tiff, or leave --keep-luminance out.",
            )
        return
    if meta.format != codec.name:
        raise UnsupportedPhotoError(
            f"{name} is not a JPEG, so a JPEG made from it cannot keep its luminance exactly.",
            advice="Leave --format jpeg or --keep-luminance out.",
        )
    jpeg_coefficients.check_installed()
    header = jpeg_segments.read_header(data)
    if not header.has_luminance:
        raise UnsupportedPhotoError(
            f"{name} has no luminance that could be kept: it is CMYK, RGB, or stores it at less "
            "than full size.",
            advice=_LEAVE_OUT,
        )
    if meta.converted:
        raise UnsupportedPhotoError(
            f"The luminance of {name} cannot be kept exactly: its colour profile is not sRGB, so "
            "its grey is converted.",
            advice=_LEAVE_OUT,
        )


def write(photo: Photo, data: bytes) -> tuple[bytes, Component]:
    """The source with new chroma.

    Args:
        photo: Coloured with half-size chroma for ``photo.turn``.
        data: The source, accepted by `check`.

    Returns:
        A JPEG without metadata, and its luminance.

    Raises:
        UnsupportedPhotoError: Its coefficients cannot be read or written.
    """
    chroma = photo.color
    assert isinstance(chroma, HalfChroma), "coefficients are written with half-size chroma"
    turned = HalfChroma(as_stored(chroma.cb, photo.turn), as_stored(chroma.cr, photo.turn))
    grey = as_stored(photo.grey, photo.turn)
    height, width = int(grey.shape[0]), int(grey.shape[1])
    luma_size = jpeg_coefficients.blocks_of(height), jpeg_coefficients.blocks_of(width)
    chroma_size = (
        jpeg_coefficients.blocks_of(height, 1, 2),
        jpeg_coefficients.blocks_of(width, 1, 2),
    )
    try:
        luma = _luma_of_source(data, grey, luma_size)
        # The ordinary encoder encodes the chroma, together with a uniform grey that costs nothing.
        carrier = jpeg_pixels.encode_planes(np.full((height, width), 128, np.uint8), turned)
        _, cb, cr = jpeg_coefficients.read(carrier, [luma_size, chroma_size, chroma_size])
        del carrier
        written = jpeg_coefficients.write(luma, cb, cr, (height, width))
    except ValueError as error:  # from the decoder, or ours
        raise UnsupportedPhotoError(
            f"Its luminance coefficients cannot be kept ({str(error) or 'damaged'}).",
            advice=_LEAVE_OUT,
        ) from error
    return jpeg_segments.with_standard_ids(written), luma


def verify(written: bytes, photo: Photo, luma: Component) -> int:
    """Reads a written file back and compares its luminance with the source's.

    Compares both the coefficients, read with a library for them, and the pixels, as decoded by our
    decoder.

    Args:
        written: The whole output.
        photo: As for `write`.
        luma: As returned by `write`.

    Returns:
        The number of blocks compared.

    Raises:
        UnsupportedPhotoError: They differ; in that case nothing must be written.
    """
    rows, columns = luma.blocks.shape[:2]
    try:
        same = (
            jpeg_coefficients.read(jpeg_segments.without_metadata(written), [(rows, columns)])[0]
            == luma
        )
        same &= np.array_equal(
            jpeg_pixels.decode_luminance(written), as_stored(photo.grey, photo.turn)
        )
    except ValueError:
        same = False
    if not same:
        raise UnsupportedPhotoError(
            "The luminance came out different when it was read back; nothing was written.",
            advice=_LEAVE_OUT,
        )
    return int(rows * columns)


def read_luminance(data: bytes, size: tuple[int, int]) -> tuple[NDArray[np.uint8], Component]:
    """The luminance of a JPEG: its pixels from the decoder, and its coefficients.

    The library for coefficients was not made for untrusted files: a damaged header ends the
    process. So its input is exactly the bytes that the decoder has accepted without a warning.

    Args:
        data: The file, accepted by `check`.
        size: (rows, columns) of its blocks.

    Returns:
        (H, W) as stored, and the coefficients.

    Raises:
        ValueError: The file is damaged; a `CoefficientsError` is one.
    """
    if (sandbox := current()) is not None:
        try:
            pixels, blocks, table = sandbox.read_luminance(data, size)
        except UnreadablePhotoError as error:
            raise CoefficientsError(error.message) from error
        return pixels, Component(blocks, table)
    accepted = jpeg_pixels.read(jpeg_segments.without_metadata(data), "GRAY")
    height, width = accepted.pixels.shape[:2]
    if size != (jpeg_coefficients.blocks_of(height), jpeg_coefficients.blocks_of(width)):
        raise CoefficientsError("they are not what the picture shows")  # nor would they fit
    found = jpeg_coefficients.read(accepted.data, [size])[0]
    return accepted.pixels[..., 0], found


def _luma_of_source(data: bytes, grey: Pixels, size: tuple[int, int]) -> Component:
    """The luminance of the source, which is the grey of the photograph."""
    pixels, found = read_luminance(data, size)
    if not np.array_equal(pixels, grey):
        raise CoefficientsError("they are not what the picture shows")
    return found
