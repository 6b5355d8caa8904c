"""Applies chroma to a grey as the engine does, for methods without a model file."""

import numpy as np
from numpy.typing import NDArray

from tintype.color import gamut_grid
from tintype.engine.geometry import Fit, luma_down
from tintype.engine.upsample import ChromaUp
from tintype.errors import LearnError


def recolor(grey_u8: NDArray[np.uint8], ab: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Colours a grey with chroma of any size, exactly as the engine does with a prediction.

    Args:
        grey_u8: (H, W) Y'.
        ab: (2, h, w) CIELAB units, the whole picture at any size.

    Returns:
        (H, W, 3) sRGB whose luma is ``grey_u8``.

    Raises:
        LearnError: The chroma does not have shape (2, h, w), or is not finite.
    """
    if ab.ndim != 3 or ab.shape[0] != 2 or not np.isfinite(ab).all():
        raise LearnError(f"Chroma must be finite and have shape (2, h, w), not {ab.shape}.")
    size = (ab.shape[1], ab.shape[2])
    shape = (grey_u8.shape[0], grey_u8.shape[1])
    fit = Fit(shape, content=size, padded=size, stride=1)
    up = ChromaUp(np.asarray(ab, np.float32), luma_down(grey_u8, fit), fit, shape)
    step = gamut_grid.step_for(up.largest)
    up.express(*gamut_grid.rgb_u8_coding(step))
    codes = np.clip(up.rows(0, grey_u8), 0, 255).astype(np.uint8)
    return gamut_grid.codes_to_rgb_u8(grey_u8, codes, step=step)
