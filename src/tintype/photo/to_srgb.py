"""Conversion from the colour space of a file to sRGB: chooses a usable profile and applies it."""

import numpy as np
from PIL import Image

from tintype.photo.formats.codec import DecodedPage
from tintype.photo.formats.input_file import InputFile
from tintype.photo.metadata import icc
from tintype.photo.photo import Pixels

# Steps of 255 in the other three plates of a picture in black ink: JPEG rounds.
_MOST_STRAY_INK = 3
_STRIP = 256


def usable_profile(page: DecodedPage, notes: list[str]) -> icc.Profile | None:
    """The profile of a page, or None if it has none that fits its pixels.

    Args:
        page: As read by its codec.
        notes: Receives a sentence if a profile was left out.
    """
    if page.icc is None:
        return None
    try:
        profile = icc.open_profile(page.icc)
    except icc.AbsurdProfileError as error:
        notes.append(f"Its colour profile is invalid ({error}) and was left out.")
        return None
    except icc.DamagedProfileError:
        notes.append("Its colour profile is damaged: the pixels are treated as sRGB.")
        return None
    space = _space(page.picture)
    if profile.space != space and not (space == "GRAY" and profile.space == "RGB"):
        notes.append(f"Its {profile.space} profile does not fit {space} pixels, and was left out.")
        return None
    return profile


def _space(picture: Image.Image | Pixels) -> str:
    if isinstance(picture, Image.Image):
        return {"L": "GRAY"}.get(picture.mode, picture.mode)
    if picture.ndim == 2:
        return "GRAY"
    return "RGB" if picture.shape[2] == 3 else "CMYK"


def in_srgb(
    page: DecodedPage, profile: icc.Profile | None, file: InputFile, notes: list[str]
) -> tuple[Image.Image | Pixels, bool]:
    """The picture of a page in sRGB.

    Args:
        page: As read by its codec.
        profile: As returned by `usable_profile`.
        file: For messages.
        notes: Receives a sentence if the profile turns out to be damaged.

    Returns:
        The picture, and whether the profile had to be applied.

    Raises:
        UnsupportedPhotoError: 16 bits with a profile that only LittleCMS can apply.
    """
    picture = page.picture
    is_cmyk = _space(picture) == "CMYK"
    if is_cmyk and profile is None:
        return _inks(picture, notes), False
    if profile is None or profile.is_srgb:
        return picture, False
    try:
        if is_cmyk:
            return icc.to_srgb(_cmyk_8(picture, notes), profile), True
        return _converted(picture, profile), True
    except icc.DamagedProfileError:
        if is_cmyk:
            return _inks(picture, notes), False
        notes.append("Its colour profile is damaged: the pixels are treated as sRGB.")
        return picture, False
    except icc.NoDeepConversionError:
        file.refuse(
            "has 16-bit pixels with a colour profile that can be applied only in 8 bits",
            "Convert it to sRGB in an image editor first, keeping 16 bits.",
        )


def _cmyk_8(picture: Image.Image | Pixels, notes: list[str]) -> Image.Image:
    """8-bit CMYK, the only depth that Pillow's LittleCMS supports; ink profiles are tables."""
    if isinstance(picture, Image.Image):
        return picture
    notes.append("Its 16 bits a channel are read as 8, to apply its CMYK profile.")
    return Image.fromarray(np.round(picture / 257).astype(np.uint8), "CMYK")


def _inks(picture: Image.Image | Pixels, notes: list[str]) -> Image.Image | Pixels:
    """A CMYK picture without a usable profile, as nearly all viewers show it."""
    grey = _black_ink(np.asarray(picture))
    if grey is not None:
        return Image.fromarray(grey) if isinstance(picture, Image.Image) else grey
    notes.append(
        "It is CMYK without a usable profile: its inks are assumed to be ideal, as in most "
        "viewers, so its grey is an estimate."
    )
    if isinstance(picture, Image.Image):
        return picture.convert("RGB")
    out = np.empty((*picture.shape[:2], 3), np.uint16)
    for top in range(0, len(picture), _STRIP):
        paper = 65_535 - picture[top : top + _STRIP].astype(np.uint32)
        out[top : top + _STRIP] = (paper[..., :3] * paper[..., 3:] + 32_767) // 65_535
    return out


def _black_ink(inks: Pixels) -> Pixels | None:
    """The grey of a CMYK picture printed in black alone; None if there are colours."""
    top = np.iinfo(inks.dtype).max
    if int(inks[..., :3].max()) > _MOST_STRAY_INK * top // 255:
        return None
    grey: Pixels = top - inks[..., 3]
    return grey


def _converted(picture: Image.Image | Pixels, profile: icc.Profile) -> Image.Image | Pixels:
    if isinstance(picture, Image.Image):
        return icc.to_srgb(picture, profile)
    if picture.dtype == np.uint8 and picture.ndim == 2:
        return icc.grey_table(profile)[picture]
    if picture.dtype == np.uint8:
        return icc.to_srgb(Image.fromarray(picture), profile)
    if picture.ndim == 2:
        return icc.grey_table_u16(profile)[picture]
    return icc.to_srgb_u16(picture, profile)
