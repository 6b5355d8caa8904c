"""One step of training: a network by an objective; the adversarial one has a file of its own."""

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.recipe import TrainRecipe
from tintype.learn.train.distributed import Team
from tintype.learn.train.objectives.contract import Objective


class Step(Protocol):
    """One step of training, as the loop calls it."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Networks by name; ``model`` is the one that colours."""
        ...

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """By the same names. Every group has its full rate as ``peak``."""
        ...

    def __call__(self, batch: Batch, rate: float) -> dict[str, Tensor]:
        """Updates the weights once.

        Args:
            batch: The data.
            rate: The learning rate as a share of its peak.

        Returns:
            The values to log, ``loss`` among them.
        """
        ...

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The same on photographs of dev, for weights that are not being trained."""
        ...


class PlainStep:
    """One network, one objective, one optimiser."""

    def __init__(
        self, model: nn.Module, objective: Objective, settings: TrainRecipe, team: Team
    ) -> None:
        self.objective, self.settings, self.team = objective, settings, team
        self.modules: Mapping[str, nn.Module] = {"model": model}
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "model": make_optimizer(model, settings)
        }

    def __call__(self, batch: Batch, rate: float) -> dict[str, Tensor]:
        """See `Step`."""
        model, optimizer = self.modules["model"], self.optimizers["model"]
        model.train()
        set_rate(optimizer, rate)
        with autocast(batch, self.settings):
            losses = self.objective(model, batch)
        optimizer.zero_grad(set_to_none=True)
        norm = descend(losses["loss"], model.parameters(), optimizer, self.settings, self.team)
        return {name: value.detach() for name, value in losses.items()} | {"gradient_norm": norm}

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """See `Step`."""
        losses: dict[str, Tensor] = self.objective(model, batch)
        return losses


def autocast(batch: Batch, settings: TrainRecipe) -> torch.autocast:
    """bfloat16 where the recipe asks for it and the device supports it."""
    device = batch.L.device
    enabled = precision(device, settings) == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def precision(device: torch.device, settings: TrainRecipe) -> Literal["bfloat16", "float32"]:
    """The precision of a step.

    A processor for which oneDNN has no kernels in bfloat16 can do it too, but converts every number
    there and back: with AVX2 a step took 12 to 15 times as long as in float32. So it uses
    float32 there, and on graphics cards that only emulate bfloat16.

    Args:
        device: Where it is trained.
        settings: Whether the recipe wants bfloat16.
    """
    if not settings.amp:
        return "float32"
    if device.type == "cpu" and not _processor_has_bfloat16():
        return "float32"
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "float32"
    return "bfloat16"


def device_name(device: torch.device, settings: TrainRecipe) -> str:
    """The device and precision of training, for the record.

    Args:
        device: Where it is trained.
        settings: Whether the recipe wants bfloat16.
    """
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"CPU, {torch.get_num_threads()} thread(s)"
    return f"{name}, {precision(device, settings)}"


@cache
def _processor_has_bfloat16() -> bool:
    """Whether oneDNN, which runs torch's convolutions on processors, has kernels for it here."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of every group to a share of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * rate


def descend(
    loss: Tensor,
    parameters: Iterable[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    settings: TrainRecipe,
    team: Team,
) -> Tensor:
    """Backward pass, average over the team, clipping, optimiser step.

    Returns:
        The norm of the gradient before clipping.

    Raises:
        LearnError: The gradient is not finite; the weights are unchanged.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    loss.backward()  # type: ignore[no-untyped-call]
    team.average_gradients(trained)
    norm = nn.utils.clip_grad_norm_(trained, settings.clip or math.inf)
    if not torch.isfinite(norm):
        raise LearnError(
            "The gradient is no longer finite.",
            advice="Resume with a lower train.learning_rate; the last checkpoint is kept.",
        )
    optimizer.step()
    return norm


def make_optimizer(
    model: nn.Module, settings: TrainRecipe, *, share: float = 1.0
) -> torch.optim.Optimizer:
    """The recipe's optimiser, in groups: encoder or not, decayed (filters) or not (biases, norms).

    Args:
        model: Its parameters are optimised; frozen parameters are left out.
        settings: The optimiser and its parameters.
        share: Of the recipe's learning rate, for a second network.
    """
    by_group: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (name.startswith("encoder."), parameter.ndim > 1)
            by_group.setdefault(key, []).append(parameter)
    rate = settings.learning_rate * share
    groups = [
        {
            "params": parameters,
            "peak": rate * (settings.encoder_rate if encoder else 1.0),
            "weight_decay": settings.weight_decay if decayed else 0.0,
        }
        for (encoder, decayed), parameters in sorted(by_group.items(), key=lambda g: g[0])
    ]
    match settings.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate, betas=settings.betas)
        case "adam":
            return torch.optim.Adam(groups, lr=rate, betas=settings.betas)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum)
        case "adadelta":
            return torch.optim.Adadelta(groups, lr=rate)
