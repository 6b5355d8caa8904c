"""Scores a method in both blocks: as published, and with its chroma scaled to equal colourfulness.

Everything goes through the engine, so what is scored is what a person gets.
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
from tintype.engine.predict import Engine, Prediction
from tintype.engine.settings import Settings
from tintype.learn.compare.results import EVERYTHING
from tintype.learn.evaluate.distribution import fit_temperature, honesty, predict
from tintype.learn.evaluate.figures import Figure, columns_of, measure, rarity, summarize
from tintype.learn.evaluate.metrics import Floats, colorfulness
from tintype.learn.evaluate.perceptual import Judges
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

Picture = NDArray[np.uint8]
Paint = Callable[[Picture, float], Picture]
"""From a true picture and the factor of its chroma to a coloured one; it sees the grey alone."""

_LARGEST_GAIN = 16.0
_ROUNDS = 12
_CLOSE = 0.005
_CACHE = 1 << 30
"""Bytes; a prediction without its distribution takes a third of a megabyte."""
_KEPT = ("cf", "true_cf", "ab_mae", "delta_e", "auc", "rare_area", "rare_mass")
"""Columns that are kept of every picture, so that methods can be compared picture by picture."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What methods are scored on.

    Attributes:
        sets: Squares of (S, S, 3) by evaluation set.
        dev: Squares of dev, for the factor and the temperature.
        prior: (313,) colours of the training set.
        threads: Pictures at a time.
        judges: The networks of others that judge all sets together.
    """

    sets: Mapping[str, Sequence[Picture]]
    dev: Sequence[Picture]
    prior: NDArray[np.floating]
    threads: int = 1
    judges: Judges = field(init=False)

    def __post_init__(self) -> None:
        truths = [truth for part in self.sets.values() for truth in part]
        object.__setattr__(self, "judges", Judges(truths))


class ScaledEngine(Engine):
    """The engine with the network's chroma multiplied by a factor, before the gamut and the grey.

    The network is asked once for each picture: looking for the factor colours the same ones a
    dozen times, and what it answers is small.

    Args:
        bundle: The model.
    """

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle, threads=1)
        self.gain = np.float32(1)
        self._cache = PredictionCache(_CACHE)

    def scaled(self, gain: float) -> "ScaledEngine":
        """The same network under another factor."""
        other = copy.copy(self)
        other.gain = np.float32(gain)
        return other

    def predict(self, photo: Photo, settings: Settings | None = None) -> Prediction:
        """The prediction for this picture, made the first time that it is asked for."""
        settings = settings or Settings()
        key = key_of(digest_of(photo), settings, self.bundle.card.capabilities)
        predict, chroma = super().predict, super().chroma

        def small() -> Prediction:
            # Chroma is all that is looked at, and a distribution is a hundred times as large.
            whole = predict(photo, settings)
            return replace(whole, ab=chroma(whole, settings), logits=None, features=None)

        return self._cache.get(key, small)

    def chroma(self, answer: Prediction, settings: Settings) -> NDArray[np.float32]:
        """Multiplied by the factor."""
        del settings  # they were obeyed when the network was asked
        return np.asarray(answer.ab * self.gain)


def engine_painter(bundle: Bundle) -> Paint:
    """Paints through the engine at the card's own settings, each network asked once."""
    engine = ScaledEngine(bundle)
    settings = Settings(quality="normal")

    def paint(truth: Picture, gain: float) -> Picture:
        photo = Photo(rgb_to_grey(truth), None, "color", Metadata("PNG"))
        color = engine.scaled(gain).colorize(photo, settings).color
        assert isinstance(color, np.ndarray)
        return color.astype(np.uint8, copy=False)

    return paint


def paint_all(
    paint: Paint, pictures: Sequence[Picture], gain: float, *, threads: int
) -> list[Picture]:
    """Every picture coloured, several at a time."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda truth: paint(truth, gain), pictures))


def find_gain(paint: Paint, pictures: Sequence[Picture], *, threads: int) -> float | None:
    """The factor of chroma under which the pictures are as colourful as the true ones.

    Args:
        paint: The method.
        pictures: Of dev.
        threads: Pictures at a time.

    Returns:
        The factor, or None where not even a factor of 16 makes a method colourful enough.
    """
    wanted = float(np.mean([colorfulness(picture) for picture in pictures]))

    def ratio(gain: float) -> float:
        painted = paint_all(paint, pictures, gain, threads=threads)
        return float(np.mean([colorfulness(picture) for picture in painted])) / wanted

    gain = 1.0
    for _ in range(_ROUNDS):
        found = ratio(gain)
        if abs(found - 1) < _CLOSE:
            return gain
        if found == 0:
            return None
        # Colourfulness is nearly proportional to chroma, a little less where colours leave the
        # gamut, so this comes from one side and does not swing.
        gain /= found
        if gain > _LARGEST_GAIN:
            return None
    return gain


@dataclass(frozen=True, slots=True)
class Block:
    """A method's figures under one factor.

    Attributes:
        figures: Set -> figure -> value and interval.
        kept: Column -> a number for each picture of all sets.
    """

    figures: dict[str, dict[str, Figure]]
    kept: dict[str, list[float]]


def score_block(paint: Paint, pictures: Pictures, gain: float) -> Block:
    """Scores a method under one factor.

    Args:
        paint: The method.
        pictures: What on.
        gain: Factor of its chroma; 1 is as published.
    """
    rare = rarity(pictures.prior)

    def one(truth: Picture) -> dict[str, float]:
        return measure(paint(truth, gain), truth, rare)

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
    paint: Paint, pictures: Pictures, gains: Mapping[str, float]
) -> dict[str, dict[str, Figure]]:
    """What LPIPS, KID and FID say of a method, where their networks are installed.

    Args:
        paint: The method.
        pictures: What on.
        gains: Block -> factor of the chroma.

    Returns:
        Block -> metric -> figure.
    """
    judges = pictures.judges
    if not judges.names:
        return {}
    return {
        block: judges.judge(paint_all(paint, judges.truths, gain, threads=pictures.threads))
        for block, gain in gains.items()
    }


def kept_columns(kept: Mapping[str, Sequence[float]]) -> dict[str, Floats]:
    """The columns of a block as arrays again."""
    return {name: np.array(values) for name, values in kept.items()}


def score_distribution(
    bundle: Bundle, pictures: Pictures
) -> tuple[float | None, dict[str, dict[str, Figure]]]:
    """Temperature and honesty of a model's distribution; nothing where it has none."""
    if bundle.card.bins != BINS or "logits" not in bundle.card.capabilities:
        return None, {}
    on_dev = predict(bundle, pictures.dev, threads=pictures.threads)
    # By the code of training, as for the rows that were scored before and stand on the same page.
    temperature = fit_temperature(on_dev, neighbors=5)
    answers = {
        name: predict(bundle, truths, threads=pictures.threads)
        for name, truths in pictures.sets.items()
    }
    answers[EVERYTHING] = [answer for part in list(answers.values()) for answer in part]
    return temperature, {name: honesty(part, temperature) for name, part in answers.items()}
