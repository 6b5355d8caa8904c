"""Photographs that come out otherwise than hoped, whatever the network does: said, not refused.

Black and white themselves have no colours at their lightness: a scan of one bit gets none at all.
"""

from collections.abc import Sequence

import numpy as np

from tintype.photo.negative import is_negative
from tintype.photo.photo import Photo, Pixels

# Shares of the range from black and from white, where hardly any chroma is inside sRGB; compression
# leaves such traces around letters. And the share of pixels that may lie between.
_NEAR = 0.05
_MOST_BETWEEN = 0.02
_STEP = 8


def on_photos(photos: Sequence[Photo]) -> list[str]:
    """Sentences on what a user should know of the pages of a file."""
    found: list[str] = []
    for number, photo in enumerate(photos, 1):
        page = f"Page {number}: " if len(photos) > 1 else ""
        if is_black_and_white(photo.grey):
            found.append(f"{page}There is nothing to colour in pure black and white.")
        elif photo.tone != "color" and is_negative(photo.grey):
            found.append(f"{page}It looks like a negative; invert it before it is coloured.")
    return found


def is_black_and_white(grey: Pixels) -> bool:
    """Whether a picture is of black and white alone, as fax, line art and scans of one bit are.

    Args:
        grey: (H, W) uint8 or uint16.
    """
    top = int(np.iinfo(grey.dtype).max)
    near = round(_NEAR * top)

    def between(pixels: Pixels) -> float:
        return float(np.mean((pixels > near) & (pixels < top - near)))

    # Most photographs are told by few of their pixels.
    return between(grey[::_STEP, ::_STEP]) <= 2 * _MOST_BETWEEN and between(grey) <= _MOST_BETWEEN
