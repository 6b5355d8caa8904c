"""Trains, exports and scores methods, and writes one JSON file for each.

A method is done if its file states that the same recipe was trained for at least the budget; the
folder of the run may have been deleted. An interrupted run continues from its checkpoint.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image

from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.onnx_file import is_own_model
from tintype.errors import LearnError, brief, reason, shown
from tintype.files.own import check_replaceable
from tintype.learn.compare.measure import ScoringOptions, count_gmac, score_bundle
from tintype.learn.compare.results import (
    DEMONSTRATION,
    Result,
    read_result,
    recipe_hash,
    short_recipe,
    write_result,
)
from tintype.learn.compare.score import (
    Pictures,
    engine_colorizer,
    score_block,
)
from tintype.learn.compare.seeds import is_classifier, stage_before
from tintype.learn.compare.strip import write_strip
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.data.photos import open_photos
from tintype.learn.evaluate.protocol import to_square
from tintype.learn.export.bundle import export, lightness_examples
from tintype.learn.export.card import default_card
from tintype.learn.export.graph import predicts_distribution
from tintype.learn.export.weights import Trained, load_trained
from tintype.learn.models.contract import ColorizationNetwork, Pretrained
from tintype.learn.models.registry import build
from tintype.learn.recipe import Recipe, read_recipe
from tintype.learn.train.adapt import adapt_recipe
from tintype.learn.train.checkpoint import Progress, load_checkpoint, load_weights
from tintype.learn.train.loop import train
from tintype.learn.train.objectives import objective_of
from tintype.learn.train.recipe_check import check_recipe
from tintype.learn.train.run import TrainingSession

_TEMPERATURE = 0.38  # Zhang et al. 2016, section 2.3
_NORMAL = 0.4  # the default vividness of networks without a distribution: a factor of 1
_CURVE_POINTS = 120
_LONGEST_LOG = 1 << 28  # bytes; a million entries
_EPOCHS = 3
_SMALL = 64


class StoppedError(LearnError):
    """Training was interrupted before its budget was spent."""


def read_recipes(folder: Path, *, only: Sequence[str] = ()) -> list[Recipe]:
    """The recipes of a folder in training order: classifiers first, as others start from them.

    Args:
        folder: A folder of TOML files.
        only: Names to include; empty for all.

    Raises:
        LearnError: There are no recipes, one is invalid, or a name is unknown.
    """
    recipes = [read_recipe(path) for path in sorted(folder.glob("*.toml"))]
    if not recipes:
        raise LearnError(f"{folder} contains no recipes.", advice="Give recipes/report.")
    for recipe in recipes:
        check_recipe(recipe)
        _check_stages(recipe, recipes)
    unknown = sorted(set(only) - {recipe.name for recipe in recipes})
    if unknown:
        names = ", ".join(recipe.name for recipe in recipes)
        raise LearnError(f"There is no recipe {unknown[0]}.", advice=f"Choose one of {names}.")
    chosen = [recipe for recipe in recipes if not only or recipe.name in only]
    return sorted(chosen, key=lambda recipe: (not is_classifier(recipe), recipe.name))


def _check_stages(recipe: Recipe, recipes: Sequence[Recipe]) -> None:
    """Refuses a recipe that continues a missing one, or itself."""
    by_name = {one.name: one for one in recipes}
    earlier, after = {recipe.name}, recipe.train.after
    while after:
        if after not in by_name:
            raise LearnError(
                f"{recipe.name} continues {after} (train.after), but that recipe does not exist.",
                advice="Put it into the same folder.",
            )
        if after in earlier:
            raise LearnError(
                f"{recipe.name} continues itself (train.after).", advice="Name an earlier stage."
            )
        earlier.add(after)
        after = by_name[after].train.after


def is_done(recipe: Recipe, options: ScoringOptions) -> bool:
    """Whether there is a result of this recipe with the whole budget."""
    path = options.into / f"{recipe.name}.json"
    if not path.exists():
        return False
    result = read_result(path)
    if result.recipe_hash != recipe_hash(recipe):
        return False
    return _enough(Progress(samples=result.samples, seconds=result.seconds), recipe, options)


def _enough(progress: Progress, recipe: Recipe, options: ScoringOptions) -> bool:
    if 0 < recipe.train.total_samples <= progress.samples:
        return True
    if options.samples is not None and progress.samples >= options.samples:
        return True
    return options.seconds is not None and progress.seconds >= options.seconds


def run_method(
    written: Recipe,
    pictures: Pictures,
    options: ScoringOptions,
    *,
    recipes: Sequence[Recipe] = (),
    report: Callable[[str], None],
) -> Result:
    """Trains, exports, scores and writes one method.

    Args:
        written: The method, as in its file; it is adapted to the data.
        pictures: The evaluation pictures.
        options: The options of the command.
        recipes: All recipes, as in their files: methods may start from the run of another.
        report: Called with progress messages.

    Raises:
        StoppedError: Interrupted by Ctrl-C; the same command resumes.
        LearnError: Training or export failed.
    """
    recipe, remarks = adapt_recipe(written, options.data)
    for remark in remarks:
        report(remark)
    progress = _train_in_order(recipe, recipes, options, report)
    notes = origin_notes(recipe, recipes, options.runs)
    notes += [remark.partition(": ")[2].rstrip(".") for remark in remarks]
    run = options.runs / recipe.name
    _, _, facts = load_checkpoint(run / "checkpoint.safetensors")
    result = Result(
        name=recipe.name,
        kind=_kind(recipe),
        recipe=short_recipe(recipe),
        recipe_hash=recipe_hash(written),
        data_hash=facts["data_hash"],
        note="; ".join(notes),
        samples=progress.samples,
        seconds=progress.seconds,
        device=" / ".join(facts.get("trained_on", ())),
    )
    result = replace(result, **read_log(run / "log.jsonl"))
    parameters = sum(p.numel() for p in build(recipe.model).parameters())
    result = replace(result, parameters=parameters)
    if result.kind == "method":
        report(f"{recipe.name}: exporting and scoring")
        result = _scored(result, recipe, pictures, options)
    elif result.kind == "demonstration":
        colorize = engine_colorizer(_export(load_trained(run), recipe, run / "model.onnx", options))
        result = replace(result, strip=f"{recipe.name}.jpg")
        write_strip(options.into / result.strip, [colorize(truth, 1.0) for truth in options.strip])
    write_result(options.into, result)
    return result


def _train_in_order(
    recipe: Recipe,
    recipes: Sequence[Recipe],
    options: ScoringOptions,
    report: Callable[[str], None],
) -> Progress:
    """Trains a run for the rest of its budget, and first the run that it starts from."""
    start = None
    if (before := _run_before(recipe, recipes)) is not None:
        start = options.runs / before.name / "checkpoint.safetensors"
        if not (options.runs / recipe.name / "checkpoint.safetensors").exists():
            adapted, _ = adapt_recipe(before, options.data)
            _train_in_order(adapted, recipes, options, report)
    return train_enough(recipe, options, start=start, report=report)


def _run_before(recipe: Recipe, recipes: Sequence[Recipe]) -> Recipe | None:
    """The recipe of the run that a recipe starts from, or None."""
    if recipe.train.after:
        return stage_before(recipe, recipes)
    if recipe.model.init != "classifier":
        return None
    classifier = find_classifier(recipes)
    if classifier is None:
        raise LearnError(
            f"{recipe.name} starts from a grey classifier, but there is no recipe for one.",
            advice='Add one whose [loss] has kind = "labels" to the folder.',
        )
    return classifier


def origin_notes(recipe: Recipe, recipes: Sequence[Recipe], runs: Path) -> list[str]:
    """The remark of a result about the initial weights of its run; empty if they were random.

    Args:
        recipe: The method.
        recipes: All recipes, as in their files.
        runs: Folder of the runs.
    """
    if recipe.model.pretrained and isinstance(build(recipe.model), Pretrained):
        return ["**not from scratch**: encoder from ImageNet"]
    before = stage_before(recipe, recipes)
    if before is None:
        return []
    checkpoint = runs / before.name / "checkpoint.safetensors"
    if not checkpoint.exists():
        return [f"continues {before.name}"]
    _, progress, _ = load_checkpoint(checkpoint)
    return [f"continues {before.name}, which had {progress.samples:,} samples"]


def train_enough(
    recipe: Recipe,
    options: ScoringOptions,
    *,
    start: Path | None,
    report: Callable[[str], None],
) -> Progress:
    """Trains a run for the rest of its budget.

    Args:
        recipe: The method, adapted to the data.
        options: The options of the command.
        start: Checkpoint of the run that it starts from: the grey classifier, or the stage before.
        report: Called with progress messages.

    Raises:
        StoppedError: It was interrupted before the end.
    """
    run = options.runs / recipe.name
    progress = Progress()
    if (run / "checkpoint.safetensors").exists():
        _, progress, _ = load_checkpoint(run / "checkpoint.safetensors")
    if _enough(progress, recipe, options):
        return progress
    report(f"{recipe.name}: training from {progress.samples} samples, {progress.seconds:.0f} s")
    seconds = None if options.seconds is None else options.seconds - progress.seconds
    session = TrainingSession(
        max_seconds=seconds,
        max_samples=options.samples,
        init=start if recipe.train.after else None,
        classifier=None if recipe.train.after else start,
        device=options.device,
        report=report,
    )
    photos = open_photos(options.data, recipe.data, cache=options.cache)
    progress = train(run, recipe, photos, session)
    if not _enough(progress, recipe, options):
        raise StoppedError(f"{recipe.name}: stopped at {progress.samples} samples.")
    return progress


def _kind(recipe: Recipe) -> str:
    if recipe.name == DEMONSTRATION:
        return "demonstration"
    return "classifier" if is_classifier(recipe) else "method"


def _scored(result: Result, recipe: Recipe, pictures: Pictures, options: ScoringOptions) -> Result:
    run = options.runs / recipe.name
    trained = load_trained(run)
    bundle = _export(trained, recipe, run / "model.onnx", options)
    result = score_bundle(result, bundle, pictures, options)
    native = {}
    if recipe.data.size < _SMALL:
        native = _native(bundle, recipe.data.size, pictures)
    epochs = []
    if objective_of(recipe).needs_discriminator:
        epochs = _colorize_epochs(trained, recipe, run, options)
    return replace(result, native=native, epochs=epochs, gmac=count_gmac(trained.model))


def _export(trained: Trained, recipe: Recipe, target: Path, options: ScoringOptions) -> Bundle:
    # As published: networks over colours were trained with their class weights, so none are added
    # in decoding.
    vividness = 0.0 if predicts_distribution(trained.model) else _NORMAL
    card = default_card(trained, vividness=vividness, temperature=_TEMPERATURE)
    model = trained.model
    assert isinstance(model, ColorizationNetwork)
    # Every network is run at the size it was trained at.
    least = max(16, recipe.data.size)
    size = -(-least // model.multiple) * model.multiple
    card["sizes"] = {"fast": size, "normal": size, "high": 2 * size}
    calibration, check = lightness_examples(
        trained, options.data, cache=options.cache, calibration=1, check=4
    )
    _replaceable_model(target)
    try:
        export(trained, target, card=card, calibration=calibration, check=check)
    except LearnError as error:
        raise LearnError(f"{recipe.name}: {error.message}", advice=error.advice) from None
    return load_bundle(target)


def _replaceable_model(path: Path) -> None:
    """Refuses a path with a file that this program did not write."""
    check_replaceable(path, is_own_model, overwrite=True, what="a model")


def _native(bundle: Bundle, size: int, pictures: Pictures) -> dict[str, Any]:
    """Figures at the training size, as in papers on 32-px pictures."""
    small = {
        name: [to_square(Image.fromarray(truth), size) for truth in truths]
        for name, truths in pictures.sets.items()
    }
    shrunk = Pictures(small, [], pictures.prior, pictures.threads)
    figures = score_block(engine_colorizer(bundle), shrunk, 1.0).figures
    return dict(figures["all"])


def _colorize_epochs(
    trained: Trained, recipe: Recipe, run: Path, options: ScoringOptions
) -> list[dict[str, Any]]:
    """Sample strips of weights saved during training: first, middle and last."""
    kept = sorted(run.glob("weights-*.safetensors"))
    kept = [kept[i] for i in evenly_spaced(len(kept), _EPOCHS)]
    found = []
    for path in kept:
        tensors, progress, _ = load_checkpoint(path)
        model = build(recipe.model)
        load_weights(model, tensors, path)
        earlier = Trained(model.eval(), trained.prior, trained.log_weights, progress, trained.facts)
        bundle = _export(earlier, recipe, run / "epoch.onnx", options)
        colorize = engine_colorizer(bundle)
        strip = f"{recipe.name}-{progress.samples:09d}.jpg"
        write_strip(options.into / strip, [colorize(truth, 1.0) for truth in options.strip])
        found.append({"samples": progress.samples, "strip": strip})
    return found


def read_log(path: Path) -> dict[str, Any]:
    """Reads from a run's log what the page needs: a thinned curve, all evaluations and verdicts.

    Args:
        path: The ``log.jsonl`` of a run.

    Raises:
        LearnError: The log cannot be read, or a line is not a log entry.
    """
    rows = [*_log_rows(path)]
    measured = [row for row in rows if any(key.startswith("dev_") for key in row)]
    trained = [row for row in rows if "loss" in row]
    every = max(1, len(trained) // _CURVE_POINTS)
    keys = ("samples", "seconds", "loss", "accuracy")
    return {
        "curve": [{k: row[k] for k in keys if k in row} for row in trained[::every]],
        "dev": [_without_counters(row) for row in measured],
        "verdicts": [_without_counters(row) for row in rows if "collapsed" in row],
    }


def _log_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of a log: numbers and strings by name, and verdicts of the collapse detector."""
    done = 0
    try:
        if path.stat().st_size > _LONGEST_LOG or not path.is_file():
            raise ValueError("it is not the log of a run")
        for line in path.read_bytes().splitlines():
            yield msgspec.convert(json.loads(line), dict[str, bool | int | float | str | None])
            done += 1
    except (OSError, ValueError, RecursionError) as error:
        raise LearnError(
            f"{shown(path)}, line {done + 1}: cannot be read ({brief(reason(error))}).",
            advice="Remove that line, or the run, and give the same command again.",
        ) from None


def _without_counters(row: Mapping[str, Any]) -> dict[str, Any]:
    left_out = {"step", "cooldown_from", "cooldown_samples", "best", "waited", "cuts"}
    return {key: value for key, value in row.items() if key not in left_out}


def find_classifier(recipes: Iterable[Recipe]) -> Recipe | None:
    """The recipe of the grey classifier, if there is one."""
    return next((recipe for recipe in recipes if is_classifier(recipe)), None)
