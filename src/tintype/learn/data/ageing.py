"""Simulates ageing of photographs by time, film and handling, on lightness only.

None of these is an exact simulation of a process. They are cheap approximations that keep a network
from relying on the clean, sharp, full-range grey of modern pictures.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def age(luma: Tensor, *, share: float, draw: torch.Generator, part: slice, count: int) -> Tensor:
    """Simulates an old photograph on clean luma: tone curve, fading, softness, grain.

    Args:
        luma: (B, 1, H, W) in [0, 1].
        share: Share of samples that are aged.
        draw: Random generator, on the CPU.
        part: The slice of the whole batch that these samples are.
        count: Size of the whole batch.

    Returns:
        The same shape, in [0, 1].
    """
    uniform = torch.rand(7, count, generator=draw)[:, part].to(luma.device)[..., None, None, None]
    noise = torch.randn((count, *luma.shape[1:]), generator=draw)[part].to(luma.device)
    rows = uniform[6].flatten() < share
    if not rows.any():
        return luma
    aged = luma.clone()
    aged[rows] = _aged(luma[rows], uniform[:, rows], noise[rows])
    return aged


def _aged(luma: Tensor, uniform: Tensor, noise: Tensor) -> Tensor:
    gamma = torch.exp((uniform[0] - 0.5) * 0.9)
    black = 0.18 * uniform[1] ** 2
    white = 1 - 0.25 * uniform[2] ** 2
    aged = black + (white - black) * luma.clamp(0, 1) ** gamma
    soft = _blur(aged)
    aged = torch.lerp(aged, soft, (uniform[3] * 2 - 1).clamp_min(0))
    # Grain has a size: half of it is correlated between neighbouring pixels.
    grain = torch.lerp(noise, 2 * _blur(noise), uniform[4].round())
    aged = aged + grain * 0.05 * (uniform[5] * 2 - 1).clamp_min(0)
    return aged.clamp(0, 1)


def wear(luma: Tensor, *, share: float, draw: torch.Generator, part: slice, count: int) -> Tensor:
    """Simulates handling and printing: scratches, dust, uneven fading, and a halftone screen.

    Args:
        luma: (B, 1, S, S) in [0, 1].
        share: Share of samples with each of the first three, independently; half as many get the
            screen.
        draw: Random generator, on the CPU.
        part: The slice of the whole batch that these samples are.
        count: Size of the whole batch.

    Returns:
        The same shape, in [0, 1].
    """
    size = luma.shape[-1]
    uniform = torch.rand(14, count, generator=draw)[:, part].to(luma.device)[..., None, None, None]
    noise = torch.randn((count, 1, size, size), generator=draw)[part].to(luma.device)
    hit = uniform[:4] < share * torch.tensor([1, 1, 1, 0.5], device=luma.device).view(4, 1, 1, 1, 1)
    worn = luma.clone()
    for befallen, damage in zip(hit, (_scratches, _dust, _fading, _screen), strict=True):
        rows = befallen.flatten()
        if rows.any():
            worn[rows] = damage(worn[rows], uniform[:, rows], noise[rows])
    return worn.clamp(0, 1)


def _across(luma: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates from 0 to 1, to the right and down."""
    size = luma.shape[-1]
    across = torch.arange(size, device=luma.device) / size
    return across.view(1, 1, 1, -1), across.view(1, 1, -1, 1)


def _scratches(luma: Tensor, uniform: Tensor, _noise: Tensor) -> Tensor:
    x, y = _across(luma)
    for line in range(2):
        where, slope, light = uniform[4 + 3 * line : 7 + 3 * line]
        offset = (x - where - 0.4 * (slope - 0.5) * (y - 0.5)) * luma.shape[-1]
        scratch = torch.exp(-(offset**2)) * (0.15 + 0.35 * light)
        # Most scratches are bare film or white abrasion; some are dark.
        luma = luma + scratch * torch.where(slope < 0.25, -1.0, 1.0)
    return luma


def _dust(luma: Tensor, uniform: Tensor, noise: Tensor) -> Tensor:
    dust = (1.6 * _blur(noise) - 1.0).clamp(0, 0.6)
    return luma + dust * torch.where(uniform[10] < 0.3, -1.0, 1.0)


def _fading(luma: Tensor, uniform: Tensor, _noise: Tensor) -> Tensor:
    """Fades one side or corner towards paper white, or darkens it."""
    x, y = _across(luma)
    angle = 2 * math.pi * uniform[11]
    ramp = ((x - 0.5) * torch.cos(angle) + (y - 0.5) * torch.sin(angle) + 0.5).clamp(0, 1)
    stain = 0.35 * ramp**2
    faded = torch.lerp(luma, torch.ones_like(luma), stain)
    return torch.where(uniform[12] < 0.7, faded, luma * (1 - stain))


def _screen(luma: Tensor, uniform: Tensor, _noise: Tensor) -> Tensor:
    """A screen at 45 degrees with a period of 3 to 5 pixels; darker areas have larger dots."""
    x, y = _across(luma)
    step = 2 * math.pi * luma.shape[-1] / (3 + 2 * uniform[13])
    screen = 0.5 + 0.25 * (torch.cos(step * (x + y) / 2**0.5) + torch.cos(step * (x - y) / 2**0.5))
    dots = torch.sigmoid((luma - 1 + screen) * 6)
    return torch.lerp(luma, dots, 0.25 + 0.4 * uniform[12])


def _blur(x: Tensor) -> Tensor:
    """A binomial 5 x 5 blur; edge pixels are repeated."""
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=x.device) / 16
    x = F.conv2d(F.pad(x, (2, 2, 0, 0), mode="replicate"), kernel.view(1, 1, 1, 5))
    return F.conv2d(F.pad(x, (0, 0, 2, 2), mode="replicate"), kernel.view(1, 1, 5, 1))
