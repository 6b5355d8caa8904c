"""How a stream stores its pictures: what its numbers mean, and where its chroma lies."""

from dataclasses import dataclass
from typing import Literal

Matrix = Literal["bt601", "bt709", "bt2020"]
"""Which luma: ITU-R BT.601, BT.709, BT.2020 (non-constant luminance)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Planar Y'CbCr as a stream stores it.

    Attributes:
        shape: (height, width) of the luminance plane.
        bits: 8 to 16 for each sample, in the low bits of a uint8 (8) or a uint16 (more).
        matrix: What Y' is of R'G'B'.
        full_range: Y' from 0 to the largest code; else from 16 to 235, in 8-bit steps.
        halved: (vertically, horizontally) whether a chroma plane has half of the luma's samples:
            (True, True) is 4:2:0, (False, True) 4:2:2, (False, False) 4:4:4.
        turn: Quarter turns counter-clockwise (0 to 3) that bring the stored picture upright.
    """

    shape: tuple[int, int]
    bits: int = 8
    matrix: Matrix = "bt709"
    full_range: bool = False
    halved: tuple[bool, bool] = (True, True)
    turn: int = 0

    @property
    def chroma_shape(self) -> tuple[int, int]:
        """(height, width) of a chroma plane; odd sides are rounded up."""
        height, width = (
            -(-side // (1 + half)) for side, half in zip(self.shape, self.halved, strict=True)
        )
        return height, width
