"""The command `tintype compare`."""

import math
from dataclasses import dataclass
from pathlib import Path

import click

from tintype.cli.learning import with_extra
from tintype.cli.learning.shared_options import (
    SOURCES,
    cache_option,
    data_option,
    device_option,
    limit_option,
    size_option,
    threads_option,
)
from tintype.cli.parsing import Command, Option, Several
from tintype.cli.show import print_path, say
from tintype.cli.signals import INTERRUPTED
from tintype.cli.values import FolderType, WholeType
from tintype.errors import UsageError
from tintype.numerals import number_of

_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class CompareArguments:
    """Arguments of `tintype compare`; None stands for options that are not given."""

    recipes: Path
    data: tuple[Path, ...]
    evaluation: tuple[Path, ...]
    budget: float | None
    samples: int | None
    only: tuple[str, ...]
    seeds: int
    limit: int | None
    size: int
    threads: int
    runs: Path
    into: Path
    originals: Path
    page_only: bool
    cache: Path
    device: str


class DurationType(click.ParamType[float]):
    """A duration in seconds, given as ``20m``, ``2h``, ``90s`` or ``90``."""

    name = "duration"

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Converts a duration to seconds."""
        number, unit = (value[:-1], value[-1]) if value[-1:] in _UNITS else (value, "s")
        try:
            seconds = number_of(number) * _UNITS[unit]
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < math.inf:
            self.fail(f"{value!r} is not a duration such as 90s, 20m or 2h.", param, ctx)
        return seconds


@with_extra
def compare_methods(argv: CompareArguments) -> int:
    """Trains methods without a result, scores all methods, and writes the page.

    Args:
        argv: The parsed arguments.

    Returns:
        The exit code.

    Raises:
        UsageError: An option is missing.
        LearnError: A method cannot be trained or scored.
    """
    from tintype.learn.compare.command import Comparison, compare
    from tintype.learn.compare.page import page_of, write_page
    from tintype.learn.compare.run import read_recipes
    from tintype.learn.train.distributed import ProcessGroup

    page = page_of(argv.into)
    if argv.page_only:
        write_page(argv.into, read_recipes(argv.recipes))
        print_path(str(page))
        return 0
    if not argv.data or not argv.evaluation:
        raise UsageError(
            "tintype compare: --data and --evaluation are missing.",
            advice="Add them, or use --page-only to make the page from existing results.",
        )
    if argv.budget is None and argv.samples is None:
        raise UsageError(
            "tintype compare: no training budget is given.",
            advice="Add --budget 20m or --samples N.",
        )
    comparison = Comparison(
        recipes=argv.recipes,
        data=argv.data,
        evaluation=argv.evaluation,
        runs=argv.runs,
        into=argv.into,
        cache=argv.cache,
        originals=argv.originals,
        seconds=argv.budget,
        samples=argv.samples,
        only=argv.only,
        seeds=argv.seeds,
        limit=argv.limit,
        size=argv.size,
        threads=argv.threads,
        device=ProcessGroup().device(argv.device),
    )
    if not compare(comparison, say):
        return INTERRUPTED
    print_path(str(page))
    return 0


COMPARE = Command(
    "compare",
    arguments=CompareArguments,
    run=compare_methods,
    usage="[OPTIONS] RECIPES",
    help="""Trains the methods of a folder that have no result yet, scores all of them, and writes
    one page.

    RECIPES is a folder of TOML files, such as recipes/report.""",
    params=[
        click.Argument(["recipes"], type=FolderType(), metavar="RECIPES"),
        data_option("Folders or zips of photographs to train on.", required=False),
        Several(
            "--evaluation",
            type=SOURCES,
            metavar="PATH",
            help="Folders or zips of photographs to score on.",
        ),
        Option(
            "--budget",
            type=DurationType(),
            metavar="TIME",
            help="Train each method for this long, such as 90s, 20m or 2h.",
        ),
        Option(
            "--samples",
            type=WholeType(1),
            metavar="N",
            help="Train each method on this many samples.",
        ),
        Several("--only", metavar="NAME", help="Include only these rows."),
        Option(
            "--seeds",
            type=WholeType(1),
            default=1,
            metavar="N",
            help="Train each method N times, with different random numbers. Verdicts on the claims "
            "need three.",
        ),
        limit_option(),
        size_option(),
        threads_option(),
        Option(
            "--runs",
            type=FolderType(),
            default=Path("runs/report"),
            metavar="DIR",
            help="Folder of the runs.",
        ),
        Option(
            "--into",
            type=FolderType(),
            default=Path("docs/reproduction"),
            metavar="DIR",
            help="Folder for the results; the page is written beside it.",
        ),
        Option(
            "--originals",
            type=FolderType(),
            default=Path("docs/reproduction/originals"),
            metavar="DIR",
            help="Photographs for the sample strips.",
        ),
        Option("--page-only", is_flag=True, help="Only write the page, from existing results."),
        cache_option(),
        device_option(),
    ],
)
