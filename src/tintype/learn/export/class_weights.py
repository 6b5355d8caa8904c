"""Rarity weights fitted so that the colours that are decoded are as frequent as the true ones.

Zhang's weights express how rare a colour is. They ignore that a sharp decoding takes the likeliest
colour wherever the network is uncertain, and that brown is the likeliest guess far more often than
things are brown. Here the weights are corrected by the decoded colours: decode photographs of dev,
compare how often each colour occurs with how often it is true, multiply its sharpened likelihood by
the ratio, and repeat a few times. docs/adr/0015-weights-fitted-on-what-is-decoded.md has the
measurements and the alternatives.

Source: iterative proportional fitting, W. E. Deming, F. F. Stephan, "On a least squares adjustment
of a sampled frequency table when the expected marginal totals are known", 1940; stopping early is
ours.
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
"""Photographs of dev below which colour frequencies are too noisy to fit."""
_ROUNDS = 6
"""More rounds overfit the rare colours of these photographs, which shows as strong patches."""
_SIGMA = 8.0  # ab units; frequencies are those of a neighbourhood, not of a single bin
_RARE = 1e-3  # a colour that covers much less of dev than this is left nearly as it is
_EVERY = 4  # neighbouring places have nearly the same logits


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a network's distribution becomes colours.

    Attributes:
        fitted: Whether its weights are corrected by the colours decoded on dev.
        vividness: tau by default.
        temperature: T.
    """

    fitted: bool
    vividness: float
    temperature: float


def decoding_of(
    trained: Trained, *, weights: str | None, vividness: float | None, temperature: float | None
) -> Decoding:
    """The default decoding of a network, where an argument does not set it.

    A network that was trained with a loss on its decoded colours is decoded in the same way, with
    the weights of rarity alone: correcting them made it worse
    (docs/adr/0029-trained-on-what-is-decoded.md).

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
    """Predictions at a sample of places in photographs, and the true colours there.

    Attributes:
        logits: (313, n).
        ab: (n, 2) CIELAB units.
        photographs: Number of photographs they are taken from.
    """

    logits: NDArray[np.float32]
    ab: NDArray[np.float64]
    photographs: int


def predict_dev(
    trained: Trained, paths: Sequence[Path], *, size: int, cache: Path, limit: int = 600
) -> PredictionSample:
    """Predicts photographs of dev, the same number from each group.

    Args:
        trained: A network that predicts a distribution. It gets no hints.
        paths: The data of the run.
        size: Side of the squares.
        cache: Where the decoded photographs are kept.
        limit: At most so many photographs, spread evenly over each group.

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
    places: PredictionSample,
    log_weights: NDArray[np.float32],
    *,
    vividness: float,
    temperature: float,
    rounds: int = _ROUNDS,
) -> NDArray[np.float32]:
    """Corrects rarity weights by how often each colour is decoded with them.

    The result is deterministic.

    Args:
        places: Of dev.
        log_weights: (313,) initial values: the log of Zhang's weights.
        vividness: The card's tau, above 0. The weights are fitted for it; a lower or a higher one
            has a smaller or larger effect in the same direction.
        temperature: The card's T.
        rounds: Number of iterations.

    Returns:
        (313,) log-weights for the card.
    """
    near = _neighbourhood()
    true = near @ _frequencies(places.ab) + _RARE
    bias = vividness * log_weights.astype(np.float64)
    for _ in range(rounds):
        ab = annealed_mean(places.logits, temperature=temperature, bias=bias.astype(np.float32))
        decoded = near @ _frequencies(ab.T.astype(np.float64)) + _RARE
        # The temperature makes it the sharpened likelihood that is multiplied by the ratio.
        bias += temperature * np.log(true / decoded)
    return np.asarray(bias / vividness, np.float32)


def fitted(
    trained: Trained, places: PredictionSample, *, vividness: float, temperature: float
) -> Trained:
    """The same network with the weights of `fit_log_weights`; see there for the arguments."""
    weights = fit_log_weights(
        places, trained.log_weights, vividness=vividness, temperature=temperature
    )
    return replace(trained, log_weights=weights)


def _frequencies(ab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(313,) share of each bin in (n, 2) colours, each spread over its five nearest bins."""
    indices, weights = soft_code_table()
    a, b = (np.rint(ab).clip(-AB_LIMIT, AB_LIMIT).astype(int) + AB_LIMIT).T
    counts = np.bincount(indices[a, b].ravel(), weights[a, b].ravel(), minlength=BINS)
    return np.asarray(counts / counts.sum(), np.float64)


def _neighbourhood() -> NDArray[np.float64]:
    """(313, 313) smoothing of frequencies over the ab plane; columns sum to 1."""
    centers = bin_centers().astype(np.float64)
    squared = ((centers[:, None] - centers[None]) ** 2).sum(axis=-1)
    kernel = np.exp(-squared / (2 * _SIGMA**2))
    return np.asarray(kernel / kernel.sum(axis=0), np.float64)
