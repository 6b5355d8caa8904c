"""Tiles: squares of a photograph at full size, half size, quarter size and so on.

The level is the number of halvings. Tiles begin at the top left corner; those at the right and
bottom edges may be smaller.
"""

from dataclasses import dataclass

from tintype.errors import brief
from tintype.web.errors import MalformedError

TILE = 512
"""Longest side of a tile in pixels. It is even, so pixels that share chroma are not separated, and
a multiple of the JPEG block size."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The position of a tile in a photograph.

    Attributes:
        level: Number of halvings.
        column: From 0.
        row: From 0.
    """

    level: int
    column: int
    row: int

    def check(self, shape: tuple[int, int]) -> None:
        """Refuses a tile that does not exist.

        Args:
            shape: (height, width) of the photograph.

        Raises:
            MalformedError: The photograph has no such tile.
        """
        most = most_level(shape)
        if self.level > most:
            raise MalformedError(f"level is {brief(self.level)}, outside 0 to {most}.")
        height, width = shape_at(shape, self.level)
        for key, value, side in (("column", self.column, width), ("row", self.row, height)):
            last = (side - 1) // TILE
            if value > last:
                raise MalformedError(f"{key} is {brief(value)}, outside 0 to {last}.")

    def spans(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """Its rows and columns.

        Args:
            shape: (height, width) of the photograph at this level.
        """
        rows, columns = (
            slice(number * TILE, min(side, (number + 1) * TILE))
            for number, side in zip((self.row, self.column), shape, strict=True)
        )
        return rows, columns


def shape_at(shape: tuple[int, int], level: int) -> tuple[int, int]:
    """(height, width) of a photograph of this (height, width) at a level."""
    height, width = (-(-side // 2**level) for side in shape)
    return height, width


def most_level(shape: tuple[int, int]) -> int:
    """The level at which a photograph is a single tile."""
    return max(0, (-(-max(shape) // TILE) - 1).bit_length())
