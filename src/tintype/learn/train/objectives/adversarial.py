"""Distance of a generated picture from the true one; the adversarial term is added by the step."""

from typing import ClassVar, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from tintype.color.cielab import rgb01_to_lab
from tintype.learn.data.batches import Batch
from tintype.learn.recipe import LossRecipe, Recipe
from tintype.learn.train.objectives.contract import Objective


@runtime_checkable
class Generator(Protocol):
    """A network that generates pictures at full size, in its own value range."""

    def forward(self, L: Tensor) -> Tensor:
        """(B, 1, H, W) in [0, 100] -> (B, C, H, W) generated picture."""
        ...

    def from_lab(self, lab: Tensor) -> Tensor:
        """(B, 3, H, W) true L, a and b -> (B, C, H, W) the target of `forward`."""
        ...


class Adversarial(Objective):
    """Distance between the generated picture and the true one, in the generator's value range.

    `tintype.learn.train.adversarial` combines it with the loss of a discriminator.

    Args:
        recipe: Selects the distance.
    """

    needs_discriminator: ClassVar[bool] = True
    network: ClassVar[type] = Generator

    def __init__(self, recipe: LossRecipe) -> None:
        super().__init__()
        self.kind = recipe.distance

    @classmethod
    def from_recipe(cls, recipe: Recipe, _prior: Tensor) -> Self:
        """See `Objective`."""
        return cls(recipe.loss)

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The distance as ``loss``."""
        return {"loss": self.distance(model(batch.L).float(), self.truth(model, batch))}

    def truth(self, model: nn.Module, batch: Batch) -> Tensor:
        """The true picture in the generator's value range, (B, C, H, W)."""
        assert isinstance(model, Generator)
        lab = rgb01_to_lab(batch.rgb.permute(0, 2, 3, 1), xp=torch).permute(0, 3, 1, 2)
        return model.from_lab(lab)

    def distance(self, generated: Tensor, true: Tensor) -> Tensor:
        """Mean absolute or mean squared difference of two (B, C, H, W) tensors."""
        difference = generated - true
        return (difference.abs() if self.kind == "l1" else difference.square()).mean()
