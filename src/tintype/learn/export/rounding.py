"""Weights of a convolution rounded to int8 so that its response changes as little as possible.

Rounding each weight to the nearest step is not optimal: since the inputs of a convolution are
correlated, later weights can compensate for the error of one weight.

Source: Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers", ICLR 2023, algorithm 1, with the columns in the order of their second moment.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST = 63
"""Weights have 7 bits. A CPU without VNNI adds two products of a uint8 activation and an int8
weight in 16 bits: 2 x 255 x 63 fits, but 2 x 255 x 127 would saturate."""

_DAMPING = 0.01
"""Share of the mean second moment that is added to each, to make the matrix invertible."""
_SHRUNK = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
"""Shares of the largest weight that the steps may cover; larger weights are clipped."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """A convolution's weights in int8.

    Attributes:
        weights: int8, in their original shape, -63 to 63.
        scale: (outputs,) float32, size of a step.
        shift: (outputs,) decrease of the mean response; the bias compensates for it.
    """

    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    shift: NDArray[np.float32]


def rounded(weight: NDArray[np.float32], patches: NDArray[np.float32], least: Floats) -> Rounded:
    """Rounds the weights of a convolution for its actual inputs.

    Args:
        weight: (outputs, inputs of a group, k, k).
        patches: (n, groups, inputs of a group * k * k) inputs of the filters at some locations.
        least: (outputs,) smallest allowed steps.
    """
    groups = patches.shape[1]
    rows = weight.astype(np.float64).reshape(groups, -1, weight[0].size)  # (groups, o/groups, d)
    scale = np.maximum(_steps(rows), least.reshape(groups, -1))
    inputs = patches.astype(np.float64).transpose(1, 2, 0)  # (groups, d, n)
    moments = inputs @ inputs.transpose(0, 2, 1) / inputs.shape[2]
    steps = _compensated(rows, scale, moments)
    lost = ((rows - steps * scale[..., None]) @ inputs.mean(axis=2)[..., None])[..., 0]
    return Rounded(
        steps.reshape(weight.shape).astype(np.int8),
        scale.reshape(-1).astype(np.float32),
        lost.reshape(-1).astype(np.float32),
    )


def _steps(rows: Floats) -> Floats:
    """(groups, outputs) steps with the least squared error of rounding to the nearest."""
    largest = np.maximum(np.abs(rows).max(axis=2), 1e-12)
    tried = np.stack([largest * share / LARGEST for share in _SHRUNK])
    errors = [
        ((_nearest(rows, scale) * scale[..., None] - rows) ** 2).sum(axis=2) for scale in tried
    ]
    best = np.argmin(errors, axis=0)
    return np.asarray(np.take_along_axis(tried, best[None], axis=0)[0])


def _nearest(rows: Floats, scale: Floats) -> Floats:
    return np.clip(np.rint(rows / scale[..., None]), -LARGEST, LARGEST)


def _compensated(rows: Floats, scale: Floats, moments: Floats) -> Floats:
    """Rounds column by column; the remaining columns compensate for the error of each.

    Args:
        rows: (groups, outputs, d).
        scale: (groups, outputs).
        moments: (groups, d, d) second moments of the inputs.

    Returns:
        (groups, outputs, d) integers.
    """
    size = rows.shape[2]
    strength = np.einsum("gdd->gd", moments)
    damped = moments + np.eye(size) * np.maximum(
        _DAMPING * strength.mean(axis=1)[:, None, None], 1e-12
    )
    order = np.argsort(-strength, axis=1)
    damped = np.take_along_axis(damped, order[:, :, None], axis=1)
    damped = np.take_along_axis(damped, order[:, None, :], axis=2)
    # U' U is the inverse of the moments; row j of U is how later columns compensate for column j.
    upper = np.linalg.cholesky(np.linalg.inv(damped)).transpose(0, 2, 1)
    left = np.take_along_axis(rows, order[:, None, :], axis=2)
    steps = np.empty_like(left)
    for column in range(size):
        steps[..., column] = np.clip(np.rint(left[..., column] / scale), -LARGEST, LARGEST)
        error = left[..., column] - steps[..., column] * scale
        share = upper[:, column, column:] / upper[:, column, column, None]
        left[..., column:] -= error[..., None] * share[:, None, :]
    found = np.empty_like(steps)
    np.put_along_axis(found, np.broadcast_to(order[:, None, :], steps.shape), steps, axis=2)
    return found
