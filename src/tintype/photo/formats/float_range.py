"""Which values are black and white, for samples that are not codes of 8 or 16 bits.

They are converted to 16-bit codes, the deepest that are written, by a rule that a note states.

Source: TIFF revision 6.0, section 19 (SampleFormat, SMinSampleValue), for ranges that are stated.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TOP = 65_535
_ROWS = 256  # converted at a time


@dataclass(frozen=True, slots=True)
class SampleRange:
    """Which values are black and white.

    Attributes:
        low: Value of black.
        high: Value of white; above `low`.
        alpha: Value of opaque alpha.
    """

    low: float
    high: float
    alpha: float

    def codes(
        self,
        values: NDArray[Any],
        *,
        alpha: int | None = None,
        curve: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
    ) -> NDArray[np.uint16]:
        """Converts values to codes; NaN becomes black.

        Args:
            values: (rows, columns, samples) as stored.
            alpha: Index of the sample that is alpha, or None.
            curve: Encodes light from 0 to 1, if the values are light.
        """
        out = np.empty(values.shape, np.uint16)
        for at in range(0, len(values), _ROWS):
            part = values[at : at + _ROWS]
            with np.errstate(invalid="ignore", over="ignore"):  # signalling NaN, infinities
                scaled = (part.astype(np.float64) - self.low) / (self.high - self.low)
                if alpha is not None:
                    scaled[..., alpha] = part[..., alpha] / self.alpha
            scaled = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
            out[at : at + _ROWS] = np.round((curve(scaled) if curve else scaled) * _TOP)
        return out


def range_of(
    parts: Iterable[NDArray[Any]],
    dtype: np.dtype[Any],
    stated: tuple[float, float] | None,
    *,
    bits: int | None = None,
) -> tuple[SampleRange, str]:
    """Which values of a page are black and white, and a sentence stating so.

    Values stated in the file take precedence. Otherwise floating-point values from 0 to 1 are used
    as codes unchanged, and so are integers within 8 or 16 bits; for all others the smallest is
    black and the largest is white.

    Args:
        parts: All colour samples.
        dtype: Of the samples.
        stated: SMinSampleValue and SMaxSampleValue, or None.
        bits: Bits of a sample in the file, if its type has more.
    """
    low, high = np.inf, -np.inf
    for part in [] if stated else parts:
        finite = part[np.isfinite(part)] if dtype.kind == "f" else part
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if stated:
        low, high = stated
    elif dtype.kind == "f":
        tops: tuple[float, ...] = (1.0,)
    else:
        largest = float(np.iinfo(dtype).max)
        tops = tuple(min(top, largest) for top in (255.0, 65_535.0))
    if not stated:
        within = [top for top in tops if low >= 0 and high <= top]
        low, high = (0.0, within[0]) if within else (low, high)
    if not low < high:  # one value everywhere, or no numbers at all
        low, high = (low - 1, low + 1) if np.isfinite(low) else (0.0, 1.0)
    opaque = 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
    if bits is not None and dtype.kind == "u":
        opaque = float((1 << bits) - 1)
    kind = {"f": " floating-point", "i": " signed", "u": " integer"}[dtype.kind]
    return SampleRange(low, high, opaque), note(bits or dtype.itemsize * 8, kind, low, high)


def note(bits: int, kind: str, low: float, high: float) -> str:
    """The sentence on samples that are not written as they were stored.

    Args:
        bits: Bits of a sample in the file.
        kind: An adjective with a space before it, or empty.
        low: Value of black.
        high: Value of white.
    """
    return (
        f"Its {bits}-bit{kind} values are written with 16 bits; {low:g} is black, {high:g} is "
        "white."
    )
