"""Simulates a user's hints from the true colours, for networks that accept hints.

Source: R. Zhang, J.-Y. Zhu, P. Isola, X. Geng, A. Lin, T. Yu, A. Efros, "Real-Time User-Guided
Image Colorization with Learned Deep Priors", SIGGRAPH 2017, the simulated points of its local hints
network: their number is geometric with p = 1/8, their position Gaussian around the centre, and each
is a square of 1 to 9 pixels with the mean of its true colours.

Deviations, unless `published` hints are requested: a share of the samples has no hints, so that the
network also colours without them (an eighth in the paper); squares have odd sides and are cut off
at the edges; no sample gets all true colours.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_P = 1 / 8
_MOST = 64  # one sample in 5,000 would have more
_HALF = 4  # half the side of the largest square, without its centre: 9 x 9 pixels
_SPREAD = 0.25  # standard deviation of the position, as a share of the side
_LARGEST = 2 * _HALF + 1
_ALL = 0.01  # share of the samples with all true colours, in the paper


class Squares(NamedTuple):
    """Edges of the squares in pixels, each (64, B); the last row and column are left out."""

    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor


def draw_hints(
    ab: Tensor,
    *,
    share: float,
    draw: torch.Generator,
    part: slice,
    count: int,
    published: bool = False,
) -> Tensor:
    """Draws hints for a batch.

    Args:
        ab: (B, 2, S, S) true chroma in CIELAB units.
        share: Share of samples with hints.
        draw: Random generator, on the CPU.
        part: The slice of the whole batch that these samples are.
        count: Size of the whole batch.
        published: Draw them as in the paper; its share is 7/8.

    Returns:
        (B, 3, S, S): a and b of the hints, 0 elsewhere, and the mask.
    """
    size = ab.shape[2]
    uniform = torch.rand(2, count, generator=draw)[:, part]
    number = torch.where(uniform[1] < share, geometric(uniform[0]), 0)
    squares = _whole_squares if published else _odd_squares
    edges_of = squares(size, draw, part, count)
    # The sum over any rectangle follows from four corners of the cumulative sums.
    sums = F.pad(ab.double().cumsum(2).cumsum(3), (1, 0, 1, 0))
    hints = ab.new_zeros(len(ab), 3, size, size)
    rows = torch.arange(size, device=ab.device)
    for index in range(int(number.max())):
        given = torch.nonzero(number > index)[:, 0]
        edges = [edge[index, given].to(ab.device) for edge in edges_of]
        given = given.to(ab.device)
        mean = _means(sums[given], edges)
        down = (rows >= edges[0][:, None]) & (rows < edges[1][:, None])  # (n, S)
        across = (rows >= edges[2][:, None]) & (rows < edges[3][:, None])
        inside = (down[:, :, None] & across[:, None, :])[:, None]  # (n, 1, S, S)
        values = torch.cat([mean, mean.new_ones(len(given), 1)], dim=1)[:, :, None, None]
        hints[given] = torch.where(inside, values.to(ab.dtype), hints[given])
    if published:
        told = (torch.rand(count, generator=draw)[part] < _ALL).to(ab.device)
        hints[told] = torch.cat([ab, torch.ones_like(ab[:, :1])], dim=1)[told]
    return hints


def _odd_squares(size: int, draw: torch.Generator, part: slice, count: int) -> Squares:
    """Squares around a pixel, cut off at the edges of the picture."""
    offset = torch.randn(2, _MOST, count, generator=draw)[..., part]
    half = torch.randint(0, _HALF + 1, (_MOST, count), generator=draw)[..., part]
    middle = ((0.5 + _SPREAD * offset) * size).long().clamp(0, size - 1)
    top, left = (middle - half).clamp_min(0)
    bottom, right = (middle + half + 1).clamp(max=size)
    return Squares(top, bottom, left, right)


def _whole_squares(size: int, draw: torch.Generator, part: slice, count: int) -> Squares:
    """Squares of any side from 1 to 9, wholly inside the picture, as in the authors' code."""
    offset = torch.randn(2, _MOST, count, generator=draw)[..., part]
    side = torch.randint(1, _LARGEST + 1, (_MOST, count), generator=draw)[..., part]
    room = size - side + 1  # possible places of the first row
    first = ((0.5 + _SPREAD * offset) * room).floor().long().clamp_min(0)
    top, left = torch.minimum(first, room - 1)
    return Squares(top, top + side, left, left + side)


def geometric(uniform: Tensor) -> Tensor:
    """Numbers of hints, by inverse transform sampling.

    Args:
        uniform: (n,) in [0, 1).

    Returns:
        (n,) from 1 to 64, 8 on average.
    """
    number = 1 + (torch.log(uniform.clamp_min(1e-9)) / math.log(1 - _P)).long()
    return number.clamp(max=_MOST)


def _means(sums: Tensor, edges: list[Tensor]) -> Tensor:
    """(n, 2) means over rectangles, from (n, 2, S + 1, S + 1) cumulative sums and (n,) edges."""
    top, bottom, left, right = edges
    each = torch.arange(len(sums), device=sums.device)
    total = (
        sums[each, :, bottom, right]
        - sums[each, :, top, right]
        - sums[each, :, bottom, left]
        + sums[each, :, top, left]
    )
    return total / ((bottom - top) * (right - left))[:, None]
