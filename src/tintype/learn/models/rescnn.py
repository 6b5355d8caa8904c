"""The source report's own CNN: a short decoder on the first layers of a grey classifier.

Source: M. Zhou, P. Zhou, "Automatic Colorization", 2019, section 2.1.2 and table 1. Six
convolutions follow the trunk: 128 of 4x4 with stride 2, then 128, 64, 64, 32 and 2 of 3x3, then
upsampling. They are trained with L1, L2, or with cross-entropy over colours.

Deviations: the table does not state whether the stride is that of a transposed convolution, nor
where the trunk ends. Here the trunk includes the second stage (128 channels at an eighth of the
size), and the strided layer is a transposed convolution that doubles the size; the output has a
quarter of the size, as in Zhang's network. ``model.variant = "layer1"`` is the literal reading: the
trunk ends one stage earlier, the strided layer halves the size, and the output has an eighth of it.
Batch normalisation and ReLU follow every layer but the last. A network over colours has 313 outputs
where the table has 2, and the annealed mean reduces them to two; one over a and b ends in a
hyperbolic tangent. The engine performs the upsampling, as for every other method here.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from tintype.color.abgrid import BINS
from tintype.errors import LearnError
from tintype.learn.models.blocks import AnnealedMean, GreyTrunk
from tintype.learn.recipe import ModelRecipe

TITLE = "The report's CNN on a grey ResNet-18"
PAPER = "M. Zhou, P. Zhou, Automatic Colorization, 2019"

_RANGE = 110.0  # of a and b
_TEMPERATURE = 0.38  # Zhang et al. 2016, section 2.3
_VARIANTS = ("", "layer2", "layer1")


class ResCnn(nn.Module):
    """L to colours at a quarter of the size (at an eighth in the literal reading).

    Args:
        outputs: ``ab`` for chroma, ``bins`` for a distribution over 313 colours.
        literal: Whether the trunk ends after the first stage and the strided layer halves.
        width: Factor of the report's number of channels.

    Attributes:
        bins: Number of colours of the predicted distribution; 0 for a regression of ab.
    """

    multiple = 8

    def __init__(
        self, outputs: Literal["ab", "bins"] = "bins", *, literal: bool = False, width: float = 1.0
    ) -> None:
        super().__init__()
        self.trunk = GreyTrunk(1 if literal else 2, width)
        self.stride = 8 if literal else 4
        self.bins = BINS if outputs == "bins" else 0
        c128, c64, c32 = (max(4, round(channels * width)) for channels in (128, 64, 32))
        strided = (
            nn.Conv2d(self.trunk.channels, c128, 4, stride=2, padding=1, bias=False)
            if literal
            else nn.ConvTranspose2d(self.trunk.channels, c128, 4, stride=2, padding=1, bias=False)
        )
        self.decoder = nn.Sequential(
            strided,
            nn.BatchNorm2d(c128),
            nn.ReLU(),
            *_layer(c128, c128),
            *_layer(c128, c64),
            *_layer(c64, c64),
            *_layer(c64, c32),
            nn.Conv2d(c32, self.bins or 2, 3, padding=1),
        )
        self.mean = AnnealedMean(_TEMPERATURE)

    def forward(self, L: Tensor) -> Tensor:
        """Predicts logits, or a and b, from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 8.

        Returns:
            (B, 313, H/4, W/4) logits or (B, 2, H/4, W/4) in (-1, 1).
        """
        raw: Tensor = self.decoder(self.trunk(L))
        return raw if self.bins else torch.tanh(raw)

    def to_ab(self, raw: Tensor) -> Tensor:
        """The output of `forward` -> (B, 2, h, w) in CIELAB units, within 110 of neutral."""
        ab: Tensor = self.mean(raw) if self.bins else raw.float() * _RANGE
        return ab

    def load_classifier(self, weights: Mapping[str, Tensor]) -> None:
        """Loads the first layers of a grey classifier.

        Args:
            weights: All weights of the classifier by name; those of later layers are ignored.

        Raises:
            LearnError: A tensor of the trunk is missing or has another shape.
        """
        self.trunk.load_classifier(weights)


def _layer(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """A 3x3 convolution with batch normalisation and ReLU."""
    return (
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe.

    Raises:
        LearnError: There is no such variant.
    """
    if recipe.variant not in _VARIANTS:
        raise LearnError(
            f"{recipe.kind} has no variant {recipe.variant}.", advice="Choose layer2 or layer1."
        )
    return ResCnn(recipe.outputs, literal=recipe.variant == "layer1", width=recipe.width)
