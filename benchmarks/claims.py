"""Runs the experiments behind the claims of the source report: small, many, three seeds each.

    python benchmarks/claims.py --data DATA ... --runs runs/claims [--only EXPERIMENT ...]
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
from claims_summary import write_summary
from measuring import Picture
from PIL import Image
from torch import nn

from tintype.color.cielab import luma01_to_L
from tintype.errors import LearnError, TintypeError
from tintype.learn.compare.report_claims import discriminator_accuracy
from tintype.learn.compare.results import Result, collapses, recipe_hash
from tintype.learn.compare.run import read_log
from tintype.learn.compare.strip import read_originals, write_strip
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.data.photos import Photos, open_photos
from tintype.learn.evaluate.protocol import dev_squares, score, to_square
from tintype.learn.evaluate.recolor import recolor
from tintype.learn.export.weights import load_trained
from tintype.learn.models.blocks import AnnealedMean
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.models.rescnn import ResCnn
from tintype.learn.recipe import Recipe, make_recipe, read_recipe
from tintype.learn.train.adapt import adapt_recipe
from tintype.learn.train.checkpoint import load_checkpoint, write_whole
from tintype.learn.train.loop import train
from tintype.learn.train.run import BEST, CHECKPOINT, TrainingSession
from tintype.photo.photo import rgb_to_grey

RECIPES = Path(__file__).parents[1] / "recipes" / "claims"
ORIGINALS = Path(__file__).parents[1] / "docs" / "reproduction" / "originals"
EXPERIMENTS = ("vibrancy", "collapse", "pretraining")
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
TEMPERATURES = (1.0, 0.38)
PICTURES = 200  # of dev, for colourfulness
SIDE = 128  # of these pictures
PER_SECOND = {"cnn": 70, "collapse": 180, "classifier": 75}
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
    """

    vibrancy: int = 50_000
    epochs: int = 60
    epoch: int = 704
    dev: int = 128
    shown: tuple[int, ...] = (10, 15, 18, 20, 21, 30, 60)
    classifier: int = 400_000
    pretrained: int = 100_000
    scratch: int = 400_000


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
    recipe, remarks = adapt_recipe(task.recipe, arguments.data)
    for remark in remarks:
        print(remark, flush=True)
    photos = open_photos(arguments.data, recipe.data, cache=arguments.cache)
    if task.few is not None:
        photos = few_photos(photos, *task.few)
    run = arguments.runs / recipe.name
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
    facts |= MEASURES[task.experiment](task, run, photos)
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


def measure_vibrancy(task: Task, run: Path, photos: Photos) -> dict[str, Any]:
    """Colourfulness relative to the truth, and the error, at each temperature."""
    model = load_trained(run).model
    limit = -(-PICTURES // len(photos.group_names))
    groups = dev_squares(photos, size=SIDE, limit=limit)
    truths = [truth for group in groups.values() for truth in group]
    found = {}
    for temperature in TEMPERATURES if isinstance(model, ResCnn) and model.bins else (None,):
        if temperature is not None:
            model.mean = AnnealedMean(temperature)
        size = task.recipe.data.size
        scores = [score(colorize(model, truth, size), truth) for truth in truths]
        generated = np.mean([one.colorfulness for one in scores])
        true = np.mean([one.true_colorfulness for one in scores])
        found["" if temperature is None else f"{temperature:g}"] = {
            "cf_ratio": float(generated / true),
            "delta_e": float(np.mean([one.delta_e for one in scores])),
            "ab": float(np.mean([one.ab for one in scores])),
        }
    return {"pictures": len(truths), "by_temperature": found}


def measure_collapse(task: Task, run: Path, photos: Photos) -> dict[str, Any]:
    """The epoch of the first collapse, what the discriminator did, and how the rate was cut."""
    log = read_log(run / "log.jsonl")
    result = Result(task.recipe.name, verdicts=once(log["verdicts"]), dev=once(log["dev"]))
    fallen = collapses(result)
    epoch = task.recipe.train.evaluate_samples
    return {
        "epochs": result.verdicts[-1]["samples"] // epoch,
        "first_collapse": fallen[0]["samples"] // epoch if fallen else None,
        "collapsed": [row["samples"] // epoch for row in fallen],
        "reasons": fallen[0]["reasons"] if fallen else "",
        "accuracy": discriminator_accuracy(result),
        "cuts": load_trained(run).progress.cuts,
        "dev": result.dev,
    }


def measure_pretraining(task: Task, run: Path, photos: Photos) -> dict[str, Any]:
    """The loss on dev, and the accuracy of a classifier."""
    keys = ("samples", "dev_loss", "dev_accuracy")
    rows = once(read_log(run / "log.jsonl")["dev"])
    return {"dev": [{key: row[key] for key in keys if key in row} for row in rows]}


MEASURES = {
    "vibrancy": measure_vibrancy,
    "collapse": measure_collapse,
    "pretraining": measure_pretraining,
}


def once(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The last row for each number of photographs: a killed run repeats what it had not kept."""
    by_samples = {row["samples"]: dict(row) for row in rows}
    return [by_samples[samples] for samples in sorted(by_samples)]


def write_sample(run: Path, target: Path) -> None:
    """Pictures that may be published, by the weights of a run as they are."""
    trained = load_trained(run)
    size = make_recipe(trained.facts["recipe"], name=str(run)).data.size
    truths = read_originals(ORIGINALS)
    write_strip(target, [colorize(trained.model, truth, size) for truth in truths])


def colorize(model: nn.Module, truth: Picture, size: int) -> Picture:
    """Colours the grey of a picture as the engine does, from a prediction at the training size."""
    assert isinstance(model, ColorizationNetwork)
    small = rgb_to_grey(to_square(Image.fromarray(truth), size))
    L = luma01_to_L(torch.from_numpy(small / np.float32(255)), xp=torch)
    with torch.no_grad():
        ab = model.to_ab(model.forward(L[None, None]))[0].numpy()
    return recolor(rgb_to_grey(truth), ab)


def needed(task: Task, every: Sequence[Task], experiments: Sequence[str]) -> bool:
    """Whether a run belongs to one of the experiments, or is continued by one that does."""
    name = task.recipe.name
    return any(one.experiment in experiments for one in every if one.recipe.name == name)


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
    failed = []
    for task in [] if arguments.summary else tasks:
        if is_done(task, arguments.runs):
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
