"""Loads, averages, calibrates and saves the weights of a run."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tintype.color.abgrid import BINS, log_rarity
from tintype.errors import LearnError, brief, reason, shown
from tintype.learn.models.contract import ColorizationNetwork, TemperatureScaling, WarmStarting
from tintype.learn.models.registry import build
from tintype.learn.recipe import make_recipe
from tintype.learn.train.checkpoint import (
    Progress,
    load_checkpoint,
    load_weights,
    naming,
    part,
)
from tintype.learn.train.checkpoint import save_weights as write_weights

_MOST_OF_A_PRIOR = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Trained:
    """The network of a run, with everything that export needs."""

    model: nn.Module  # a ColorizationNetwork
    prior: NDArray[np.float32]  # (313,) share of training pixels in each bin
    log_weights: NDArray[np.float32]  # (313,) log of Zhang's class weights over that prior
    progress: Progress
    facts: Mapping[str, Any]


def load_trained(run: Path) -> Trained:
    """Loads the moving average of a run for inference.

    Args:
        run: The folder of a run, or a file written by `save_weights`. Both result in the same
            float16 bundle, except for the last bits.

    Raises:
        LearnError: There is no checkpoint, or its prior is missing.
    """
    weights_alone = run.is_file()
    tensors, progress, facts = load_checkpoint(
        run if weights_alone else run / "checkpoint.safetensors"
    )
    recipe = make_recipe(facts["recipe"], name=str(run))
    model = build(recipe.model)
    if not isinstance(model, ColorizationNetwork):
        raise LearnError(
            f"{run}: {recipe.model.kind} is not a colorization network and cannot be exported."
        )
    load_weights(model, tensors, run)
    if weights_alone and "prior" not in tensors:
        raise LearnError(
            f"{run}: the colour prior is missing.", advice="Give the folder of the run."
        )
    prior = tensors["prior"].double().numpy() if weights_alone else _prior_of(run)
    if prior.shape != (BINS,) or not (np.isfinite(prior).all() and prior.min() >= 0 < prior.sum()):
        raise LearnError(f"{shown(run)}: its colour prior is not one of {BINS} shares.")
    log_weights = log_rarity(prior).astype(np.float32)
    return Trained(model.eval(), prior.astype(np.float32), log_weights, progress, facts)


def _prior_of(run: Path) -> NDArray[np.float64]:
    path = run / "prior.npy"
    try:
        if path.stat().st_size > _MOST_OF_A_PRIOR or not path.is_file():
            raise ValueError("it is not a table of 313 shares")
        stored = np.load(path)
        if not isinstance(stored, np.ndarray):  # an archive of tables
            raise ValueError("it is not a table of 313 shares")
        prior: NDArray[np.float64] = stored.astype(np.float64)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise LearnError(f"{shown(path)}: cannot be read ({brief(reason(error))}).") from None
    return prior


def mix_with_start(trained: Trained, starts: Sequence[Path], share: float) -> Trained:
    """Interpolates between the weights of a run and other weights: initial ones, or another run's.

    Sources: M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, equation 1:
    interpolated weights retain what was learned before and after fine-tuning. The same authors,
    "Model soups", ICML 2022, for runs from the same initial weights: their average is as good as an
    ensemble, at the cost of one network.

    Args:
        trained: From `load_trained`.
        starts: The checkpoint given as ``--init``, or checkpoints of runs that started from it,
            which are averaged. They may be wider or lack parts.
        share: Their weight, 0 to 1. Missing parts are taken from the run.

    Raises:
        LearnError: A checkpoint does not fit.
    """
    others = [_adapted(trained.model, start) for start in starts]
    mixed = copy.deepcopy(trained.model)
    with torch.no_grad():
        for name, tensor in mixed.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(torch.stack([other[name] for other in others]).mean(dim=0), share)
    return replace(trained, model=mixed.eval())


def with_ensemble(trained: Trained, checkpoints: Sequence[Path], share: float) -> Trained:
    """An ensemble of the network of a run and other networks over the 313 colours.

    Args:
        trained: From `load_trained`; its prior and its data remain those of the result.
        checkpoints: Weights such as ``checkpoints/own.safetensors``, or checkpoints of runs.
        share: Weight of the others' predictions in total, 0 to 1.

    Raises:
        LearnError: A checkpoint cannot be read, or the networks cannot be averaged.
    """
    recipe = make_recipe(trained.facts["recipe"], name="the run's recipe")
    recipes, weights = [recipe.model], [trained.model.state_dict()]
    for path in checkpoints:
        tensors, _, facts = load_checkpoint(path)
        member = make_recipe(facts["recipe"], name=str(path)).model
        network = build(member)
        load_weights(network, tensors, path)
        recipes.append(member)
        weights.append(network.state_dict())
    shares = (1 - share, *(share / len(checkpoints) for _ in checkpoints))
    joined = {
        "kind": "ensemble",
        "members": [member.model_dump(mode="json") for member in recipes],
        "member_shares": shares,
    }
    values = {**recipe.model_dump(mode="json", by_alias=True), "model": joined}
    recipe = make_recipe(values, name="the ensemble")
    model = build(recipe.model)
    model.load_state_dict(
        {
            f"members.{place}.{name}": tensor
            for place, member_weights in enumerate(weights)
            for name, tensor in member_weights.items()
        }
    )
    facts = {**trained.facts, "recipe": recipe.model_dump(mode="json", by_alias=True)}
    return replace(trained, model=model.eval(), facts=facts)


def _adapted(model: nn.Module, checkpoint: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint, adapted to a network, which provides the missing ones."""
    tensors, _, _ = load_checkpoint(checkpoint)
    weights = {name: tensor.float() for name, tensor in part(tensors, "ema.").items()}
    taken = copy.deepcopy(model)
    if isinstance(taken, WarmStarting):
        with naming(checkpoint):
            taken.warm_start(weights)
    else:
        load_weights(taken, tensors, checkpoint)
    own = model.state_dict()
    return {n: t if n in weights else own[n] for n, t in taken.state_dict().items()}


def calibrated(trained: Trained, temperature: float) -> Trained:
    """Calibrates the distribution without changing the colours.

    The logits and the log-weights are divided by the temperature. The caller divides T by it too:
    then ``softmax((logits + tau log w) / T)`` is unchanged at every tau, and only the distribution
    itself, ``softmax(logits)``, changes.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.

    Args:
        trained: From `load_trained`.
        temperature: Divisor of the logits, fitted on dev; below 1 it sharpens the distribution.

    Raises:
        LearnError: The network predicts no distribution, or the temperature is not above 0.
    """
    if not temperature > 0:
        raise LearnError(
            "--calibrate must be above 0.", advice="Use 1 to leave the network as trained."
        )
    model = copy.deepcopy(trained.model)
    if not isinstance(model, TemperatureScaling):
        raise LearnError(
            "--calibrate works only with networks of kind own, which predict a distribution.",
            advice="Leave it out.",
        )
    model.apply_temperature(temperature)
    return replace(trained, model=model, log_weights=trained.log_weights / temperature)


def save_weights(trained: Trained, target: Path) -> None:
    """Writes the moving average in half precision, as ``tintype train --init`` reads it.

    Args:
        trained: From `load_trained`.
        target: A safetensors file in the format of a checkpoint without optimiser.
    """
    weights = {f"ema.{name}": tensor for name, tensor in trained.model.state_dict().items()}
    weights["prior"] = torch.from_numpy(trained.prior)
    write_weights(target, weights, trained.progress, trained.facts)
