"""How a stream stores its pictures: the meaning of the samples, and the sampling of its chroma."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]
"""A plane as a stream stores it: uint8 for 8 bits, uint16 for more."""

_SKEW = 0.01  # of a display matrix; ignored up to this, half a degree

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
        mirrored: Whether left and right are exchanged after that.
    """

    shape: tuple[int, int]
    bits: int = 8
    matrix: Matrix = "bt709"
    full_range: bool = False
    subsampled: tuple[bool, bool] = (True, True)
    turn: int = 0
    mirrored: bool = False

    def upright(self, plane: Samples) -> Samples:
        """Turns a stored plane to how players show it."""
        turned = np.rot90(plane, self.turn)
        return np.fliplr(turned) if self.mirrored else turned

    def stored(self, plane: Samples) -> Samples:
        """The inverse of `upright`."""
        turned = np.fliplr(plane) if self.mirrored else plane
        return np.rot90(turned, -self.turn)

    @property
    def chroma_shape(self) -> tuple[int, int]:
        """(height, width) of a chroma plane; odd sides are rounded up."""
        height, width = (
            -(-side // (1 + half)) for side, half in zip(self.shape, self.subsampled, strict=True)
        )
        return height, width


def orientation(matrix: Sequence[int]) -> tuple[int, bool] | None:
    """The quarter turns and the mirroring of a display matrix.

    Args:
        matrix: Nine numbers, stored as in ISO/IEC 14496-12: (a, b, u, c, d, v, x, y, w) shows the
            point (p, q) at (ap + cq + x, bp + dq + y), with q downwards.

    Returns:
        As `PlaneLayout.turn` and `PlaneLayout.mirrored`; None if it is not one of the eight that
        keep the sides of the picture vertical or horizontal.
    """
    a, b, _, c, d = matrix[:5]
    shown = np.array([[a, c], [b, d]], np.float64)
    largest = np.abs(shown).max()
    turn = np.array([[0, 1], [-1, 0]])
    for mirrored in (False, True):
        for turns in range(4):
            wanted = np.linalg.matrix_power(turn, turns)
            wanted = np.diag([-1, 1]) @ wanted if mirrored else wanted
            if largest > 0 and np.abs(shown / largest - wanted).max() < _SKEW:
                return turns, mirrored
    return None
