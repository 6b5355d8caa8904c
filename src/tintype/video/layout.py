"""How a stream stores its pictures: the meaning of the samples, and the sampling of its chroma."""

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

Samples = NDArray[Any]
"""A plane as a stream stores it: uint8 for 8 bits, uint16 for more."""

Matrix = Literal["bt601", "bt709", "bt2020"]
"""Matrix coefficients: ITU-R BT.601, BT.709, BT.2020 (non-constant luminance)."""


@dataclass(frozen=True, slots=True)
class PlaneLayout:
    """Planar Y'CbCr as a stream stores it.

    Attributes:
        shape: (height, width) of the luma plane.
        bits: 8 to 16 per sample, in the low bits of a uint8 (8) or a uint16 (more).
        matrix: How Y' is computed from R'G'B'.
        full_range: Whether Y' runs from 0 to the largest code; otherwise from 16 to 235, in 8-bit
            steps.
        subsampled: (vertically, horizontally) whether a chroma plane has half the samples of luma:
            (True, True) is 4:2:0, (False, True) 4:2:2, (False, False) 4:4:4.
        turn: Quarter turns counter-clockwise (0 to 3) that bring the stored picture upright.
    """

    shape: tuple[int, int]
    bits: int = 8
    matrix: Matrix = "bt709"
    full_range: bool = False
    subsampled: tuple[bool, bool] = (True, True)
    turn: int = 0

    @property
    def chroma_shape(self) -> tuple[int, int]:
        """(height, width) of a chroma plane; odd sides are rounded up."""
        height, width = (
            -(-side // (1 + half)) for side, half in zip(self.shape, self.subsampled, strict=True)
        )
        return height, width
