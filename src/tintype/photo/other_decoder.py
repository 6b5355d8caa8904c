"""How another program shows a file: the second opinion behind ``--check``.

If this package misread a file, it would misread the source and the output alike, and their
greys would still be equal. So both are opened with Pillow, as any viewer would open them, without
the readers of this package.
"""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from tintype.photo.formats.input_file import READING_ERRORS
from tintype.photo.formats.pillow import open_any
from tintype.photo.metadata import icc
from tintype.photo.photo import Photo
from tintype.photo.sandbox.scope import current

SAME = 2.0
"""Mean difference of two decoders that is tolerated, in steps of 255: they round and clip."""


def difference_shown(photo: Photo, source: bytes, written: bytes) -> float | None:
    """Difference between the grey of a written file and its source, as Pillow shows them.

    Args:
        photo: The first picture of the source as read here.
        source: The source.
        written: The coloured file.

    Returns:
        The mean absolute difference in steps of 255; None if Pillow does not show what the source
        states: its format, its colours, or the right one of several pictures.
    """
    before = shown_grey(source, photo.shape)
    after = None if before is None else shown_grey(written, photo.shape)
    if before is None or after is None:
        return None
    (grey, has_profile), (grey_after, _) = before, after
    if photo.meta.converted and not has_profile:  # by information that Pillow ignores
        return None
    return float(np.abs(grey.astype(np.int16) - grey_after).mean())


def shown_grey(data: bytes, shape: tuple[int, int]) -> tuple[NDArray[np.uint8], bool] | None:
    """How Pillow shows a file.

    Args:
        data: The file.
        shape: (height, width) of its first picture, upright.

    Returns:
        (H, W) grey of that picture, and whether there is a profile; None if Pillow does not show a
        picture of this shape.
    """
    if (sandbox := current()) is not None:
        return sandbox.shown_grey(data, shape)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = open_any(data)
            if image.size not in (shape, shape[::-1]):  # before it is decoded to be turned
                return None
            image = ImageOps.exif_transpose(image)
            if image.size != shape[::-1]:
                return None
            image.load()
            profile = image.info.get("icc_profile")
            image = _eight_bits(image)
            managed = _managed(image, profile) if profile else None
            return np.asarray((managed or image).convert("L")), bool(profile)
    except READING_ERRORS:
        return None


def _eight_bits(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image.convert("RGB") if image.mode in ("P", "RGBA", "PA") else image
    deep = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((deep + 128) // 257).astype(np.uint8))


def _managed(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The image in sRGB; None if the profile is not one that a viewer would use."""
    try:
        found = icc.open_profile(profile)
        if image.mode == "L" and found.space == "RGB":
            image = image.convert("RGB")
        core = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        return ImageCms.profileToProfile(image, core, srgb, intent, "RGB", flags=flags)
    except (icc.DamagedProfileError, ImageCms.PyCMSError):
        return None
