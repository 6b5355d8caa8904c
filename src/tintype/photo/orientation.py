"""Turning and mirroring: from pixels as stored to upright ones, and back."""

import numpy as np

from tintype.photo.photo import Pixels


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turns pixels upright by the EXIF orientation tag (EXIF 2.32, tag 0x0112).

    Args:
        pixels: (H, W) or (H, W, 3) as stored.
        orientation: 1 to 8; anything else means 1.

    Returns:
        The upright picture, contiguous.
    """
    turned = pixels
    if orientation in (5, 6, 7, 8):
        turned = np.swapaxes(turned, 0, 1)
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned)


def as_stored(pixels: Pixels, orientation: int) -> Pixels:
    """The inverse of `upright`.

    Args:
        pixels: (H, W) or (H, W, 3), upright.
        orientation: 1 to 8; anything else means 1.

    Returns:
        The picture as a file with that orientation stores it, contiguous.
    """
    turned = pixels
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (5, 6, 7, 8):
        turned = np.swapaxes(turned, 0, 1)
    return np.ascontiguousarray(turned)


def paired(grey: Pixels, turn: int) -> Pixels:
    """Pads a picture so its pairs of rows and columns are those of the file that will store it.

    Args:
        grey: (H, W), upright.
        turn: As in `Photo`.

    Returns:
        The picture, with a copy of the first row or column before it if that one is unpaired: a
        file that stores the picture reversed counts its pairs from the other edge.
    """
    first_row = grey.shape[0] % 2 and turn in (3, 4, 7, 8)
    first_column = grey.shape[1] % 2 and turn in (2, 3, 6, 7)
    if not first_row and not first_column:
        return grey
    return np.pad(grey, ((int(first_row), 0), (int(first_column), 0)), mode="edge")
