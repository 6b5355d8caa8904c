"""A training step of our own network with a discriminator of decoded colours, the critic.

The terms of `objectives.classification` stay: cross-entropy, distance and marginal distance. The
discriminator adds what they cannot measure: whether colours are plausible at their location. A red
cloud on a backdrop is not, nor is a coat with one blue sleeve. Both networks are updated once per
step, the discriminator first.

The gradient of the adversarial loss is scaled to a fixed norm relative to that of the mean
distance, so that its weight does not depend on the confidence of the discriminator.

Sources: I. Goodfellow et al., "Generative Adversarial Nets", 2014, section 3 (the non-saturating
loss); P. Isola et al. 2017, section 3.1 (a conditional discriminator in addition to a distance); M.
Arjovsky, L. Bottou, "Towards Principled Methods for Training GANs", ICLR 2017, section 3 (noise on
real and fake samples, so that their distributions overlap); P. Esser et al., "Taming Transformers",
CVPR 2021, equation 7 (a weight from gradient norms).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.models.contract import PyramidNetwork, stride_of
from tintype.learn.models.critic import ColorCritic
from tintype.learn.recipe import Recipe
from tintype.learn.train.adversarial import accuracy, frozen
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.objectives.classification import Classification
from tintype.learn.train.steps import autocast, descend, make_optimizer, set_rate

_NOISE = 3.0
"""Standard deviation of the noise added to true and decoded colours, in CIELAB units."""
_BETAS = (0.5, 0.99)
"""Of the discriminator's AdamW; low, because its target changes."""


class Critic(ColorCritic):
    """The discriminator, with the number of samples that it was trained on.

    Args:
        channels: As for `ColorCritic`.
    """

    samples: Tensor

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__(channels)
        self.register_buffer("samples", torch.zeros((), dtype=torch.long))


class CriticStep:
    """See `tintype.learn.train.steps.Step`.

    Args:
        model: A network over 313 bins that also returns the features of its encoder.
        objective: The objective without the discriminator; it has a loss on decoded colours.
        recipe: Weight of the adversarial loss, and the optimisers.
        process_group: The processes that train together.

    Raises:
        LearnError: The network does not return its encoder's features.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Classification,
        recipe: Recipe,
        process_group: ProcessGroup,
    ) -> None:
        if not isinstance(model, PyramidNetwork):
            raise LearnError(
                f"{recipe.name}: {recipe.model.kind} cannot be trained with loss.adversarial.",
                advice='Set model.kind = "own", or leave loss.adversarial out.',
            )
        self.objective, self.loss = objective, recipe.loss
        self.settings, self.process_group = recipe.train, process_group
        device = next(model.parameters()).device
        critic = Critic(tuple(model.channels)).to(device)
        critic = critic.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.modules: Mapping[str, nn.Module] = {"model": model, "discriminator": critic}
        rate = recipe.train.learning_rate * recipe.loss.discriminator_rate
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "model": make_optimizer(model, recipe.train),
            "discriminator": torch.optim.AdamW(
                [{"params": list(critic.parameters()), "peak": rate}], lr=rate, betas=_BETAS
            ),
        }

    def __call__(self, batch: Batch, rate: float) -> dict[str, Tensor]:
        """See `Step`.

        Returns:
            The values of the objective; ``g_loss`` of the network, ``d_loss`` of the discriminator
            (0.69 at chance level), and its accuracy on true and on decoded colours before its
            update.
        """
        for name, module in self.modules.items():
            module.train()
            set_rate(self.optimizers[name], rate)
        critic, model = self.modules["discriminator"], self.modules["model"]
        assert isinstance(critic, Critic)
        with autocast(batch, self.settings):
            values, pyramid, shown, true = self._predict(model, batch)
        critic_values = self._update_critic(batch, pyramid, true, shown.detach())
        gradient, g_loss = self._scaled_gradient(batch, pyramid, shown.detach())
        samples = int(critic.samples)
        share = self.loss.adversarial * min(1.0, samples / max(1, self.loss.adversarial_warmup))
        critic.samples += self.settings.batch
        loss = values["loss"] + self.loss.decoded * share * (shown * gradient).sum()
        optimizer = self.optimizers["model"]
        optimizer.zero_grad(set_to_none=True)
        norm = descend(loss, model.parameters(), optimizer, self.settings, self.process_group)
        values = values | critic_values | {"g_loss": g_loss, "gradient_norm": norm}
        return {name: value.detach() for name, value in values.items()}

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The values of the objective, and the accuracy of the discriminator."""
        values, pyramid, shown, true = self._predict(model, batch)
        right = accuracy(self._judge(batch, pyramid, true), self._judge(batch, pyramid, shown))
        return values | right

    def _predict(
        self, model: nn.Module, batch: Batch
    ) -> tuple[dict[str, Tensor], list[Tensor], Tensor, Tensor]:
        """The loss and its terms, the encoder's features, and decoded and true colours at 1/8."""
        assert isinstance(model, PyramidNetwork)
        assert self.objective.colors is not None
        pyramid, logits = model.with_pyramid(batch.L, batch.hints)
        ab, weights = self.objective.target(batch, stride_of(model))
        decoded = self.objective.colors(logits, ab)
        values = self.objective.of_decoded(logits, decoded, batch, ab, weights)
        shrink = ColorCritic.shrink // stride_of(model)
        return (
            values,
            [features.detach() for features in pyramid],
            F.avg_pool2d(decoded.ab, shrink),
            batch.ab_at(ColorCritic.shrink),
        )

    def _judge(self, batch: Batch, pyramid: list[Tensor], ab: Tensor) -> Tensor:
        """(B, locations) logits in float32, at both sizes."""
        with autocast(batch, self.settings):
            verdicts = self.modules["discriminator"](batch.L, pyramid, ab)
        return torch.cat([verdict.float().flatten(1) for verdict in verdicts], dim=1)

    def _update_critic(
        self, batch: Batch, pyramid: list[Tensor], true: Tensor, shown: Tensor
    ) -> dict[str, Tensor]:
        critic, optimizer = self.modules["discriminator"], self.optimizers["discriminator"]
        on_true, on_shown = (self._judge(batch, pyramid, _noisy(ab)) for ab in (true, shown))
        loss = (F.softplus(-on_true).mean() + F.softplus(on_shown).mean()) / 2
        optimizer.zero_grad(set_to_none=True)
        norm = descend(loss, critic.parameters(), optimizer, self.settings, self.process_group)
        return {"d_loss": loss, "d_gradient_norm": norm} | accuracy(on_true, on_shown)

    def _scaled_gradient(
        self, batch: Batch, pyramid: list[Tensor], shown: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The scaled gradient of the adversarial loss with respect to the colours, and the loss.

        The gradient, (B, 2, h, w), has the norm of that of the mean distance: 1, summed over all
        locations.
        """
        shown = shown.requires_grad_()
        with frozen(self.modules["discriminator"]):
            loss = F.softplus(-self._judge(batch, pyramid, _noisy(shown))).mean()
        (gradient,) = torch.autograd.grad(loss, shown)
        locations = gradient.shape[0] * gradient.shape[2] * gradient.shape[3]
        length = gradient.square().sum(dim=1).mean().sqrt() * locations
        return gradient / length.clamp_min(1e-12), loss


def _noisy(ab: Tensor) -> Tensor:
    return ab + _NOISE * torch.randn_like(ab)
