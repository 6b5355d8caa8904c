"""Decodes a predicted distribution over colours: the colours, palettes, and their uncertainty.

Source: Zhang, Isola, Efros, "Colorful Image Colorization", ECCV 2016, section 2.3; moving the
rebalancing from training to decoding is our own change (`tintype.color.abgrid.annealed_mean`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tintype.color.abgrid import BINS, annealed_mean, bin_centers
from tintype.engine.bundle import Card

_WARM = np.array([0.012, 0.035])  # nats per unit of a and b: towards orange
_WARM_SHIFT = np.array([3.0, 8.0])  # CIELAB units
_BIN = 10.0  # ab units from one bin to the next
_APART = 25.0  # ab units between two suggestions: distinct at a glance
_STEP = 0.5
"""Shift of a palette, in standard deviations of the picture's uncertainty; tuned on dev."""
_SOBER_FROM = 0.3
"""From this vividness on, if there are three palettes or more, one is sober, as at vividness 0."""


@dataclass(frozen=True, slots=True)
class Palette:
    """One plausible version of a picture's colours.

    Attributes:
        ab: (2, h, w) CIELAB units.
        share: Fraction of the distribution that is nearer to these colours than to those of the
            other versions; the shares of all versions sum to 1.
    """

    ab: NDArray[np.float32]
    share: float


def colors(
    logits: NDArray[np.float32], card: Card, *, vividness: float, warmth: float = 0.0
) -> NDArray[np.float32]:
    """Decodes the chroma of a distribution.

    Args:
        logits: (bins, h, w) log-probabilities up to a constant.
        card: The model's card, for its weights and its temperature.
        vividness: tau in ``softmax((logits + tau log w) / T)``: 0 is the calibrated distribution,
            1 is Zhang's rebalancing.
        warmth: -1..1 shifts the distribution towards blue or orange; certain colours stay.

    Returns:
        (2, h, w) a and b in CIELAB units.
    """
    bias = _bias(card, vividness=vividness, warmth=warmth).astype(np.float32)
    return annealed_mean(logits, temperature=card.temperature, bias=bias)


def _bias(card: Card, *, vividness: float, warmth: float) -> NDArray[np.float64]:
    """(313,) bias to add to the logits."""
    bias = np.asarray(card.log_weights, np.float64) * vividness
    if warmth:
        bias = bias + bin_centers().astype(np.float64) @ (warmth * _WARM)
    return bias


def shift(warmth: float) -> NDArray[np.float32]:
    """(2, 1, 1) offset that warmth adds to the colours of a network without a distribution."""
    return (warmth * _WARM_SHIFT)[:, None, None].astype(np.float32)


def palettes(
    logits: NDArray[np.float32], card: Card, *, vividness: float, count: int, warmth: float = 0.0
) -> list[Palette]:
    """The default version, a sober one, and versions shifted globally towards other colours.

    A shifted version multiplies the distribution at every position by ``exp(lean . ab)``, with the
    same lean everywhere: certain colours stay and uncertain ones move together, so each version is
    self-consistent. The leans are spaced evenly around the ellipse of the picture's own
    uncertainty. The sober version is the distribution as predicted: where no colour is probable, it
    stays grey.

    Args:
        logits: (313, h, w) log-probabilities up to a constant.
        card: The model's card, for its weights and its temperature.
        vividness: tau, as in `colors`.
        count: Number of versions including the default; at least 1.
        warmth: As in `colors`.

    Returns:
        The default version first, then the others, most likely first. The result is deterministic.
    """
    centers = bin_centers().astype(np.float64)
    bias = _bias(card, vividness=vividness, warmth=warmth)
    mass = np.exp(logits.reshape(BINS, -1) - logits.reshape(BINS, -1).max(axis=0))
    mass /= mass.sum(axis=0)
    axes = _open_axes(mass.astype(np.float64), centers)
    sober = count >= 3 and vividness >= _SOBER_FROM
    leaning = count - 1 - sober
    # The first lean is along the narrow axis: of three palettes, that was the most accurate on dev.
    angles = np.pi / 2 + np.arange(leaning) * (2 * np.pi / max(leaning, 1))
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ axes
    biases = [bias, *(bias + centers @ (_STEP * lean) for lean in around)]
    if sober:
        biases.append(_bias(card, vividness=0, warmth=warmth))
    versions = [
        annealed_mean(logits, temperature=card.temperature, bias=one.astype(np.float32))
        for one in biases
    ]
    shares = _shares(mass, np.stack(versions).reshape(count, 2, -1))
    first, *others = (Palette(ab, float(p)) for ab, p in zip(versions, shares, strict=True))
    return [first, *sorted(others, key=lambda palette: -palette.share)]


def _open_axes(mass: NDArray[np.float64], centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 2): the leans that shift colours by one standard deviation, the widest first."""
    mean = centers.T @ mass  # (2, n)
    second = (centers.T * mass.mean(axis=1)) @ centers
    within = second - mean @ mean.T / mean.shape[1]
    variance, directions = np.linalg.eigh(within)
    # With almost no uncertainty, dividing by a deviation of less than a bin would exaggerate it.
    wide = np.maximum(np.sqrt(np.maximum(variance, 0)), _BIN)
    axes: NDArray[np.float64] = (directions / wide).T[::-1]
    # The sign of an eigenvector is arbitrary; fixing it makes the result deterministic.
    return axes * np.where(axes.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)


def _shares(mass: NDArray[np.float32], versions: NDArray[np.float32]) -> NDArray[np.float64]:
    """(count,): mass of the bins nearest to each version's colour, over all positions."""
    centers = bin_centers()
    places = slice(None, None, max(1, mass.shape[1] // 1024))
    mass, versions = mass[:, places], versions[..., places]
    distance = (centers[:, 0, None, None] - versions[None, :, 0]) ** 2
    distance += (centers[:, 1, None, None] - versions[None, :, 1]) ** 2  # (313, count, n)
    nearest = distance.argmin(axis=1)
    total = np.array([(mass * (nearest == k)).sum() for k in range(versions.shape[0])])
    return np.asarray(total / total.sum(), np.float64)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A colour that the model considers plausible at one position.

    Attributes:
        a: CIELAB a.
        b: CIELAB b.
        share: Fraction of the distribution that is nearer to it than to the other suggestions.
    """

    a: float
    b: float
    share: float


def suggestions(logits: NDArray[np.float32], *, count: int) -> list[Suggestion]:
    """Suggested colours for one position.

    Args:
        logits: (bins,) log-probabilities at the position up to a constant.
        count: Maximum number of suggestions.

    Returns:
        The most likely first. Each is the bin with the most probability around it among those at
        least `_APART` from the earlier ones.
    """
    centers = bin_centers().astype(np.float64)
    mass = np.exp(logits.astype(np.float64) - float(logits.max()))
    mass /= mass.sum()
    distance = np.linalg.norm(centers[:, None] - centers[None], axis=2)  # (bins, bins)
    around = np.exp(-(distance**2) / (2 * _BIN**2)) @ mass
    chosen: list[int] = []
    open_bins = np.ones(len(centers), bool)
    while len(chosen) < count and open_bins.any():
        best = int(np.where(open_bins, around, -1).argmax())
        chosen.append(best)
        open_bins &= distance[best] >= _APART
    nearest = distance[:, chosen].argmin(axis=1)
    found = []
    for place, index in enumerate(chosen):
        share = float(mass[nearest == place].sum())
        a, b = centers[index].tolist()
        found.append(Suggestion(a, b, share))
    return sorted(found, key=lambda suggestion: -suggestion.share)


def uncertainty(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """How uncertain the colour of each position is.

    Args:
        logits: (bins, h, w) log-probabilities up to a constant.

    Returns:
        (h, w) entropy as a share of the largest possible: 0 is certain, 1 is most uncertain.
    """
    flat = logits.reshape(logits.shape[0], -1)
    shifted = flat - flat.max(axis=0)
    mass = np.exp(shifted)
    total = mass.sum(axis=0)
    # -sum p log p with p = mass / total, without the logarithm of each p.
    nats = np.log(total) - np.einsum("kn,kn->n", mass, shifted) / total
    share = nats / np.log(np.float32(logits.shape[0]))
    return np.asarray(share.reshape(logits.shape[1:]), np.float32)
