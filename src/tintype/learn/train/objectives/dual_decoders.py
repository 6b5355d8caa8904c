"""The losses of dual decoders (Kang et al. 2023, section 3.5), except the adversarial one."""

from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from tintype.color.abgrid import AB_LIMIT
from tintype.color.cielab import lab_to_rgb01
from tintype.learn.data.batches import Batch
from tintype.learn.models.dual_decoders import DualDecodersNet
from tintype.learn.perceptual_loss import PerceptualLoss, load_perceptual_loss
from tintype.learn.recipe import LossRecipe, Recipe
from tintype.learn.train.objectives.adversarial import Adversarial

PIXELS = 0.1
"""Weight of the mean absolute difference of a and b, in CIELAB units."""
PERCEPTUAL = 5.0
COLORFUL = 0.5


class DualDecoders(Adversarial):
    """Absolute difference, perceptual distance and colourfulness, weighted as published.

    `tintype.learn.train.dual_decoders_step` adds the loss of a discriminator, whose weight is 1.

    Deviations: the perceptual distance is LPIPS on AlexNet at half the size, not the features of
    VGG16, which judges models here (`tintype.learn.perceptual_loss`). The colourfulness is that of
    the paper's equation, the mean over the pictures; the code takes absolute values of the two
    opponent channels, has RGB in [0, 1], and sums over the pictures of a device. The truth is
    unchanged; the code makes it 1.2 times as colourful for all but the absolute difference.

    Args:
        recipe: As for `Adversarial`.
        perceptual: The perceptual distance.
    """

    network: ClassVar[type] = DualDecodersNet

    def __init__(self, recipe: LossRecipe, perceptual: PerceptualLoss) -> None:
        super().__init__(recipe)
        self.perceptual = perceptual

    @classmethod
    def from_recipe(cls, recipe: Recipe, _prior: Tensor) -> Self:
        """See `Objective`."""
        return cls(recipe.loss, load_perceptual_loss())

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """See `terms`."""
        return self.terms(batch, model(batch.L).float())

    def terms(self, batch: Batch, raw: Tensor) -> dict[str, Tensor]:
        """The losses of generated colours.

        Args:
            batch: The photographs.
            raw: (B, 2, H, W), a and b divided by 110.

        Returns:
            ``loss``, the weighted sum, and the terms: ``distance`` in CIELAB units, ``lpips``, and
            ``dull``, 1 minus the colourfulness divided by 100.
        """
        ab = raw * AB_LIMIT
        distance = (ab - batch.ab).abs().mean()
        lpips = self.perceptual(batch, ab)
        lab = torch.cat([batch.L, ab], dim=1).permute(0, 2, 3, 1)
        rgb01 = lab_to_rgb01(lab, xp=torch).clamp(0, 1).permute(0, 3, 1, 2)
        dull = 1 - colorfulness(rgb01).mean() / 100
        loss = PIXELS * distance + PERCEPTUAL * lpips + COLORFUL * dull
        return {"loss": loss, "distance": distance, "lpips": lpips, "dull": dull}


def colorfulness(rgb01: Tensor) -> Tensor:
    """The colourfulness of pictures.

    Source: D. Hasler, S. Suesstrunk, "Measuring Colourfulness in Natural Images", 2003, as in
    `tintype.learn.evaluate.metrics`, but differentiable.

    Args:
        rgb01: (B, 3, H, W) sRGB in [0, 1].

    Returns:
        (B,), 0 for grey, about 60 for colourful photographs.
    """
    red, green, blue = (255 * rgb01).unbind(dim=1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue], dim=1)
    variance = opponents.var(dim=(2, 3), correction=0).sum(dim=1)
    mean = opponents.mean(dim=(2, 3)).square().sum(dim=1)
    # The gradient of a square root is infinite at zero, where a picture is grey.
    return _root(variance) + 0.3 * _root(mean)


def _root(x: Tensor) -> Tensor:
    return torch.sqrt(x + 1e-6)
