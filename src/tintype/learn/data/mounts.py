"""Mounts and margins: the card around a stereo view, the oval of a portrait, the edge of a scan.

They are neutral, and a network that was never trained on them mistakes them for sky, sea or cloth.
"""

import torch
from torch import Tensor

_OVAL, _ROUNDED, _STRAIGHT = 2.0, 5.0, 40.0
"""Exponents of the curve |x|^n + |y|^n = 1."""


def mount(rgb: Tensor, *, share: float, draw: torch.Generator, part: slice, count: int) -> Tensor:
    """Surrounds photographs with a uniform grey.

    The opening is a superellipse, with one exponent for its upper and one for its lower half: an
    oval, an arch, rounded corners or a rectangle. It may be wider or higher than the photograph,
    and off-centre, so that only some sides or corners are covered.

    Args:
        rgb: (B, S, S, 3) in 0..255.
        share: Share of samples with a mount.
        draw: Random generator, on the CPU.
        part: The slice of the whole batch that these samples are.
        count: Size of the whole batch.

    Returns:
        The same shape; covered pixels are neutral.
    """
    size = rgb.shape[1]
    uniform = torch.rand(9, count, generator=draw)[:, part].to(rgb.device)[..., None, None]
    fate, off_x, off_y, half_x, half_y, upper, lower, kind, level = uniform
    position = (torch.arange(size, device=rgb.device) + 0.5) * 2 / size - 1
    x = (position - 0.3 * (off_x - 0.5)) / (0.75 + 0.45 * half_x)
    y = (position[:, None] - 0.3 * (off_y - 0.5)) / (0.75 + 0.45 * half_y)
    forms = torch.tensor([_OVAL, _ROUNDED, _STRAIGHT, _STRAIGHT], device=rgb.device)
    power = torch.where(y < 0, forms[(4 * upper).long()], forms[(4 * lower).long()])
    radius = (x.abs() ** power + y.abs() ** power) ** (1 / power)
    covered = ((radius - 1) * size / 2 + 0.5).clamp(0, 1) * (fate < share)
    # Half of them are dark card, a third white margins.
    dark, light, middle = 60 * level, 190 + 65 * level, 60 + 130 * level
    grey = torch.where(kind < 0.5, dark, torch.where(kind < 5 / 6, light, middle))
    return torch.lerp(rgb, grey[..., None].expand_as(rgb), covered[..., None])
