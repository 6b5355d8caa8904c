"""From a predicted distribution over colours to the colours themselves, and to how sure they are.

Source: Zhang, Isola, Efros, "Colorful Image Colorization", ECCV 2016, section 2.3; moving the
rebalancing from training to here is ours (`tintype.color.abgrid.annealed_mean`).
"""

import numpy as np
from numpy.typing import NDArray

from tintype.color.abgrid import annealed_mean
from tintype.engine.bundle import Card


def colors(logits: NDArray[np.float32], card: Card, *, vividness: float) -> NDArray[np.float32]:
    """The chroma of a distribution.

    Args:
        logits: (bins, h, w) log-probabilities up to a constant.
        card: The model's, for its weights and its temperature.
        vividness: tau in ``softmax((logits + tau log w) / T)``: 0 is the calibrated distribution,
            1 is Zhang's rebalancing.

    Returns:
        (2, h, w) a and b in CIELAB units.
    """
    bias = np.asarray(card.log_weights, np.float32) * np.float32(vividness)
    return annealed_mean(logits, temperature=card.temperature, bias=bias)


def uncertainty(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """How open the colour of each place is.

    Args:
        logits: (bins, h, w) log-probabilities up to a constant.

    Returns:
        (h, w) entropy as a share of the largest possible: 0 is certain, 1 knows nothing.
    """
    flat = logits.reshape(logits.shape[0], -1)
    shifted = flat - flat.max(axis=0)
    mass = np.exp(shifted)
    total = mass.sum(axis=0)
    # -sum p log p with p = mass / total, without the logarithm of each p.
    nats = np.log(total) - np.einsum("kn,kn->n", mass, shifted) / total
    share = nats / np.log(np.float32(logits.shape[0]))
    return np.asarray(share.reshape(logits.shape[1:]), np.float32)
