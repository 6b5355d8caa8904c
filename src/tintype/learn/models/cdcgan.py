"""A conditional DCGAN: a U-Net generates L, a and b; a discriminator sees grey and colour.

Source: K. Nazeri, E. Ng, M. Ebrahimi, "Image Colorization with Generative Adversarial Networks",
AMDO 2018, sections 2 and 3, with the two sizes of networks that its authors released: one for
CIFAR-10 at 32 px, one for Places365 at 256 px. The source report's own system and its improved
version use this network; they differ in loss and schedule.

Deviations:
    - The lightness is scaled to [-1, 1]. The released code passes 0 to 255 to both networks.
    - Dropout is active in training, in the layers given by the paper's table: the first two of the
      decoder for CIFAR-10, none for Places365, unless the recipe sets it. In the released code it
      is never active.
    - In inference, dropout is off and batch norm uses its running statistics, so that a picture's
      colours are deterministic and do not depend on the rest of the batch.
    - The discriminator has no running statistics: in training and in evaluation its batches are
      either all real or all fake.
    - The generated lightness is trained as in the paper, then replaced by the photograph's.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.errors import LearnError
from tintype.learn.recipe import ModelRecipe

TITLE = "Conditional DCGAN"
PAPER = (
    "K. Nazeri, E. Ng, M. Ebrahimi, Image Colorization with Generative Adversarial "
    "Networks, AMDO 2018"
)

_RANGE = 110.0  # of a and b: the range of tanh, -1 to 1, is mapped to -110 to 110
_DROPPED = 2  # layers of the decoder with dropout
_SLOPE = 0.2  # of the leaky ReLU (section 3.1)


class CdcganLayout(NamedTuple):
    """One column of the architecture table: channels and strides, all filters 4 x 4."""

    down: tuple[int, ...]
    strides: tuple[int, ...]
    up: tuple[int, ...]
    dropout: float
    """After each of the first two layers of the decoder."""


CIFAR = CdcganLayout((64, 128, 256, 512, 512), (1, 2, 2, 2, 2), (512, 256, 128, 64), 0.5)
PLACES = CdcganLayout(
    (64, 64, 128, 256, 512, 512, 512, 512),
    (1, 2, 2, 2, 2, 2, 2, 2),
    (512, 512, 512, 256, 128, 64, 64),
    0.0,
)
VARIANTS: Mapping[str, CdcganLayout] = {"cifar": CIFAR, "places": PLACES}


class CdcganDown(nn.Module):
    """A 4 x 4 convolution, batch norm and leaky ReLU, padded to an output size of H / stride."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: nn.Module | None) -> None:
        super().__init__()
        # At stride 1 an even filter has no centre: pad one before and two after, as in TensorFlow.
        self.pad = (1, 1, 1, 1) if stride == 2 else (1, 2, 1, 2)
        self.conv = nn.Conv2d(inputs, outputs, 4, stride, bias=norm is None)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y: Tensor = self.conv(F.pad(x, self.pad))
        return F.leaky_relu(y if self.norm is None else self.norm(y), _SLOPE)


class CdcganUp(nn.Module):
    """A 4 x 4 transposed convolution, batch norm, ReLU, dropout, and concatenation of the skip."""

    def __init__(self, inputs: int, outputs: int, dropout: float, norm: nn.Module | None) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=norm is None)
        self.norm = norm
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mirror: Tensor) -> Tensor:
        """(B, inputs, h, w), (B, skip, 2h, 2w) -> (B, outputs + skip, 2h, 2w)."""
        x = self.conv(x)
        x = self.dropout(F.relu(x if self.norm is None else self.norm(x)))
        return torch.cat([mirror, x], dim=1)


class CdcganNet(nn.Module):
    """The generator: L to L, a and b at full size.

    Args:
        variant: A key of `VARIANTS`.
        width: Factor of the paper's number of channels.
        dropout: After each of the first two decoder layers, in training; None for the variant's.
        batch_norm: Whether there is batch normalisation, as in the paper; without it, biases.
    """

    stride = 1

    def __init__(
        self,
        variant: str = "cifar",
        *,
        width: float = 1.0,
        dropout: float | None = None,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        layout = VARIANTS[variant]
        dropout = layout.dropout if dropout is None else dropout
        down = [max(1, round(channels * width)) for channels in layout.down]
        up = [max(1, round(channels * width)) for channels in layout.up]
        mirrors = down[-2::-1]
        joined = [down[-1], *(u + m for u, m in zip(up, mirrors, strict=True))]
        self.multiple = 2 ** len(up)
        self.down = nn.ModuleList(
            CdcganDown(inputs, outputs, stride, nn.BatchNorm2d(outputs) if batch_norm else None)
            for (inputs, outputs), stride in zip(pairwise([1, *down]), layout.strides, strict=True)
        )
        self.up = nn.ModuleList(
            CdcganUp(
                inputs,
                outputs,
                dropout if index < _DROPPED else 0.0,
                nn.BatchNorm2d(outputs) if batch_norm else None,
            )
            for index, (inputs, outputs) in enumerate(zip(joined, up, strict=False))
        )
        self.last = nn.Conv2d(joined[-1], 3, 1)
        _start(self)

    def forward(self, L: Tensor) -> Tensor:
        """Generates a picture from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of `multiple` (16 for CIFAR, 128 Places).

        Returns:
            (B, 3, H, W), L, a and b scaled to (-1, 1).
        """
        x = L / 50 - 1
        skips = []
        for down in self.down:
            x = down(x)  # (B, 64, H, W), (B, 128, H/2, W/2) ... for CIFAR
            skips.append(x)
        for up, mirror in zip(self.up, skips[-2::-1], strict=True):
            x = up(x, mirror)  # (B, 512 + 512, H/8, W/8) ... (B, 64 + 64, H, W)
        return torch.tanh(self.last(x))  # (B, 3, H, W)

    def to_ab(self, raw: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> a and b, (B, 2, H, W) in CIELAB units."""
        return raw[:, 1:].float() * _RANGE

    def from_lab(self, lab: Tensor) -> Tensor:
        """(B, 3, H, W) true L in [0, 100], a and b -> the target of `forward`."""
        return torch.cat([lab[:, :1] / 50 - 1, lab[:, 1:] / _RANGE], dim=1)


class CdcganDiscriminator(nn.Module):
    """Classifies each location as real or fake from its receptive field.

    Args:
        width: Factor of the paper's number of channels.
        batch_norm: Whether there is batch normalisation, as in the paper; without it, biases.
    """

    def __init__(self, *, width: float = 1.0, batch_norm: bool = True) -> None:
        super().__init__()

        def norm(channels: int) -> nn.Module | None:
            return nn.BatchNorm2d(channels, track_running_stats=False) if batch_norm else None

        c64, c128, c256, c512 = (
            max(1, round(channels * width)) for channels in (64, 128, 256, 512)
        )
        self.down = nn.Sequential(
            CdcganDown(1 + 3, c64, 2, None),
            CdcganDown(c64, c128, 2, norm(c128)),
            CdcganDown(c128, c256, 2, norm(c256)),
            CdcganDown(c256, c512, 1, norm(c512)),
        )
        self.last = nn.Conv2d(c512, 1, 4)
        _start(self)

    def forward(self, L: Tensor, colors: Tensor) -> Tensor:
        """Classifies colours, given the grey.

        Args:
            L: (B, 1, H, W) in [0, 100]: the condition.
            colors: (B, 3, H, W), L, a and b scaled to [-1, 1]: a real or a fake picture.

        Returns:
            (B, 1, H/8, W/8) logits: positive for a real picture.
        """
        x = self.down(torch.cat([L / 50 - 1, colors], dim=1))  # (B, 512, H/8, W/8)
        logits: Tensor = self.last(F.pad(x, (1, 2, 1, 2)))
        return logits


def _start(network: nn.Module) -> None:
    """He initialisation of all filters, as in the released code."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def build(recipe: ModelRecipe) -> nn.Module:
    """The generator of a recipe.

    Raises:
        LearnError: There is no such variant.
    """
    variant = recipe.variant or "cifar"
    if variant not in VARIANTS:
        raise LearnError(
            f"The cDCGAN has no variant {variant}.",
            advice=f"Set model.variant to one of {', '.join(VARIANTS)}.",
        )
    return CdcganNet(
        variant, width=recipe.width, dropout=recipe.dropout, batch_norm=recipe.batch_norm
    )


def build_discriminator(recipe: ModelRecipe) -> nn.Module:
    """The discriminator of a recipe; it is the same for both variants."""
    return CdcganDiscriminator(width=recipe.width, batch_norm=recipe.batch_norm)
