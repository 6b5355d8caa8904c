"""From a predicted distribution over colours to the colours themselves, and to how sure they are.

Source: Zhang, Isola, Efros, "Colorful Image Colorization", ECCV 2016, section 2.3; moving the
rebalancing from training to here is ours (`tintype.color.abgrid.annealed_mean`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tintype.color.abgrid import BINS, annealed_mean, bin_centers
from tintype.engine.bundle import Card

_WARM = np.array([0.012, 0.035])  # nats for each unit of a and b: towards orange
_WARM_SHIFT = np.array([3.0, 8.0])  # CIELAB units
_BIN = 10.0  # ab units from one bin to the next
_APART = 25.0  # ab units between two suggestions: distinct at a glance
_STEP = 0.5
"""How far a palette leans, in standard deviations of the picture's uncertainty; chosen on dev."""
_SOBER_FROM = 0.3
"""From this vividness on, one of three palettes or more is the sober one, as at vividness 0."""


@dataclass(frozen=True, slots=True)
class Palette:
    """One plausible version of a picture's colours.

    Attributes:
        ab: (2, h, w) CIELAB units.
        share: Of the distribution, how much lies nearer to these colours than to the other
            versions'; the shares of all versions sum to 1.
    """

    ab: NDArray[np.float32]
    share: float


def colors(
    logits: NDArray[np.float32], card: Card, *, vividness: float, warmth: float = 0.0
) -> NDArray[np.float32]:
    """The chroma of a distribution.

    Args:
        logits: (bins, h, w) log-probabilities up to a constant.
        card: The model's, for its weights and its temperature.
        vividness: tau in ``softmax((logits + tau log w) / T)``: 0 is the calibrated distribution,
            1 is Zhang's rebalancing.
        warmth: -1..1 leans the distribution towards blue or orange: what is certain stays.

    Returns:
        (2, h, w) a and b in CIELAB units.
    """
    bias = _bias(card, vividness=vividness, warmth=warmth).astype(np.float32)
    return annealed_mean(logits, temperature=card.temperature, bias=bias)


def _bias(card: Card, *, vividness: float, warmth: float) -> NDArray[np.float64]:
    """(313,) what is added to the logits."""
    bias = np.asarray(card.log_weights, np.float64) * vividness
    if warmth:
        bias = bias + bin_centers().astype(np.float64) @ (warmth * _WARM)
    return bias


def shift(warmth: float) -> NDArray[np.float32]:
    """(2, 1, 1) what warmth adds to the colours of a network without a distribution."""
    return (warmth * _WARM_SHIFT)[:, None, None].astype(np.float32)


def palettes(
    logits: NDArray[np.float32], card: Card, *, vividness: float, count: int, warmth: float = 0.0
) -> list[Palette]:
    """The single answer, a sober one, and versions that lean as a whole towards other colours.

    A version that leans multiplies every place's distribution by ``exp(lean . ab)``, the same lean
    everywhere: what is certain stays, what is open moves together, so that each version is
    consistent within itself. The leans go evenly around the ellipse of the picture's own
    uncertainty. The sober version is the distribution as it was predicted: where no colour is
    probable, it stays grey.

    Args:
        logits: (313, h, w) log-probabilities up to a constant.
        card: The model's, for its weights and its temperature.
        vividness: tau, as in `colors`.
        count: How many, the single answer among them; at least 1.
        warmth: As in `colors`.

    Returns:
        The single answer first, then the others, the likeliest first. There is no chance in it.
    """
    centers = bin_centers().astype(np.float64)
    bias = _bias(card, vividness=vividness, warmth=warmth)
    mass = np.exp(logits.reshape(BINS, -1) - logits.reshape(BINS, -1).max(axis=0))
    mass /= mass.sum(axis=0)
    axes = _open_axes(mass.astype(np.float64), centers)
    sober = count >= 3 and vividness >= _SOBER_FROM
    leaning = count - 1 - sober
    # The first one leans along the narrow axis: of three, that was nearest to the truth on dev.
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
    """(2, 2): the leans that move by one standard deviation, the widest first."""
    mean = centers.T @ mass  # (2, n)
    second = (centers.T * mass.mean(axis=1)) @ centers
    within = second - mean @ mean.T / mean.shape[1]
    variance, directions = np.linalg.eigh(within)
    # Where next to nothing is open, a standard deviation of less than a bin would tear it open.
    wide = np.maximum(np.sqrt(np.maximum(variance, 0)), _BIN)
    axes: NDArray[np.float64] = (directions / wide).T[::-1]
    # Eigenvectors have no sign of their own; a fixed one gives one result for ever.
    return axes * np.where(axes.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)


def _shares(mass: NDArray[np.float32], versions: NDArray[np.float32]) -> NDArray[np.float64]:
    """(count,): the mass of the bins that are nearest to each version's colour, over all places."""
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
    """A colour that the model thinks possible at one place.

    Attributes:
        a: CIELAB a.
        b: CIELAB b.
        share: How much of the distribution lies nearer to it than to the other suggestions.
    """

    a: float
    b: float
    share: float


def suggestions(logits: NDArray[np.float32], *, count: int) -> list[Suggestion]:
    """What a person may choose from at one place.

    Args:
        logits: (bins,) log-probabilities of the place up to a constant.
        count: At most so many.

    Returns:
        The likeliest first. Each is chosen as the bin with the most probability around it, at
        least `_APART` from those chosen before.
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
    """How open the colour of each place is.

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
