"""Hints as a person might give them, drawn from the true colours, for a network that takes some.

Source: R. Zhang, J.-Y. Zhu, P. Isola, X. Geng, A. Lin, T. Yu, A. Efros, "Real-Time User-Guided
Image Colorization with Learned Deep Priors", SIGGRAPH 2017, the simulated points of its local hints
network: their number is geometric with p = 1/8, their place Gaussian around the centre, each a
square of 1 to 9 pixels that is given the mean of its true colours.

Deviations: a share of the samples has no hint at all, so that the same network colours by itself
(theirs has an eighth of them so); a hint lies inside the picture; none is given the whole truth.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

_P = 1 / 8
_MOST = 64  # one sample in 5,000 would have more
_HALF = 4  # of the largest square, its middle pixel left out: 9 x 9
_SPREAD = 0.25  # standard deviation of the place, as a share of the side


def draw_hints(
    ab: Tensor, *, share: float, draw: torch.Generator, part: slice, count: int
) -> Tensor:
    """Hints for a batch.

    Args:
        ab: (B, 2, S, S) true chroma in CIELAB units.
        share: Of samples that get any.
        draw: Source of randomness, on the CPU.
        part: Which of the whole batch these are.
        count: How many the whole batch has.

    Returns:
        (B, 3, S, S): a and b where there is a hint, 0 elsewhere; then 1 where there is one.
    """
    size = ab.shape[2]
    uniform = torch.rand(2, count, generator=draw)[:, part]
    number = torch.where(uniform[1] < share, geometric(uniform[0]), 0)
    place = torch.randn(2, _MOST, count, generator=draw)[..., part]
    half = torch.randint(0, _HALF + 1, (_MOST, count), generator=draw)[..., part]
    middle = ((0.5 + _SPREAD * place) * size).long().clamp(0, size - 1)
    top, left = (middle - half).clamp_min(0)
    bottom, right = (middle + half + 1).clamp(max=size)
    # Sums over any rectangle from four corners of the running sums.
    sums = F.pad(ab.double().cumsum(2).cumsum(3), (1, 0, 1, 0))
    hints = ab.new_zeros(len(ab), 3, size, size)
    rows = torch.arange(size, device=ab.device)
    for index in range(int(number.max())):
        given = torch.nonzero(number > index)[:, 0]
        edges = [edge[index, given].to(ab.device) for edge in (top, bottom, left, right)]
        given = given.to(ab.device)
        mean = _means(sums[given], edges)
        down = (rows >= edges[0][:, None]) & (rows < edges[1][:, None])  # (n, S)
        across = (rows >= edges[2][:, None]) & (rows < edges[3][:, None])
        inside = (down[:, :, None] & across[:, None, :])[:, None]  # (n, 1, S, S)
        values = torch.cat([mean, mean.new_ones(len(given), 1)], dim=1)[:, :, None, None]
        hints[given] = torch.where(inside, values.to(ab.dtype), hints[given])
    return hints


def geometric(uniform: Tensor) -> Tensor:
    """Numbers of hints, by the inverse of their distribution.

    Args:
        uniform: (n,) in [0, 1).

    Returns:
        (n,) from 1 to 64, 8 on average.
    """
    number = 1 + (torch.log(uniform.clamp_min(1e-9)) / math.log(1 - _P)).long()
    return number.clamp(max=_MOST)


def _means(sums: Tensor, edges: list[Tensor]) -> Tensor:
    """(n, 2) means of (n, 2, S + 1, S + 1) running sums between edges of (n,)."""
    top, bottom, left, right = edges
    each = torch.arange(len(sums), device=sums.device)
    total = (
        sums[each, :, bottom, right]
        - sums[each, :, top, right]
        - sums[each, :, bottom, left]
        + sums[each, :, top, left]
    )
    return total / ((bottom - top) * (right - left))[:, None]
