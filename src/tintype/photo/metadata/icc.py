"""Colour profiles: everything is converted to sRGB before its grey is computed.

8-bit pixels are converted by LittleCMS. Through Pillow it does not support 16-bit RGB, so 16-bit
pixels are converted here with the profile's matrix and curves (`icc_curves`) or its tables
(`icc_tables`), whichever agrees with LittleCMS on the same colours in 8 bits. If neither does, 16
bits are refused, because 8 would silently lose half of the depth.

A profile that changes nothing (one of the many sRGB profiles) is recognised by its effect on a grid
of colours, not by its name, and is kept byte for byte. A profile whose white is not white, or whose
greys do not rise from black, is damaged, whoever wrote it.

Source: ICC.1:2022, sections 8.2 to 8.4 (required tags, monochrome profiles).
"""

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tintype.color.cielab import REC601, linear_to_rgb01
from tintype.photo.metadata import icc_curves, icc_tables
from tintype.photo.metadata.icc_curves import DamagedProfileError, MissingTagError
from tintype.photo.photo import Pixels, rgb_to_grey

__all__ = [
    "AbsurdProfileError",
    "DamagedProfileError",
    "NoDeepConversionError",
    "Profile",
    "grey_table",
    "grey_table_u16",
    "open_profile",
    "srgb_profile",
    "to_srgb",
    "to_srgb_u16",
]

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
# Preparing tables for millions of pixels would cost more than converting a few hundred.
_FEW_PIXELS = _FLAGS | ImageCms.Flags.NOOPTIMIZE
# LittleCMS rounds: sRGB profiles of different makers differ by one step here and there.
_SRGB_TOLERANCE = 1
# Steps of 255: a white, a black-to-white range and an order of greys that every picture needs.
_LEAST_WHITE, _MOST_TINT, _LEAST_RANGE, _MOST_FALL = 225, 40, 100, 8
# How far 16-bit results may be from LittleCMS in 8 bits, which rounds and interpolates.
_SAME_AT_8_BITS = 2.0
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_STRIP = 256
_CHANNELS = {"RGB": 3, "GRAY": 1}


class AbsurdProfileError(DamagedProfileError):
    """A profile that can be applied but does not yield a picture; its text states its effect."""


class NoDeepConversionError(ValueError):
    """Neither the curves nor the tables of a profile agree with LittleCMS."""


Light = Callable[[Pixels], NDArray[np.float32]]
"""(..., channels) uint16 to (..., 3) linear sRGB, outside [0, 1] outside the gamut."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile that LittleCMS supports.

    Attributes:
        data: Its bytes.
        space: "RGB", "GRAY", "CMYK" or another name.
        is_srgb: Whether it leaves sRGB colours unchanged (always False unless RGB).
    """

    data: bytes
    space: str
    is_srgb: bool


@cache
def srgb_profile() -> bytes:
    """An sRGB profile to attach, always with the same bytes.

    LittleCMS writes the current time into profiles it creates; outputs must not depend on a clock.
    """
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    data[84:100] = bytes(16)
    return bytes(data)


def open_profile(data: bytes) -> Profile:
    """Reads a profile.

    Args:
        data: ICC bytes as embedded in a photograph.

    Raises:
        DamagedProfileError: It is not one.
        AbsurdProfileError: Its white is not white, or its greys are out of order.
    """
    try:
        core = _core(data)
        space = str(core.profile.xcolor_space).strip()
        if space not in _MODES:
            return Profile(data, space, False)
        changed = _changed_grid(core, space)
        _check_greys(changed[0])
        return Profile(data, space, space == "RGB" and _is_srgb(changed[1]))
    except AbsurdProfileError:
        raise
    except (OSError, ImageCms.PyCMSError, ValueError, TypeError, struct.error) as error:
        raise DamagedProfileError(str(error)) from error


def _core(data: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(data))


def _transform(
    core: ImageCms.ImageCmsProfile, mode: str, flags: ImageCms.Flags = _FLAGS
) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(core, _core(srgb_profile()), mode, "RGB", _INTENT, flags)


@cache
def _grid() -> NDArray[np.uint8]:
    """Colours throughout RGB, the greys first: (1, 9 + 729, 3)."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    return np.concatenate([np.repeat(steps[:, None], 3, 1), colors])[None]


def _changed_grid(
    core: ImageCms.ImageCmsProfile, space: str
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The converted greys from black to white, (9, 3); and, for RGB, the colours of the grid."""
    grid = _grid()
    if space == "RGB":
        picture = Image.fromarray(grid)
    elif space == "GRAY":
        picture = Image.fromarray(grid[:, :9, 0])
    else:
        # Black ink alone: no profile converts its amounts to anything far from grey.
        inks = np.zeros((1, 9, 4), np.uint8)
        inks[..., 3] = 255 - grid[:, :9, 0]
        picture = Image.fromarray(inks, "CMYK")
    changed = ImageCms.applyTransform(picture, _transform(core, _MODES[space], _FEW_PIXELS))
    if changed is None:
        raise DamagedProfileError("no result")
    values = np.asarray(changed).astype(np.int16)[0]
    return values[:9], values[9:]


def _check_greys(greys: NDArray[np.int16]) -> None:
    """Raises if black to white no longer yields a usable picture."""
    white, luma = greys[-1], np.asarray(greys @ np.array(REC601))
    if luma[-1] < _LEAST_WHITE or np.ptp(white) > _MOST_TINT:
        raise AbsurdProfileError(f"white becomes {tuple(white.tolist())}")
    if luma[-1] - luma[0] < _LEAST_RANGE:
        raise AbsurdProfileError(f"black becomes {tuple(greys[0].tolist())}")
    if (np.diff(luma) < -_MOST_FALL).any():
        raise AbsurdProfileError("its greys are out of order")


def _is_srgb(changed: NDArray[np.int16]) -> bool:
    return int(np.abs(changed - _grid()[0, 9:]).max()) <= _SRGB_TOLERANCE


def to_srgb(picture: Image.Image, profile: Profile) -> Image.Image:
    """Converts 8-bit pixels.

    Args:
        picture: Mode "RGB", "CMYK" or "L"; grey pixels may have a grey or an RGB profile.
        profile: A profile of the same colour space.

    Returns:
        "RGB"; "L" for grey pixels.

    Raises:
        DamagedProfileError: The profile does not fit the pixels or cannot be applied.
    """
    try:
        if picture.mode == "L":
            return picture.point(list(grey_table(profile).tolist()))
        converted = ImageCms.applyTransform(picture, _transform(_core(profile.data), picture.mode))
    except (OSError, ImageCms.PyCMSError, ValueError, TypeError) as error:
        raise DamagedProfileError(str(error)) from error
    if converted is None:
        raise DamagedProfileError("no result")
    return converted


def grey_table(profile: Profile) -> NDArray[np.uint8]:
    """The converted 256 greys: for grey pixels a table is enough.

    Args:
        profile: Grey or RGB.

    Returns:
        (256,) Y' in sRGB.

    Raises:
        DamagedProfileError: The profile is of another colour space, or cannot be applied.
    """
    if profile.space not in ("RGB", "GRAY"):
        raise DamagedProfileError(f"a {profile.space} profile on grey pixels")
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    mode = "RGB" if profile.space == "RGB" else "L"
    try:
        picture = ramp.convert(mode)
        transform = _transform(_core(profile.data), mode, _FEW_PIXELS)
        converted = ImageCms.applyTransform(picture, transform)
    except (OSError, ImageCms.PyCMSError, ValueError, TypeError) as error:
        raise DamagedProfileError(str(error)) from error
    if converted is None:
        raise DamagedProfileError("no result")
    table: NDArray[np.uint8] = np.asarray(converted.convert("L"))[0].copy()
    return table


def grey_table_u16(profile: Profile) -> NDArray[np.uint16]:
    """`grey_table` for 16 bits.

    Args:
        profile: Grey or RGB.

    Returns:
        (65536,) Y' in sRGB.

    Raises:
        NoDeepConversionError: As for `to_srgb_u16`.
        DamagedProfileError: It has damaged curves, or is of another colour space.
    """
    channels = _CHANNELS.get(profile.space)
    if channels is None:
        raise DamagedProfileError(f"a {profile.space} profile on grey pixels")
    ramp = np.repeat(np.arange(65_536, dtype=np.uint16)[:, None], channels, 1)
    wanted = grey_table(profile)
    for light in _conversions(profile):
        table: NDArray[np.uint16] = rgb_to_grey(_encoded(light(ramp))[None])[0]
        if _agree(table[::257] / 257, wanted):
            return table
    raise NoDeepConversionError


def _agree(ours: NDArray[Any], theirs: NDArray[Any]) -> bool:
    """Whether both agree; they do not if LittleCMS prefers a profile's tables to its curves."""
    return bool(np.abs(ours - theirs).max() <= _SAME_AT_8_BITS)


def to_srgb_u16(rgb: Pixels, profile: Profile) -> Pixels:
    """Converts 16-bit RGB through the profile's curves and matrix, or through its tables.

    Args:
        rgb: (H, W, 3) uint16.
        profile: An RGB profile.

    Returns:
        (H, W, 3) uint16, sRGB; colours outside it are clipped, as LittleCMS does.

    Raises:
        NoDeepConversionError: The profile has neither, or LittleCMS converts differently.
        DamagedProfileError: They are damaged.
    """
    wanted = np.concatenate(_changed_grid(_core(profile.data), "RGB"))
    grid = _grid()[0].astype(np.uint16) * 257
    for light in _conversions(profile):
        if not _agree(_encoded(light(grid)) / 257, wanted):
            continue
        out = np.empty_like(rgb)
        for top in range(0, rgb.shape[0], _STRIP):
            out[top : top + _STRIP] = _encoded(light(rgb[top : top + _STRIP]))
        return out
    raise NoDeepConversionError


def _conversions(profile: Profile) -> Iterator[Light]:
    """The possible conversions of a profile, through its curves and its tables, if it has them."""
    srgb = icc_curves.primaries(icc_curves.tags(srgb_profile(), icc_curves.SHAPERS))
    with suppress(MissingTagError):
        yield _through_curves(profile, srgb)
    found = icc_curves.tags(profile.data, icc_tables.TABLES)
    channels = _CHANNELS[profile.space]
    with suppress(MissingTagError):
        yield icc_tables.Tables(found, profile.data, channels, srgb, compensates=True)
        yield icc_tables.Tables(found, profile.data, channels, srgb, compensates=False)


def _through_curves(profile: Profile, srgb: NDArray[Any]) -> Light:
    found = icc_curves.tags(profile.data, icc_curves.SHAPERS)
    if profile.space == "GRAY":
        grey = _compensated_grey(_grey_light(profile, found))
        return lambda codes: np.repeat(grey[codes], 3, -1)
    curves, matrix, black = icc_curves.shaper(found, srgb)
    return lambda rgb: (
        np.stack([curve[rgb[..., i]] for i, curve in enumerate(curves)], -1) @ matrix.T - black
    )


def _grey_light(profile: Profile, found: dict[bytes, bytes]) -> NDArray[np.float32]:
    """Light for every 16-bit grey: the curve leads to Y, or to L* in a Lab connection space."""
    curve = icc_curves.tone_curve(found, b"kTRC")
    if profile.data[20:24] != b"Lab ":
        return curve
    return icc_curves.light_of_lightness(curve * 100)


def _compensated_grey(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """The darkest grey becomes black, white stays where it is."""
    black = icc_curves.black_luminance(float(light[0]))
    return (light - black) / (1 - black) if black > 0 else light


def _encoded(linear: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Linear light to 16-bit sRGB."""
    encoded: NDArray[np.float32] = linear_to_rgb01(np.clip(linear, 0.0, 1.0))
    return (encoded * 65_535 + 0.5).astype(np.uint16)
