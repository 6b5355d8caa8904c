"""Cross-entropy over the 313 colours (Zhang et al. 2016, section 2)."""

import torch
from torch import Tensor, nn

from tintype.color.abgrid import rebalancing_weights
from tintype.learn.data.batches import Batch
from tintype.learn.losses import SoftCrossEntropy
from tintype.learn.models.contract import answer, stride_of
from tintype.learn.recipe import LossRecipe

_GREY = 5.0  # of |a| and |b|: Zhang's code takes a picture below it everywhere for grey


class Classification(nn.Module):
    """Cross-entropy over the 313 colours, with or without Zhang's class weights.

    Args:
        recipe: Width of the soft code, strength of the rebalancing, grey mask, kind of target.
        prior: (313,) share of training pixels in each bin.
    """

    def __init__(self, recipe: LossRecipe, prior: Tensor) -> None:
        super().__init__()
        self.recipe = recipe
        weights = None
        if recipe.rebalance > 0:
            balanced = torch.from_numpy(rebalancing_weights(prior.double().numpy()))
            balanced = balanced**recipe.rebalance
            weights = (balanced / (balanced * prior).sum()).float()
        self.loss = SoftCrossEntropy(recipe.neighbors, recipe.sigma, weights)

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean loss over the batch, in nats a pixel."""
        stride = stride_of(model)
        ab = batch.ab_point(stride) if self.recipe.point_targets else batch.ab_at(stride)
        weights = None
        if self.recipe.grey_mask:
            weights = (batch.ab.abs().amax(dim=(1, 2, 3)) > _GREY).float()
        return {"loss": self.loss(answer(model, batch.L, batch.hints), ab, weights)}
