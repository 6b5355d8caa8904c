"""Measurements on dev during training."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tintype.learn.data.batches import Batch, Sampler
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.train.steps import Step

_DEV_PICTURES = 512
_SHOWN_PICTURES = 64
_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class DevMeasurement:
    """The results of a measurement.

    Attributes:
        values: Means over dev of the values of `Step.measure`, ``loss`` among them.
        some: Photographs of dev, spread evenly.
        guess: (B, 2, h, w) predicted chroma; None for a network that does not colour.
    """

    values: dict[str, float]
    some: Batch
    guess: Tensor | None


def measure_dev(step: Step, model: nn.Module, sampler: Sampler) -> DevMeasurement | None:
    """Measures a network on photographs of dev, spread evenly over it.

    Args:
        step: Its `measure` is averaged.
        model: In evaluation mode.
        sampler: Cuts the photographs.

    Returns:
        None where the data have no dev split.
    """
    dev = np.flatnonzero(sampler.photos.dev)
    if len(dev) == 0:
        return None
    chosen = dev[evenly_spaced(len(dev), _DEV_PICTURES)]
    totals: dict[str, float] = {}
    with torch.no_grad():
        for start in range(0, len(chosen), _AT_A_TIME):
            batch = sampler.fixed(chosen[start : start + _AT_A_TIME])
            for name, value in step.measure(model, batch).items():
                totals[name] = totals.get(name, 0.0) + float(value) * len(batch.L)
        some = sampler.fixed(chosen[:: max(1, len(chosen) // _SHOWN_PICTURES)][:_SHOWN_PICTURES])
        guess = None
        if isinstance(model, ColorizationNetwork):
            guess = model.to_ab(model.forward(some.L)).float()
    values = {name: total / len(chosen) for name, total in totals.items()}
    return DevMeasurement(values, some, guess)
