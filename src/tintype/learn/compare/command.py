"""`tintype compare`, after its words are parsed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tintype.engine.bundle import load_bundle
from tintype.errors import LearnError
from tintype.learn.compare.measure import (
    Asked,
    add_perceptual,
    kept_painter,
    lacks_perceptual,
    measured_on,
)
from tintype.learn.compare.others import OTHERS, painter_of, run_other
from tintype.learn.compare.page import write_page
from tintype.learn.compare.results import read_result
from tintype.learn.compare.run import (
    StoppedError,
    find_classifier,
    is_classifier,
    is_done,
    read_recipes,
    run_method,
)
from tintype.learn.compare.score import Paint, Pictures
from tintype.learn.compare.strip import read_originals
from tintype.learn.data.batches import Sampler
from tintype.learn.data.manifest import find_sources, refuse_overlap
from tintype.learn.data.photos import Photos, open_photos
from tintype.learn.data.prior import color_prior
from tintype.learn.evaluate.protocol import dev_squares, load_squares
from tintype.learn.recipe import Recipe

_DEV_PICTURES = 200


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the command was told.

    Attributes:
        recipes: Folder of the recipes.
        data: Photographs to train on.
        evaluation: Photographs to score on.
        runs: Folder of the runs.
        into: Folder of the results; the page is written beside it.
        cache: Folder of the decoded photographs.
        originals: Photographs for the sample strips.
        seconds: Budget of a method, or None.
        samples: Likewise.
        only: Names of the rows to make; empty makes all.
        limit: At most so many pictures of each evaluation set, or None.
        size: Side of the squares that are scored.
        threads: Pictures at a time.
        device: Where to train.
    """

    recipes: Path
    data: Sequence[Path]
    evaluation: Sequence[Path]
    runs: Path
    into: Path
    cache: Path
    originals: Path
    seconds: float | None
    samples: int | None
    only: Sequence[str]
    limit: int | None
    size: int
    threads: int
    device: str


def compare(told: Comparison, say: Callable[[str], None]) -> bool:
    """Makes what is missing, then the page.

    Args:
        told: What the command was told.
        say: Where progress goes.

    Returns:
        Whether everything asked for is there; False where it was interrupted.

    Raises:
        LearnError: Nothing to train, evaluation pictures among the training data, a broken method.
    """
    everything = read_recipes(told.recipes)
    names = [name for name in told.only if name not in OTHERS]
    recipes = read_recipes(told.recipes, only=names) if names or not told.only else []
    asked = Asked(
        data=told.data,
        runs=told.runs,
        into=told.into,
        cache=told.cache,
        seconds=told.seconds,
        samples=told.samples,
        device=told.device,
        strip=read_originals(told.originals, size=told.size),
    )
    first = next(recipe for recipe in everything if not is_classifier(recipe))
    sources = find_sources(
        told.data, exclude=first.data.exclude, only_groups=first.data.only_groups
    )
    refuse_overlap(sources, find_sources(told.evaluation))
    photos = open_photos(told.data, first.data, cache=told.cache)
    pictures = _pictures(told, first, photos)
    try:
        for name in OTHERS:
            if told.only and name not in told.only:
                continue
            if not _scored(name, pictures, asked):
                say(f"{name}: scoring")
                run_other(name, pictures, photos, asked)
                _page(told, everything)
            else:
                _complete(name, partial(painter_of, name, photos), pictures, asked, say)
        for recipe in recipes:
            if _keep(recipe, pictures, asked):
                result = read_result(told.into / f"{recipe.name}.json")
                _complete(recipe.name, partial(kept_painter, result, asked), pictures, asked, say)
                say(f"{recipe.name}: already done")
                continue
            own = open_photos(told.data, recipe.data, cache=told.cache)
            run_method(
                recipe, own, pictures, asked, classifier=find_classifier(everything), say=say
            )
            _page(told, everything)
    except StoppedError as stopped:
        say(f"{stopped.message} The same command continues where this one stopped.")
        return False
    _page(told, everything)
    return True


def _page(told: Comparison, recipes: Sequence[Recipe]) -> None:
    write_page(told.into, recipes)


def _keep(recipe: Recipe, pictures: Pictures, asked: Asked) -> bool:
    """Whether a method needs nothing: trained enough, and scored on these pictures."""
    if not is_done(recipe, asked):
        return False
    if not (asked.runs / recipe.name / "checkpoint.safetensors").exists():
        return True
    colours = read_result(asked.into / f"{recipe.name}.json").kind == "method"
    return not colours or _scored(recipe.name, pictures, asked)


def _complete(
    name: str,
    painter: Callable[[], Paint | None],
    pictures: Pictures,
    asked: Asked,
    say: Callable[[str], None],
) -> None:
    """Asks networks that were installed after a method was scored, where it can still be asked."""
    result = read_result(asked.into / f"{name}.json")
    if not result.published or not lacks_perceptual(result, pictures):
        return
    if result.measured != measured_on(pictures):
        return
    paint = painter()
    if paint is None:
        say(f"{name}: its run is gone, so the networks installed since cannot score it")
        return
    say(f"{name}: scoring with {', '.join(pictures.judges.names)}")
    add_perceptual(result, paint, pictures, asked)


def _scored(name: str, pictures: Pictures, asked: Asked) -> bool:
    path = asked.into / f"{name}.json"
    if not path.exists():
        return False
    result = read_result(path)
    if name == "tintype-own" and result.sha256 != load_bundle().sha256:
        return False  # another model is embedded by now
    return result.measured == measured_on(pictures)


def _pictures(told: Comparison, recipe: Recipe, photos: Photos) -> Pictures:
    sampler = Sampler(photos, recipe.data, batch=1, seed=0, device=torch.device("cpu"))
    sets = load_squares(told.evaluation, size=told.size, limit=told.limit)
    if not sets:
        raise LearnError("There are no evaluation pictures.", advice="Check --evaluation.")
    groups = dev_squares(photos, size=told.size, limit=-(-_DEV_PICTURES // len(photos.group_names)))
    return Pictures(
        sets=sets,
        dev=[picture for group in groups.values() for picture in group],
        prior=np.asarray(color_prior(sampler, photos), np.float64),
        threads=told.threads,
    )
