"""Fits class weights so that decoded colours are as frequent as true colours.

Zhang's weights depend on the rarity of colours only. But a sharp decoding chooses the most likely
colour where the network is uncertain, and brown is the most likely colour far more often than
things are brown. So the weights are corrected by the decoded colours: decode photographs of dev,
compare the frequency of each decoded colour with its true frequency, multiply its sharpened
likelihood by the ratio, and repeat a few times. See
docs/adr/0015-weights-fitted-on-what-is-decoded.md for measurements and alternatives.

Source: iterative proportional fitting, W. E. Deming, F. F. Stephan, "On a least squares adjustment
of a sampled frequency table when the expected marginal totals are known", 1940. Early stopping is
our addition.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tintype.color.abgrid import (
    AB_LIMIT,
    BINS,
    annealed_mean,
    bin_centers,
    soft_code_table,
)
from tintype.learn.data.batches import Sampler
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.data.photos import open_photos
from tintype.learn.export.weights import Trained
from tintype.learn.models.contract import run_network, stride_of
from tintype.learn.recipe import make_recipe

FEWEST = 100
"""Minimum number of photographs of dev; with fewer, colour frequencies are too noisy."""
_ROUNDS = 6
"""More iterations overfit the rare colours of these photographs, which causes saturated patches."""
_SIGMA = 8.0  # ab units; frequencies are smoothed over a neighbourhood of bins
_RARE = 1e-3  # colours with a much smaller share of dev than this hardly change
_EVERY = 4  # neighbouring locations have nearly the same logits


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a network's distribution becomes colours.

    Attributes:
        fitted: Whether the weights are corrected by the colours decoded on dev.
        vividness: Default tau.
        temperature: T.
    """

    fitted: bool
    vividness: float
    temperature: float


def decoding_of(
    trained: Trained, *, weights: str | None, vividness: float | None, temperature: float | None
) -> Decoding:
    """The default decoding of a network; arguments override it.

    A network that was trained with a loss on decoded colours is decoded as in training, with rarity
    weights: correcting them made the results worse (docs/adr/0029-trained-on-what-is-decoded.md).

    Args:
        trained: A network and its recipe.
        weights: ``fitted``, ``rarity`` or None.
        vividness: tau or None.
        temperature: T or None.
    """
    loss = make_recipe(trained.facts["recipe"], name="the run's recipe").loss
    counted = loss.decoded > 0
    fit = weights == "fitted" if weights else not counted
    if vividness is None:
        vividness = loss.vividness if counted else (0.9 if fit else 0.8)
    if temperature is None:
        temperature = loss.temperature if counted else 0.38
    return Decoding(fit, vividness, temperature)


@dataclass(frozen=True, slots=True)
class PredictionSample:
    """Predictions at sampled locations of photographs, and the true colours there.

    Attributes:
        logits: (313, n).
        ab: (n, 2) CIELAB units.
        photographs: Number of photographs that were sampled.
    """

    logits: NDArray[np.float32]
    ab: NDArray[np.float64]
    photographs: int


def predict_dev(
    trained: Trained, paths: Sequence[Path], *, size: int, cache: Path, limit: int = 600
) -> PredictionSample:
    """Predicts photographs of dev, the same number from each group.

    Args:
        trained: A network that predicts a distribution; it is run without hints.
        paths: The data of the run.
        size: Side of the squares.
        cache: Folder for the decoded photographs.
        limit: Maximum number of photographs, evenly spaced in each group.

    Raises:
        LearnError: The data cannot be read.
    """
    recipe = make_recipe(trained.facts["recipe"], name="the run's recipe").data
    photos = open_photos(paths, recipe, cache=cache)
    at_size = recipe.model_copy(update={"size": size})
    sampler = Sampler(photos, at_size, batch=1, seed=0, device=torch.device("cpu"))
    stride = stride_of(trained.model)
    predicted, true = [], []
    for index in _spread(photos.groups, photos.dev, limit):
        batch = sampler.fixed(np.array([index]))
        with torch.no_grad():
            logits = run_network(trained.model, batch.L, None)
        few = slice(_EVERY // 2, None, _EVERY)
        predicted.append(logits[0, :, few, few].reshape(BINS, -1).numpy())
        true.append(batch.ab_at(stride)[0, :, few, few].reshape(2, -1).numpy())
    logits_all = np.concatenate(predicted, axis=1).astype(np.float32)
    return PredictionSample(
        logits_all, np.concatenate(true, axis=1).T.astype(np.float64), len(predicted)
    )


def _spread(groups: NDArray[np.integer], dev: NDArray[np.bool_], limit: int) -> NDArray[np.integer]:
    """Indices of at most `limit` photographs of dev, the same number per group, evenly spaced."""
    present = np.unique(groups[dev])
    chosen = []
    for group in present:
        index = np.flatnonzero(dev & (groups == group))
        chosen.append(index[evenly_spaced(len(index), max(1, limit // len(present)))])
    return np.concatenate(chosen)


def fit_log_weights(
    predictions: PredictionSample,
    log_weights: NDArray[np.float32],
    *,
    vividness: float,
    temperature: float,
    rounds: int = _ROUNDS,
) -> NDArray[np.float32]:
    """Corrects rarity weights by the frequencies of decoded colours.

    The result is deterministic.

    Args:
        predictions: Predictions on dev.
        log_weights: (313,) initial values: the log of Zhang's weights.
        vividness: The card's tau, above 0. The weights are fitted for it; lower or higher values
            have a smaller or larger effect in the same direction.
        temperature: The card's T.
        rounds: Number of iterations.

    Returns:
        (313,) log-weights for the card.
    """
    near = _neighbourhood()
    true = near @ _frequencies(predictions.ab) + _RARE
    bias = vividness * log_weights.astype(np.float64)
    for _ in range(rounds):
        ab = annealed_mean(
            predictions.logits, temperature=temperature, bias=bias.astype(np.float32)
        )
        decoded = near @ _frequencies(ab.T.astype(np.float64)) + _RARE
        # With the temperature, it is the sharpened likelihood that is multiplied by the ratio.
        bias += temperature * np.log(true / decoded)
    return np.asarray(bias / vividness, np.float32)


def fitted(
    trained: Trained, predictions: PredictionSample, *, vividness: float, temperature: float
) -> Trained:
    """The network with the weights of `fit_log_weights`, which documents the arguments."""
    weights = fit_log_weights(
        predictions, trained.log_weights, vividness=vividness, temperature=temperature
    )
    return replace(trained, log_weights=weights)


def _frequencies(ab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(313,) share of each bin in (n, 2) colours, soft-encoded over five bins."""
    indices, weights = soft_code_table()
    a, b = (np.rint(ab).clip(-AB_LIMIT, AB_LIMIT).astype(int) + AB_LIMIT).T
    counts = np.bincount(indices[a, b].ravel(), weights[a, b].ravel(), minlength=BINS)
    return np.asarray(counts / counts.sum(), np.float64)


def _neighbourhood() -> NDArray[np.float64]:
    """(313, 313) matrix that smooths frequencies over the ab plane; columns sum to 1."""
    centers = bin_centers().astype(np.float64)
    squared = ((centers[:, None] - centers[None]) ** 2).sum(axis=-1)
    kernel = np.exp(-squared / (2 * _SIGMA**2))
    return np.asarray(kernel / kernel.sum(axis=0), np.float64)
