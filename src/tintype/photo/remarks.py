"""Warnings on photographs that will disappoint whatever the network predicts; none is refused.

Pure black and pure white can have no colour: a 1-bit scan is not coloured at all.
"""

from collections.abc import Sequence

import numpy as np

from tintype.photo.negative import is_negative
from tintype.photo.photo import Photo, Pixels

# Fraction of the range near black and near white, where sRGB has hardly any chroma; compression
# leaves such traces around letters. And the fraction of pixels that may lie between.
_NEAR = 0.05
_MOST_BETWEEN = 0.02
_STEP = 8


def on_photos(photos: Sequence[Photo]) -> list[str]:
    """Sentences on what a user should know about the pages of a file."""
    found: list[str] = []
    for number, photo in enumerate(photos, 1):
        page = f"Page {number}: " if len(photos) > 1 else ""
        if is_black_and_white(photo.grey):
            found.append(f"{page}There is nothing to colour in pure black and white.")
        elif photo.tone != "color" and is_negative(photo.grey):
            found.append(f"{page}It looks like a negative; invert it before it is coloured.")
    return found


def is_black_and_white(grey: Pixels) -> bool:
    """Whether a picture is only black and white, like faxes, line art and 1-bit scans.

    Args:
        grey: (H, W) uint8 or uint16.
    """
    top = int(np.iinfo(grey.dtype).max)
    near = round(_NEAR * top)

    def between(pixels: Pixels) -> float:
        return float(np.mean((pixels > near) & (pixels < top - near)))

    # For most photographs a sample of their pixels settles it.
    return between(grey[::_STEP, ::_STEP]) <= 2 * _MOST_BETWEEN and between(grey) <= _MOST_BETWEEN
