"""sRGB, linear light, CIE XYZ and CIELAB, and the single definition of grey used everywhere.

The grey of a picture is Y', its Rec.601 luma, as in Pillow's ``convert("L")`` and a JPEG's Y.
The L input of a network, in training, evaluation and use alike, is the CIELAB lightness of the
neutral colour (Y', Y', Y'), never the lightness of the coloured pixel: the two differ by up to 25,
and the latter would leak part of the target into the input.

Every function works on NumPy arrays; those that training needs on a GPU accept the array module as
``xp`` (``numpy`` or ``torch``), so each formula is implemented only once.

Sources: IEC 61966-2-1 (sRGB), CIE 15:2004 section 8.2.1 (CIELAB), ITU-R BT.601 (luma).
"""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Linear sRGB to XYZ, IEC 61966-2-1 primaries with D65.
RGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
# The white point is the matrix applied to (1, 1, 1), not the tabulated D65: with the tabulated one,
# greys would have a chroma of about 0.01, and neutral colours could not be tested for equality.
WHITE = tuple(sum(row) for row in RGB_TO_XYZ)

SRGB_CURVE = (2.4, 1.055, 0.055, 12.92, 0.04045)
"""The sRGB curve (IEC 61966-2-1): exponent, factor, offset, slope, encoded value below which the
slope applies."""
REC601 = (0.299, 0.587, 0.114)
"""Weights of R', G' and B' in Y' (ITU-R BT.601, section 2.5.1)."""

LUMA_WEIGHTS = (19595, 38470, 7471)
"""The same in 16-bit fixed point, as used by Pillow (Convert.c, L24)."""

_EPSILON = 216 / 24389
_KAPPA = 24389 / 27

Array = Any
"""A NumPy array, or a torch tensor if the function has a parameter ``xp``."""


def _inverse_matrix() -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in np.linalg.inv(np.array(RGB_TO_XYZ)))


XYZ_TO_RGB = _inverse_matrix()


def rgb01_to_linear(rgb01: Array, *, xp: ModuleType = np) -> Array:
    """Inverts the sRGB transfer curve.

    Args:
        rgb01: Encoded values of any shape in [0, 1].
        xp: The array module, ``numpy`` or ``torch``.

    Returns:
        Linear light of the same shape in [0, 1].
    """
    high = ((xp.clip(rgb01, 0.04045, None) + 0.055) / 1.055) ** 2.4
    return xp.where(rgb01 <= 0.04045, rgb01 / 12.92, high)


def linear_to_rgb01(rgb_linear: Array, *, xp: ModuleType = np) -> Array:
    """Applies the sRGB transfer curve.

    Args:
        rgb_linear: Linear light of any shape; negative values continue the linear segment.
        xp: The array module, ``numpy`` or ``torch``.

    Returns:
        Encoded values of the same shape.
    """
    high = 1.055 * xp.clip(rgb_linear, 0.0031308, None) ** (1 / 2.4) - 0.055
    return xp.where(rgb_linear <= 0.0031308, rgb_linear * 12.92, high)


def linear_to_rgb01_and_slope(
    rgb_linear: NDArray[np.floating],
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """The sRGB transfer curve and its derivative; negative values are treated as zero.

    Args:
        rgb_linear: Linear light of any shape.

    Returns:
        Encoded values of the same shape, and their derivative with respect to linear light.
    """
    straight = rgb_linear <= 0.0031308
    safe = np.maximum(rgb_linear, 0.0031308)
    power = 1.055 * safe ** (1 / 2.4)
    encoded = np.where(straight, 12.92 * np.maximum(rgb_linear, 0), power - 0.055)
    slope = np.where(straight, np.where(rgb_linear > 0, 12.92, 0), power / (2.4 * safe))
    return encoded, slope


def _f(t: Array, xp: ModuleType) -> Array:
    """The cube root with its initial linear segment (CIE 15:2004, equation 8.5)."""
    return xp.where(t > _EPSILON, xp.clip(t, _EPSILON, None) ** (1 / 3), (_KAPPA * t + 16) / 116)


def _f_inverse(t: Array, xp: ModuleType) -> Array:
    return xp.where(t > 6 / 29, t**3, (116 * t - 16) / _KAPPA)


def linear_to_lab(rgb_linear: Array, *, xp: ModuleType = np) -> Array:
    """Linear sRGB to CIELAB.

    Args:
        rgb_linear: (..., 3) linear light.
        xp: The array module, ``numpy`` or ``torch``.

    Returns:
        (..., 3) with L in [0, 100] and a, b in about [-110, 110].
    """
    r, g, b = rgb_linear[..., 0], rgb_linear[..., 1], rgb_linear[..., 2]
    fx, fy, fz = (
        _f((row[0] * r + row[1] * g + row[2] * b) / white, xp)
        for row, white in zip(RGB_TO_XYZ, WHITE, strict=True)
    )
    return xp.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], -1)


def lab_to_linear(lab: Array, *, xp: ModuleType = np) -> Array:
    """CIELAB to linear sRGB, without clipping: values outside [0, 1] are outside the gamut.

    Args:
        lab: (..., 3).
        xp: The array module, ``numpy`` or ``torch``.

    Returns:
        (..., 3) linear light.
    """
    fy = (lab[..., 0] + 16) / 116
    x = WHITE[0] * _f_inverse(fy + lab[..., 1] / 500, xp)
    y = WHITE[1] * _f_inverse(fy, xp)
    z = WHITE[2] * _f_inverse(fy - lab[..., 2] / 200, xp)
    return xp.stack([row[0] * x + row[1] * y + row[2] * z for row in XYZ_TO_RGB], -1)


def rgb01_to_lab(rgb01: Array, *, xp: ModuleType = np) -> Array:
    """Encoded sRGB to CIELAB.

    Args:
        rgb01: (..., 3) in [0, 1].
        xp: The array module, ``numpy`` or ``torch``.

    Returns:
        (..., 3) L, a, b.

    Example:
        >>> rgb01_to_lab(np.array([1.0, 1.0, 1.0])).round(6).tolist()
        [100.0, 0.0, 0.0]
    """
    return linear_to_lab(rgb01_to_linear(rgb01, xp=xp), xp=xp)


def lab_to_rgb01(lab: Array, *, xp: ModuleType = np) -> Array:
    """CIELAB to encoded sRGB, without clipping.

    Args:
        lab: (..., 3).
        xp: The array module, ``numpy`` or ``torch``.

    Returns:
        (..., 3); values outside [0, 1] are outside the gamut.
    """
    return linear_to_rgb01(lab_to_linear(lab, xp=xp), xp=xp)


def rgb_u8_to_luma_u8(rgb_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The grey of an 8-bit picture, bit-identical to Pillow's ``convert("L")``.

    Args:
        rgb_u8: (..., 3), encoded sRGB.

    Returns:
        (...) Y' in 0..255.
    """
    r, g, b = (rgb_u8[..., i].astype(np.uint32) for i in range(3))
    luma = (LUMA_WEIGHTS[0] * r + LUMA_WEIGHTS[1] * g + LUMA_WEIGHTS[2] * b + 0x8000) >> 16
    return luma.astype(np.uint8)


def rgb_u16_to_luma_u16(rgb_u16: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The grey of a 16-bit picture, with the same weights as the 8-bit one.

    Args:
        rgb_u16: (..., 3), encoded sRGB.

    Returns:
        (...) Y' in 0..65535.
    """
    # 65535 * 65536 + 0x8000 fits in 32 bits, so no wider integer is needed.
    r, g, b = (rgb_u16[..., i].astype(np.uint32) for i in range(3))
    luma = (LUMA_WEIGHTS[0] * r + LUMA_WEIGHTS[1] * g + LUMA_WEIGHTS[2] * b + 0x8000) >> 16
    return luma.astype(np.uint16)


def luma01_to_L(luma01: Array, *, xp: ModuleType = np) -> Array:
    """The lightness of the neutral colour with this luma.

    Args:
        luma01: Y' of any shape in [0, 1].
        xp: The array module, ``numpy`` or ``torch``.

    Returns:
        L of the same shape in [0, 100].
    """
    return 116 * _f(rgb01_to_linear(luma01, xp=xp), xp) - 16


def luma_to_L_table(bits: int) -> NDArray[np.float32]:
    """`luma01_to_L` as a look-up table, for whole pictures.

    Args:
        bits: 8 or 16.

    Returns:
        (2**bits,) L in [0, 100].
    """
    steps = 2**bits
    table: NDArray[np.float32] = luma01_to_L(np.arange(steps) / (steps - 1)).astype(np.float32)
    return table
