"""Pix2pix: a U-Net with a 1 x 1 bottleneck, and a discriminator of 70 x 70 patches.

Source: P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, "Image-to-Image Translation with Conditional
Adversarial Networks", CVPR 2017, sections 3.2, 3.3 and 6.1, here from L to a and b. Conditioning
both networks: M. Mirza, S. Osindero, "Conditional Generative Adversarial Nets", 2014.

The paper's eight halvings reduce 256 pixels to one, so the network needs multiples of 256. Variants
for smaller pictures omit halvings in the middle, where all layers are alike; with each halving, one
layer with dropout is omitted too.

Deviations:
    - In inference, dropout is off and batch norm uses its running statistics. In the paper both
      work as in training; colours are then random and depend on the rest of the batch.
    - The innermost layer has no batch norm, which would set a single value to zero, as the authors
      note in an erratum of section 6.1.
    - The discriminator has no running statistics: in training and in evaluation its batches are
      either all real or all fake.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.errors import LearnError
from tintype.learn.recipe import ModelRecipe

TITLE = "U-Net against a patch discriminator"
PAPER = (
    "P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, Image-to-Image Translation with "
    "Conditional Adversarial Networks, CVPR 2017"
)

_RANGE = 110.0  # of a and b: the range of tanh, -1 to 1, is mapped to -110 to 110
_SLOPE = 0.2  # of the leaky ReLU (section 6.1)

VARIANTS: Mapping[str, int] = {"256": 8, "128": 7, "64": 6}
"""Number of halvings by the side that they reduce to one pixel."""


class Pix2pixDown(nn.Module):
    """A 4 x 4 convolution, optional batch norm, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: nn.Module | None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 4, stride, 1, bias=norm is None)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H/2, W/2), or (.., H - 1, W - 1) at stride 1."""
        y: Tensor = self.conv(x)
        return F.leaky_relu(y if self.norm is None else self.norm(y), _SLOPE)


class Pix2pixUp(nn.Module):
    """A 4 x 4 transposed convolution, batch norm, dropout, ReLU, and concatenation of the skip."""

    def __init__(self, inputs: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mirror: Tensor) -> Tensor:
        """(B, inputs, h, w), (B, outputs, 2h, 2w) -> (B, 2 * outputs, 2h, 2w)."""
        x = F.relu(self.dropout(self.norm(self.conv(x))))
        return torch.cat([mirror, x], dim=1)


class Pix2pixNet(nn.Module):
    """The generator: L to a and b at full size.

    Args:
        variant: A key of `VARIANTS`.
        width: Factor of the paper's number of channels.
    """

    stride = 1

    def __init__(self, variant: str = "256", *, width: float = 1.0) -> None:
        super().__init__()
        depth = VARIANTS[variant]
        paper = [64, 128, 256, *[512] * (depth - 3)]
        down = [max(1, round(channels * width)) for channels in paper]
        up = down[-2::-1]
        self.multiple = 2**depth
        self.down = nn.ModuleList(
            Pix2pixDown(
                inputs, outputs, 2, nn.BatchNorm2d(outputs) if 0 < index < depth - 1 else None
            )
            for index, (inputs, outputs) in enumerate(pairwise([1, *down]))
        )
        self.up = nn.ModuleList(
            Pix2pixUp(inputs, outputs, 0.5 if index < depth - 5 else 0.0)
            for index, (inputs, outputs) in enumerate(
                zip([down[-1], *(2 * channels for channels in up)], up, strict=False)
            )
        )
        self.last = nn.ConvTranspose2d(2 * up[-1], 2, 4, 2, 1)
        _start(self)

    def forward(self, L: Tensor) -> Tensor:
        """Predicts colours from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of `multiple` (256 for the paper's).

        Returns:
            (B, 2, H, W), a and b scaled to (-1, 1).
        """
        x = L / 50 - 1
        skips = []
        for down in self.down:
            x = down(x)  # (B, 64, H/2, W/2) ... (B, 512, H/256, W/256)
            skips.append(x)
        for up, mirror in zip(self.up, skips[-2::-1], strict=True):
            x = up(x, mirror)  # (B, 512 + 512, H/128, W/128) ... (B, 64 + 64, H/2, W/2)
        return torch.tanh(self.last(x))  # (B, 2, H, W)

    def to_ab(self, raw: Tensor) -> Tensor:
        """(B, 2, H, W) in [-1, 1] -> the same in CIELAB units."""
        return raw.float() * _RANGE

    def from_lab(self, lab: Tensor) -> Tensor:
        """(B, 3, H, W) true L, a and b -> the target of `forward`."""
        return lab[:, 1:] / _RANGE


class PatchDiscriminator(nn.Module):
    """Classifies patches of 70 x 70 pixels as real or fake (section 6.1.2).

    Args:
        width: Factor of the paper's number of channels.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        c64, c128, c256, c512 = (
            max(1, round(channels * width)) for channels in (64, 128, 256, 512)
        )
        self.down = nn.Sequential(
            Pix2pixDown(1 + 2, c64, 2, None),
            Pix2pixDown(c64, c128, 2, nn.BatchNorm2d(c128, track_running_stats=False)),
            Pix2pixDown(c128, c256, 2, nn.BatchNorm2d(c256, track_running_stats=False)),
            Pix2pixDown(c256, c512, 1, nn.BatchNorm2d(c512, track_running_stats=False)),
        )
        self.last = nn.Conv2d(c512, 1, 4, 1, 1)
        _start(self)

    def forward(self, L: Tensor, colors: Tensor) -> Tensor:
        """Classifies every patch, given the grey.

        Args:
            L: (B, 1, H, W) in [0, 100]: the condition.
            colors: (B, 2, H, W), a and b scaled to [-1, 1]: real or fake.

        Returns:
            (B, 1, H/8 - 2, W/8 - 2) logits: positive for a real patch.
        """
        x = self.down(torch.cat([L / 50 - 1, colors], dim=1))  # (B, 512, H/8 - 1, W/8 - 1)
        logits: Tensor = self.last(x)
        return logits


def _start(network: nn.Module) -> None:
    """Initialises filters from a Gaussian with standard deviation 0.02 (section 6.2)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def build(recipe: ModelRecipe) -> nn.Module:
    """The generator of a recipe.

    Raises:
        LearnError: There is no such variant.
    """
    variant = recipe.variant or "256"
    if variant not in VARIANTS:
        raise LearnError(
            f"Pix2pix has no variant {variant}.",
            advice=f"Set model.variant to one of {', '.join(VARIANTS)}.",
        )
    return Pix2pixNet(variant, width=recipe.width)


def build_discriminator(recipe: ModelRecipe) -> nn.Module:
    """The discriminator of a recipe; it is the same for all variants."""
    return PatchDiscriminator(width=recipe.width)
