"""A training step of one network and one objective; adversarial steps are in other modules."""

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.recipe import TrainRecipe
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.objectives.contract import Objective


class Step(Protocol):
    """The interface of a training step."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Networks by name; ``model`` is the colorization network."""
        ...

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Optimisers by the same names; ``peak`` in a parameter group is its peak learning rate."""
        ...

    def __call__(self, batch: Batch, rate: float) -> dict[str, Tensor]:
        """Updates the weights once.

        Args:
            batch: The data.
            rate: The learning rate as a fraction of its peak.

        Returns:
            The values to log, ``loss`` among them.
        """
        ...

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Returns the same values for a batch of dev, without training."""
        ...


class PlainStep:
    """One network, one objective, one optimiser."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        settings: TrainRecipe,
        process_group: ProcessGroup,
    ) -> None:
        self.objective, self.settings, self.process_group = objective, settings, process_group
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
        norm = descend(
            losses["loss"], model.parameters(), optimizer, self.settings, self.process_group
        )
        return {name: value.detach() for name, value in losses.items()} | {"gradient_norm": norm}

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """See `Step`."""
        losses: dict[str, Tensor] = self.objective(model, batch)
        return losses


def autocast(batch: Batch, settings: TrainRecipe) -> torch.autocast:
    """Autocast to bfloat16 if the recipe requests it and the device supports it."""
    device = batch.L.device
    enabled = precision(device, settings) == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def precision(device: torch.device, settings: TrainRecipe) -> Literal["bfloat16", "float32"]:
    """The precision of a step.

    CPUs for which oneDNN has no bfloat16 kernels emulate it by converting every number: with AVX2 a
    step took 12 to 15 times as long as in float32. So float32 is used there, and on GPUs that only
    emulate bfloat16.

    Args:
        device: The device that trains.
        settings: Whether the recipe requests bfloat16.
    """
    if not settings.amp:
        return "float32"
    if device.type == "cpu" and not _processor_has_bfloat16():
        return "float32"
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "float32"
    return "bfloat16"


def device_name(device: torch.device, settings: TrainRecipe) -> str:
    """The device and precision of training, for the checkpoint.

    Args:
        device: The device that trains.
        settings: Whether the recipe requests bfloat16.
    """
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"CPU, {torch.get_num_threads()} thread(s)"
    return f"{name}, {precision(device, settings)}"


@cache
def _processor_has_bfloat16() -> bool:
    """Whether oneDNN, which runs torch's convolutions, has bfloat16 kernels for this CPU."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of every parameter group to a fraction of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * rate


def descend(
    loss: Tensor,
    parameters: Iterable[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    settings: TrainRecipe,
    process_group: ProcessGroup,
) -> Tensor:
    """Backward pass, averaging over the process group, clipping, optimiser step.

    Returns:
        The norm of the gradient before clipping.

    Raises:
        LearnError: The gradient is not finite; the weights are unchanged.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    loss.backward()  # type: ignore[no-untyped-call]
    process_group.average_gradients(trained)
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
    """The recipe's optimiser, with parameter groups by encoder and by weight decay (filters only).

    Args:
        model: The network; its frozen parameters are left out.
        settings: The optimiser and its hyperparameters.
        share: Factor of the recipe's learning rate, for a second network.
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
