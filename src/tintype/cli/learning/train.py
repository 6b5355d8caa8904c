"""The command `tintype train`."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tintype.cli.learning import with_extra
from tintype.cli.learning.shared_options import (
    RECIPE,
    SOURCES,
    WEIGHTS,
    cache_option,
    data_option,
    device_option,
)
from tintype.cli.learning.training_bar import training_bar
from tintype.cli.parsing import Command, Option, Several
from tintype.cli.show import print_path, say
from tintype.cli.signals import INTERRUPTED
from tintype.cli.values import FolderType, NumberType, WholeType
from tintype.errors import LearnError

if TYPE_CHECKING:
    from tintype.learn.recipe import Recipe


@dataclass(frozen=True, slots=True)
class TrainArguments:
    """Arguments of `tintype train`; None stands for options that are not given."""

    recipe: Path
    data: tuple[Path, ...]
    never: tuple[Path, ...]
    run: Path | None
    resume: bool
    init: Path | None
    classifier: Path | None
    max_seconds: float | None
    max_samples: int | None
    cooldown: int | None
    cache: Path
    device: str


@with_extra
def train_model(argv: TrainArguments) -> int:
    """Trains a model; as one process of a group if started by torchrun.

    Args:
        argv: The parsed arguments.

    Returns:
        The exit code.

    Raises:
        LearnError: The recipe or the data cannot be trained on.
    """
    from tintype.learn.data.photos import open_photos
    from tintype.learn.recipe import read_recipe
    from tintype.learn.train.adapt import adapt_recipe
    from tintype.learn.train.distributed import join_process_group
    from tintype.learn.train.loop import train
    from tintype.learn.train.recipe_check import check_recipe
    from tintype.learn.train.run import TrainingSession, check_folder, check_links

    recipe = read_recipe(argv.recipe)
    check_recipe(recipe)  # before decoding the photographs, which may take long
    if argv.classifier is not None and (argv.init or recipe.model.init != "classifier"):
        raise LearnError(
            f'{recipe.name}: --classifier is only for model.init = "classifier" without --init.',
            advice="Leave it out, or change the recipe.",
        )
    recipe, remarks = adapt_recipe(recipe, argv.data)
    run = argv.run or Path("runs") / recipe.name
    _check_folder(run, resume=argv.resume)
    check_links(run)
    check_folder(run)
    if argv.never:
        _refuse_overlap(argv, recipe)
    process_group = join_process_group()
    if process_group.rank == 0:
        for remark in remarks:
            say(remark)
    # Rank 0 decodes the photographs; the others wait, then read its output.
    if process_group.rank > 0:
        process_group.barrier()
    photos = open_photos(argv.data, recipe.data, cache=argv.cache)
    if process_group.rank == 0:
        process_group.barrier()
    dev = int(photos.dev.sum())
    say(f"{len(photos)} photographs, {dev} of them dev, left out: {photos.dropped}")
    signals: list[int] = []
    session = TrainingSession(
        max_seconds=argv.max_seconds,
        max_samples=argv.max_samples,
        cooldown=argv.cooldown,
        init=argv.init,
        classifier=argv.classifier,
        device=process_group.device(argv.device),
        process_group=process_group,
        on_signal=signals.append,
    )
    first = process_group.rank == 0  # the only one that prints
    with training_bar() if first else nullcontext() as bar:
        if bar is not None:
            session = replace(session, on_step=bar.show)
        report = (say if bar is None else bar.say) if first else session.report
        progress = train(run, recipe, photos, replace(session, report=report))
    if not first:
        return INTERRUPTED if signals else 0
    done = f"{progress.samples} samples in {progress.seconds:.0f} s"
    if signals:
        say(f"Interrupted. {run}: {done}; add --resume to continue.")
        return INTERRUPTED
    say(f"{run}: {done}")
    print_path(str(run / "checkpoint.safetensors"))
    return 0


def _check_folder(run: Path, *, resume: bool) -> None:
    """Refuses to begin a run that exists, and to resume one that does not."""
    begun = (run / "checkpoint.safetensors").exists()
    if begun and not resume:
        raise LearnError(f"{run} already contains a run.", advice="Add --resume, or choose --run.")
    if resume and not begun:
        raise LearnError(f"{run} contains no run to resume.", advice="Leave out --resume.")


def _refuse_overlap(argv: TrainArguments, recipe: "Recipe") -> None:
    from tintype.learn.data.manifest import find_sources, refuse_overlap

    sources = find_sources(
        argv.data,
        exclude=recipe.data.exclude,
        only_groups=recipe.data.only_groups,
        only_labels=recipe.data.only_labels,
    )
    refuse_overlap(sources, find_sources(argv.never))


TRAIN = Command(
    "train",
    arguments=TrainArguments,
    run=train_model,
    usage="[OPTIONS] RECIPE",
    help="""Trains a model.

    RECIPE is a TOML file that describes the training, such as recipes/own.toml. Ctrl-C ends a run
    with a checkpoint, from which --resume continues.""",
    params=[
        click.Argument(["recipe"], type=RECIPE, metavar="RECIPE"),
        data_option("Folders or zips of photographs to train on."),
        Several(
            "--never",
            type=SOURCES,
            metavar="PATH",
            help="Held-out pictures; refuse to train if any of them is in the training data.",
        ),
        Option(
            "--run",
            "--run-folder",
            type=FolderType(),
            metavar="DIR",
            show_default="runs/NAME",
            help="Folder of the run. Under torchrun, which has options that begin the same way, "
            "use --run-folder.",
        ),
        Option("--resume", is_flag=True, help="Continue the run from its checkpoint."),
        Option(
            "--init",
            type=WEIGHTS,
            metavar="CHECKPOINT",
            help="Start a new run from the weights of this checkpoint.",
        ),
        Option(
            "--classifier",
            type=WEIGHTS,
            metavar="CHECKPOINT",
            help='Grey classifier to start the trunk from, for model.init = "classifier".',
        ),
        Option(
            "--max-seconds",
            type=NumberType(min=0),
            metavar="SECONDS",
            help="Stop after this much time; the run can be resumed.",
        ),
        Option(
            "--max-samples",
            type=WholeType(0),
            metavar="SAMPLES",
            help="Stop when the run has seen this many samples; it can be resumed.",
        ),
        Option(
            "--cooldown",
            type=WholeType(1),
            metavar="SAMPLES",
            help="Lower the learning rate to zero over the next SAMPLES, then end the run.",
        ),
        cache_option(),
        device_option(),
    ],
)
