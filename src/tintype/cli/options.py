"""The options for colouring: their names, types and help texts.

This module only parses and imports nothing heavy. Settings and output options are generated from
the table (`tintype.engine.settings`). Any other option that is not given is None; its default is
defined where it is used, the help states it, and a test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import click

from tintype._version import __version__
from tintype.cli.group import COLOR, COMMANDS
from tintype.cli.parsing import (
    MOST_JOBS,
    Command,
    Option,
    OptionalNumber,
    above_zero,
    flag,
    show_help,
)
from tintype.cli.setting_options import options_of, taken
from tintype.cli.show import print_result, say
from tintype.cli.values import (
    FILMS,
    PICTURES,
    FileType,
    FolderType,
    LocalFileType,
    ModelType,
    NumberType,
    OutputType,
    WholeType,
)
from tintype.engine.bundle import DEFAULT_NAME
from tintype.engine.settings import OUTPUT, SETTINGS
from tintype.photo.limits import MAX_PIXELS
from tintype.video.defaults import CRF, EVERY, STEADY, Codec


@dataclass(frozen=True, slots=True)
class PhotoArguments:
    """The arguments of `tintype PHOTO...`; None for those not given.

    Attributes:
        given: The settings and output options given, by their names in the table; layers are
            paths.
    """

    photos: tuple[str, ...]
    output: str | None
    into: str | None
    recursive: bool
    given: Mapping[str, Any]
    hint: tuple[str, ...]
    hints: str | None
    certainty: str | None
    settings: str | None
    save_settings: str | None
    model: str | None
    overwrite: bool
    dry_run: bool
    report: str | None
    contact_sheet: str | None
    jobs: int | None
    executor: Literal["processes", "ray"] | None
    color_photos: Literal["skip", "color"] | None
    check: bool
    sandbox: bool
    max_megapixels: float | None

    @classmethod
    def of(cls, **arguments: Any) -> Self:  # noqa: ANN401
        """Makes them from the parsed values, by parameter name."""
        given = taken(arguments, "command")
        engine = arguments.pop("engine")
        if engine is not None:
            say("--engine is now called --executor; the next version removes the old name.")
            arguments["executor"] = arguments["executor"] or engine
        return cls(given=given, **arguments)


@dataclass(frozen=True, slots=True)
class FilmArguments:
    """The arguments of `tintype video`; None for those not given.

    Attributes:
        given: As in `PhotoArguments`.
    """

    film: str
    output: str | None
    given: Mapping[str, Any]
    steady: float | None
    every: int | None
    hint: tuple[str, ...]
    shots: str | None
    preview: float | None
    start: str | None
    codec: Codec | None
    crf: float | None
    lossless: bool
    convert_sound: bool
    model: str | None
    overwrite: bool
    dry_run: bool

    @classmethod
    def of(cls, **arguments: Any) -> Self:  # noqa: ANN401
        """Makes them from the parsed values, by parameter name."""
        return cls(given=taken(arguments, "film"), **arguments)


class _Photos(Command):
    """The main command, whose help also lists the other commands."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options and the commands."""
        super().format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(f"tintype {name}", text) for name, text in COMMANDS.items()])


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        print_result(f"tintype {__version__}")
        ctx.exit()


def _color(arguments: PhotoArguments) -> int:
    from tintype.cli.coloring import color_photographs

    return color_photographs(arguments)


def _color_film(arguments: FilmArguments) -> int:
    from tintype.cli.film import color_film

    return color_film(arguments)


def _file(*endings: str) -> FileType:
    return FileType(*endings, made=str)


def _output(*endings: str) -> OutputType:
    return OutputType(*endings, made=str)


def _local(*endings: str) -> LocalFileType:
    return LocalFileType(*endings, made=str)


_FOLDER = FolderType(made=str)
_PICTURE = _file(*PICTURES)
_EXECUTORS = click.Choice(["processes", "ray"])
_PREVIEW = 10.0  # seconds

_LATER = SETTINGS.keys() | OUTPUT.keys() | {"hints_file"}
_LATER -= {"vividness", "quality", "hints", "format", "strip_metadata"}
"""Rows of the table shown only by --help-all: all but the most common."""

PHOTOS = _Photos(
    COLOR,
    arguments=PhotoArguments.of,
    run=_color,
    usage="[OPTIONS] PHOTO...",
    help="""Colours black-and-white photographs, on this machine.

    "tintype photo.jpg" writes photo.color.jpg beside it. PHOTO is a file, a folder, a pattern such
    as "*.jpg", a URL such as s3://bucket/folder, or - for standard input. Pictures already
    coloured by an earlier run are skipped. Nothing is deleted; originals are never replaced.""",
    params=[
        click.Argument(["photos"], nargs=-1, required=True, metavar="PHOTO...", type=_PICTURE),
        Option(
            "-o",
            "--output",
            type=_output(),
            metavar="FILE",
            help="Write the output of a single input to this file; - is stdout.",
        ),
        Option("--into", type=_FOLDER, metavar="DIR", help="Write the outputs to this folder."),
        Option("-r", "--recursive", is_flag=True, help="Include subfolders."),
        *options_of(SETTINGS, "command", later=_LATER),
        Option(
            "--certainty",
            type=_output(".png"),
            metavar="FILE",
            first_page=False,
            help="Also write a map of how certain the colours are: a grey PNG; black is certain.",
        ),
        Option(
            "--save-settings",
            type=_output(".json"),
            metavar="FILE",
            first_page=False,
            help="Also save the settings used, including hints.",
        ),
        Option(
            "--settings",
            type=_local(".json"),
            metavar="FILE",
            first_page=False,
            help="Colour with the settings in this file; other options override them.",
        ),
        *options_of(OUTPUT, "command", later=_LATER),
        Option(
            "--model",
            type=ModelType(),
            metavar="MODEL",
            show_default=DEFAULT_NAME,
            help='A model by name (see "tintype models"), or a model file.',
        ),
        Option(
            "--overwrite",
            is_flag=True,
            help="Replace outputs of earlier runs, but never an input or another file.",
        ),
        Option(
            "--dry-run",
            is_flag=True,
            first_page=False,
            help="Write nothing: list what would be written, where, and what would be skipped; "
            "estimate disk space and time.",
        ),
        Option(
            "--report",
            type=_output(".jsonl"),
            metavar="FILE",
            first_page=False,
            help="Write a JSON line for each input.",
        ),
        Option(
            "--contact-sheet",
            type=_output(".html"),
            metavar="FILE",
            first_page=False,
            help="Write a page (.html) that shows each photograph before and after.",
        ),
        Option(
            "--jobs",
            type=WholeType(min=1, max=MOST_JOBS),
            metavar="N",
            show_default="one per core",
            help="Number of processes to run in parallel.",
        ),
        Option(
            "--executor",
            type=_EXECUTORS,
            show_default="processes",
            first_page=False,
            help="Run the processes on this machine, or on the Ray cluster at RAY_ADDRESS.",
        ),
        Option("--engine", type=_EXECUTORS, hidden=True, help="The old name of --executor."),
        Option(
            "--color-photos",
            type=click.Choice(["skip", "color"]),
            show_default="color for a single input, skip among several",
            first_page=False,
            help="Skip colour photographs and outputs of Tintype, or recolour them from their "
            "lightness.",
        ),
        Option(
            "--check",
            is_flag=True,
            first_page=False,
            help="Read each output back, also of earlier runs, and compare its grey with that of "
            "the input.",
        ),
        Option(
            "--sandbox",
            is_flag=True,
            first_page=False,
            help="Decode pictures in a child process with memory and time limits, to contain "
            "malicious files; on Linux it cannot open files or network connections.",
        ),
        Option(
            "--max-megapixels",
            type=NumberType(),
            callback=above_zero,
            metavar="NUMBER",
            show_default=f"{MAX_PIXELS / 1e6:g}",
            first_page=False,
            help="Refuse pictures larger than this.",
        ),
    ],
    flags=[
        flag("--version", callback=_version, help="Show the version."),
        flag("--help-all", callback=show_help, help="Show all options."),
    ],
)

VIDEO = Command(
    "video",
    arguments=FilmArguments.of,
    run=_color_film,
    usage="[OPTIONS] FILM",
    help="""Colours a black-and-white film, with its sound, subtitles and chapters.

    "tintype video film.mp4" writes film.color.mp4 beside it. The brightness and timing of every
    frame do not change. A film takes hours; after Ctrl-C or a power cut, the same command
    continues where it stopped. Requires the video extra:
    pip install "tintype-colorizer[video]".""",
    params=[
        click.Argument(["film"], required=True, metavar="FILM", type=_local(*FILMS)),
        Option(
            "-o",
            "--output",
            type=_output(),
            metavar="FILE",
            help="Write to this file: .mp4, .m4v, .mov or .mkv.",
        ),
        OptionalNumber(
            "--preview",
            bare=_PREVIEW,
            callback=above_zero,
            metavar="SECONDS",
            help=f"Colour only this many seconds, {_PREVIEW:g} if no number is given, and write "
            "film.preview.mp4.",
        ),
        Option(
            "--start",
            metavar="TIME",
            show_default="0",
            help="Start of the preview: seconds, or a time such as 1:02:30.",
        ),
        *options_of(SETTINGS, "film"),
        Option(
            "--steady",
            type=NumberType(),
            metavar="NUMBER",
            show_default=f"{STEADY:g}",
            help="How much of the previous frame's colours to keep, 0 to 0.99; 0 colours each "
            "frame independently.",
        ),
        Option(
            "--every",
            type=WholeType(min=1, max=1_000_000),
            metavar="N",
            show_default=str(EVERY),
            help="Run the network on every Nth frame and follow the motion in between; a higher "
            "N is faster.",
        ),
        Option(
            "--shots",
            type=_local(".toml"),
            metavar="FILE",
            help="Hints and references for individual shots: a TOML file of [[shot]] tables with "
            "at, hints and reference.",
        ),
        Option(
            "--codec",
            type=click.Choice(get_args(Codec)),
            show_default="h264, if it supports the film's bit depth",
            help="The video codec of the output.",
        ),
        Option(
            "--crf",
            type=NumberType(),
            metavar="NUMBER",
            show_default=", ".join(f"{crf:g} for {codec}" for codec, crf in CRF.items()),
            help="Compression quality, 0 to 51; lower is better and larger.",
        ),
        Option(
            "--lossless",
            is_flag=True,
            help="Use lossless compression; the film's brightness is preserved bit for bit.",
        ),
        Option(
            "--convert-sound",
            is_flag=True,
            help="Re-encode sound that the output format cannot hold, instead of leaving it out.",
        ),
        Option(
            "--model",
            type=ModelType(),
            metavar="MODEL",
            show_default=DEFAULT_NAME,
            help='A model by name (see "tintype models"), or a model file.',
        ),
        Option(
            "--overwrite",
            is_flag=True,
            help="Replace an earlier output, but never the film or another file.",
        ),
        Option(
            "--dry-run",
            is_flag=True,
            help="Write nothing: check the film, and estimate the space and the time.",
        ),
    ],
)
