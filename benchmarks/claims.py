"""Runs the experiments behind the claims of the source report: small, many, three seeds each.

    python benchmarks/claims.py --data DATA ... --runs runs/claims [--only EXPERIMENT ...]
    python benchmarks/claims.py --data DATA ... --runs runs/claims --animals DATA ... \
        --cifar cifar-10-batches-py/data_batch_* --cifar-test cifar-10-batches-py/test_batch
    python benchmarks/claims.py --data DATA ... --runs runs/claims --list
    python benchmarks/claims.py --data DATA ... --runs runs/claims --summary [--into FOLDER]

The same command continues after an interruption, with the run that it left; what is done stays. The
runs of a first seed come before those of a second. After each run the summary is written again:
claims.md and claims.json, with the runs that are missing. Every run has a folder of its own.

All runs see the outdoor classes of recipes/report/outdoor.txt, and those of one experiment the same
number of photographs:

- vibrancy: the CNN of the report with L1, L2, cross-entropy, and cross-entropy with Zhang's class
  weights; the colourfulness of its output relative to the truth.
- collapse: the cDCGAN on a few hundred photographs, by lambda, distance and schedule; the epoch of
  the first collapse, and whether the discriminator played.
- pretraining: the CNN with cross-entropy from the grey classifier and from random weights; the loss
  on dev by photographs and by total time.
- content: the runs of vibrancy and one of the cDCGAN, on scenes held out and on animals, which the
  outdoor classes hardly show. It needs photographs of animals, given with --animals.
- cifar: the cDCGAN at quarter width on CIFAR-10, given with --cifar and --cifar-test.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from claims_measures import Further, measure, write_sample
from claims_summary import write_summary

from tintype.errors import LearnError, TintypeError
from tintype.learn.compare.results import recipe_hash
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.data.photos import Photos, open_photos
from tintype.learn.recipe import Recipe, make_recipe, read_recipe
from tintype.learn.train.adapt import adapt_recipe
from tintype.learn.train.checkpoint import load_checkpoint, write_whole
from tintype.learn.train.loop import train
from tintype.learn.train.run import BEST, CHECKPOINT, TrainingSession

RECIPES = Path(__file__).parents[1] / "recipes" / "claims"
CIFAR = RECIPES.parent / "data" / "cifar-10.toml"
EXPERIMENTS = ("vibrancy", "content", "collapse", "pretraining", "cifar")
SEEDS = (1, 2, 3)
LOSSES: Mapping[str, Mapping[str, Any]] = {
    "l1": {"model": {"outputs": "ab"}, "loss": {"kind": "l1"}},
    "l2": {"model": {"outputs": "ab"}, "loss": {"kind": "l2"}},
    "ce": {},
    "ce-rebalanced": {"loss": {"rebalance": 1.0}},
}
LAMBDAS = (100, 10, 3, 1)
WITHOUT_NORM = 3
DISTANCES = ("l1", "l2")
SCHEDULES = {"": "constant", "-plateau": "plateau"}
CONTENT_GAN = "lambda-100-l1"
"""The arm of the collapse grid that `content` looks at, too: lambda and distance of the paper."""
PER_SECOND = {"cnn": 70, "collapse": 180, "classifier": 75, "cifar": 120}
"""Photographs a second of one core (AMD EPYC, measured), for the estimates of --list."""


@dataclass(frozen=True)
class Scale:
    """How large the experiments are: numbers of photographs, counting repetitions.

    Attributes:
        vibrancy: Of each run.
        epochs: Passes of the collapse grid.
        epoch: Different photographs of the collapse grid.
        dev: Photographs held out there.
        shown: Epochs whose pictures are kept: those of the report's figures 10 and 11, and the end.
        classifier: Of the grey classifier.
        pretrained: Of the CNN that starts from it.
        scratch: Of the CNN from random weights, whose time covers that of the classifier.
        cifar: Of the cDCGAN on CIFAR-10: three hours of one core.
    """

    vibrancy: int = 50_000
    epochs: int = 60
    epoch: int = 704
    dev: int = 128
    shown: tuple[int, ...] = (10, 15, 18, 20, 21, 30, 60)
    classifier: int = 400_000
    pretrained: int = 100_000
    scratch: int = 400_000
    cifar: int = 1_250_000


@dataclass(frozen=True)
class Task:
    """A run, or its continuation to a larger number of photographs.

    Attributes:
        experiment: One of EXPERIMENTS.
        arm: What is compared inside the experiment.
        seed: From 1.
        recipe: What is trained; its name is the folder of the run.
        stops: Numbers of photographs after which sample pictures are made; the last is the end.
        few: Numbers of photographs to train on and to hold out; None for all.
    """

    experiment: str
    arm: str
    seed: int
    recipe: Recipe
    stops: tuple[int, ...]
    few: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        return f"{self.experiment}/{self.arm}, seed {self.seed}"

    def result(self, runs: Path) -> Path:
        return runs / self.recipe.name / f"{self.experiment}.json"


def list_tasks(scale: Scale) -> list[Task]:
    """All runs, in the order in which they are made."""
    cnn, gan, classifier = (
        read_recipe(RECIPES / f"{name}.toml") for name in ("cnn", "collapse", "classifier")
    )
    tasks = []
    for seed in SEEDS:
        for arm, changes in LOSSES.items():
            recipe = variant(cnn, f"cnn-{arm}", seed, changes)
            tasks.append(Task("vibrancy", arm, seed, recipe, (scale.vibrancy,)))
            # Before the last experiment continues the run.
            tasks.append(Task("content", arm, seed, recipe, (scale.vibrancy,)))
        tasks += collapse_tasks(scale, gan, seed)
        if seed == SEEDS[0]:
            ends = {"train": {"total_samples": scale.classifier}}
            recipe = variant(classifier, "classifier", seed, ends)
            tasks.append(Task("pretraining", "classifier", seed, recipe, (scale.classifier,)))
        start = {"model": {"init": "classifier"}}
        recipe = variant(cnn, "cnn-ce-pretrained", seed, start)
        tasks.append(Task("pretraining", "pretrained", seed, recipe, (scale.pretrained,)))
        # The run of the first experiment, continued.
        recipe = variant(cnn, "cnn-ce", seed, {})
        tasks.append(Task("pretraining", "scratch", seed, recipe, (scale.scratch,)))
        if seed == SEEDS[0]:
            changes = {"model": {"width": 0.25}, "train": {"total_samples": scale.cifar}}
            recipe = variant(read_recipe(CIFAR), "cifar", seed, changes)
            tasks.append(Task("cifar", "quarter", seed, recipe, (scale.cifar,)))
    return tasks


def collapse_tasks(scale: Scale, gan: Recipe, seed: int) -> list[Task]:
    """The grid of one seed, from the weakest distance, which collapses first, to the strongest."""
    arms: dict[str, dict[str, dict[str, Any]]] = {}
    for weight in reversed(LAMBDAS):
        for distance in DISTANCES:
            for mark, schedule in SCHEDULES.items():
                arms[f"lambda-{weight}-{distance}{mark}"] = {
                    "loss": {"lambda": weight, "distance": distance},
                    "train": {"schedule": schedule},
                }
    # What batch normalisation does, at the lambda and the distance of the first figure.
    loss = {"lambda": WITHOUT_NORM, "distance": DISTANCES[0]}
    arms[f"lambda-{WITHOUT_NORM}-{DISTANCES[0]}-unnormalized"] = {
        "loss": loss,
        "train": {},
        "model": {"batch_norm": False},
    }
    tasks = []
    stops = tuple(epoch * scale.epoch for epoch in scale.shown)
    for arm, changes in arms.items():
        changes["train"]["evaluate_samples"] = scale.epoch
        recipe = variant(gan, f"gan-{arm}", seed, changes)
        few = (scale.epoch, scale.dev)
        tasks.append(Task("collapse", arm, seed, recipe, stops, few))
        if arm == CONTENT_GAN:
            tasks.append(Task("content", arm, seed, recipe, stops[-1:], few))
    return tasks


def variant(
    recipe: Recipe, name: str, seed: int, changes: Mapping[str, Mapping[str, Any]]
) -> Recipe:
    """A recipe with other values, another seed, and a name that says so."""
    values = recipe.model_dump(mode="json", by_alias=True)
    for table, keys in changes.items():
        values[table] |= keys
    values["train"]["seed"] = seed
    values["name"] = f"{name}.seed-{seed}"
    return make_recipe(values, name=name)


def run_task(task: Task, arguments: argparse.Namespace) -> bool:
    """Trains, measures, and writes the result; False after an interruption."""
    paths = sources_of(task, arguments)
    recipe, remarks = adapt_recipe(task.recipe, paths)
    for remark in remarks:
        print(remark, flush=True)
    photos = open_photos(paths, recipe.data, cache=arguments.cache)
    if task.few is not None:
        photos = few_photos(photos, *task.few)
    run = arguments.runs / recipe.name
    if task.experiment == "content" and progress_of(run)[0] > task.stops[-1] + recipe.train.batch:
        raise LearnError(
            f"{run} has gone on to {progress_of(run)[0]:,} photographs, and is not what it was "
            f"after {task.stops[-1]:,}.",
            advice="Remove it to train it again.",
        )
    strips, cpu, trained = {}, 0.0, 0
    for stop in task.stops:
        strip = run / f"strip-{stop:09d}.jpg"
        (before, _), began = progress_of(run), time.process_time()
        if before < stop or not strip.exists():
            session = TrainingSession(max_samples=stop, classifier=classifier_of(recipe, arguments))
            progress = train(run, recipe, photos, session)
            if progress.samples < stop:
                return False
            cpu += time.process_time() - began
            trained += progress.samples - before
            if recipe.loss.kind != "labels" and progress.samples < stop + recipe.train.batch:
                write_sample(run, strip)
        if strip.exists():
            strips[str(stop)] = strip.name
    samples, seconds = progress_of(run)
    facts = {
        "experiment": task.experiment,
        "arm": task.arm,
        "seed": task.seed,
        "recipe_hash": recipe_hash(task.recipe),
        "data_hash": photos.data_hash,
        "photographs": int((~photos.dev).sum()),
        "samples": samples,
        # Of the processor, which other programs do not change; the clock where all was done before.
        "seconds_per_photograph": cpu / trained if trained else seconds / samples,
        "strips": strips,
    }
    further = Further(tuple(arguments.animals), tuple(arguments.cifar_test))
    facts |= measure(task, run, photos, further)
    write_whole(task.result(arguments.runs), (json.dumps(facts, indent=1) + "\n").encode())
    (run / BEST).unlink(missing_ok=True)  # as large as the checkpoint, and of no use any more
    return True


def progress_of(run: Path) -> tuple[int, float]:
    """Photographs that a run has seen so far, and the seconds that it took."""
    if not (run / CHECKPOINT).exists():
        return 0, 0.0
    _, progress, _ = load_checkpoint(run / CHECKPOINT)
    return progress.samples, progress.seconds


def classifier_of(recipe: Recipe, arguments: argparse.Namespace) -> Path | None:
    if recipe.model.init != "classifier":
        return None
    return arguments.runs / f"classifier.seed-{SEEDS[0]}" / CHECKPOINT


def few_photos(photos: Photos, count: int, held_out: int) -> Photos:
    """Evenly spaced photographs, which are sorted by class, so that every class is among them.

    Raises:
        LearnError: There are too few.
    """
    parts = []
    for dev, wanted in ((False, count), (True, held_out)):
        index = np.flatnonzero(photos.dev == dev)
        if len(index) < wanted:
            what = "held out" if dev else "for training"
            raise LearnError(
                f"The collapse grid needs {wanted} photographs {what}, and the data have "
                f"{len(index)}.",
                advice="Give more with --data.",
            )
        parts.append(index[evenly_spaced(len(index), wanted)])
    index = np.sort(np.concatenate(parts))
    digest = hashlib.sha256(f"{photos.data_hash}|{index.tolist()}".encode()).hexdigest()
    names = ("offsets", "heights", "widths", "groups", "labels", "dev")
    kept = {name: getattr(photos, name)[index] for name in names}
    return replace(photos, **kept, data_hash=digest)


def lacks(experiment: str, arguments: argparse.Namespace) -> str:
    """The option without which an experiment cannot be run; empty where it can."""
    if experiment == "content" and not arguments.animals:
        return "--animals"
    if experiment == "cifar" and not (arguments.cifar and arguments.cifar_test):
        return "--cifar and --cifar-test"
    return ""


def sources_of(task: Task, arguments: argparse.Namespace) -> list[Path]:
    """What a run is trained on."""
    return list(arguments.cifar if task.experiment == "cifar" else arguments.data)


def needed(task: Task, every: Sequence[Task], experiments: Sequence[str]) -> bool:
    """Whether a run belongs to one of the experiments, or is continued by one that does."""
    same = [one for one in every if one.recipe.name == task.recipe.name]
    return any(one.experiment in experiments and one.stops[-1] >= task.stops[-1] for one in same)


def is_done(task: Task, runs: Path) -> bool:
    path = task.result(runs)
    if not path.exists():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    same = found["recipe_hash"] == recipe_hash(task.recipe)
    return bool(same and found["samples"] >= task.stops[-1])


def show(tasks: Sequence[Task], runs: Path) -> None:
    """Every run, whether it is done, and roughly how long it takes."""
    left = 0.0
    began: dict[str, int] = {}
    for task in tasks:
        name = task.recipe.name
        photographs = task.stops[-1] - began.get(name, 0)
        began[name] = task.stops[-1]
        kind = name.partition("-")[0].partition(".")[0].replace("gan", "collapse")
        minutes = photographs / PER_SECOND[kind] / 60
        done = is_done(task, runs)
        left += 0 if done else minutes
        print(f"{'done   ' if done else 'missing'} {minutes:5.0f} min  {task.name}")
    print(f"{left / 60:.1f} hours of one core are left")


def main(scale: Scale | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", help="folders or zips of photographs")
    parser.add_argument(
        "--animals", type=Path, nargs="+", default=[], help="photographs of animals, among others"
    )
    parser.add_argument("--cifar", type=Path, nargs="+", default=[], help="its training part")
    parser.add_argument("--cifar-test", type=Path, nargs="+", default=[], help="its test part")
    parser.add_argument("--runs", type=Path, default=Path("runs/claims"))
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--into", type=Path, help="folder of the summary; default: --runs")
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=EXPERIMENTS)
    parser.add_argument("--list", action="store_true", help="only list the runs")
    parser.add_argument("--summary", action="store_true", help="only write the summary")
    arguments = parser.parse_args()
    every = list_tasks(scale or Scale())
    tasks = [task for task in every if needed(task, every, arguments.only)]
    if arguments.list:
        show(tasks, arguments.runs)
        return 0
    if not (arguments.data or arguments.summary):
        parser.error("--data is missing")
    into = arguments.into or arguments.runs
    for experiment in EXPERIMENTS if not arguments.summary else ():
        if experiment in arguments.only and (option := lacks(experiment, arguments)):
            print(f"{experiment} is left out: it needs {option}.", flush=True)
    failed = []
    for task in [] if arguments.summary else tasks:
        if is_done(task, arguments.runs) or lacks(task.experiment, arguments):
            continue
        print(f"{time.strftime('%H:%M')} {task.name}", flush=True)
        try:
            whole = run_task(task, arguments)
        except TintypeError as error:  # such as weights that are no longer finite
            print(f"{task.name}: {error}", flush=True)
            failed.append(task.name)
            continue
        if not whole:
            print(f"{task.name}: stopped; the same command continues.", flush=True)
            return 130
        write_summary(every, arguments.runs, into)
    write_summary(every, arguments.runs, into)
    print(into / "claims.md")
    if failed:
        print(f"{len(failed)} runs failed: {'; '.join(failed)}.")
    return 1 if failed else 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    try:
        sys.exit(main())
    except TintypeError as error:
        sys.exit(str(error))
