"""Rows without training: bounds, the embedded model, methods with user input."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color.cielab import rgb01_to_lab
from tintype.engine.bundle import Card, load_bundle
from tintype.engine.geometry import luma_to_input
from tintype.learn.baselines import example, scribble
from tintype.learn.compare.measure import ScoringOptions, score_bundle, score_colorizer
from tintype.learn.compare.results import Result, write_result
from tintype.learn.compare.score import Colorize, Picture, Pictures, engine_colorizer
from tintype.learn.data.photos import Photos
from tintype.learn.evaluate.protocol import to_square
from tintype.learn.evaluate.recolor import recolor
from tintype.photo.photo import rgb_to_grey

POINTS = 20
_SIDE = 128  # side of the pictures for propagating scribbles and for matching references

Chroma = Callable[[Picture], NDArray[np.float32]]

OTHERS = ("grey-input", "ground-truth", "tintype-own", "scribble", "example")
"""Names of the rows without a recipe."""


def run_other(name: str, pictures: Pictures, photos: Photos, options: ScoringOptions) -> Result:
    """Scores one of `OTHERS` and writes the result.

    Args:
        name: Name of the row.
        pictures: The evaluation pictures.
        photos: References for the example-based method.
        options: The folder for the result.
    """
    colorize = colorizer_of(name, photos)
    if name in ("grey-input", "ground-truth"):
        result = score_colorizer(Result(name, "bound"), colorize, pictures, options, scaled=False)
    elif name == "tintype-own":
        bundle = load_bundle()
        metrics = bundle.card.metrics
        own = Result(
            name,
            "own",
            samples=int(metrics.get("samples", 0)),
            seconds=float(metrics.get("seconds", 0)),
            data_hash=str(bundle.card.data.get("sha256", "")),
            note=_own_note(bundle.card),
        )
        result = score_bundle(own, bundle, pictures, options)
    elif name == "scribble":
        note = f"not automatic: given the true colours of {POINTS} random pixels"
        assisted = Result(name, "not automatic", note=note)
        result = score_colorizer(assisted, colorize, pictures, options)
    else:
        note = "not automatic: given the training picture most similar in grey"
        assisted = Result(name, "not automatic", note=note, data_hash=photos.data_hash)
        result = score_colorizer(assisted, colorize, pictures, options)
    write_result(options.into, result)
    return result


def _own_note(card: Card) -> str:
    photographs = sum(card.data.get("photographs", {}).values())
    note = f"version {card.version}, as embedded; vividness {card.vividness}"
    return f"{note}; **not from scratch**: encoder from ImageNet, {photographs:,} other photographs"


def colorizer_of(name: str, photos: Photos) -> Colorize:
    """The colorizer of one of `OTHERS`.

    Args:
        name: Name of the row.
        photos: References for the example-based method.
    """
    if name == "grey-input":
        return _grey
    if name == "ground-truth":
        return _truth
    if name == "tintype-own":
        return engine_colorizer(load_bundle())
    if name == "scribble":
        return _cached(_scribbled)
    references = example.open_references(photos)

    def by_example(truth: Picture) -> NDArray[np.float32]:
        grey = rgb_to_grey(truth)
        reference = photos.picture(references.nearest(grey))
        return example.predict(_lightness(grey), reference, seed=0)

    return _cached(by_example)


def _grey(truth: Picture, gain: float) -> Picture:
    return np.repeat(rgb_to_grey(truth)[..., None], 3, axis=2)


def _truth(truth: Picture, gain: float) -> Picture:
    return truth


def _lightness(grey_u8: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(luma_to_input(grey_u8.astype(np.float32))[0, 0])


def _scribbled(truth: Picture) -> NDArray[np.float32]:
    lab = rgb01_to_lab(truth / 255).transpose(2, 0, 1)
    # The same points in every run: they depend on the picture only.
    seed = int(truth.astype(np.uint64).sum())
    points = scribble.true_points(lab[1:], count=POINTS, seed=seed)
    return scribble.predict(_lightness(rgb_to_grey(truth)), points)


def _cached(chroma: Chroma) -> Colorize:
    """Caches the chroma of each picture, computed at 128 px, because it is slow."""
    cache: dict[bytes, NDArray[np.float32]] = {}

    def colorize(truth: Picture, gain: float) -> Picture:
        key = truth.tobytes()
        if key not in cache:
            cache[key] = chroma(to_square(Image.fromarray(truth), min(_SIDE, len(truth))))
        return recolor(rgb_to_grey(truth), cache[key] * np.float32(gain))

    return colorize
