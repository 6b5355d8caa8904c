"""Scores a method in both blocks: as published, and with its chroma scaled to equal colourfulness.

Everything is run through the engine, so the scores are those of the colours that users get.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tintype.color.abgrid import BINS
from tintype.engine.bundle import Bundle
from tintype.engine.cache import PredictionCache, digest_of, key_of
from tintype.engine.predict import Engine
from tintype.engine.prediction import Prediction
from tintype.engine.settings import Settings
from tintype.learn.compare.results import EVERYTHING
from tintype.learn.evaluate.distribution import distribution_figures, fit_temperature, predict
from tintype.learn.evaluate.figures import Figure, columns_of, measure, rarity, summarize
from tintype.learn.evaluate.metrics import Floats, colorfulness
from tintype.learn.evaluate.perceptual import PerceptualMetrics
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

Picture = NDArray[np.uint8]
Colorize = Callable[[Picture, float], Picture]
"""Colours the grey of a true picture and multiplies the chroma by a factor."""

_LARGEST_GAIN = 16.0
_ROUNDS = 12
_CLOSE = 0.005
_CACHE = 1 << 30
"""Bytes; a prediction without its distribution takes a third of a megabyte."""
_KEPT = ("cf", "true_cf", "ab_mae", "delta_e", "auc", "rare_area", "rare_mass")
"""Columns that are stored for every picture, for paired comparisons of methods."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures that methods are scored on.

    Attributes:
        sets: Squares, each (S, S, 3), by evaluation set.
        dev: Squares of dev, for fitting the factor and the temperature.
        prior: (313,) share of each colour in the training set.
        threads: Number of pictures in parallel.
        perceptual_metrics: LPIPS, KID and FID over the union of all sets.
    """

    sets: Mapping[str, Sequence[Picture]]
    dev: Sequence[Picture]
    prior: NDArray[np.floating]
    threads: int = 1
    perceptual_metrics: PerceptualMetrics = field(init=False)

    def __post_init__(self) -> None:
        truths = [truth for part in self.sets.values() for truth in part]
        object.__setattr__(self, "perceptual_metrics", PerceptualMetrics(truths))


class ScaledEngine(Engine):
    """An engine that multiplies the predicted chroma by a factor before gamut mapping.

    The network runs once per picture: the search for the factor colours the same pictures a dozen
        times, and the cached chroma is small.

    Args:
        bundle: The model.
    """

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle, threads=1)
        self.gain = np.float32(1)
        self._cache = PredictionCache(_CACHE)

    def scaled(self, gain: float) -> "ScaledEngine":
        """The same network with another factor."""
        other = copy.copy(self)
        other.gain = np.float32(gain)
        return other

    def predict(self, photo: Photo, settings: Settings | None = None) -> Prediction:
        """The cached prediction for this picture."""
        settings = settings or Settings()
        key = key_of(digest_of(photo), settings, self.bundle.card.capabilities)
        predict, chroma = super().predict, super().chroma

        def small() -> Prediction:
            # Only the chroma is used, and a distribution is a hundred times larger.
            whole = predict(photo, settings)
            return replace(whole, ab=chroma(whole, settings), logits=None, features=None)

        return self._cache.get(key, small)

    def chroma(self, prediction: Prediction, settings: Settings) -> NDArray[np.float32]:
        """The predicted chroma multiplied by the factor."""
        del settings  # applied when the prediction was made
        return np.asarray(prediction.ab * self.gain)


def engine_colorizer(bundle: Bundle) -> Colorize:
    """A method that colours with the engine and the settings of the card."""
    engine = ScaledEngine(bundle)
    settings = Settings(quality="normal")

    def colorize(truth: Picture, gain: float) -> Picture:
        photo = Photo(rgb_to_grey(truth), None, "color", Metadata("PNG"))
        color = engine.scaled(gain).colorize(photo, settings).color
        assert isinstance(color, np.ndarray)
        return color.astype(np.uint8, copy=False)

    return colorize


def colorize_all(
    colorize: Colorize, pictures: Sequence[Picture], gain: float, *, threads: int
) -> list[Picture]:
    """Colours all pictures, several in parallel."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda truth: colorize(truth, gain), pictures))


def find_gain(colorize: Colorize, pictures: Sequence[Picture], *, threads: int) -> float | None:
    """Finds the factor of chroma that makes the pictures as colourful as the originals.

    Args:
        colorize: The method.
        pictures: Pictures of dev.
        threads: Number of pictures in parallel.

    Returns:
        The factor, or None if even a factor of 16 does not make a method colourful enough.
    """
    wanted = float(np.mean([colorfulness(picture) for picture in pictures]))

    def ratio(gain: float) -> float:
        colorized = colorize_all(colorize, pictures, gain, threads=threads)
        return float(np.mean([colorfulness(picture) for picture in colorized])) / wanted

    gain = 1.0
    for _ in range(_ROUNDS):
        found = ratio(gain)
        if abs(found - 1) < _CLOSE:
            return gain
        if found == 0:
            return None
        # Colourfulness is nearly proportional to chroma, and a little less where colours leave the
        # gamut, so this converges from one side without oscillating.
        gain /= found
        if gain > _LARGEST_GAIN:
            return None
    return gain


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of a method for one factor.

    Attributes:
        figures: Set -> figure -> value and interval.
        kept: Column -> a number per picture of all sets.
    """

    figures: dict[str, dict[str, Figure]]
    kept: dict[str, list[float]]


def score_block(colorize: Colorize, pictures: Pictures, gain: float) -> Block:
    """Scores a method for one factor.

    Args:
        colorize: The method.
        pictures: The evaluation pictures.
        gain: Factor of the chroma; 1 is as published.
    """
    rare = rarity(pictures.prior)

    def one(truth: Picture) -> dict[str, float]:
        return measure(colorize(truth, gain), truth, rare)

    figures, columns = {}, []
    with ThreadPoolExecutor(pictures.threads) as pool:
        for name, truths in pictures.sets.items():
            found = columns_of(list(pool.map(one, truths)))
            figures[name] = summarize(found)
            columns.append(found)
    whole = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
    if len(columns) > 1:
        figures[EVERYTHING] = summarize(whole)
    else:
        figures[EVERYTHING] = next(iter(figures.values()))
    return Block(figures, {name: [float(v) for v in whole[name]] for name in _KEPT})


def score_perceptual(
    colorize: Colorize, pictures: Pictures, gains: Mapping[str, float]
) -> dict[str, dict[str, Figure]]:
    """LPIPS, KID and FID of a method, if their networks are installed.

    Args:
        colorize: The method.
        pictures: The evaluation pictures.
        gains: Block -> factor of the chroma.

    Returns:
        Block -> metric -> figure.
    """
    perceptual_metrics = pictures.perceptual_metrics
    if not perceptual_metrics.names:
        return {}
    return {
        block: perceptual_metrics.measure(
            colorize_all(colorize, perceptual_metrics.truths, gain, threads=pictures.threads)
        )
        for block, gain in gains.items()
    }


def kept_columns(kept: Mapping[str, Sequence[float]]) -> dict[str, Floats]:
    """Converts the columns of a block back to arrays."""
    return {name: np.array(values) for name, values in kept.items()}


def score_distribution(
    bundle: Bundle, pictures: Pictures
) -> tuple[float | None, dict[str, dict[str, Figure]]]:
    """Temperature and calibration of a model's distribution; empty if it has none."""
    if bundle.card.bins != BINS or "logits" not in bundle.card.capabilities:
        return None, {}
    on_dev = predict(bundle, pictures.dev, threads=pictures.threads)
    # With the soft encoding of training, as for rows of the page that were scored before.
    temperature = fit_temperature(on_dev, neighbors=5)
    samples = {
        name: predict(bundle, truths, threads=pictures.threads)
        for name, truths in pictures.sets.items()
    }
    samples[EVERYTHING] = [sample for part in list(samples.values()) for sample in part]
    return temperature, {
        name: distribution_figures(part, temperature) for name, part in samples.items()
    }
