"""Metrics, each with its definition, its source and the trap that goes with it."""

import numpy as np
from numpy.typing import NDArray


def colorfulness(rgb_u8: NDArray[np.uint8]) -> float:
    """How colourful a picture is: 0 is grey, about 30 an ordinary photograph, 100 a fairground.

    Source: D. Hasler, S. Suesstrunk, "Measuring colourfulness in natural images", 2003, section 7.

    Args:
        rgb_u8: (H, W, 3) sRGB.
    """
    r, g, b = (rgb_u8[..., i].astype(np.float64) for i in range(3))
    rg, yb = r - g, (r + g) / 2 - b
    spread = np.hypot(rg.std(), yb.std())
    offset = np.hypot(rg.mean(), yb.mean())
    return float(spread + 0.3 * offset)
