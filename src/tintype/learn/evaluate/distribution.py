"""Quality of a predicted distribution of colours: likelihood, calibration, coverage.

The distribution is that of the network, at vividness 0, with a single temperature that is fitted on
dev. Colours are compared at the resolution of the output: the input size divided by the stride.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

from tintype.color.abgrid import AB_LIMIT, bin_centers, soft_code_table
from tintype.color.cielab import rgb01_to_lab
from tintype.engine.bundle import Bundle, Card
from tintype.engine.color_distribution import colors, uncertainty
from tintype.engine.predict import Engine
from tintype.engine.settings import Quality, Settings
from tintype.errors import LearnError
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.evaluate.figures import Figure, nearest_bins
from tintype.learn.evaluate.metrics import Floats, negative_log_likelihood
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

_GRID = 12  # a grid of 12 x 12 locations in each picture; neighbours are nearly equal
_REACH = 10.0
_BINS_OF_CONFIDENCE = 10
_TEMPERATURES = np.geomspace(0.5, 2.0, 29)


@dataclass(frozen=True, slots=True)
class DistributionSample:
    """Predictions at a grid of locations in one picture, and the true colours there.

    Attributes:
        logits: (n, 313).
        ab: (n, 2) true colours.
    """

    logits: Floats
    ab: Floats


def distribution_table(
    bundles: Sequence[Bundle],
    squares: Mapping[str, Sequence[NDArray[np.uint8]]],
    *,
    temperature: float | None,
    quality: Quality,
    threads: int,
) -> str:
    """The table of `tintype evaluate --distribution`: a row for each set, and one for all.

    Args:
        bundles: The models.
        squares: Lists of (S, S, 3) truths by set.
        temperature: T; None fits it on these pictures, separately for each model.
        quality: Quality setting of the engine.
        threads: Threads of the network.

    Raises:
        LearnError: A model has no distribution.
    """
    lines = [
        "| set | method | T | NLL | calibration over bins, % | within 10 ab, % "
        "| coverage of 90 %, % | certainty, rank |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for bundle in bundles:
        samples = {
            group: predict(bundle, some, threads=threads, quality=quality)
            for group, some in squares.items()
        }
        every = [sample for some in samples.values() for sample in some]
        fitted = temperature or fit_temperature(every)
        for group, some in [*samples.items(), ("all", every)]:
            figures = distribution_figures(some, fitted) | {
                "rank": certainty_rank(some, bundle.card)
            }
            cells = [f"{value:.2f} ({low:.2f}–{high:.2f})" for value, low, high in figures.values()]
            lines.append(f"| {group} | {bundle.name} | {fitted:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def predict(
    bundle: Bundle,
    pictures: Sequence[NDArray[np.uint8]],
    *,
    threads: int,
    quality: Quality = "normal",
) -> list[DistributionSample]:
    """Predicts pictures at the model's normal size.

    Args:
        bundle: A model that predicts logits.
        pictures: (S, S, 3) each.
        threads: Threads of the network.
        quality: "normal" is a single pass, "high" the mean of several.

    Raises:
        LearnError: The model has no distribution.
    """
    card = bundle.card
    engine = Engine(bundle, threads=threads)
    small = card.sizes["normal"] // card.stride
    size = small * card.stride
    settings = Settings(quality=quality)
    samples = []
    for picture in pictures:
        scaled = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC)
        rgb_u8 = np.asarray(scaled)
        photo = Photo(rgb_to_grey(rgb_u8), None, "grey", Metadata("PNG"))
        logits = engine.predict(photo, settings).logits
        if logits is None:
            raise LearnError(f"{bundle.name} does not predict a distribution.")
        ab = rgb01_to_lab(rgb_u8 / 255)[..., 1:]
        ab = ab.reshape(small, card.stride, small, card.stride, 2).mean(axis=(1, 3))
        some = evenly_spaced(small, _GRID)
        grid = np.ix_(some, some)
        predicted = logits.transpose(1, 2, 0)[grid].reshape(-1, card.bins).astype(np.float64)
        samples.append(DistributionSample(predicted, ab[grid].reshape(-1, 2)))
    return samples


def fit_temperature(samples: Sequence[DistributionSample], *, neighbors: int = 1) -> float:
    """The temperature that maximises the likelihood of the true colours of dev.

    A network that was trained on soft-encoded colours predicts the distribution of the blurred
    colour. A temperature below 1 reverses the blur, so the bin nearest to the truth is the
    most likely.

    Args:
        samples: From `predict`, on dev.
        neighbors: Bins that share the mass of a true colour: 1 for the nearest, 5 as in training.
    """
    losses = [np.mean([_nll(sample, t, neighbors) for sample in samples]) for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def distribution_figures(
    samples: Sequence[DistributionSample], temperature: float, *, rounds: int = 500
) -> dict[str, Figure]:
    """The figures of a distribution, with intervals over pictures.

    Args:
        samples: From `predict`.
        temperature: From `fit_temperature`.
        rounds: Number of resamples.

    Returns:
        ``nll`` (nats per pixel, with the soft encoding of five neighbours), ``calibration_bins``
        (percent: difference between the mass of the bins within 10 ab units of the mode and how
        often the bin nearest to the truth is one of them, as a weighted mean over ten ranges of
        confidence), ``calibration`` (the same, with how often the truth itself is within 10 units:
        a disc of 314 square units, while the bins cover 500) and ``coverage`` (percent: how often
        the smallest set of bins with 90 % of the mass contains the one nearest to the truth).
    """
    nll = np.array([_nll(sample, temperature, 5) for sample in samples])
    tables = np.stack([_confidence(sample, temperature) for sample in samples])  # (N, 4, 10)
    covered = np.array([_coverage(sample, temperature) for sample in samples])
    drawn = np.random.default_rng(0).integers(0, len(samples), (rounds, len(samples)))

    def spread(value: float, resampled: Floats) -> Figure:
        low, high = np.percentile(resampled, [2.5, 97.5])
        return float(value), float(low), float(high)

    return {
        "nll": spread(nll.mean(), nll[drawn].mean(axis=1)),
        **{
            name: spread(
                _calibration_error(tables.sum(axis=0), hits),
                np.array([_calibration_error(tables[rows].sum(axis=0), hits) for rows in drawn]),
            )
            for hits, name in ((1, "calibration_bins"), (2, "calibration"))
        },
        "coverage": spread(covered.mean(), covered[drawn].mean(axis=1)),
    }


def certainty_rank(
    samples: Sequence[DistributionSample], card: Card, *, rounds: int = 500
) -> Figure:
    """The rank correlation of uncertainty and error.

    Args:
        samples: From `predict`.
        card: Card of the model; the error is that of the decoded colour at its default vividness.
        rounds: Number of resamples.

    Returns:
        Spearman's correlation of entropy and distance in ab over all locations of all pictures,
        with its 95 % interval over pictures.
    """
    entropy = np.stack([uncertainty(a.logits.T.astype(np.float32)) for a in samples])
    error = np.stack([_distance(sample, card) for sample in samples])

    def correlation(rows: NDArray[np.int64]) -> float:
        known, missed = entropy[rows].ravel(), error[rows].ravel()
        # Where one of the two is the same everywhere, no correlation is defined.
        if np.ptp(known) == 0 or np.ptp(missed) == 0:
            return float("nan")
        return float(spearmanr(known, missed).statistic)

    draw = np.random.default_rng(0)
    count = len(samples)
    resampled = [correlation(draw.integers(0, count, count)) for _ in range(rounds)]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return correlation(np.arange(count)), float(low), float(high)


def _distance(sample: DistributionSample, card: Card) -> Floats:
    ab = colors(sample.logits.T.astype(np.float32), card, vividness=card.vividness).T
    distance: Floats = np.hypot(*(ab - sample.ab).T)
    return distance


def _log_p(sample: DistributionSample, temperature: float) -> Floats:
    scaled = sample.logits / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    log_p: Floats = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return log_p


def _nll(sample: DistributionSample, temperature: float, neighbors: int) -> float:
    indices, shares = soft_code_table(neighbors)
    cell = np.clip(np.rint(sample.ab).astype(int) + AB_LIMIT, 0, 2 * AB_LIMIT)
    code = indices[cell[:, 0], cell[:, 1]], shares[cell[:, 0], cell[:, 1]]
    return negative_log_likelihood(_log_p(sample, temperature).T, *code)


def _confidence(sample: DistributionSample, temperature: float) -> Floats:
    """(4, 10): sums of confidence, of both kinds of hits, and counts, by range of confidence."""
    p, centers = np.exp(_log_p(sample, temperature)), bin_centers().astype(np.float64)
    mode = centers[p.argmax(axis=1)]  # (n, 2)
    near = ((mode[:, None] - centers[None]) ** 2).sum(axis=2) <= _REACH**2
    confidence = (p * near).sum(axis=1)
    bin_is_near = near[np.arange(len(mode)), nearest_bins(sample.ab)]
    is_near = ((sample.ab - mode) ** 2).sum(axis=1) <= _REACH**2
    index = np.minimum((confidence * _BINS_OF_CONFIDENCE).astype(int), _BINS_OF_CONFIDENCE - 1)
    weights = (confidence, bin_is_near, is_near, np.ones(len(mode)))
    return np.stack(
        [np.bincount(index, np.asarray(w, np.float64), _BINS_OF_CONFIDENCE) for w in weights]
    )


def _calibration_error(table: Floats, hits: int) -> float:
    return float(100 * np.abs(table[0] - table[hits]).sum() / table[-1].sum())


def _coverage(sample: DistributionSample, temperature: float, *, mass: float = 0.9) -> float:
    p = np.exp(_log_p(sample, temperature))
    order = np.argsort(-p, axis=1)
    sorted_p = np.take_along_axis(p, order, axis=1)
    before = np.cumsum(sorted_p, axis=1) - sorted_p
    truth = nearest_bins(sample.ab)
    rank = (order == truth[:, None]).argmax(axis=1)
    return float(100 * (np.take_along_axis(before, rank[:, None], axis=1) < mass).mean())
