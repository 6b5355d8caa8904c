"""A step of dual decoders: that of `tintype.learn.train.adversarial` with more than a distance."""

from torch import Tensor, nn

from tintype.learn.data.batches import Batch
from tintype.learn.recipe import Recipe
from tintype.learn.train.adversarial import AdversarialStep, frozen
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.objectives.dual_decoders import DualDecoders
from tintype.learn.train.steps import descend


class DualDecodersStep(AdversarialStep):
    """See `tintype.learn.train.steps.Step`.

    Source: Kang et al. 2023, equation 6. Their code updates the generator first.

    Args:
        model: The generator.
        discriminator: As for `AdversarialStep`.
        objective: All losses but the adversarial one.
        recipe: The optimisers of both networks.
        process_group: The processes that train together.
    """

    def __init__(
        self,
        model: nn.Module,
        discriminator: nn.Module,
        objective: DualDecoders,
        recipe: Recipe,
        process_group: ProcessGroup,
    ) -> None:
        super().__init__(model, discriminator, recipe, process_group)
        self.objective: DualDecoders = objective

    def _update_generator(self, batch: Batch, _real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The weighted losses and the adversarial one, whose weight is 1."""
        model, optimizer = self.modules["model"], self.optimizers["model"]
        with frozen(self.modules["discriminator"]):
            verdict = nn.functional.softplus(-self._judge(batch, fake)).mean()
        values = self.objective.terms(batch, fake)
        loss = values["loss"] + verdict
        optimizer.zero_grad(set_to_none=True)
        norm = descend(loss, model.parameters(), optimizer, self.settings, self.process_group)
        return values | {"loss": loss, "g_loss": verdict, "gradient_norm": norm}
