"""The command `tintype evaluate`: selects an evaluation and prints its result.

The evaluations are in `tintype.learn.evaluate`, each in its own module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tintype.cli.learning import with_extra
from tintype.cli.learning.shared_options import (
    RECIPE,
    cache_option,
    data_option,
    limit_option,
    size_option,
    threads_option,
)
from tintype.cli.parsing import Command, Option, OptionalNumber, Several
from tintype.cli.show import print_result, say
from tintype.cli.values import FileType, ModelType, NumberType, OutputType, WholeType
from tintype.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tintype.engine.bundle import Bundle

    Squares = Mapping[str, Sequence[NDArray[np.uint8]]]


@dataclass(frozen=True, slots=True)
class EvaluateArguments:
    """Arguments of `tintype evaluate`; None stands for options that are not given."""

    models: tuple[str, ...]
    data: tuple[Path, ...]
    vividness: tuple[float, ...]
    hints: tuple[int, ...]
    palettes: int | None
    quality: Literal["fast", "normal", "high"]
    perceptual: bool
    distribution: float | None
    regions: Path | None
    size: int
    dev_of: Path | None
    cache: Path
    limit: int | None
    threads: int
    json: Path | None
    sheet: Path | None


@with_extra
def evaluate_models(argv: EvaluateArguments) -> int:
    """Scores models, or evaluates them in another way.

    Args:
        argv: The parsed arguments.

    Returns:
        The exit code.

    Raises:
        TintypeError: A model or a picture cannot be read, or options contradict each other.
    """
    from tintype.engine.bundle import load_bundle

    bundles = [load_bundle(model) for model in argv.models]
    if argv.sheet is not None:
        _draw_sheets(argv, bundles)
    elif argv.regions is not None:
        _print_regions(argv, bundles)
    elif argv.distribution is not None:
        _print_distribution(argv, bundles)
    else:
        _print_scores(argv, bundles)
    return 0


def _draw_sheets(argv: EvaluateArguments, bundles: "Sequence[Bundle]") -> None:
    from tintype.engine.predict import Engine
    from tintype.engine.settings import Settings
    from tintype.learn.evaluate.protocol import choose_sources
    from tintype.learn.evaluate.sheet import contact_sheets

    assert argv.sheet is not None
    if argv.dev_of or len(argv.vividness) > 1:
        raise UsageError(
            "A contact sheet shows uncropped pictures at one vividness.",
            advice="Leave out --dev-of, and give at most one value of --vividness.",
        )
    settings = Settings(next(iter(argv.vividness), None), argv.quality)
    engines = [Engine(bundle, threads=argv.threads) for bundle in bundles]
    sources = choose_sources(argv.data, limit=argv.limit, report=say)
    files = contact_sheets(engines, sources, argv.sheet, height=argv.size, settings=settings)
    say(f"{len(sources)} pictures on {len(files)} sheets, from {files[0]}")


def _print_regions(argv: EvaluateArguments, bundles: "Sequence[Bundle]") -> None:
    from tintype.learn.evaluate.regions import read_regions, region_tables

    assert argv.regions is not None
    tables = region_tables(
        bundles,
        read_regions(argv.regions),
        argv.data,
        vividness=argv.vividness,
        quality=argv.quality,
        threads=argv.threads,
    )
    for table in tables:
        print_result(table)


def _print_distribution(argv: EvaluateArguments, bundles: "Sequence[Bundle]") -> None:
    from tintype.learn.evaluate.distribution import distribution_table

    table = distribution_table(
        bundles,
        _squares(argv),
        temperature=argv.distribution or None,
        quality=argv.quality,
        threads=argv.threads,
    )
    print_result(table)


def _print_scores(argv: EvaluateArguments, bundles: "Sequence[Bundle]") -> None:
    from tintype.files.atomic import write_atomically
    from tintype.files.own import check_replaceable
    from tintype.learn.evaluate.table import (
        Scoring,
        is_rows,
        rows_to_json,
        score_models,
        to_markdown,
    )

    if argv.json is not None:
        check_replaceable(argv.json, is_rows, overwrite=True, what="a table of scores")

    scoring = Scoring(
        vividness=argv.vividness,
        hints=argv.hints,
        palettes=argv.palettes,
        quality=argv.quality,
        perceptual=argv.perceptual,
        threads=argv.threads,
    )
    rows = score_models(bundles, _squares(argv), scoring, report=say)
    if argv.json is not None:
        write_atomically(argv.json, rows_to_json(rows).encode("utf-8"), overwrite=True)
    print_result(to_markdown(rows).rstrip("\n"))


def _squares(argv: EvaluateArguments) -> "Squares":
    from tintype.learn.data.photos import open_photos
    from tintype.learn.evaluate.protocol import dev_squares, load_squares
    from tintype.learn.recipe import read_recipe

    if argv.dev_of is None:
        return load_squares(argv.data, size=argv.size, limit=argv.limit, report=say)
    recipe = read_recipe(argv.dev_of).data
    photos = open_photos(argv.data, recipe, cache=argv.cache)
    return dev_squares(photos, size=argv.size, limit=argv.limit)


EVALUATE = Command(
    "evaluate",
    arguments=EvaluateArguments,
    run=evaluate_models,
    usage="[OPTIONS] MODEL...",
    help="""Scores models on photographs in colour: their grey versions are coloured, and the
    result is compared with the original.

    MODEL is the name of a model (see "tintype models") or a model file. Outputs of Tintype among
    the photographs are left out and counted. Prints a table. Each of
    --distribution, --regions and --sheet prints or writes something else instead.""",
    params=[
        click.Argument(["models"], nargs=-1, required=True, metavar="MODEL...", type=ModelType()),
        data_option("Folders or zips of photographs in colour."),
        Several(
            "--vividness",
            type=NumberType(0, 2),
            metavar="NUMBER",
            show_default="the model's",
            help="Values of vividness (tau) to score at.",
        ),
        Several(
            "--hints",
            type=WholeType(0, 1000),
            default=(0,),
            metavar="N",
            help="Give the model the true colours at N random points of each picture.",
        ),
        Option(
            "--palettes",
            type=WholeType(1, 16),
            metavar="N",
            help="Also score the best of N palettes of each picture.",
        ),
        Option(
            "--quality",
            type=click.Choice(["fast", "normal", "high"]),
            default="normal",
            help="Trade-off between speed and accuracy; normal predicts once, at one size.",
        ),
        Option(
            "--perceptual",
            is_flag=True,
            help="Also compute LPIPS, KID and FID (see docs/how-to/compare.md).",
        ),
        OptionalNumber(
            "--distribution",
            bare=0.0,
            metavar="T",
            help="Score the predicted distribution: calibration, coverage, and rank correlation "
            "of uncertainty and error, at a temperature T fitted on dev. Without T it is fitted on "
            "these pictures.",
        ),
        Option(
            "--regions",
            type=FileType(".toml"),
            metavar="FILE",
            help="Score the regions of skin and of neutral objects that this file lists.",
        ),
        size_option("; with --sheet, the height of a row"),
        Option(
            "--dev-of",
            type=RECIPE,
            metavar="RECIPE",
            help="Treat --data as the data of this recipe, and score its dev pictures.",
        ),
        cache_option(),
        limit_option(),
        threads_option(),
        Option(
            "--json",
            type=OutputType(".json"),
            metavar="FILE",
            help="Also write the rows of the table as JSON.",
        ),
        Option(
            "--sheet",
            type=OutputType(".jpg", ".png"),
            metavar="FILE",
            help="Write contact sheets of whole pictures, FILE-01 and so on.",
        ),
    ],
)
