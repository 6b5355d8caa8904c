"""Evenly spaced samples of a sequence."""

import numpy as np
from numpy.typing import NDArray


def evenly_spaced(length: int, count: int) -> NDArray[np.int_]:
    """Evenly spaced indices, including the first and the last.

    Args:
        length: Length of the sequence.
        count: Maximum number of indices.

    Returns:
        (min(count, length),) indices in ascending order.
    """
    return np.linspace(0, length - 1, min(count, length)).astype(int)
