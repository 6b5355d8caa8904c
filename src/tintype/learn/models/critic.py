"""The discriminator of our own network: it classifies colours as real or fake, given the scene.

It receives the features of the colorization network's encoder. So it does not judge whether these
are colours of photographs, which a marginal distance can measure, but whether they suit their
object: cloth, a backdrop, a lawn. It works at an eighth of the size, where the soft edges of a
decoded distribution are not recognisable.

The features are used in two ways: concatenated with the colours, and as the vector that the output
is projected on (T. Miyato, M. Koyama, "cGANs with Projection Discriminator", ICLR 2018, section 3).
For the use of a frozen network's features in a small discriminator: A. Sauer et al., "Projected
GANs Converge Faster", NeurIPS 2021.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 0.2  # of the leaky ReLU
_SPREAD = 30.0  # approximate largest standard deviation of a or b in photographs


class ColorCritic(nn.Module):
    """Classifies colours at 1/16 and at 1/32 of the size.

    Args:
        channels: Channels of the encoder's features at 1/2, 1/4, 1/8, 1/16 and 1/32.
    """

    shrink = 8
    """The stride of the input colours."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        _, _, c8, c16, c32 = channels
        self.colors = nn.Conv2d(3, 64, 3, padding=1)
        self.seen8 = nn.Conv2d(c8, 64, 1)
        self.join8 = nn.Conv2d(128, 128, 3, padding=1)
        self.down16 = nn.Conv2d(128, 160, 4, 2, 1)
        self.seen16 = nn.Conv2d(c16 + c32, 96, 1)
        self.join16 = nn.Conv2d(256, 192, 3, padding=1)
        self.more16 = nn.Conv2d(192, 192, 3, padding=1)
        self.out16 = nn.Conv2d(192, 1, 1)
        self.project = nn.Conv2d(c16 + c32, 192, 1)
        self.down32 = nn.Conv2d(192, 192, 4, 2, 1)
        self.out32 = nn.Conv2d(192, 1, 1)
        verdicts = {self.out16, self.out32, self.project}
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=_SLOPE)
                if module in verdicts:
                    nn.init.normal_(module.weight, std=0.02)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, L: Tensor, pyramid: Sequence[Tensor], ab: Tensor) -> list[Tensor]:
        """Classifies colours, given the features of the scene.

        Args:
            L: (B, 1, H, W) in [0, 100].
            pyramid: The encoder's features of L at 1/2, 1/4, 1/8, 1/16 and 1/32.
            ab: (B, 2, H/8, W/8) in CIELAB units, real or generated.

        Returns:
            (B, 1, H/16, W/16) and (B, 1, H/32, W/32) logits: positive for real colours.
        """
        _, _, x8, x16, x32 = pyramid
        x32 = F.interpolate(_level(x32), scale_factor=2.0, mode="bilinear", align_corners=False)
        features = torch.cat([_level(x16), x32], dim=1)
        grey = F.avg_pool2d(L, self.shrink) / 50 - 1
        x = _relu(self.colors(torch.cat([ab / _SPREAD, grey], dim=1)))  # (B, 64, H/8, W/8)
        x = _relu(self.join8(torch.cat([x, self.seen8(_level(x8))], dim=1)))
        x = _relu(self.down16(x))  # (B, 160, H/16, W/16)
        x = _relu(self.join16(torch.cat([x, self.seen16(features)], dim=1)))
        x = _relu(self.more16(x))
        projected = (self.project(features) * x).mean(dim=1, keepdim=True)
        return [self.out16(x) + projected, self.out32(_relu(self.down32(x)))]


def _relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _level(x: Tensor) -> Tensor:
    """Normalises features to 1 per channel on average; encoders differ by magnitudes."""
    length: float = x.shape[1] ** 0.5
    return F.normalize(x.float(), dim=1) * length
