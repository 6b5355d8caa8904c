"""What one step minimises. An objective owns the target that its paper wants."""

from typing import Protocol

import torch
from torch import Tensor, nn

from tintype.color.abgrid import rebalancing_weights
from tintype.learn.data.batches import Batch
from tintype.learn.losses import SoftCrossEntropy
from tintype.learn.recipe import LossRecipe


class Objective(Protocol):
    """A step's loss."""

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """The scalar to minimise."""
        ...


class Classification(nn.Module):
    """Cross-entropy over the 313 colours, with or without Zhang's class weights.

    Args:
        recipe: Width of the soft code and strength of the rebalancing.
        prior: (313,) share of training pixels in each bin.
    """

    def __init__(self, recipe: LossRecipe, prior: Tensor) -> None:
        super().__init__()
        weights = None
        if recipe.rebalance > 0:
            balanced = torch.from_numpy(rebalancing_weights(prior.double().numpy()))
            balanced = balanced**recipe.rebalance
            weights = (balanced / (balanced * prior).sum()).float()
        self.loss = SoftCrossEntropy(recipe.neighbors, recipe.sigma, weights)

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """The mean loss over the batch, in nats a pixel."""
        loss: Tensor = self.loss(model(batch.L), batch.ab)
        return loss
