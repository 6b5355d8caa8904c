"""Hints made exact where they were given, and the correction spread over what belongs together.

A network that takes hints comes near to them; a person who picks a colour wants exactly that one.
The difference that remains at the hints spreads as heat does, through places that look alike and
hardly over edges, and fades with the distance.

Source: A. Levin, D. Lischinski, Y. Weiss, "Colorization Using Optimization", SIGGRAPH 2004, section
2, whose quadratic cost this is, with two changes: it is over the difference and not over the
colours, and a term that pulls towards zero keeps the network's own colours far away.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

_HOLD = 1000.0  # weight of a given colour against its neighbours
_LENGTH = 8.0  # output pixels over which a correction fades where everything looks alike
_LUMA = 12.0  # steps of Y' that make two places strangers
_AB = 12.0  # and of the network's own colours, in CIELAB units
_LEAK = 1e-3  # of an edge: nothing is quite apart
_STEPS = 400
_ENOUGH = 1e-4  # of the residual at the start


def spread(
    missing: NDArray[np.float32],
    given: NDArray[np.bool_],
    luma: NDArray[np.float32],
    ab: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Spreads what is missing at some places.

    Args:
        missing: (2, h, w) CIELAB units; read where `given` is true.
        given: (h, w), where a colour is given.
        luma: (h, w) Y' in 0..255.
        ab: (2, h, w) what the network answered, CIELAB units.

    Returns:
        (2, h, w) what to add to `ab`.
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
    """A random walker's probability to end at a seed, with a prior.

    Source: L. Grady, "Multilabel Random Walker Image Segmentation Using Prior Models", CVPR 2005,
    equation 12.

    Args:
        seed: (h, w), where it is 1.
        others: (h, w), where it is 0.
        prior: (h, w) in 0..1, what it is where no walk goes.
        neighbours: (h - 1, w) and (h, w - 1) in 0..1, how easily it goes to the next place down and
            to the right.
        length: Places over which the prior outweighs the walk where it goes easily.

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
    """The (n, h, w) that differ little along edges and are goal / weight where they are held."""
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
    """How much each place shares with the next one along an axis, 0 to 1."""
    apart = np.diff(luma.astype(np.float64), axis=axis) ** 2 / (2 * _LUMA**2)
    apart += (np.diff(ab.astype(np.float64), axis=axis + 1) ** 2).sum(axis=0) / (2 * _AB**2)
    share: F64 = np.exp(-apart) + _LEAK
    return share


def _conjugate_gradients(apply: Callable[[F64], F64], goal: F64, diagonal: F64) -> F64:
    """Solves for all planes at once, each with its own steps; preconditioned by the diagonal."""
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
