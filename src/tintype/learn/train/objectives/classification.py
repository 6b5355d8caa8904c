"""Cross-entropy over 313 colours (Zhang et al. 2016, section 2); losses on decoded colours."""

from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from tintype.color.abgrid import log_rarity, rebalancing_weights
from tintype.learn.data.batches import Batch
from tintype.learn.losses import Decoded, DecodedColors, SoftCrossEntropy
from tintype.learn.models.contract import run_network, stride_of
from tintype.learn.perceptual_loss import load_perceptual_loss
from tintype.learn.recipe import LossRecipe, Recipe
from tintype.learn.train.objectives.contract import Objective
from tintype.learn.train.objectives.teacher import load_teacher

_GREY = 5.0  # of |a| and |b|: Zhang's code treats a picture below this everywhere as grey


class Classification(Objective):
    """Cross-entropy over the 313 colours, with or without Zhang's class weights.

    With ``decoded`` above 0, the decoded colours contribute to the loss too: their distance from
    the true ones, and how well their colourfulness and frequencies match over a step.

    Args:
        recipe: Width of the soft encoding, strength of the rebalancing, grey mask, kind of target,
            weight of the decoded colours.
        prior: (313,) share of training pixels in each bin.
    """

    over_bins: ClassVar[bool] = True

    def __init__(self, recipe: LossRecipe, prior: Tensor) -> None:
        super().__init__()
        self.recipe = recipe
        weights = None
        if recipe.rebalance > 0:
            balanced = torch.from_numpy(rebalancing_weights(prior.double().numpy()))
            balanced = balanced**recipe.rebalance
            weights = (balanced / (balanced * prior).sum()).float()
        self.loss = SoftCrossEntropy(recipe.neighbors, recipe.sigma, weights)
        self.colors = self.perceptual = self.teacher = None
        if recipe.decoded > 0:
            rarity = torch.from_numpy(log_rarity(prior.double().numpy()))
            self.colors = DecodedColors(
                rarity, recipe.vividness, recipe.temperature, recipe.local_contrast
            )
        if recipe.perceptual > 0:
            self.perceptual = load_perceptual_loss()
        if recipe.teacher:
            likelihood = SoftCrossEntropy(recipe.neighbors, recipe.sigma)
            self.teacher = load_teacher(Path(recipe.teacher), likelihood)

    @classmethod
    def from_recipe(cls, recipe: Recipe, prior: Tensor) -> Self:
        """See `Objective`."""
        return cls(recipe.loss, prior)

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean loss over the batch and its terms; in nats per pixel if nothing is decoded."""
        ab, weights = self.target(batch, stride_of(model))
        logits = run_network(model, batch.L, batch.hints)
        if self.colors is None:
            loss = self.loss(logits, ab, weights)
            taught, values = self._taught(logits, batch, ab)
            return {"loss": loss + taught} | ({"nats": loss} | values if values else {})
        return self.of_decoded(logits, self.colors(logits, ab), batch, ab, weights)

    def target(self, batch: Batch, stride: int) -> tuple[Tensor, Tensor | None]:
        """The target chroma, and the weight of each picture's cross-entropy.

        Args:
            batch: B pictures of S x S pixels.
            stride: Stride of the output.

        Returns:
            (B, 2, S/stride, S/stride) in CIELAB units; (B,) weights, or None for 1.
        """
        ab = batch.ab_point(stride) if self.recipe.point_targets else batch.ab_at(stride)
        weights = None
        if self.recipe.grey_mask:
            weights = (batch.ab.abs().amax(dim=(1, 2, 3)) > _GREY).float()
        return ab, weights

    def of_decoded(
        self,
        logits: Tensor,
        decoded: Decoded,
        batch: Batch,
        ab: Tensor,
        weights: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The values of `forward` for given logits and the colours decoded from them.

        Args:
            logits: (B, 313, h, w).
            decoded: The result of `colors` for the logits.
            batch: The photographs.
            ab: (B, 2, h, w) true chroma in CIELAB units, as from `target`.
            weights: (B,) weight of each picture's cross-entropy, or None for 1.
        """
        nats = self.loss(logits, ab, weights)
        gap = decoded.found - decoded.true
        shown = decoded.distance + self.recipe.colorful * gap**2 / 2
        shown = shown + self.recipe.wasserstein * decoded.transport
        values = {
            "nats": nats,
            "distance": decoded.distance,
            "gap": gap,
            "transport": decoded.transport,
        }
        if self.perceptual is not None:
            values["lpips"] = self.perceptual(batch, decoded.ab)
            shown = shown + self.recipe.perceptual * values["lpips"]
        taught, about = self._taught(logits, batch, ab)
        return {"loss": nats + taught + self.recipe.decoded * shown} | values | about

    def _taught(
        self, logits: Tensor, batch: Batch, ab: Tensor
    ) -> tuple[Tensor | float, dict[str, Tensor]]:
        """The weighted divergence from the teacher, and values for the log; 0 without one."""
        if self.teacher is None:
            return 0.0, {}
        divergence, share = self.teacher(logits, batch, ab)
        about = {"divergence": divergence, "taught": share}
        return self.recipe.teacher_weight * divergence, about
