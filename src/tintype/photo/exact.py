"""A JPEG whose luminance is the source's own, coefficient by coefficient.

Coding a photograph anew as JPEG rounds its grey anew, by half a step of 255 on average at most. Here
nothing is coded anew: the quantised coefficients of Y and their table are taken from the source,
and chroma is put beside them. What was written is read back and compared, every time, before
anybody gets it.

Pixels that are turned by their metadata stay as they are stored: turning them would be another set
of coefficients.
"""

from collections.abc import Sequence

import numpy as np

from tintype.errors import UnsupportedPhotoError
from tintype.photo import coefficients, jpeg
from tintype.photo.coefficients import Component, CoefficientsError
from tintype.photo.formats import FORMATS
from tintype.photo.photo import HalfChroma, Photo, as_stored

_OUT = "Leave --keep-luminance out."


def check(photos: Sequence[Photo], data: bytes, *, form: str, name: str) -> None:
    """Refuses, before anything is coloured, what cannot keep its luminance exactly.

    Args:
        photos: The decoded file.
        data: The file.
        form: The format to write, a key of `FORMATS`.
        name: What messages call it.

    Raises:
        UnsupportedPhotoError: There is no such output of this file, or the extra is missing.
    """
    meta = photos[0].meta
    if form != "JPEG":
        if form == "AVIF" or (form == "WEBP" and meta.packing != "lossless"):
            raise UnsupportedPhotoError(
                f"{FORMATS[form].title} cannot keep the luminance of {name} exactly.",
                hint="Write it with --format png or tiff, or leave --keep-luminance out.",
            )
        return
    if meta.format != "JPEG":
        raise UnsupportedPhotoError(
            f"{name} is no JPEG, and as a JPEG it could not keep its luminance exactly.",
            hint="Leave --format jpeg or --keep-luminance out.",
        )
    coefficients.check_installed()
    head = jpeg.segments(data)
    if not head.has_luminance:
        raise UnsupportedPhotoError(
            f"{name} holds no luminance that could be kept: it is CMYK, RGB, or stores it at less "
            "than full size.",
            hint=_OUT,
        )
    if meta.converted:
        raise UnsupportedPhotoError(
            f"The luminance of {name} cannot be kept exactly: its colour profile is not sRGB, so "
            "that its grey is converted.",
            hint=_OUT,
        )


def write(photo: Photo, data: bytes) -> bytes:
    """The source with other chroma.

    Args:
        photo: Coloured with half-size chroma for ``photo.turn``.
        data: The source, which `check` has passed.

    Returns:
        A JPEG without metadata.

    Raises:
        UnsupportedPhotoError: Its coefficients cannot be read or written.
    """
    chroma = photo.color
    assert isinstance(chroma, HalfChroma), "only half-size chroma stands beside coefficients"
    turned = HalfChroma(as_stored(chroma.cb, photo.turn), as_stored(chroma.cr, photo.turn))
    shape = as_stored(photo.grey, photo.turn).shape
    height, width = int(shape[0]), int(shape[1])
    # The chroma is coded by the usual encoder, beside an even grey that costs nothing.
    carrier = jpeg.write_planes(np.full((height, width), 128, np.uint8), turned)
    luma_size = coefficients.blocks_of(height), coefficients.blocks_of(width)
    chroma_size = coefficients.blocks_of(height, 1, 2), coefficients.blocks_of(width, 1, 2)
    try:
        _, cb, cr = coefficients.read(carrier, [luma_size, chroma_size, chroma_size])
        del carrier
        return jpeg.with_usual_ids(coefficients.write(_luma(data), cb, cr, (height, width)))
    except CoefficientsError as error:
        raise UnsupportedPhotoError(
            f"The luminance coefficients cannot be kept ({str(error) or 'unreadable'}).", hint=_OUT
        ) from error


def verify(written: bytes, photo: Photo, data: bytes) -> int:
    """Reads a written file back and compares its luminance with the source's.

    Both the coefficients, as a library for them reads them, and the pixels, as our decoder shows
    them.

    Args:
        written: The whole output.
        photo: As for `write`.
        data: As for `write`.

    Returns:
        How many blocks were compared.

    Raises:
        UnsupportedPhotoError: They differ; then nothing must be written.
    """
    try:
        kept = _luma(data)
        same = _luma(written) == kept
    except CoefficientsError as error:
        raise UnsupportedPhotoError(
            f"The luminance that was written cannot be read back ({error}).", hint=_OUT
        ) from error
    if not same or not np.array_equal(
        jpeg.luminance(written), as_stored(photo.grey, photo.turn)
    ):
        raise UnsupportedPhotoError(
            "The luminance came out different; nothing was written.", hint=_OUT
        )
    return int(kept.blocks.shape[0] * kept.blocks.shape[1])


def _luma(data: bytes) -> Component:
    head = jpeg.segments(data)
    size = coefficients.blocks_of(head.height), coefficients.blocks_of(head.width)
    return coefficients.read(jpeg.bare(data), [size])[0]
