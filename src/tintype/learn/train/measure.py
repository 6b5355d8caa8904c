"""Evaluation on dev during training."""

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
    """The results of an evaluation.

    Attributes:
        values: Means over dev of the values of `Step.measure`, ``loss`` among them.
        examples: Evenly spaced photographs of dev.
        predicted: (B, 2, h, w) predicted chroma; None for a network that does not colour.
    """

    values: dict[str, float]
    examples: Batch
    predicted: Tensor | None


def measure_dev(step: Step, model: nn.Module, sampler: Sampler) -> DevMeasurement | None:
    """Evaluates a network on evenly spaced photographs of dev.

    Args:
        step: Its `measure` is averaged.
        model: In evaluation mode.
        sampler: Loads the photographs.

    Returns:
        The results, or None if the data have no dev split.
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
        examples = sampler.fixed(
            chosen[:: max(1, len(chosen) // _SHOWN_PICTURES)][:_SHOWN_PICTURES]
        )
        predicted = None
        if isinstance(model, ColorizationNetwork):
            predicted = model.to_ab(model.forward(examples.L)).float()
    values = {name: total / len(chosen) for name, total in totals.items()}
    return DevMeasurement(values, examples, predicted)
