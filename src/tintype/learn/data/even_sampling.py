"""Even choices from a sequence."""

import numpy as np
from numpy.typing import NDArray


def evenly_spaced(length: int, count: int) -> NDArray[np.int_]:
    """Chooses from a sequence, evenly spaced, the first and the last item included.

    Args:
        length: Of the sequence.
        count: At most so many.

    Returns:
        (min(count, length),) ascending indices.
    """
    return np.linspace(0, length - 1, min(count, length)).astype(int)
