"""High-dynamic-range pictures (PQ, HLG): curves that convert them to the light of an sRGB picture.

The white of sRGB is the reference white of HDR production, 203 cd/m2. Anything brighter does not
fit into sRGB: it is compressed below that white by the curve of BT.2390, which begins to bend at
about half of it and keeps everything darker in proportion. The curve is applied equally to red,
green and blue, so neutral pixels stay neutral. It needs the peak of the picture, which the file may
state; the default is 1000 cd/m2, the peak of the usual mastering display.

Sources: SMPTE ST 2084 and ITU-R BT.2100 tables 4 and 5 (PQ, HLG, system gamma); ITU-R BT.2408
section 2 (reference white); ITU-R BT.2390 section 5.4 (EETF).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES: Mapping[int, str] = MappingProxyType({16: "PQ", 18: "HLG"})
"""By the number of the transfer function in H.273 table 3."""

REFERENCE_WHITE = 203.0
"""cd/m2; becomes the white of sRGB if nothing is brighter."""

USUAL_PEAK = 1000.0
"""cd/m2, if a file does not state it, and for HLG."""

_PQ, _HLG = 16, 18
_MOST = 10_000.0  # cd/m2 of the largest code of PQ
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A = 0.17883277
_B = 1 - 4 * _A
_C = 0.5 - _A * np.log(4 * _A)
_SYSTEM_GAMMA = 1.2
_ENTRIES = 4096
_TOP = 65_535


def tone_curve(transfer: int, peak: float | None = None) -> list[int]:
    """The sRGB light for codes from 0 to the largest, in equal steps.

    Args:
        transfer: A key of `NAMES`.
        peak: cd/m2 of the brightest pixel, as returned by `stated_peak`.

    Returns:
        4096 numbers rising from 0 to 65535.
    """
    codes = np.linspace(0, 1, _ENTRIES)
    light = pq_light(codes) if transfer == _PQ else hlg_light(codes)
    mapped = compressed(light, _usable(transfer, peak)) / REFERENCE_WHITE
    return [int(value) for value in np.round(np.clip(mapped, 0, 1) * _TOP)]


def stated_peak(brightest: float, mastering: float) -> float | None:
    """The peak of a picture, from its brightest pixel (MaxCLL) or else from its mastering display.

    Args:
        brightest: cd/m2; 0 if not stated.
        mastering: cd/m2; 0 if not stated.
    """
    return brightest or mastering or None


def note(transfer: int, peak: float | None) -> str:
    """The sentence on a picture whose tones were changed.

    Args:
        transfer: A key of `NAMES`.
        peak: As for `tone_curve`.
    """
    return (
        f"It is in HDR ({NAMES[transfer]}, up to {_usable(transfer, peak):g} cd/m2): its tones "
        f"were fitted to sRGB by the curve of BT.2390, with {REFERENCE_WHITE:g} cd/m2 as white. "
        "Its grey is that of the result."
    )


def _usable(transfer: int, peak: float | None) -> float:
    if transfer == _HLG or peak is None:
        return USUAL_PEAK
    return min(max(peak, REFERENCE_WHITE), _MOST)


def pq_light(codes: NDArray[Any]) -> NDArray[Any]:
    """cd/m2 for PQ codes from 0 to 1."""
    power = np.power(codes, 1 / _M2)
    light = np.maximum(power - _C1, 0) / (_C2 - _C3 * power)
    return np.asarray(_MOST * np.power(light, 1 / _M1))


def pq_codes(light: NDArray[Any]) -> NDArray[Any]:
    """PQ codes from 0 to 1 for cd/m2."""
    power = np.power(np.clip(light / _MOST, 0, 1), _M1)
    return np.asarray(np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2))


def hlg_light(codes: NDArray[Any]) -> NDArray[Any]:
    """cd/m2 for neutral HLG codes from 0 to 1, on a display of 1000 cd/m2."""
    scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - _C) / _A) + _B) / 12)
    return np.asarray(USUAL_PEAK * np.power(scene, _SYSTEM_GAMMA))


def compressed(light: NDArray[Any], peak: float) -> NDArray[Any]:
    """cd/m2 as shown by a display whose white is `REFERENCE_WHITE`, by the curve of BT.2390.

    Args:
        light: cd/m2.
        peak: cd/m2 that become the white; at least `REFERENCE_WHITE`.
    """
    if peak <= REFERENCE_WHITE:
        return np.asarray(np.minimum(light, REFERENCE_WHITE))
    top = float(pq_codes(np.array(peak)))
    most = float(pq_codes(np.array(REFERENCE_WHITE))) / top
    knee = 1.5 * most - 0.5
    e = np.minimum(pq_codes(light) / top, 1)
    t = np.maximum(e - knee, 0) / (1 - knee)
    bent = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * most
    )
    return np.asarray(np.where(e < knee, light, pq_light(np.where(e < knee, e, bent) * top)))
