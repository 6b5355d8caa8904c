"""Colour spaces that a file states without a profile: by numbers, code points or an EXIF letter.

A statement is converted to a profile, so everything downstream has a single path to sRGB. A
statement that differs from sRGB only in the last digit yields no profile: programs state the gamma
of sRGB as 1/2.2, and taking that literally would change the greys of millions of sRGB pictures.

Sources: CIPA DC-008 (EXIF 2.32) sections 4.6.5 and 4.6.8 with the Adobe RGB (1998) specification;
ITU-T H.273 tables 2 and 3; PNG specification, third edition, section 11.3.2; TIFF revision 6.0,
section 20; ICC.1 annex E (chromatic adaptation); ISO 22028-2 (ROMM RGB).
"""

import math
import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.color.cielab import SRGB_CURVE
from tintype.photo.metadata import hdr

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue."""

_D65 = (0.3127, 0.3290)
_SRGB: Chromaticities = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE_RGB: Chromaticities = (*_D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_ROMM: Chromaticities = (0.3457, 0.3585, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001)

# H.273 table 2. 1 is that of sRGB.
_PRIMARIES: dict[int, Chromaticities] = {
    1: _SRGB,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
# H.273 table 3: decoding exponents. The curves of video (1, 6, 14, 15) are shown as sRGB, as in all
# viewers of still pictures.
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_LIKE_SRGB = frozenset({1, 2, 6, 13, 14, 15})
_UNSTATED, _BT2020 = 2, 9

# By libpng's criterion, exponents within five per cent of each other are the same.
_SAME_GAMMA = 0.05
_SRGB_GAMMA = 2.2
_SAME_PLACE = 0.004
_MAX_CURVE = 4096
_GAMMAS_OF_USE = (0.2, 5.0)
_D50_WHITE = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([
    [0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]
])  # fmt: skip


class UnusableColorsError(ValueError):
    """A statement that cannot be honoured; its text goes into a note."""


def adobe_rgb() -> bytes:
    """A profile equivalent to Adobe RGB (1998)."""
    return _profile(_ADOBE_RGB, _gamma_curve(563 / 256))


def romm_rgb() -> bytes:
    """A profile equivalent to ROMM RGB (ProPhoto), without its short linear segment at black."""
    return _profile(_ROMM, _gamma_curve(1.8))


def of_gamma(gamma: float | None, places: Chromaticities | None) -> bytes | None:
    """A profile for an exponent and chromaticities.

    Args:
        gamma: The exponent that converts encoded values to light; None if not stated.
        places: None if not stated.

    Returns:
        The profile; None if they state sRGB.

    Raises:
        UnusableColorsError: They are not valid colours.
    """
    if gamma is not None and not _GAMMAS_OF_USE[0] <= gamma <= _GAMMAS_OF_USE[1]:
        raise UnusableColorsError(f"a gamma of {gamma:g}")
    usual = gamma is None or abs(gamma / _SRGB_GAMMA - 1) <= _SAME_GAMMA
    places = None if places is None or _same_places(places, _SRGB) else places
    if usual and places is None:
        return None
    curve = _srgb_curve() if gamma is None else _gamma_curve(gamma)
    return _profile(places or _SRGB, curve)


def of_tables(
    tables: Sequence[Sequence[int]],
    white: tuple[float, float] | None,
    primaries: Sequence[float] | None,
) -> bytes | None:
    """A profile for the statements of TIFF: the light of each code, and chromaticities.

    Args:
        tables: None, one for all channels, or one for each of three: the light of each code, where
            65535 is white.
        white: D65 is assumed if None.
        primaries: x and y of red, green and blue; None if not stated.

    Returns:
        The profile; None if they state sRGB, or the exponent 2.2 that is the default of TIFF.

    Raises:
        UnusableColorsError: They are not valid colours.
    """
    if primaries is not None and len(primaries) != 6:
        raise UnusableColorsError("invalid chromaticities")
    if primaries is None and white and not np.allclose(white, _D65, rtol=0, atol=_SAME_PLACE):
        raise UnusableColorsError("a white without primaries")
    if any(len(table) < 2 or any(a > b for a, b in pairwise(table)) for table in tables):
        raise UnusableColorsError("a decreasing transfer function")
    x, y = white or _D65
    a, b, c, d, e, f = primaries or _SRGB[2:]
    places = (x, y, a, b, c, d, e, f)
    curves = [table for table in tables if not _is_usual(table)]
    if not curves and _same_places(places, _SRGB):
        return None
    chosen = [_table_curve(table) for table in tables] if curves else [_srgb_curve()]
    return _profile(places, *chosen)


def _is_usual(table: Sequence[int]) -> bool:
    """Whether a transfer function differs from that of sRGB only in the last digit."""
    last = len(table) - 1
    points = [(at / last, table[at] / 65_535) for at in (last // 4, last // 2, 3 * last // 4)]
    return all(
        0 < at < 1
        and 0 < light < 1
        and abs(math.log(light) / math.log(at) / _SRGB_GAMMA - 1) <= _SAME_GAMMA
        for at, light in points
    )


def of_code_points(primaries: int, transfer: int, peak: float | None = None) -> bytes | None:
    """A profile for the code points of H.273, as in cICP of PNG and nclx of AVIF and HEIC.

    Args:
        primaries: A number of table 2.
        transfer: A number of table 3; PQ and HLG are fitted to sRGB (`hdr`).
        peak: cd/m2 of the brightest pixel of HDR, if stated.

    Returns:
        The profile; None if they state sRGB or nothing.

    Raises:
        UnusableColorsError: They are unknown.
    """
    if transfer in hdr.NAMES:
        if primaries not in _PRIMARIES and primaries != _UNSTATED:
            raise UnusableColorsError(f"colour primaries {primaries}")
        places = _PRIMARIES[_BT2020 if primaries == _UNSTATED else primaries]
        return _profile(places, _table_curve(hdr.tone_curve(transfer, peak)))
    if transfer not in _GAMMAS and transfer not in _LIKE_SRGB:
        raise UnusableColorsError(f"transfer function {transfer}")
    if primaries not in _PRIMARIES and primaries != _UNSTATED:
        raise UnusableColorsError(f"colour primaries {primaries}")
    places = _PRIMARIES.get(primaries, _SRGB)
    # The primaries of standard television are so close that viewers show them as sRGB.
    if transfer in _LIKE_SRGB and primaries in (1, _UNSTATED, 5, 6, 7):
        return None
    gamma = _GAMMAS.get(transfer)
    return _profile(places, _srgb_curve() if gamma is None else _gamma_curve(gamma))


def of_end_points(values: list[float]) -> Chromaticities:
    """Chromaticities from X, Y and Z of red, green and blue, whatever their sum; white is D65.

    Args:
        values: Nine numbers.

    Raises:
        UnusableColorsError: One of them is black.
    """
    places = [_D65[0], _D65[1]]
    for at in (0, 3, 6):
        total = sum(values[at : at + 3])
        if total <= 0:
            raise UnusableColorsError("invalid primaries")
        places += [values[at] / total, values[at + 1] / total]
    x_white, y_white, *rest = places
    return (x_white, y_white, rest[0], rest[1], rest[2], rest[3], rest[4], rest[5])


def _same_places(one: Chromaticities, other: Chromaticities) -> bool:
    return bool(np.allclose(one, other, rtol=0, atol=_SAME_PLACE))


def _gamma_curve(gamma: float) -> bytes:
    """A parametric curve with one exponent (ICC.1 section 10.18)."""
    return b"para\0\0\0\0" + struct.pack(">HHi", 0, 0, round(gamma * 65_536))


def _table_curve(table: Sequence[int]) -> bytes:
    """A sampled curve (ICC.1 section 10.6); LittleCMS supports at most half of the 16-bit codes."""
    if len(table) > _MAX_CURVE:
        places = np.linspace(0, len(table) - 1, _MAX_CURVE)
        table = [round(v) for v in np.interp(places, np.arange(len(table)), table)]
    return b"curv\0\0\0\0" + struct.pack(f">I{len(table)}H", len(table), *table)


def _srgb_curve() -> bytes:
    exponent, factor, offset, slope, end = SRGB_CURVE
    numbers = (exponent, 1 / factor, offset / factor, 1 / slope, end)
    fixed = struct.pack(">5i", *(round(v * 65_536) for v in numbers))
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + fixed


def _xyz(x: float, y: float) -> NDArray[Any]:
    if not (0 <= x <= 1 and 0 < y <= 1):
        raise UnusableColorsError("invalid chromaticities")
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _matrix(places: Chromaticities) -> NDArray[Any]:
    """(3, 3) from linear RGB to XYZ at D50, one column per primary; white becomes D50."""
    white = _xyz(*places[:2])
    columns = np.stack([_xyz(*places[at : at + 2]) for at in (2, 4, 6)], -1)
    try:
        scale = np.linalg.solve(columns, white)
    except np.linalg.LinAlgError as error:
        raise UnusableColorsError("invalid chromaticities") from error
    cones = (_BRADFORD @ _D50_WHITE) / (_BRADFORD @ white)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    matrix: NDArray[Any] = adapt @ (columns * scale)
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > 16:
        raise UnusableColorsError("invalid chromaticities")
    return matrix


def _profile(places: Chromaticities, *curves: bytes) -> bytes:
    """A version 4 display profile, always with the same bytes; a single curve is used for all."""
    of_channels = curves if len(curves) == 3 else curves[:1] * 3
    matrix = _matrix(places)
    tags = {
        b"desc": _unicode("stated colours"),
        b"cprt": _unicode("CC0"),
        b"wtpt": _xyz_tag(_D50_WHITE),
        b"rXYZ": _xyz_tag(matrix[:, 0]),
        b"gXYZ": _xyz_tag(matrix[:, 1]),
        b"bXYZ": _xyz_tag(matrix[:, 2]),
    } | dict(zip((b"rTRC", b"gTRC", b"bTRC"), of_channels, strict=True))
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = bytearray(128)
    struct.pack_into(">I", head, 0, 128 + len(table) + len(body))
    head[8:12], head[12:24] = b"\x04\x20\0\0", b"mntrRGB XYZ "
    struct.pack_into(">6H", head, 24, 2026, 1, 1, 0, 0, 0)
    head[36:40] = b"acsp"
    head[68:80] = _xyz_tag(_D50_WHITE)[8:]
    return bytes(head) + table + body


def _xyz_tag(xyz: NDArray[Any]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(v) * 65_536) for v in xyz))


def _unicode(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data
