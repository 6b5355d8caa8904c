"""A step of training against a Wasserstein critic: the generator, then the critic.

Sources: M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein GAN", 2017; I. Gulrajani et al.,
"Improved Training of Wasserstein GANs", 2017, section 4 (the gradient penalty); P. Vitoria et al.
2020, section 3.1 and 4 (the sum of the terms; one step of each network).

The critic's score has no threshold between real and generated pictures, so its accuracy is the
share of locations at which it scores the real picture higher than the generated one.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.recipe import Recipe
from tintype.learn.train.adversarial import frozen
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.objectives.semantic import Semantic, SemanticGenerator
from tintype.learn.train.steps import autocast, descend, make_optimizer, set_rate


class WassersteinStep:
    """See `tintype.learn.train.steps.Step`.

    Args:
        model: The generator.
        critic: ``forward(L, colors)`` returns scores, higher for a real picture.
        objective: The terms without the critic.
        recipe: Weights of the terms, and the optimisers of both networks.
        process_group: The processes that train together.

    Raises:
        LearnError: The network is not a generator with classes.
    """

    def __init__(
        self,
        model: nn.Module,
        critic: nn.Module,
        objective: Semantic,
        recipe: Recipe,
        process_group: ProcessGroup,
    ) -> None:
        if not isinstance(model, SemanticGenerator):
            raise LearnError(
                f"{recipe.name}: {recipe.model.kind} does not predict ImageNet's classes, which "
                f'loss.kind = "{recipe.loss.kind}" needs.',
                advice="Set model.kind to chromagan, or choose another loss.kind.",
            )
        self.objective, self.loss = objective, recipe.loss
        self.settings, self.process_group = recipe.train, process_group
        self.modules: Mapping[str, nn.Module] = {"model": model, "discriminator": critic}
        share = recipe.loss.discriminator_rate
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "model": make_optimizer(model, recipe.train),
            "discriminator": make_optimizer(critic, recipe.train, share=share),
        }

    def __call__(self, batch: Batch, rate: float) -> dict[str, Tensor]:
        """See `Step`.

        Returns:
            The values of the objective, ``loss`` with the adversarial term; ``g_loss``, that term
            without its weight; ``d_loss`` of the critic, its ``penalty`` without its weight, and
            its accuracy before its update.
        """
        for name, module in self.modules.items():
            module.train()
            set_rate(self.optimizers[name], rate)
        model = self.modules["model"]
        assert isinstance(model, SemanticGenerator)
        values = self._update_generator(batch)
        # The critic sees the pictures of the generator after its update, as in the released code.
        with torch.no_grad(), autocast(batch, self.settings):
            fake = self.objective.generate(model, batch.L)
        values |= self._update_critic(batch, model.from_ab(batch.ab), fake)
        return {name: value.detach() for name, value in values.items()}

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The values of the objective, and the accuracy of the critic."""
        assert isinstance(model, SemanticGenerator)
        values, fake = self.objective.terms(model, batch)
        critic = self.modules["discriminator"]
        real = critic(batch.L, model.from_ab(batch.ab))
        return values | {"d_accuracy": ranked(real, critic(batch.L, fake))}

    def _update_generator(self, batch: Batch) -> dict[str, Tensor]:
        model, optimizer = self.modules["model"], self.optimizers["model"]
        with autocast(batch, self.settings):
            values, fake = self.objective.terms(model, batch)
        with frozen(self.modules["discriminator"]):
            g_loss = -self.modules["discriminator"](batch.L, fake).mean()
        loss = values["loss"] + self.loss.critic_weight * g_loss
        optimizer.zero_grad(set_to_none=True)
        norm = descend(loss, model.parameters(), optimizer, self.settings, self.process_group)
        return values | {"loss": loss, "g_loss": g_loss, "gradient_norm": norm}

    def _update_critic(self, batch: Batch, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        critic, optimizer = self.modules["discriminator"], self.optimizers["discriminator"]
        on_real, on_fake = critic(batch.L, real), critic(batch.L, fake)
        penalty = gradient_penalty(critic, batch.L, real, fake)
        loss = on_fake.mean() - on_real.mean() + self.loss.gradient_penalty * penalty
        optimizer.zero_grad(set_to_none=True)
        norm = descend(loss, critic.parameters(), optimizer, self.settings, self.process_group)
        return {
            "d_loss": loss,
            "penalty": penalty,
            "d_gradient_norm": norm,
            "d_accuracy": ranked(on_real.detach(), on_fake.detach()),
        }


def gradient_penalty(critic: nn.Module, L: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """Mean squared distance from 1 of the norm of the critic's gradient (Gulrajani, equation 3).

    The gradient is that of the sum of a picture's scores with respect to its colours, at a random
    point between the real and the generated ones; as in the authors' code.

    Args:
        critic: ``forward(L, colors)``.
        L: (B, 1, H, W).
        real: (B, 2, H, W).
        fake: (B, 2, H, W).
    """
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (share * real + (1 - share) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(L, between).sum(), between, create_graph=True)
    penalty: Tensor = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty


def ranked(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """The share of locations whose score is higher in the real picture; 0.5 is chance."""
    return (on_real > on_fake).float().mean()
