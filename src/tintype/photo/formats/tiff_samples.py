"""Samples of TIFF pages that are no 8- or 16-bit codes: 32 bits, signed, floating point, CIELAB.

Microscopes, scanners of film and programs for high dynamic range write them.

Sources: TIFF revision 6.0, section 23 (CIE L*a*b*); Adobe TIFF technical note 3 (floating-point
predictor); TIFF Photoshop technical notes (ICCLAB).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.color.cielab import linear_to_rgb01
from tintype.photo.photo import Pixels

CIELAB, ICCLAB = 8, 9
"""Photometric interpretations: a and b signed, and with an offset."""

_ROWS = 256  # converted at a time
_D50 = (0.9642, 1.0, 0.8249)
# XYZ at D50 to linear sRGB: the matrix of IEC 61966-2-1 with Bradford's adaptation (ICC.1 annex E).
_XYZ_TO_RGB = (
    (3.1338561, -1.6168667, -0.4906146),
    (-0.9787684, 1.9161415, 0.0334540),
    (0.0719453, -0.2289914, 1.4052427),
)


def undo_float_predictor(data: bytes, shape: tuple[int, int, int], size: int) -> NDArray[Any]:
    """The values of a strip in which the bytes of floating-point numbers are stored as differences.

    Args:
        data: The strip, unpacked.
        shape: (rows, columns, samples).
        size: Bytes of a number.

    Returns:
        ``shape``, in big endian order.
    """
    rows, columns, samples = shape
    count = rows * columns * samples * size
    stored = np.frombuffer(data, np.uint8, count).reshape(rows, columns * size, samples)
    whole = np.cumsum(stored, axis=1, dtype=np.uint8).reshape(rows, size, columns * samples)
    turned = np.ascontiguousarray(np.moveaxis(whole, 1, 2))
    return turned.view(f">f{size}").reshape(shape)


def lab_to_srgb(codes: Pixels, photometric: int) -> Pixels:
    """CIELAB of D50, as TIFF stores it, in sRGB; what is outside its gamut is clipped.

    Args:
        codes: (H, W, 3) uint8 or uint16.
        photometric: `CIELAB` or `ICCLAB`.

    Returns:
        (H, W, 3) of the same type.
    """
    top = float(np.iinfo(codes.dtype).max)
    one = 1.0 if codes.dtype == np.uint8 else 256.0  # a and b: a step of 8 bits
    white = 255 * one if photometric == ICCLAB else top
    out = np.empty_like(codes)
    for at in range(0, codes.shape[0], _ROWS):
        part = codes[at : at + _ROWS]
        lightness = part[..., 0] * (100 / white)
        if photometric == ICCLAB:
            a, b = (part[..., i] / one - 128 for i in (1, 2))
        else:
            signed = part.view(f"i{part.dtype.itemsize}")
            a, b = (signed[..., i] / one for i in (1, 2))
        linear = _lab_to_linear(lightness, a, b)
        encoded = linear_to_rgb01(np.clip(linear, 0, 1))
        out[at : at + _ROWS] = np.round(np.clip(encoded, 0, 1) * top)
    return out


def _lab_to_linear(
    lightness: NDArray[Any], a: NDArray[Any], b: NDArray[Any]
) -> NDArray[np.float64]:
    """(..., 3) linear sRGB; a and b of 0 give three equal values."""
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], -1)
    relative = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389)
    matrix = np.array(_XYZ_TO_RGB) * _D50
    matrix /= matrix.sum(axis=1, keepdims=True)  # white is (1, 1, 1) to the last digit
    linear: NDArray[np.float64] = relative @ matrix.T
    return linear
