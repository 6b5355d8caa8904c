"""The command `tintype data`: finds problems in photographs before training."""

from dataclasses import dataclass, replace
from pathlib import Path

import click

from tintype.cli.learning import with_extra
from tintype.cli.learning.shared_options import SOURCES
from tintype.cli.parsing import Command, Option, Several
from tintype.cli.show import print_result, say
from tintype.cli.values import NumberType, OutputType
from tintype.errors import LearnError


@dataclass(frozen=True, slots=True)
class DataArguments:
    """Arguments of `tintype data`."""

    what: str
    paths: tuple[Path, ...]
    against: tuple[Path, ...]
    sheet: Path | None
    json: bool
    min_colorfulness: float
    dev_share: float


@with_extra
def audit_data(argv: DataArguments) -> int:
    """Searches for defects, duplicates and leaks.

    Args:
        argv: The parsed arguments.

    Returns:
        The exit code.

    Raises:
        LearnError: The photographs cannot be read.
        WriteError: The sheet cannot be written.
    """
    from tintype.files.atomic import write_atomically
    from tintype.files.own import check_replaceable, has_png_mark
    from tintype.learn.data.audit import SHEET, audit, sheet_bytes, to_json, to_text
    from tintype.learn.data.manifest import count_irregular, find_sources, refuse_input

    if argv.sheet:
        check_replaceable(
            argv.sheet,
            lambda data: has_png_mark(data, SHEET),
            overwrite=True,
            what="an audit sheet",
        )
    if argv.sheet and argv.sheet.suffix.lower() != ".png":
        raise LearnError(
            f"{argv.sheet}: the sheet must be a PNG.", advice="Give a name that ends in .png."
        )
    sources = find_sources(argv.paths)
    against = find_sources(argv.against) if argv.against else []
    if argv.sheet:
        refuse_input(argv.sheet, [*sources, *against])
    found = audit(
        sources,
        against,
        min_colorfulness=argv.min_colorfulness,
        dev_share=argv.dev_share,
        report=say,
    )
    found = replace(found, irregular=count_irregular(argv.paths))
    if argv.sheet:
        write_atomically(argv.sheet, sheet_bytes(found), overwrite=True)
    print_result((to_json(found) if argv.json else to_text(found)).rstrip("\n"))
    return 0


DATA = Command(
    "data",
    arguments=DataArguments,
    run=audit_data,
    usage="[OPTIONS] audit PATH...",
    help="""Checks photographs before training on them.

    "audit" finds pictures that are broken, made by Tintype, too small, grey, sepia or duplicates,
    and pictures that are in both a training and a held-out set. PATH is a folder or a zip.""",
    params=[
        # A subcommand, so that others can be added.
        click.Argument(["what"], type=click.Choice(["audit"]), metavar="audit"),
        click.Argument(["paths"], nargs=-1, required=True, metavar="PATH...", type=SOURCES),
        Several(
            "--against",
            type=SOURCES,
            metavar="PATH",
            help="Folders or zips of held-out pictures, which must not be in PATH.",
        ),
        Option(
            "--sheet",
            type=OutputType(".png"),
            metavar="FILE",
            help="Also write an overview of the findings, as a PNG.",
        ),
        Option("--json", is_flag=True, help="Print the findings as JSON."),
        # The next two defaults are those of a recipe; a test compares them.
        Option(
            "--min-colorfulness",
            type=NumberType(min=0),
            default=5.0,
            metavar="NUMBER",
            help="A picture less colourful than this counts as grey.",
        ),
        Option(
            "--dev-share",
            type=NumberType(0, 1),
            default=0.04,
            metavar="SHARE",
            help="Share of the pictures that training holds out as dev.",
        ),
    ],
)
