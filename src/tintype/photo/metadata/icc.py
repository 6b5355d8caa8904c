"""Colour profiles: everything becomes sRGB before its grey is taken.

8-bit pixels go through LittleCMS. It has no 16-bit RGB in Pillow, so 16-bit pixels go through the
matrix and curves of the profile here, and the result is compared with what LittleCMS makes of the
same colours in 8 bits. A profile that has only tables is refused for 16 bits, since 8-bit tables
would silently lose half of the depth.

A profile that changes nothing (one of the many sRGB profiles) is recognised by what it does to a
grid of colours, not by its name, and is kept byte for byte. One whose white is not white, or whose
greys do not rise from black, is damaged, whoever wrote it.

Sources: ICC.1:2022, sections 8.2 to 8.4 (required tags, monochrome profiles), 10.6 (curveType) and
10.18 (parametricCurveType); black point compensation as in ISO 18619 section 4.
"""

import io
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tintype.color.cielab import REC601, lab_to_linear, linear_to_rgb01
from tintype.photo.photo import Pixels, rgb_to_grey

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
# Preparing tables for millions of pixels would cost more than converting a few hundred.
_FEW_PIXELS = _FLAGS | ImageCms.Flags.NOOPTIMIZE
# LittleCMS rounds: sRGB profiles of different makers differ by one step here and there.
_SRGB_TOLERANCE = 1
# Of 255: a white, a range from black to white and an order of greys that no picture is without.
_LEAST_WHITE, _MOST_TINT, _LEAST_RANGE, _MOST_FALL = 225, 40, 100, 8
# How far 16 bits may be from LittleCMS in 8, which rounds and interpolates.
_SAME_AT_8_BITS = 2.0
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_PCS_WHITE = np.array([0.9642, 1.0, 0.8249])
_MOST_BLACK = 50.0  # L* above which a black point is none
_STRIP = 256
# Every tag of a profile may claim all of its bytes; only these are read here.
_SHAPERS = frozenset({b"kTRC", b"rTRC", b"gTRC", b"bTRC", b"rXYZ", b"gXYZ", b"bXYZ"})


class DamagedProfileError(ValueError):
    """Not a usable profile. Never reaches a user: callers go on without one, and note it."""


class AbsurdProfileError(DamagedProfileError):
    """A profile that can be applied and makes no picture; its text says what it does."""


class TableProfileError(ValueError):
    """A profile without matrix and curves, which 16-bit pixels would need."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile that LittleCMS understands.

    Attributes:
        data: Its bytes.
        space: "RGB", "GRAY", "CMYK" or another name.
        is_srgb: Whether it leaves sRGB colours as they are (always False unless RGB).
    """

    data: bytes
    space: str
    is_srgb: bool


@cache
def srgb_profile() -> bytes:
    """An sRGB profile to attach, the same bytes at any time.

    LittleCMS writes the current time into a profile it makes; outputs must not depend on a clock.
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
        AbsurdProfileError: Its white is not white, or its greys are in no order.
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
    """Colours from all over RGB, the greys first: (1, 9 + 729, 3)."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    return np.concatenate([np.repeat(steps[:, None], 3, 1), colors])[None]


def _changed_grid(
    core: ImageCms.ImageCmsProfile, space: str
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """What greys from black to white become, (9, 3); and, of RGB, the colours of the grid."""
    grid = _grid()
    if space == "RGB":
        picture = Image.fromarray(grid)
    elif space == "GRAY":
        picture = Image.fromarray(grid[:, :9, 0])
    else:
        # Black ink alone: what its amounts become is in no profile far from grey.
        inks = np.zeros((1, 9, 4), np.uint8)
        inks[..., 3] = 255 - grid[:, :9, 0]
        picture = Image.fromarray(inks, "CMYK")
    changed = ImageCms.applyTransform(picture, _transform(core, _MODES[space], _FEW_PIXELS))
    if changed is None:
        raise DamagedProfileError("no result")
    values = np.asarray(changed).astype(np.int16)[0]
    return values[:9], values[9:]


def _check_greys(greys: NDArray[np.int16]) -> None:
    """Raises where what was black to white is no picture any more."""
    white, luma = greys[-1], np.asarray(greys @ np.array(REC601))
    if luma[-1] < _LEAST_WHITE or np.ptp(white) > _MOST_TINT:
        raise AbsurdProfileError(f"white becomes {tuple(white.tolist())}")
    if luma[-1] - luma[0] < _LEAST_RANGE:
        raise AbsurdProfileError(f"black becomes {tuple(greys[0].tolist())}")
    if (np.diff(luma) < -_MOST_FALL).any():
        raise AbsurdProfileError("its greys are in no order")


def _is_srgb(changed: NDArray[np.int16]) -> bool:
    return int(np.abs(changed - _grid()[0, 9:]).max()) <= _SRGB_TOLERANCE


def to_srgb(picture: Image.Image, profile: Profile) -> Image.Image:
    """Converts 8-bit pixels.

    Args:
        picture: Mode "RGB", "CMYK" or "L"; grey pixels may have a grey or an RGB profile.
        profile: Of the same colour space.

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
    """What the 256 greys become: for grey pixels a table is enough.

    Args:
        profile: Grey or RGB.

    Returns:
        (256,) Y' in sRGB.

    Raises:
        DamagedProfileError: A profile of another colour space, or one that cannot be applied.
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
        profile: Grey or RGB, with curves.

    Returns:
        (65536,) Y' in sRGB.

    Raises:
        TableProfileError: The profile has no curves.
        DamagedProfileError: It has damaged ones, or is of another colour space.
    """
    tags = _tags(profile.data)
    if profile.space == "GRAY":
        table = _encoded(_compensated_grey(_grey_light(profile, tags)))
    elif profile.space == "RGB":
        curves, matrix, black = _shaper(tags)
        table = rgb_to_grey(_encoded(np.stack(curves, -1) @ matrix.T - black)[None])[0]
    else:
        raise DamagedProfileError(f"a {profile.space} profile on grey pixels")
    _check_agreement(table[::257] / 257, grey_table(profile))
    found: NDArray[np.uint16] = table
    return found


def _check_agreement(ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    """Raises where LittleCMS does something else, as with a profile that has tables as well."""
    if np.abs(ours - theirs).max() > _SAME_AT_8_BITS:
        raise TableProfileError


def _grey_light(profile: Profile, tags: dict[bytes, bytes]) -> NDArray[np.float32]:
    """Light for every 16-bit grey: the curve leads to Y, or to L* where Lab is the space behind."""
    curve = _curve(tags, b"kTRC")
    if profile.data[20:24] != b"Lab ":
        return curve
    return _light_of_lightness(curve * 100)


def _light_of_lightness(L: NDArray[Any]) -> NDArray[np.float32]:
    """Y of a grey by its L*."""
    lab = np.stack([L, np.zeros_like(L), np.zeros_like(L)], -1)
    light: NDArray[np.float32] = lab_to_linear(lab)[..., 1].astype(np.float32)
    return light


def _black_luminance(light: float) -> float:
    """Y of the black point: the darkest grey, no lighter than L* 50 (ISO 18619, 4.2)."""
    return min(light, float(_light_of_lightness(np.array([_MOST_BLACK]))[0]))


def _compensated_grey(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """The darkest grey becomes black, white stays where it is."""
    black = _black_luminance(float(light[0]))
    return (light - black) / (1 - black) if black > 0 else light


def to_srgb_u16(rgb: Pixels, profile: Profile) -> Pixels:
    """Converts 16-bit RGB through the profile's curves and matrix.

    Args:
        rgb: (H, W, 3) uint16.
        profile: An RGB profile.

    Returns:
        (H, W, 3) uint16, sRGB; colours outside it are clipped, as LittleCMS does.

    Raises:
        TableProfileError: The profile has no matrix and curves, or LittleCMS prefers its tables.
        DamagedProfileError: They are damaged.
    """
    shaper = _shaper(_tags(profile.data))
    grid = _shaped(_grid().astype(np.uint16) * 257, shaper)[0] / 257
    _check_agreement(grid, np.concatenate(_changed_grid(_core(profile.data), "RGB")))
    out = np.empty_like(rgb)
    for top in range(0, rgb.shape[0], _STRIP):
        out[top : top + _STRIP] = _shaped(rgb[top : top + _STRIP], shaper)
    return out


def _shaped(rgb: Pixels, shaper: "Shaper") -> NDArray[np.uint16]:
    curves, matrix, black = shaper
    linear = np.stack([curve[rgb[..., i]] for i, curve in enumerate(curves)], -1)
    return _encoded(linear @ matrix.T - black)


def _encoded(linear: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Linear light to 16-bit sRGB."""
    encoded: NDArray[np.float32] = linear_to_rgb01(np.clip(linear, 0.0, 1.0))
    return (encoded * 65_535 + 0.5).astype(np.uint16)


def _tags(data: bytes) -> dict[bytes, bytes]:
    """The curves and primaries of the tag table (ICC.1 section 7.3)."""
    if len(data) < 132:
        raise DamagedProfileError("too short")
    (count,) = struct.unpack_from(">I", data, 128)
    if count > 200 or 132 + 12 * count > len(data):
        raise DamagedProfileError("its tag table is cut off")
    tags: dict[bytes, bytes] = {}
    for at in range(132, 132 + 12 * count, 12):
        name, offset, size = struct.unpack_from(">4sII", data, at)
        if name in _SHAPERS:
            tags[name] = data[offset : offset + size]
    return tags


Shaper = tuple[tuple[NDArray[np.float32], ...], NDArray[np.float32], NDArray[np.float32]]
"""Three curves to linear light, the matrix to the primaries of sRGB, and what black becomes."""


def _shaper(tags: dict[bytes, bytes]) -> Shaper:
    """The curves and the matrix of a profile, its black point compensated."""
    curves = tuple(_curve(tags, name) for name in (b"rTRC", b"gTRC", b"bTRC"))
    primaries = _primaries(tags)
    to_srgb = np.linalg.inv(_primaries(_tags(srgb_profile())))
    black = _black_luminance(float(primaries[1] @ [curve[0] for curve in curves]))
    # Black point and white are neutral, so that one factor serves X, Y and Z (ISO 18619, 4.4).
    scale = 1 / (1 - black) if black > 0 else 1.0
    offset = to_srgb @ (_PCS_WHITE * (black * scale))
    matrix = to_srgb @ primaries * scale
    return curves, matrix.astype(np.float32), offset.astype(np.float32)


def _primaries(tags: dict[bytes, bytes]) -> NDArray[Any]:
    """(3, 3) XYZ of the profile connection space; one column a primary."""
    columns = []
    for name in (b"rXYZ", b"gXYZ", b"bXYZ"):
        data = tags.get(name)
        if data is None:
            raise TableProfileError
        if len(data) < 20 or data[:4] != b"XYZ ":
            raise DamagedProfileError("a damaged primary")
        columns.append([v / 65_536 for v in struct.unpack_from(">3i", data, 8)])
    return np.array(columns).T


def _curve(tags: dict[bytes, bytes], name: bytes) -> NDArray[np.float32]:
    """(65536,) linear light for every 16-bit value."""
    data = tags.get(name)
    if data is None:
        raise TableProfileError
    x = np.linspace(0.0, 1.0, 65_536)
    try:
        if data[:4] == b"curv":
            return _sampled(data, x).astype(np.float32)
        if data[:4] == b"para":
            return _parametric(data, x).astype(np.float32)
    except struct.error as error:
        raise DamagedProfileError("a damaged curve") from error
    raise DamagedProfileError("an unknown curve")


def _sampled(data: bytes, x: NDArray[Any]) -> NDArray[Any]:
    (count,) = struct.unpack_from(">I", data, 8)
    if count == 0:
        return x
    if count == 1:
        (gamma,) = struct.unpack_from(">H", data, 12)
        return np.asarray(x ** (gamma / 256))
    if count > 65_536:
        raise DamagedProfileError("a damaged curve")
    values = np.array(struct.unpack_from(f">{count}H", data, 12)) / 65_535
    return np.asarray(np.interp(x, np.linspace(0.0, 1.0, count), values))


def _parametric(data: bytes, x: NDArray[Any]) -> NDArray[Any]:
    """The five functions of ICC.1 table 68; a missing parameter has its neutral value."""
    (kind,) = struct.unpack_from(">H", data, 8)
    count = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}.get(kind)
    if count is None:
        raise DamagedProfileError("an unknown curve")
    given = [v / 65_536 for v in struct.unpack_from(f">{count}i", data, 12)]
    g, a, b = (given[0], 1.0, 0.0) if count == 1 else given[:3]
    c = d = e = f = 0.0
    if kind in (1, 2):
        d = -b / a if a else 0.0
        e = f = given[3] if kind == 2 else 0.0
    elif kind >= 3:
        c, d = given[3:5]
        e, f = given[5:7] if kind == 4 else (0.0, 0.0)
    curved = np.clip(a * x + b, 0.0, None) ** g + e
    return np.asarray(np.clip(np.where(x >= d, curved, c * x + f), 0.0, 1.0))
