"""TIFF samples that are not codes of grey or RGB: floating point, CIELAB, YCbCr.

Microscopes, film scanners, early cameras and high-dynamic-range programs write them.

Sources: TIFF revision 6.0, sections 21 (YCbCr) and 23 (CIE L*a*b*); Adobe TIFF technical note 3
(floating-point predictor); TIFF Photoshop technical notes (ICCLAB).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.color.cielab import REC601, linear_to_rgb01
from tintype.photo.photo import Pixels

CIELAB, ICCLAB = 8, 9
"""Photometric interpretations: a and b signed, and with an offset."""

_ROWS = 256  # converted at a time
_SUM_ERROR = 0.01
_D50 = (0.9642, 1.0, 0.8249)
# XYZ at D50 to linear sRGB: the matrix of IEC 61966-2-1 with Bradford's adaptation (ICC.1 annex E).
_XYZ_TO_RGB = (
    (3.1338561, -1.6168667, -0.4906146),
    (-0.9787684, 1.9161415, 0.0334540),
    (0.0719453, -0.2289914, 1.4052427),
)


@dataclass(frozen=True, slots=True)
class YCbCr:
    """How 8-bit YCbCr is stored and converted to RGB.

    Attributes:
        across: Columns that share one pair of colour differences: 1, 2 or 4.
        down: Rows that share one pair.
        coefficients: Shares of red, green and blue in Y; if there are not three, those of Rec.601.
        reference: Codes of black and white for Y, Cb and Cr; if there are not six, the full range.
    """

    across: int
    down: int
    coefficients: Sequence[float]
    reference: Sequence[float]

    def stored_rows(self, rows: int, columns: int) -> tuple[int, int]:
        """Number of rows of data units in a strip, and the bytes of each."""
        unit = self.across * self.down + 2
        return math.ceil(rows / self.down), math.ceil(columns / self.across) * unit

    def full_size(self, data: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        """The samples of a strip of data units: some Y, and one Cb and Cr shared by all of them.

        Args:
            data: The strip, unpacked.
            shape: (rows, columns, 3).
        """
        rows, columns, _ = shape
        down, row_bytes = self.stored_rows(rows, columns)
        units = np.frombuffer(data, np.uint8, down * row_bytes).reshape(
            down, -1, self.across * self.down + 2
        )
        blocks = units[..., :-2].reshape(down, -1, self.down, self.across).swapaxes(1, 2)
        luma = blocks.reshape(down * self.down, -1)
        chroma = units[..., -2:].repeat(self.down, axis=0).repeat(self.across, axis=1)
        return np.dstack([luma, chroma])[:rows, :columns]

    def to_rgb(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) YCbCr as RGB; values outside the range are clipped."""
        red, green, blue = self.coefficients if self._has_shares() else REC601
        stated = len(self.reference) == 6 and all(
            low != high for low, high in zip(self.reference[::2], self.reference[1::2], strict=True)
        )
        black = self.reference if stated else (0, 255, 128, 255, 128, 255)
        out = np.empty_like(pixels)
        for at in range(0, len(pixels), _ROWS):
            part = pixels[at : at + _ROWS].astype(np.float32)
            y, cb, cr = (
                (part[..., i] - black[2 * i]) * (full / (black[2 * i + 1] - black[2 * i]))
                for i, full in enumerate((255, 127, 127))
            )
            r, b = y + (2 - 2 * red) * cr, y + (2 - 2 * blue) * cb
            rgb = np.stack([r, (y - red * r - blue * b) / green, b], -1)
            out[at : at + _ROWS] = np.clip(np.round(rgb), 0, 255)
        return out

    def _has_shares(self) -> bool:
        return (
            len(self.coefficients) == 3
            and min(self.coefficients) > 0
            and abs(sum(self.coefficients) - 1) < _SUM_ERROR
        )


def undo_float_predictor(data: bytes, shape: tuple[int, int, int], size: int) -> NDArray[Any]:
    """The values of a strip that stores the bytes of floating-point numbers as differences.

    Args:
        data: The strip, unpacked.
        shape: (rows, columns, samples).
        size: Bytes of a number.

    Returns:
        ``shape``, in big-endian order.
    """
    rows, columns, samples = shape
    count = rows * columns * samples * size
    stored = np.frombuffer(data, np.uint8, count).reshape(rows, columns * size, samples)
    whole = np.cumsum(stored, axis=1, dtype=np.uint8).reshape(rows, size, columns * samples)
    turned = np.ascontiguousarray(np.moveaxis(whole, 1, 2))
    return turned.view(f">f{size}").reshape(shape)


def lab_to_srgb(codes: Pixels, photometric: int) -> Pixels:
    """CIELAB at D50, as stored in TIFF, converted to sRGB; colours outside its gamut are clipped.

    Args:
        codes: (H, W, 3) uint8 or uint16.
        photometric: `CIELAB` or `ICCLAB`.

    Returns:
        (H, W, 3) of the same type.
    """
    top = float(np.iinfo(codes.dtype).max)
    one = 1.0 if codes.dtype == np.uint8 else 256.0  # a and b: one 8-bit step
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
    """(..., 3) linear sRGB; a and b of 0 result in three equal values."""
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], -1)
    relative = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389)
    matrix = np.array(_XYZ_TO_RGB) * _D50
    matrix /= matrix.sum(axis=1, keepdims=True)  # white is exactly (1, 1, 1)
    linear: NDArray[np.float64] = relative @ matrix.T
    return linear
