"""Implements `tintype compare`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tintype.engine.bundle import load_bundle
from tintype.errors import LearnError
from tintype.learn.compare.measure import (
    ScoringOptions,
    add_perceptual,
    kept_colorizer,
    lacks_perceptual,
    measured_on,
)
from tintype.learn.compare.page import check_outputs, write_page
from tintype.learn.compare.results import read_result
from tintype.learn.compare.run import (
    StoppedError,
    is_done,
    read_recipes,
    run_method,
)
from tintype.learn.compare.score import Colorize, Pictures
from tintype.learn.compare.seeds import is_classifier, repetitions
from tintype.learn.compare.strip import read_originals
from tintype.learn.compare.untrained_rows import OTHERS, colorizer_of, run_other
from tintype.learn.data.batches import Sampler
from tintype.learn.data.manifest import find_sources, refuse_overlap
from tintype.learn.data.photos import Photos, open_photos
from tintype.learn.data.prior import color_prior
from tintype.learn.evaluate.protocol import dev_squares, load_squares
from tintype.learn.recipe import Recipe
from tintype.learn.train.adapt import adapt_recipe

_DEV_PICTURES = 200


@dataclass(frozen=True, slots=True)
class Comparison:
    """The arguments of the command.

    Attributes:
        recipes: Folder with the recipes.
        data: Photographs to train on.
        evaluation: Photographs to score on.
        runs: Folder of the runs.
        into: Folder of the results; the page is written beside it.
        cache: Folder of the decoded photographs.
        originals: Photographs for the sample strips.
        seconds: Time budget of each method, or None.
        samples: Sample budget of each method, or None.
        only: Names of the rows to compute; empty for all.
        seeds: Number of times that each method is trained, with different random numbers.
        limit: Maximum number of pictures of each evaluation set, or None.
        size: Side of the squares that are scored.
        threads: Number of pictures in parallel.
        device: Device for training.
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
    seeds: int
    limit: int | None
    size: int
    threads: int
    device: str


def compare(arguments: Comparison, report: Callable[[str], None]) -> bool:
    """Trains and scores methods without a result, then writes the page.

    Args:
        arguments: The arguments of the command.
        report: Called with progress messages.

    Returns:
        Whether everything that was requested is done; False after an interruption.

    Raises:
        TargetExistsError: An output would replace a file that this program did not write.
        LearnError: There is nothing to train, evaluation pictures are in the training data, or a
            method fails.
    """
    everything = read_recipes(arguments.recipes)
    rows = [one for recipe in everything for one in repetitions(recipe, arguments.seeds)]
    check_outputs(arguments.into, [*OTHERS, *(recipe.name for recipe in rows)])
    names = [name for name in arguments.only if name not in OTHERS]
    chosen = read_recipes(arguments.recipes, only=names) if names or not arguments.only else []
    # The first seed of every method before the second of any, so the page is soon complete.
    recipes = sorted(
        (one for recipe in chosen for one in enumerate(repetitions(recipe, arguments.seeds))),
        key=lambda one: one[0],
    )
    options = _scoring_options(arguments)
    first, _ = adapt_recipe(
        next(recipe for recipe in everything if not is_classifier(recipe)), arguments.data
    )
    sources = find_sources(
        arguments.data, exclude=first.data.exclude, only_groups=first.data.only_groups
    )
    refuse_overlap(sources, find_sources(arguments.evaluation))
    photos = open_photos(arguments.data, first.data, cache=arguments.cache)
    pictures = _pictures(arguments, first, photos, report)
    try:
        for name in OTHERS:
            if arguments.only and name not in arguments.only:
                continue
            if _scored(name, pictures, options):
                _complete(name, partial(colorizer_of, name, photos), pictures, options, report)
                continue
            report(f"{name}: scoring")
            run_other(name, pictures, photos, options)
            write_page(arguments.into, everything)
        for _, recipe in recipes:
            if _keep(recipe, pictures, options):
                result = read_result(arguments.into / f"{recipe.name}.json")
                _complete(
                    recipe.name, partial(kept_colorizer, result, options), pictures, options, report
                )
                report(f"{recipe.name}: already done")
                continue
            run_method(recipe, pictures, options, recipes=everything, report=report)
            write_page(arguments.into, everything)
    except StoppedError as stopped:
        report(f"{stopped.message} The same command continues where this one stopped.")
        return False
    write_page(arguments.into, everything)
    return True


def _scoring_options(arguments: Comparison) -> ScoringOptions:
    return ScoringOptions(
        data=arguments.data,
        runs=arguments.runs,
        into=arguments.into,
        cache=arguments.cache,
        seconds=arguments.seconds,
        samples=arguments.samples,
        device=arguments.device,
        strip=read_originals(arguments.originals, size=arguments.size),
    )


def _keep(recipe: Recipe, pictures: Pictures, options: ScoringOptions) -> bool:
    """Whether a method is complete: trained for the whole budget, and scored on these pictures."""
    if not is_done(recipe, options):
        return False
    if not (options.runs / recipe.name / "checkpoint.safetensors").exists():
        return True
    colours = read_result(options.into / f"{recipe.name}.json").kind == "method"
    return not colours or _scored(recipe.name, pictures, options)


def _complete(
    name: str,
    method: Callable[[], Colorize | None],
    pictures: Pictures,
    options: ScoringOptions,
    report: Callable[[str], None],
) -> None:
    """Adds the scores of perceptual networks that were installed after a method was scored."""
    result = read_result(options.into / f"{name}.json")
    if not result.published or not lacks_perceptual(result, pictures):
        return
    if result.measured != measured_on(pictures):
        return
    colorize = method()
    if colorize is None:
        report(f"{name}: its run is gone, so it cannot be scored with the networks installed since")
        return
    report(f"{name}: scoring with {', '.join(pictures.perceptual_metrics.names)}")
    add_perceptual(result, colorize, pictures, options)


def _scored(name: str, pictures: Pictures, options: ScoringOptions) -> bool:
    path = options.into / f"{name}.json"
    if not path.exists():
        return False
    result = read_result(path)
    if name == "tintype-own" and result.sha256 != load_bundle().sha256:
        return False  # the embedded model has changed since
    return result.measured == measured_on(pictures)


def _pictures(
    arguments: Comparison, recipe: Recipe, photos: Photos, report: Callable[[str], None]
) -> Pictures:
    sampler = Sampler(photos, recipe.data, batch=1, seed=0, device=torch.device("cpu"))
    sets = load_squares(
        arguments.evaluation, size=arguments.size, limit=arguments.limit, report=report
    )
    if not sets:
        raise LearnError("There are no evaluation pictures.", advice="Check --evaluation.")
    groups = dev_squares(
        photos, size=arguments.size, limit=-(-_DEV_PICTURES // len(photos.group_names))
    )
    return Pictures(
        sets=sets,
        dev=[picture for group in groups.values() for picture in group],
        prior=np.asarray(color_prior(sampler, photos), np.float64),
        threads=arguments.threads,
    )
