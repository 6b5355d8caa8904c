"""Colours that a person gives at some places, as what a network is told."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tintype.engine.fit import Fit
from tintype.engine.spread import spread
from tintype.errors import UsageError


@dataclass(frozen=True, slots=True)
class Hint:
    """One colour at one place of a photograph.

    Attributes:
        x: Pixels from the left edge of the upright photograph; 0 is the first column.
        y: Pixels from its upper edge.
        a: CIELAB a that is wanted there.
        b: CIELAB b.
        radius: Pixels around it that are meant too: a square of 2 radius + 1.
    """

    x: int
    y: int
    a: float
    b: float
    radius: int = 0


def hints_to_input(hints: Sequence[Hint], fit: Fit) -> NDArray[np.float32]:
    """Where the hints lie in a network's input.

    Args:
        hints: A later one covers an earlier one.
        fit: How the photograph lies in the input.

    Returns:
        (1, 3, h, w) of the padded input: a and b, 0 without a hint, and a mask of 0 and 1. A hint
        smaller than a pixel of the input is told as that pixel.

    Raises:
        UsageError: A hint outside the photograph.
    """
    height, width = fit.shape
    down, across = fit.content[0] / height, fit.content[1] / width
    told = np.zeros((1, 3, *fit.padded), np.float32)
    for hint in hints:
        if not (0 <= hint.x < width and 0 <= hint.y < height):
            raise UsageError(
                f"The hint at {hint.x},{hint.y} is outside the photograph of {width} x {height}.",
                hint="Count pixels from 0 at the upper left corner.",
            )
        rows = _span(hint.y, hint.radius, height, down)
        columns = _span(hint.x, hint.radius, width, across)
        told[0, :, rows, columns] = np.array([hint.a, hint.b, 1], np.float32)[:, None, None]
    return told


def hold_hints(
    hints: Sequence[Hint], ab: NDArray[np.float32], luma: NDArray[np.float32], fit: Fit
) -> NDArray[np.float32]:
    """Corrects a network's answer so that it has the told colours at the told places.

    Args:
        hints: A later one covers an earlier one.
        ab: (2, h, w) what the network answered, CIELAB units, padding included.
        luma: ``fit.padded`` what it was asked, Y' in 0..255.
        fit: How the photograph lies in the input.

    Returns:
        (2, h, w): told places to within a few hundredths, the others moved with them as far as
        they belong together.
    """
    height, width = ab.shape[1:]
    low = luma.reshape(height, fit.stride, width, fit.stride).mean(axis=(1, 3))
    missing = np.zeros_like(ab)
    told = np.zeros((height, width), bool)
    down = fit.content[0] / fit.shape[0] / fit.stride
    across = fit.content[1] / fit.shape[1] / fit.stride
    for hint in hints:
        rows = _span(hint.y, hint.radius, fit.shape[0], down)
        columns = _span(hint.x, hint.radius, fit.shape[1], across)
        wanted = np.array([hint.a, hint.b], np.float32)[:, None, None]
        missing[:, rows, columns] = wanted - ab[:, rows, columns]
        told[rows, columns] = True
    return ab + spread(missing, told, low, ab)


def _span(place: int, radius: int, size: int, scale: float) -> slice:
    """The input pixels whose middles lie in a hint; the nearest one where none does."""
    low = max(0, place - radius) * scale
    high = min(size, place + radius + 1) * scale
    first, last = int(np.ceil(low - 0.5)), int(np.ceil(high - 0.5))
    if last <= first:
        first = int((low + high) / 2)
        last = first + 1
    return slice(first, last)
