"""What tests of two networks share: small pictures, and whether a network has moved."""

import torch
from torch import Tensor, nn

from tintype.color.cielab import rgb01_to_lab
from tintype.learn.data.batches import Batch


def pictures(count: int = 4, side: int = 64) -> Batch:
    """Warm where it is bright, cold where it is dark."""
    draw = torch.Generator().manual_seed(7)
    grey = nn.functional.interpolate(
        torch.rand(count, 1, side // 16, side // 16, generator=draw), size=(side, side)
    )
    rgb = torch.cat([0.2 + 0.7 * grey, 0.4 + 0.2 * grey, 0.8 - 0.6 * grey], dim=1)
    lab = rgb01_to_lab(rgb.permute(0, 2, 3, 1), xp=torch).permute(0, 3, 1, 2)
    return Batch(lab[:, :1], lab[:, 1:], rgb, torch.zeros(count, dtype=torch.long))


def copy_of(module: nn.Module) -> dict[str, Tensor]:
    """Every tensor of it by name."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def moved(module: nn.Module, before: dict[str, Tensor]) -> bool:
    """Whether a parameter differs from a copy."""
    return any(not torch.equal(p, before[n]) for n, p in module.named_parameters())
