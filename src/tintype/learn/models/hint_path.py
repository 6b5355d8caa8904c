"""The hint branch of our own network's decoder."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.abgrid import AB_LIMIT

_HINT_CHANNELS = 32


class HintPath(nn.Module):
    """Computes features of hints that are added to the decoder's; zero without hints.

    Args:
        widths: Channels of the decoder at 1/32, 1/16, 1/8 and 1/4.
    """

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        inner = (_HINT_CHANNELS, 2 * _HINT_CHANNELS, 4 * _HINT_CHANNELS, 4 * _HINT_CHANNELS)
        self.down = nn.ModuleList()
        self.out = nn.ModuleList()
        inputs = 3
        for level, (channels, width) in enumerate(zip(inner, reversed(widths), strict=True)):
            stride = 1 if level == 0 else 2
            self.down.append(nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False))
            self.out.append(nn.Conv2d(channels, width, 1, bias=False))
            inputs = channels

    def forward(self, hints: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> features to add at 1/32, 1/16, 1/8 and 1/4."""
        mask = hints[:, 2:]
        # The mean over the hinted pixels of each cell: a single pixel counts as much as a patch.
        share = F.avg_pool2d(mask, 4)
        # Where there is a hint, the share is at least 1/16, so the clamp has no effect there.
        ab = F.avg_pool2d(hints[:, :2] * mask, 4) / share.clamp_min(1 / 16)
        x = torch.cat([ab / AB_LIMIT, F.max_pool2d(mask, 4)], dim=1)
        added: list[Tensor] = []
        for down, out in zip(self.down, self.out, strict=True):
            x = F.relu(down(x))
            added.insert(0, out(x))
        return added
