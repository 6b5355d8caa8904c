"""Whether a predicted distribution of colours is honest: likelihood, calibration, coverage.

At vividness 0, as the network said it, with one temperature that is fitted on dev and the same for
every picture. Colours are compared where the network answers: at its input's size over its stride.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

from tintype.color.abgrid import AB_LIMIT, bin_centers, soft_code_table
from tintype.color.cielab import rgb01_to_lab
from tintype.engine.bundle import Bundle, Card
from tintype.engine.decode import colors, uncertainty
from tintype.engine.predict import Engine
from tintype.engine.settings import Quality, Settings
from tintype.errors import LearnError
from tintype.learn.evaluate.figures import Figure, nearest_bins
from tintype.learn.evaluate.metrics import Floats, negative_log_likelihood
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

_PLACES = 12  # a picture is looked at in 12 x 12 places; neighbours say the same
_REACH = 10.0
_BINS_OF_CONFIDENCE = 10
_TEMPERATURES = np.geomspace(0.5, 2.0, 29)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network said of some places of one picture.

    Attributes:
        logits: (n, 313).
        ab: (n, 2) true colours there.
    """

    logits: Floats
    ab: Floats


def predict(
    bundle: Bundle,
    pictures: Sequence[NDArray[np.uint8]],
    *,
    threads: int,
    quality: Quality = "normal",
) -> list[Answer]:
    """Asks a network about pictures at its normal size.

    Args:
        bundle: A model that answers with logits.
        pictures: (S, S, 3) each.
        threads: For the network.
        quality: "normal" is the network by itself, "high" the mean that photographs are shown in.

    Raises:
        LearnError: The model has no distribution.
    """
    card = bundle.card
    engine = Engine(bundle, threads=threads)
    small = card.sizes["normal"] // card.stride
    size = small * card.stride
    settings = Settings(quality=quality)
    answers = []
    for picture in pictures:
        scaled = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC)
        rgb_u8 = np.asarray(scaled)
        photo = Photo(rgb_to_grey(rgb_u8), None, "grey", Metadata("PNG"))
        logits = engine.predict(photo, settings).logits
        if logits is None:
            raise LearnError(f"{bundle.name} does not predict a distribution.")
        ab = rgb01_to_lab(rgb_u8 / 255)[..., 1:]
        ab = ab.reshape(small, card.stride, small, card.stride, 2).mean(axis=(1, 3))
        some = np.linspace(0, small - 1, min(_PLACES, small)).astype(int)
        grid = np.ix_(some, some)
        said = logits.transpose(1, 2, 0)[grid].reshape(-1, card.bins).astype(np.float64)
        answers.append(Answer(said, ab[grid].reshape(-1, 2)))
    return answers


def fit_temperature(answers: Sequence[Answer], *, neighbors: int = 1) -> float:
    """The temperature under which the true colours of dev are likeliest.

    A network that was trained on soft codes says how the blurred colour is distributed. The bin
    that is nearest to the truth is likeliest at a temperature below 1, which takes the blur back.

    Args:
        answers: From `predict`, of dev.
        neighbors: Bins that share the mass of a true colour: 1 is its own, 5 the code of training.
    """
    losses = [np.mean([_nll(answer, t, neighbors) for answer in answers]) for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def honesty(
    answers: Sequence[Answer], temperature: float, *, rounds: int = 500
) -> dict[str, Figure]:
    """The figures of a distribution, with intervals over pictures.

    Args:
        answers: From `predict`.
        temperature: From `fit_temperature`.
        rounds: How many resamples.

    Returns:
        ``nll`` (nats a pixel, against the soft code of five neighbours), ``calibration_bins``
        (percent: how far the mass of the bins within 10 ab units of the mode is from how often the
        one nearest to the truth is among them, weighted over ten ranges of confidence),
        ``calibration`` (the same, but from how often the truth itself is within 10 units: a disc
        of 314 square units, while the bins have 500 together) and ``coverage`` (percent: how often
        the smallest set of bins with 90 % of the mass has the one nearest to the truth).
    """
    nll = np.array([_nll(answer, temperature, 5) for answer in answers])
    tables = np.stack([_confidence(answer, temperature) for answer in answers])  # (N, 4, 10)
    covered = np.array([_coverage(answer, temperature) for answer in answers])
    drawn = np.random.default_rng(0).integers(0, len(answers), (rounds, len(answers)))

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


def certainty_rank(answers: Sequence[Answer], card: Card, *, rounds: int = 500) -> Figure:
    """Whether the map of certainty is high where the model errs: a rank correlation.

    Args:
        answers: From `predict`.
        card: The model's: the error is that of its answer at its default vividness.
        rounds: How many resamples.

    Returns:
        Spearman's correlation of entropy and distance in ab over all places of all pictures, with
        its 95 % interval over pictures.
    """
    entropy = np.stack([uncertainty(a.logits.T.astype(np.float32)) for a in answers])
    error = np.stack([_distance(answer, card) for answer in answers])

    def correlation(rows: NDArray[np.int64]) -> float:
        return float(spearmanr(entropy[rows].ravel(), error[rows].ravel()).statistic)

    draw = np.random.default_rng(0)
    count = len(answers)
    resampled = [correlation(draw.integers(0, count, count)) for _ in range(rounds)]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return correlation(np.arange(count)), float(low), float(high)


def _distance(answer: Answer, card: Card) -> Floats:
    ab = colors(answer.logits.T.astype(np.float32), card, vividness=card.vividness).T
    distance: Floats = np.hypot(*(ab - answer.ab).T)
    return distance


def _log_p(answer: Answer, temperature: float) -> Floats:
    scaled = answer.logits / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    log_p: Floats = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return log_p


def _nll(answer: Answer, temperature: float, neighbors: int) -> float:
    indices, shares = soft_code_table(neighbors)
    cell = np.clip(np.rint(answer.ab).astype(int) + AB_LIMIT, 0, 2 * AB_LIMIT)
    code = indices[cell[:, 0], cell[:, 1]], shares[cell[:, 0], cell[:, 1]]
    return negative_log_likelihood(_log_p(answer, temperature).T, *code)


def _confidence(answer: Answer, temperature: float) -> Floats:
    """(4, 10): sums of confidence, of both kinds of hits, and counts, by confidence."""
    p, centers = np.exp(_log_p(answer, temperature)), bin_centers().astype(np.float64)
    mode = centers[p.argmax(axis=1)]  # (n, 2)
    near = ((mode[:, None] - centers[None]) ** 2).sum(axis=2) <= _REACH**2
    confidence = (p * near).sum(axis=1)
    bin_is_near = near[np.arange(len(mode)), nearest_bins(answer.ab)]
    is_near = ((answer.ab - mode) ** 2).sum(axis=1) <= _REACH**2
    place = np.minimum((confidence * _BINS_OF_CONFIDENCE).astype(int), _BINS_OF_CONFIDENCE - 1)
    weights = (confidence, bin_is_near, is_near, np.ones(len(mode)))
    return np.stack(
        [np.bincount(place, np.asarray(w, np.float64), _BINS_OF_CONFIDENCE) for w in weights]
    )


def _calibration_error(table: Floats, hits: int) -> float:
    return float(100 * np.abs(table[0] - table[hits]).sum() / table[-1].sum())


def _coverage(answer: Answer, temperature: float, *, mass: float = 0.9) -> float:
    p = np.exp(_log_p(answer, temperature))
    order = np.argsort(-p, axis=1)
    sorted_p = np.take_along_axis(p, order, axis=1)
    before = np.cumsum(sorted_p, axis=1) - sorted_p
    truth = nearest_bins(answer.ab)
    rank = (order == truth[:, None]).argmax(axis=1)
    return float(100 * (np.take_along_axis(before, rank[:, None], axis=1) < mass).mean())
