"""Distillation of a colour encoder into a grey one: features and classes should agree.

No labels are needed, so any photograph can be used.

Sources: G. Hinton et al. 2015, section 2 (the divergence of softened class probabilities, scaled by
the square of the temperature); A. Romero et al. 2015, equation 3 (the distance between features).
"""

from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.learn.data.batches import Batch
from tintype.learn.models.efficientnet import Classifier, imagenet_weights
from tintype.learn.recipe import ModelRecipe, Recipe
from tintype.learn.train.objectives.contract import Objective

_TEMPERATURE = 2.0
_FEATURES = 5.0
"""Weight of the features relative to the classes. The decoder uses the features, and those of a
network that sees colour encode the colour of things."""
_LEVELS = (2, 3, 4)
"""Features at 1/8, 1/16 and 1/32 describe content. Those at 1/2 and 1/4 describe colour edges."""


class Distillation(Objective):
    """Divergence of the classes, and distance between features relative to the teacher's.

    The teacher sees the clean photograph in colour, the student its lightness, with the ageing of
    the recipe.

    Args:
        recipe: Selects the encoder; ``pretrained = false`` gives an untrained teacher, for tests.
    """

    learns_colors: ClassVar[bool] = False
    network: ClassVar[type] = Classifier

    def __init__(self, recipe: ModelRecipe) -> None:
        super().__init__()
        teacher = Classifier(recipe.encoder, inputs=3)
        if recipe.pretrained:
            teacher.load_imagenet(imagenet_weights(recipe.encoder))
        teacher.requires_grad_(False)
        self.teacher = teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def from_recipe(cls, recipe: Recipe, _prior: Tensor) -> Self:
        """See `Objective`."""
        return cls(recipe.model)

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """``loss``, its two terms, and how often the top-1 classes agree."""
        pixels = (batch.rgb * 100).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            teacher_pyramid, teacher_logits = self.teacher(pixels)
        pyramid, classes = model(batch.L)
        teacher_logits, classes = teacher_logits.float(), classes.float()
        features = torch.stack(
            [_distance(pyramid[level].float(), teacher_pyramid[level].float()) for level in _LEVELS]
        ).mean()
        divergence = F.kl_div(
            F.log_softmax(classes / _TEMPERATURE, dim=1),
            F.log_softmax(teacher_logits / _TEMPERATURE, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        divergence = divergence * _TEMPERATURE**2
        same = (classes.detach().argmax(dim=1) == teacher_logits.argmax(dim=1)).float().mean()
        loss = divergence + _FEATURES * features
        return {"loss": loss, "divergence": divergence, "features": features, "agreement": same}


def _distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared distance, relative to the mean square of the teacher's features."""
    return (student - teacher).square().mean() / teacher.square().mean()
