"""What `claims.py` measures on a run that is done: each experiment has one function.

They are called with the task, the folder of the run, the photographs that it was trained on with
those held out, and the paths of further photographs; they return what is kept as JSON.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from measuring import Picture
from PIL import Image
from torch import nn

from tintype.color.cielab import luma01_to_L, rgb01_to_lab
from tintype.errors import LearnError
from tintype.learn.compare.report_claims import discriminator_accuracy
from tintype.learn.compare.results import Result, collapses
from tintype.learn.compare.run import read_log
from tintype.learn.compare.strip import read_originals, write_strip
from tintype.learn.data.even_sampling import evenly_spaced
from tintype.learn.data.manifest import find_sources, read_sources
from tintype.learn.data.photos import Photos
from tintype.learn.evaluate.metrics import accuracy
from tintype.learn.evaluate.protocol import dev_squares, load_squares, score, to_square
from tintype.learn.evaluate.recolor import recolor
from tintype.learn.export.weights import load_trained
from tintype.learn.models.blocks import AnnealedMean
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.models.rescnn import ResCnn
from tintype.learn.recipe import Recipe, make_recipe
from tintype.photo.photo import rgb_to_grey

PICTURES = 200
"""Of dev, and of animals."""
SIDE = 128  # of these pictures
TEMPERATURES = (1.0, 0.38)
ANIMALS = ("animals*", "cats-dogs*", "imagewoof*", "petimages*")
"""Labels of photographs of animals, as their data sets are named."""
PERCENTS = (2, 5)


class Task(Protocol):
    """What is needed of a run; see `claims.Task`."""

    experiment: str
    recipe: Recipe


@dataclass(frozen=True)
class Further:
    """Photographs that runs are measured on beside those held out.

    Attributes:
        animals: Folders or zips with some of the labels `ANIMALS`.
        cifar_test: The test part of CIFAR-10.
    """

    animals: tuple[Path, ...] = ()
    cifar_test: tuple[Path, ...] = ()


def measure(
    task: Task, run: Path, photos: Photos, further: Further | None = None
) -> dict[str, Any]:
    """What is kept of a run of any experiment.

    Args:
        task: The run.
        run: Its folder.
        photos: What it was trained on, with the photographs held out.
        further: Needed by `content` and `cifar`.

    Raises:
        LearnError: None of the further photographs is of what is measured.
    """
    if task.experiment == "vibrancy":
        return measure_vibrancy(run, task.recipe.data.size, photos)
    if task.experiment == "collapse":
        return measure_collapse(task.recipe, run)
    if task.experiment == "pretraining":
        return measure_pretraining(run)
    further = further or Further()
    size = task.recipe.data.size
    if task.experiment == "content":
        return measure_content(run, size, photos, further.animals)
    return measure_cifar(run, size, further.cifar_test)


def measure_vibrancy(run: Path, size: int, photos: Photos) -> dict[str, Any]:
    """Colourfulness relative to the truth, and the error, at each temperature."""
    model = load_trained(run).model
    truths = scenery(photos)
    found = {}
    for temperature in TEMPERATURES if isinstance(model, ResCnn) and model.bins else (None,):
        if temperature is not None:
            model.mean = AnnealedMean(temperature)
        key = "" if temperature is None else f"{temperature:g}"
        found[key] = mean_scores(model, size, truths)
    return {"pictures": len(truths), "by_temperature": found}


def measure_content(
    run: Path, size: int, photos: Photos, animals: Sequence[Path]
) -> dict[str, Any]:
    """The error on scenes held out and on animals, which the outdoor classes hardly show.

    Pictures of animals and of scenes are not equally colourful, so the error of leaving them grey
    is kept beside it.
    """
    model = load_trained(run).model
    groups = {"scenery": scenery(photos), "animals": animal_squares(animals)}
    found = {}
    for name, truths in groups.items():
        grey = [score(np.repeat(rgb_to_grey(truth)[..., None], 3, -1), truth) for truth in truths]
        found[name] = mean_scores(model, size, truths) | {
            "pictures": len(truths),
            "grey_ab": float(np.mean([one.ab for one in grey])),
            "grey_delta_e": float(np.mean([one.delta_e for one in grey])),
        }
    return {"by_content": found}


def measure_cifar(run: Path, size: int, test: Sequence[Path]) -> dict[str, Any]:
    """Nazeri's figures: the mean absolute error in a and b, and both definitions of accuracy."""
    model = load_trained(run).model
    squares = [square for group in load_squares(test, size=size).values() for square in group]
    errors, right = [], {(percent, code): [] for percent in PERCENTS for code in (False, True)}
    for truth in squares:
        lab, true = (
            rgb01_to_lab(rgb / np.float32(255)) for rgb in (colorize(model, truth, size), truth)
        )
        errors.append(float(np.abs(lab - true)[..., 1:].mean()))
        for (percent, code), values in right.items():
            values.append(accuracy(lab, true, percent, with_lightness=code))
    return {
        "pictures": len(squares),
        "ab_mae": float(np.mean(errors)),
    } | {
        f"accuracy_{percent}{'_code' if code else ''}": float(np.mean(values))
        for (percent, code), values in right.items()
    }


def mean_scores(model: nn.Module, size: int, truths: Sequence[Picture]) -> dict[str, float]:
    """Colourfulness relative to the truth, and the mean errors."""
    scores = [score(colorize(model, truth, size), truth) for truth in truths]
    generated = np.mean([one.colorfulness for one in scores])
    true = np.mean([one.true_colorfulness for one in scores])
    return {
        "cf_ratio": float(generated / true),
        "delta_e": float(np.mean([one.delta_e for one in scores])),
        "ab": float(np.mean([one.ab for one in scores])),
    }


def scenery(photos: Photos) -> list[Picture]:
    """Photographs held out, as squares."""
    limit = -(-PICTURES // len(photos.group_names))
    groups = dev_squares(photos, size=SIDE, limit=limit)
    return [truth for group in groups.values() for truth in group]


def animal_squares(paths: Sequence[Path]) -> list[Picture]:
    """Evenly spaced photographs of animals, as squares."""
    sources = find_sources(paths, only_labels=ANIMALS)
    chosen = [sources[place] for place in evenly_spaced(len(sources), PICTURES)]
    squares = []
    for source, data in read_sources(chosen):
        try:
            with Image.open(io.BytesIO(data)) as image:
                squares.append(to_square(image.convert("RGB"), SIDE))
        except (OSError, ValueError) as error:
            raise LearnError(f"{source.container}/{source.member}: {error}.") from None
    return squares


def measure_collapse(recipe: Recipe, run: Path) -> dict[str, Any]:
    """The epoch of the first collapse, what the discriminator did, and how the rate was cut."""
    log = read_log(run / "log.jsonl")
    result = Result(recipe.name, verdicts=once(log["verdicts"]), dev=once(log["dev"]))
    fallen = collapses(result)
    epoch = recipe.train.evaluate_samples
    return {
        "epochs": result.verdicts[-1]["samples"] // epoch,
        "first_collapse": fallen[0]["samples"] // epoch if fallen else None,
        "collapsed": [row["samples"] // epoch for row in fallen],
        "reasons": fallen[0]["reasons"] if fallen else "",
        "accuracy": discriminator_accuracy(result),
        "cuts": load_trained(run).progress.cuts,
        "dev": result.dev,
    }


def measure_pretraining(run: Path) -> dict[str, Any]:
    """The loss on dev, and the accuracy of a classifier."""
    keys = ("samples", "dev_loss", "dev_accuracy")
    rows = once(read_log(run / "log.jsonl")["dev"])
    return {"dev": [{key: row[key] for key in keys if key in row} for row in rows]}


def once(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The last row for each number of photographs: a killed run repeats what it had not kept."""
    by_samples = {row["samples"]: dict(row) for row in rows}
    return [by_samples[samples] for samples in sorted(by_samples)]


ORIGINALS = Path(__file__).parents[1] / "docs" / "reproduction" / "originals"


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
