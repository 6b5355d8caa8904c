"""Curves and primaries of a colour profile, for 16 bits.

Sources: ICC.1:2022, sections 7.3 (tag table), 8.3 and 8.4 (matrix and monochrome profiles), 10.6
(curveType) and 10.18 (parametricCurveType); black point compensation as in ISO 18619 section 4.
"""

import struct
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.color.cielab import lab_to_linear

PCS_WHITE = np.array([0.9642, 1.0, 0.8249])
"""XYZ of white in the profile connection space, D50."""

_MOST_BLACK = 50.0  # highest L* of a black point
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
_PRIMARIES = (b"rXYZ", b"gXYZ", b"bXYZ")
# Every tag of a profile may claim all of its bytes; only these are read here.
SHAPERS = frozenset({b"kTRC", *_CURVES, *_PRIMARIES})
"""The tags used by `shaper` and `grey_curve`."""


class DamagedProfileError(ValueError):
    """Not a usable profile. Never reaches a user: callers continue without one, and note it."""


class MissingTagError(ValueError):
    """A profile of another kind: it has no matrix and curves, or no tables."""


def tags(data: bytes, wanted: Collection[bytes]) -> dict[bytes, bytes]:
    """Elements of a profile by their names in the tag table.

    Args:
        data: The profile.
        wanted: The names to return.

    Raises:
        DamagedProfileError: The tag table is cut off.
    """
    if len(data) < 132:
        raise DamagedProfileError("too short")
    (count,) = struct.unpack_from(">I", data, 128)
    if count > 200 or 132 + 12 * count > len(data):
        raise DamagedProfileError("its tag table is cut off")
    found: dict[bytes, bytes] = {}
    for at in range(132, 132 + 12 * count, 12):
        name, offset, size = struct.unpack_from(">4sII", data, at)
        if name in wanted:
            found[name] = data[offset : offset + size]
    return found


def light_of_lightness(L: NDArray[Any]) -> NDArray[np.float32]:
    """Y of a grey from its L*."""
    lab = np.stack([L, np.zeros_like(L), np.zeros_like(L)], -1)
    light: NDArray[np.float32] = lab_to_linear(lab)[..., 1].astype(np.float32)
    return light


def black_luminance(light: float) -> float:
    """Y of the black point: the darkest grey, no lighter than L* 50 (ISO 18619, 4.2)."""
    return min(light, float(light_of_lightness(np.array([_MOST_BLACK]))[0]))


Shaper = tuple[tuple[NDArray[np.float32], ...], NDArray[np.float32], NDArray[np.float32]]
"""Three curves to linear light, the matrix to the primaries of sRGB, and the offset for black."""


def shaper(found: dict[bytes, bytes], srgb: NDArray[Any]) -> Shaper:
    """The curves and the matrix of a profile, with black point compensation.

    Args:
        found: Its `tags`.
        srgb: `primaries` of sRGB.

    Raises:
        MissingTagError: It has no matrix or no curves.
        DamagedProfileError: They are damaged.
    """
    curves = tuple(tone_curve(found, name) for name in _CURVES)
    own = primaries(found)
    black = black_luminance(float(own[1] @ [curve[0] for curve in curves]))
    matrix, offset = compensated(np.linalg.inv(srgb), black)
    return curves, (matrix @ own).astype(np.float32), offset.astype(np.float32)


def compensated(to_srgb: NDArray[Any], black: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """A matrix from XYZ, and an offset to subtract after it, so that the black point becomes black.

    Args:
        to_srgb: (3, 3) from XYZ of the profile connection space to linear sRGB.
        black: Y of the black point.
    """
    # Black point and white are neutral, so one factor is valid for X, Y and Z (ISO 18619, 4.4).
    scale = 1 / (1 - black) if black > 0 else 1.0
    return to_srgb * scale, to_srgb @ (PCS_WHITE * (black * scale))


def primaries(found: dict[bytes, bytes]) -> NDArray[Any]:
    """(3, 3) XYZ of the profile connection space; one column per primary."""
    columns = []
    for name in _PRIMARIES:
        data = found.get(name)
        if data is None:
            raise MissingTagError
        if len(data) < 20 or data[:4] != b"XYZ ":
            raise DamagedProfileError("a damaged primary")
        columns.append([v / 65_536 for v in struct.unpack_from(">3i", data, 8)])
    return np.array(columns).T


def tone_curve(found: dict[bytes, bytes], name: bytes) -> NDArray[np.float32]:
    """(65536,) linear light for every 16-bit value.

    Raises:
        MissingTagError: There is no such curve.
        DamagedProfileError: It is damaged.
    """
    data = found.get(name)
    if data is None:
        raise MissingTagError
    return curve(data, np.linspace(0.0, 1.0, 65_536)).astype(np.float32)


def curve(data: bytes, x: NDArray[Any]) -> NDArray[Any]:
    """Applies a curve to values from 0 to 1.

    Args:
        data: Of type ``curv`` or ``para``; more data may follow.
        x: Of any shape.

    Raises:
        DamagedProfileError: It is cut off, or of another type.
    """
    try:
        if data[:4] == b"curv":
            return _sampled(data, x)
        if data[:4] == b"para":
            return _parametric(data, x)
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
