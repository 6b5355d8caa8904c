"""Tells grey pictures, toned ones (sepia, selenium, yellowed paper) and colour photographs apart.

Measured once for each photo, on a small copy: colouring a colour photograph discards its colours,
so users are told first. A toned print is not a colour photograph, however strong its tone.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.photo.photo import Tone

_SIDE = 160  # pixels of the small copy
# Chroma in 8-bit Cb/Cr steps. Compression alone leaves up to about 3 after shrinking.
_MAX_GREY_CHROMA = 4.0
# Toned prints stay below both. So do 8 per cent of 240 small colour photographs (fog, snow, sand).
_MAX_TONED_ACROSS = 4.0
_MAX_TONED = 16.0
_BINS = 64
_PRIOR_PIXELS = 8


def tone_of(picture: Image.Image) -> Tone:
    """Classifies a picture by its chroma.

    Toning is chroma that is a function of lightness: one hue, or one for the shadows and another
    for the highlights. After subtracting that function, what remains lies along one direction at
    most, that of stains and uneven yellowing. Colours of a scene scatter in both.

    Args:
        picture: Mode "RGB" or "L", any size.

    Returns:
        "grey", "toned" or "color".
    """
    if picture.mode == "L":
        return "grey"
    factor = max(1, max(picture.size) // _SIDE)
    small = picture.reduce(factor) if factor > 1 else picture
    ycc = np.asarray(small.convert("YCbCr")).reshape(-1, 3).astype(np.float32)
    luma, chroma = ycc[:, 0], ycc[:, 1:] - 128.0
    if _percentile_98(np.hypot(chroma[:, 0], chroma[:, 1])) <= _MAX_GREY_CHROMA:
        return "grey"
    residual = chroma - _by_lightness(luma, chroma)
    # Eigenvectors come in the order of their eigenvalues: the first is the narrow direction.
    _, directions = np.linalg.eigh(residual.T @ residual)
    across = _percentile_98(np.abs(residual @ directions[:, 0]))
    anywhere = _percentile_98(np.hypot(residual[:, 0], residual[:, 1]))
    return "toned" if across <= _MAX_TONED_ACROSS and anywhere <= _MAX_TONED else "color"


def _percentile_98(values: NDArray[np.float32]) -> float:
    """Not the maximum: a coloured stamp or a date in the corner is not the photograph."""
    return float(np.percentile(values, 98))


def _by_lightness(luma: NDArray[np.float32], chroma: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean chroma at each pixel's lightness."""
    place = np.minimum((luma * (_BINS / 256)).astype(np.intp), _BINS - 1)
    count = np.bincount(place, minlength=_BINS)
    overall = chroma.mean(0)
    means = np.empty((_BINS, 2), np.float32)
    for axis in range(2):
        total = np.bincount(place, weights=chroma[:, axis], minlength=_BINS)
        # A bin with few pixels leans towards the whole picture, or it would explain itself away.
        means[:, axis] = (total + _PRIOR_PIXELS * overall[axis]) / (count + _PRIOR_PIXELS)
    return means[place]
