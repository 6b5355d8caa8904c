"""Makes hints exact at their positions and spreads the correction over similar regions.

A network with hint inputs only approximates the hints, but a person who picks a colour wants
exactly that one. The remaining difference at the hints diffuses like heat: easily through similar
positions, hardly across edges, and fading with distance.

Source: the quadratic cost of A. Levin, D. Lischinski, Y. Weiss, "Colorization Using Optimization",
SIGGRAPH 2004, section 2, with two changes: it applies to the difference rather than to the colours,
and a term that pulls towards zero preserves the network's own colours far away.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

_HOLD = 1000.0  # weight of a given colour against its neighbours
_LENGTH = 8.0  # output pixels over which a correction fades in a uniform area
_LUMA = 12.0  # steps of Y' that make two positions dissimilar
_AB = 12.0  # the same for the network's own colours, in CIELAB units
_LEAK = 1e-3  # minimum conductance across an edge: nothing is fully separated
_STEPS = 400
_ENOUGH = 1e-4  # of the initial residual


def spread(
    missing: NDArray[np.float32],
    given: NDArray[np.bool_],
    luma: NDArray[np.float32],
    ab: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Spreads the correction at the hints over their surroundings.

    Args:
        missing: (2, h, w) difference to the hints, CIELAB units; read where `given` is true.
        given: (h, w), where a colour is given.
        luma: (h, w) Y' in 0..255.
        ab: (2, h, w) the network's output, CIELAB units.

    Returns:
        (2, h, w) correction to add to `ab`.
    """
    edges = _alike(luma, ab, 0), _alike(luma, ab, 1)
    weight: F64 = np.asarray(_HOLD * given + 1 / _LENGTH**2, np.float64)
    goal: F64 = np.asarray(_HOLD * given * missing, np.float64)
    return _solve(goal, weight, edges).astype(np.float32)


def walk(
    seed: NDArray[np.bool_],
    others: NDArray[np.bool_],
    prior: NDArray[np.float32],
    neighbours: tuple[NDArray[np.float32], NDArray[np.float32]],
    *,
    length: float,
) -> NDArray[np.float32]:
    """A random walker's probability of ending at a seed, with a prior.

    Source: L. Grady, "Multilabel Random Walker Image Segmentation Using Prior Models", CVPR 2005,
    equation 12.

    Args:
        seed: (h, w), where the probability is 1.
        others: (h, w), where the probability is 0.
        prior: (h, w) in 0..1, the probability where no walk leads.
        neighbours: (h - 1, w) and (h, w - 1) in 0..1, how easily the walker steps to the next
            position down and to the right.
        length: Positions over which the prior outweighs the walk where steps are easy.

    Returns:
        (h, w) in 0..1.
    """
    edges = tuple(np.asarray(way, np.float64) + _LEAK / 10 for way in neighbours)
    held = _HOLD * (seed | others)
    weight: F64 = np.asarray(held + 1 / length**2, np.float64)
    goal: F64 = np.asarray(_HOLD * seed + prior / length**2, np.float64)
    found = _solve(goal[None], weight, (edges[0], edges[1]))[0]
    return np.asarray(found, np.float32)


def _solve(goal: F64, weight: F64, edges: tuple[F64, F64]) -> F64:
    """The (n, h, w) planes that vary little along edges and match goal / weight where weighted."""
    down, across = edges
    degree = weight.copy()
    degree[:-1] += down
    degree[1:] += down
    degree[:, :-1] += across
    degree[:, 1:] += across

    def apply(x: F64) -> F64:
        y = degree * x
        y[:, :-1] -= down * x[:, 1:]
        y[:, 1:] -= down * x[:, :-1]
        y[:, :, :-1] -= across * x[:, :, 1:]
        y[:, :, 1:] -= across * x[:, :, :-1]
        return y

    return _conjugate_gradients(apply, goal, degree)


def _alike(luma: NDArray[np.float32], ab: NDArray[np.float32], axis: int) -> F64:
    """Similarity of each position to the next one along an axis, 0 to 1."""
    apart = np.diff(luma.astype(np.float64), axis=axis) ** 2 / (2 * _LUMA**2)
    apart += (np.diff(ab.astype(np.float64), axis=axis + 1) ** 2).sum(axis=0) / (2 * _AB**2)
    share: F64 = np.exp(-apart) + _LEAK
    return share


def _conjugate_gradients(apply: Callable[[F64], F64], goal: F64, diagonal: F64) -> F64:
    """Solves all planes at once, each with its own step sizes; preconditioned by the diagonal."""
    x = np.zeros_like(goal)
    left = goal.copy()
    direction = left / diagonal
    power = _dot(left, direction)
    enough = _ENOUGH**2 * power
    for _ in range(_STEPS):
        if (power <= enough).all():
            break
        moved = apply(direction)
        step = power / np.maximum(_dot(direction, moved), 1e-30)
        x += step * direction
        left -= step * moved
        eased = left / diagonal
        before, power = power, _dot(left, eased)
        direction = eased + power / np.maximum(before, 1e-30) * direction
    return x


def _dot(x: F64, y: F64) -> F64:
    """(n, h, w), (n, h, w) -> (n, 1, 1)."""
    product: F64 = (x * y).sum(axis=(1, 2), keepdims=True)
    return product
