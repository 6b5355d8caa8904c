"""Checks that a coloured photograph still has the grey of its source."""

from dataclasses import dataclass

import numpy as np

from tintype.color.cielab import rgb_u8_to_luma_u8, rgb_u16_to_luma_u16
from tintype.engine.render import strips
from tintype.errors import UsageError
from tintype.photo.photo import Photo


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
    color = after.color if isinstance(after.color, np.ndarray) else None
    for rows in strips(slice(0, before.height), before.width):
        if color is None:
            grey = after.grey[rows]
        elif after.bits == 8:
            grey = rgb_u8_to_luma_u8(color[rows])
        else:
            grey = rgb_u16_to_luma_u16(color[rows])
        difference = np.abs(grey.astype(np.int32) - before.grey[rows])
        largest = max(largest, int(difference.max()))
        differing += int(np.count_nonzero(difference))
        total += int(difference.sum())
    return GreyCheck(largest, differing, total / (before.height * before.width))
