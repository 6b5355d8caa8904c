"""Checks that a coloured photograph still has the grey of its source."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tintype.color.cielab import rgb_u8_to_luma_u8, rgb_u16_to_luma_u16
from tintype.engine.render import strips
from tintype.errors import UsageError
from tintype.photo.photo import Photo

_SIDE = 16
"""Pixels on a side of the parts that `worst_part` compares."""


@dataclass(frozen=True, slots=True)
class GreyCheck:
    """How the grey of a coloured photograph differs from that of its source.

    Attributes:
        max_difference: Largest difference of Y', in steps of the photograph's own bit depth.
        differing: Number of pixels that differ.
        mean_difference: Mean of the absolute difference over all pixels.
    """

    max_difference: int
    differing: int
    mean_difference: float


def verify_grey(before: Photo, after: Photo) -> GreyCheck:
    """Compares the luma of a coloured photograph with the grey of its source.

    Args:
        before: The photograph as decoded.
        after: The coloured one, as returned by the engine or decoded again from the written file.

    Returns:
        The differences; 16-bit luma is compared at 16 bits.
    """
    if before.shape != after.shape or before.bits != after.bits:
        raise UsageError(
            "The two photographs differ in size or bit depth, so their greys cannot match."
        )
    largest = differing = total = 0
    for rows in strips(slice(0, before.height), before.width):
        difference = _difference(before, after, rows)
        largest = max(largest, int(difference.max()))
        differing += int(np.count_nonzero(difference))
        total += int(difference.sum())
    return GreyCheck(largest, differing, total / (before.height * before.width))


def worst_part(before: Photo, after: Photo) -> float:
    """The largest mean difference of the grey within a square of 16 by 16 pixels.

    Lossy compression changes the grey a little everywhere; damage and retouching change it a lot in
    one place, which the mean of the whole picture does not show.

    Args:
        before: As for `verify_grey`.
        after: As for `verify_grey`, of the same size and bit depth.

    Returns:
        In steps of 255, at either bit depth.
    """
    worst = 0.0
    lefts = np.arange(0, before.width, _SIDE)
    widths = np.diff(lefts, append=before.width)
    for top in range(0, before.height, _SIDE):
        rows = slice(top, min(top + _SIDE, before.height))
        sums = np.add.reduceat(_difference(before, after, rows).sum(axis=0), lefts)
        worst = max(worst, float((sums / (widths * (rows.stop - top))).max()))
    return worst if before.bits == 8 else worst / 257


def _difference(before: Photo, after: Photo, rows: slice) -> NDArray[np.int32]:
    color = after.color if isinstance(after.color, np.ndarray) else None
    if color is None:
        grey = after.grey[rows]
    elif after.bits == 8:
        grey = rgb_u8_to_luma_u8(color[rows])
    else:
        grey = rgb_u16_to_luma_u16(color[rows])
    return np.abs(grey.astype(np.int32) - before.grey[rows])
