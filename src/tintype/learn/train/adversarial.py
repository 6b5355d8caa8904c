"""One step of adversarial training: the discriminator, then the generator.

Sources: I. Goodfellow et al., "Generative Adversarial Nets", 2014, section 3 (the non-saturating
loss); T. Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.4 (one-sided
label smoothing); P. Isola et al. 2017, section 3.3 (condition and distance); K. Nazeri et al. 2018,
section 2.2. The source report's equations 6 and 7 are theirs.

Dropout in the generator is the only source of noise. The discriminator is updated first, on
pictures of the current generator; then the generator is updated against the new discriminator, as
many times as the recipe specifies.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.recipe import Recipe
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.objectives.adversarial import Adversarial, Generator
from tintype.learn.train.steps import autocast, descend, make_optimizer, set_rate


class AdversarialStep:
    """See `tintype.learn.train.steps.Step`.

    Args:
        model: The generator.
        discriminator: ``forward(L, colors)`` returns logits, positive for a real picture.
        recipe: Weights of the terms, and the optimisers of both networks.
        process_group: The processes that train together.

    Raises:
        LearnError: The network is not a generator.
    """

    def __init__(
        self,
        model: nn.Module,
        discriminator: nn.Module,
        recipe: Recipe,
        process_group: ProcessGroup,
    ) -> None:
        if not isinstance(model, Generator):
            raise LearnError(
                f"{recipe.name}: {recipe.model.kind} cannot be trained against a discriminator.",
                advice="Set model.kind to cdcgan or pix2pix, or choose another loss.kind.",
            )
        self.objective = Adversarial(recipe.loss)
        self.loss, self.settings, self.process_group = recipe.loss, recipe.train, process_group
        self.modules: Mapping[str, nn.Module] = {"model": model, "discriminator": discriminator}
        share = recipe.loss.discriminator_rate
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "model": make_optimizer(model, recipe.train),
            "discriminator": make_optimizer(discriminator, recipe.train, share=share),
        }

    def __call__(self, batch: Batch, rate: float) -> dict[str, Tensor]:
        """See `Step`.

        Returns:
            ``loss`` of the generator and its terms ``g_loss`` and ``distance``; ``d_loss`` (0.69 at
            chance level), and the accuracy of the discriminator on real and on fake pictures before
            its update.
        """
        for name, module in self.modules.items():
            module.train()
            set_rate(self.optimizers[name], rate)
        real = self.objective.truth(self.modules["model"], batch)
        fake = self._generate(batch)
        values = self._update_discriminator(batch, real, fake.detach())
        for turn in range(self.loss.generator_steps):
            if turn > 0:
                fake = self._generate(batch)
            values |= self._update_generator(batch, real, fake)
        return {name: value.detach() for name, value in values.items()}

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The distance from the real picture as ``loss``, and the accuracy of the discriminator.

        The adversarial term does not measure progress, since both networks change.
        """
        real = self.objective.truth(model, batch)
        fake = model(batch.L).float()
        discriminator = self.modules["discriminator"]
        on_real, on_fake = discriminator(batch.L, real), discriminator(batch.L, fake)
        right = accuracy(on_real, on_fake)
        both = (right["d_accuracy_real"] + right["d_accuracy_fake"]) / 2
        return {"loss": self.objective.distance(fake, real), "d_accuracy": both} | right

    def _generate(self, batch: Batch) -> Tensor:
        with autocast(batch, self.settings):
            fake: Tensor = self.modules["model"](batch.L)
        return fake.float()

    def _judge(self, batch: Batch, colors: Tensor) -> Tensor:
        """Logits in float32: in bfloat16 the log of a small probability is too coarse."""
        with autocast(batch, self.settings):
            logits: Tensor = self.modules["discriminator"](batch.L, colors)
        return logits.float()

    def _update_discriminator(self, batch: Batch, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Equation 7 of the report, with smoothed labels for real pictures."""
        discriminator = self.modules["discriminator"]
        optimizer = self.optimizers["discriminator"]
        on_real, on_fake = self._judge(batch, real), self._judge(batch, fake)
        loss = (_against(on_real, self.loss.smoothing) + _against(on_fake, 0.0)) / 2
        optimizer.zero_grad(set_to_none=True)
        norm = descend(
            loss, discriminator.parameters(), optimizer, self.settings, self.process_group
        )
        right = accuracy(on_real, on_fake)
        return {"d_loss": loss, "d_gradient_norm": norm} | right

    def _update_generator(self, batch: Batch, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Equation 6 of the report: the adversarial term and the distance from the ground truth."""
        model, optimizer = self.modules["model"], self.optimizers["model"]
        with frozen(self.modules["discriminator"]):
            verdict = _against(self._judge(batch, fake), 1.0)
        distance = self.objective.distance(fake, real)
        loss = verdict + self.loss.lambda_ * distance
        optimizer.zero_grad(set_to_none=True)
        norm = descend(loss, model.parameters(), optimizer, self.settings, self.process_group)
        return {"loss": loss, "g_loss": verdict, "distance": distance, "gradient_norm": norm}


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Freezes the parameters of a network; gradients still flow through it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def _against(logits: Tensor, target: float) -> Tensor:
    """Cross-entropy with the same target at every location."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def accuracy(on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
    """The accuracy of a discriminator on real and on fake pictures, over all locations."""
    return {
        "d_accuracy_real": (on_real.detach() > 0).float().mean(),
        "d_accuracy_fake": (on_fake.detach() < 0).float().mean(),
    }
