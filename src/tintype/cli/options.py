"""The options that colour: what each is called, what it takes, and how help shows it.

Parsing only, and nothing heavy is imported. An option that is not given is None; the defaults stand
where they are used. The help names them, and a test compares the two.
"""

from dataclasses import dataclass
from typing import Literal

import click

from tintype._version import __version__
from tintype.cli.group import COLOR, COMMANDS
from tintype.cli.parsing import Command, Option, OptionalNumber, above_zero, flag, show_help
from tintype.cli.show import print_result
from tintype.cli.values import (
    FILMS,
    FORMAT_NAMES,
    PICTURES,
    FileType,
    FolderType,
    FormatType,
    ModelType,
)


@dataclass(frozen=True, slots=True)
class PhotoArguments:
    """What `tintype PHOTO...` was told; None where it was not."""

    photos: tuple[str, ...]
    output: str | None
    into: str | None
    recursive: bool
    vividness: float | None
    quality: Literal["fast", "normal", "high"] | None
    warmth: float | None
    hint: tuple[str, ...]
    hints: str | None
    scribbles: str | None
    mask: str | None
    reference: str | None
    palettes: int | None
    certainty: str | None
    settings: str | None
    save_settings: str | None
    format: str | None
    model: str | None
    overwrite: bool
    strip_metadata: bool
    keep_luminance: Literal["usual", "exact"] | None
    report: str | None
    contact_sheet: str | None
    jobs: int | None
    engine: Literal["processes", "ray"] | None
    color_photos: Literal["skip", "color"] | None
    check: bool
    max_megapixels: float | None


@dataclass(frozen=True, slots=True)
class FilmArguments:
    """What `tintype video` was told; None where it was not."""

    film: str
    output: str | None
    vividness: float | None
    steady: float | None
    every: int | None
    quality: Literal["fast", "normal", "high"] | None
    warmth: float | None
    reference: str | None
    hint: tuple[str, ...]
    shots: str | None
    preview: float | None
    start: str | None
    codec: Literal["h264", "h265", "ffv1"] | None
    crf: float | None
    lossless: bool
    model: str | None
    overwrite: bool


class _Photos(Command):
    """The command itself, whose help also names the commands."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options and the commands."""
        super().format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(f"tintype {name}", text) for name, text in COMMANDS.items()])


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        print_result(f"tintype {__version__}")
        ctx.exit()


def _color(words: PhotoArguments) -> int:
    from tintype.cli.coloring import color_photographs

    return color_photographs(words)


def _color_film(words: FilmArguments) -> int:
    from tintype.cli.film import color_film

    return color_film(words)


def _file(*endings: str) -> FileType:
    return FileType(*endings, made=str)


_FOLDER = FolderType(made=str)
_PICTURE = _file(*PICTURES)
_PREVIEW = 10.0  # seconds

PHOTOS = _Photos(
    COLOR,
    arguments=PhotoArguments,
    run=_color,
    usage="[OPTIONS] PHOTO...",
    help="""Colours black-and-white photographs, on this machine.

    "tintype photo.jpg" writes photo.color.jpg beside it. PHOTO is a file, a folder, a pattern such
    as "*.jpg", a URL such as s3://bucket/folder, or - for standard input. What an earlier run has
    done is not done again; nothing is ever deleted, and no original is ever replaced.""",
    params=[
        click.Argument(["photos"], nargs=-1, required=True, metavar="PHOTO...", type=_PICTURE),
        Option(
            "-o",
            "--output",
            type=_file(),
            metavar="FILE",
            help="Write the single output here; - is stdout.",
        ),
        Option("--into", type=_FOLDER, metavar="DIR", help="Write the outputs to this folder."),
        Option("-r", "--recursive", is_flag=True, help="Enter folders inside folders."),
        Option(
            "--vividness",
            type=float,
            metavar="NUMBER",
            show_default="the model's",
            help="How strong the colours are, 0 to 2.",
        ),
        Option(
            "--quality",
            type=click.Choice(["fast", "normal", "high"]),
            show_default="high",
            help="How closely the model looks, or how fast it is; outputs always have full "
            "resolution.",
        ),
        Option(
            "--warmth",
            type=float,
            first_page=False,
            metavar="NUMBER",
            show_default="0",
            help="Lean the colours towards blue (below 0) or orange (above 0), -1 to 1.",
        ),
        Option(
            "--hint",
            multiple=True,
            metavar="X,Y,COLOUR",
            help='The colour at a point, as in "120,80,#c04030", optionally followed by a radius. '
            "Can be repeated.",
        ),
        Option(
            "--hints",
            type=_file(".json"),
            metavar="FILE",
            first_page=False,
            help='Hints from a JSON file: a list of {"x": 120, "y": 80, "color": "#c04030", '
            '"radius": 4}.',
        ),
        Option(
            "--scribbles",
            type=_file(".png"),
            metavar="FILE",
            first_page=False,
            help="Colours painted over the photograph: a PNG of the same size, transparent "
            "elsewhere.",
        ),
        Option(
            "--mask",
            type=_PICTURE,
            metavar="FILE",
            first_page=False,
            help="What to colour: a picture of the same size as the photograph; black stays grey.",
        ),
        Option(
            "--reference",
            type=_PICTURE,
            metavar="FILE",
            first_page=False,
            help="Take the colours from this picture where it shows the same things. It can be of "
            "any size, and serve many photographs.",
        ),
        Option(
            "--palettes",
            type=click.IntRange(min=1, max=16),
            metavar="N",
            first_page=False,
            show_default="1",
            help="Write N plausible versions of each photograph, name.color-1.jpg and so on: the "
            "default one first, then the others, likeliest first.",
        ),
        Option(
            "--certainty",
            type=_file(".png"),
            metavar="FILE",
            first_page=False,
            help="Also write a map of how certain the colours are: a grey PNG, black is certain.",
        ),
        Option(
            "--save-settings",
            type=_file(".json"),
            metavar="FILE",
            first_page=False,
            help="Also write the settings that were used, hints included.",
        ),
        Option(
            "--settings",
            type=_file(".json"),
            metavar="FILE",
            first_page=False,
            help="Colour with the settings in this file; other options override them.",
        ),
        Option(
            "--format",
            type=FormatType(),
            metavar="FORMAT",
            show_default="that of the input",
            help=f"Format of the output: {', '.join(FORMAT_NAMES)}.",
        ),
        Option(
            "--model",
            type=ModelType(),
            metavar="MODEL",
            show_default="tintype-own",
            help='A model by name (see "tintype models"), or a model file.',
        ),
        Option("--overwrite", is_flag=True, help="Replace earlier outputs, but never an input."),
        Option(
            "--strip-metadata",
            is_flag=True,
            help="Leave out location, date, camera and all other metadata.",
        ),
        Option(
            "--keep-luminance",
            type=click.Choice(["usual", "exact"]),
            show_default="usual",
            first_page=False,
            help="With exact, a JPEG made from a JPEG keeps the luminance coefficients of its "
            "input, and this is verified. Needs the extra tintype[exact].",
        ),
        Option(
            "--report",
            type=_file(".jsonl"),
            metavar="FILE",
            first_page=False,
            help="Write a JSON line for each input.",
        ),
        Option(
            "--contact-sheet",
            type=_file(".html"),
            metavar="FILE",
            first_page=False,
            help="Write a page (.html) that shows each photograph before and after.",
        ),
        Option(
            "--jobs",
            type=click.IntRange(min=1),
            metavar="N",
            show_default="one for each core",
            help="How many processes colour at a time.",
        ),
        Option(
            "--engine",
            type=click.Choice(["processes", "ray"]),
            show_default="processes",
            first_page=False,
            help="Run the processes on this machine, or on the Ray cluster at RAY_ADDRESS.",
        ),
        Option(
            "--color-photos",
            type=click.Choice(["skip", "color"]),
            show_default="color for a single input, skip among several",
            first_page=False,
            help="Skip colour photographs and outputs of Tintype, or colour them anew from their "
            "lightness.",
        ),
        Option(
            "--check",
            is_flag=True,
            first_page=False,
            help="Read each output back and compare its grey with that of the input.",
        ),
        Option(
            "--max-megapixels",
            type=float,
            callback=above_zero,
            metavar="NUMBER",
            show_default="100",
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
    arguments=FilmArguments,
    run=_color_film,
    usage="[OPTIONS] FILM",
    help="""Colours a black-and-white film, with its sound, subtitles and chapters.

    "tintype video film.mp4" writes film.color.mp4 beside it. The brightness of every frame and its
    time stay as they are. A film takes hours; after Ctrl-C or a power cut, the same command
    continues where it stopped. Needs the extra for film: pip install "tintype[video]".""",
    params=[
        click.Argument(["film"], required=True, metavar="FILM", type=_file(*FILMS)),
        Option(
            "-o",
            "--output",
            type=_file(),
            metavar="FILE",
            help="Write to this file: .mp4, .m4v, .mov or .mkv.",
        ),
        OptionalNumber(
            "--preview",
            bare=_PREVIEW,
            callback=above_zero,
            metavar="SECONDS",
            help=f"Colour only this much, {_PREVIEW:g} seconds if no number is given, and write "
            "film.preview.mp4.",
        ),
        Option(
            "--start",
            metavar="TIME",
            show_default="0",
            help="Where the preview begins: seconds, or a time such as 1:02:30.",
        ),
        Option(
            "--vividness",
            type=float,
            metavar="NUMBER",
            show_default="the model's",
            help="How strong the colours are, 0 to 2.",
        ),
        Option(
            "--steady",
            type=float,
            metavar="NUMBER",
            show_default="0.8",
            help="How much of the previous frame's colours is kept, 0 to 0.99; 0 colours each "
            "frame by itself.",
        ),
        Option(
            "--every",
            type=click.IntRange(min=1),
            metavar="N",
            show_default="2",
            help="Run the network on every Nth frame and follow the motion in between; a higher "
            "N is faster.",
        ),
        Option(
            "--quality",
            type=click.Choice(["fast", "normal", "high"]),
            show_default="normal",
            help="How closely the model looks, or how fast it is; outputs always have full "
            "resolution.",
        ),
        Option(
            "--warmth",
            type=float,
            metavar="NUMBER",
            show_default="0",
            help="Lean the colours towards blue (below 0) or orange (above 0), -1 to 1.",
        ),
        Option(
            "--reference",
            type=_PICTURE,
            metavar="FILE",
            help="Take the colours from this picture where it shows the same things.",
        ),
        Option(
            "--hint",
            multiple=True,
            metavar="X,Y,COLOUR",
            help='The colour at a point of the first frame, as in "120,80,#c04030", optionally '
            "followed by a radius. It moves with the object until the next cut. Can be repeated.",
        ),
        Option(
            "--shots",
            type=_file(".toml"),
            metavar="FILE",
            help="Hints and references for single shots: a TOML file of [[shot]] tables with at, "
            "hints and reference.",
        ),
        Option(
            "--codec",
            type=click.Choice(["h264", "h265", "ffv1"]),
            show_default="h264, if it holds the film's bit depth",
            help="The video codec of the output.",
        ),
        Option(
            "--crf",
            type=float,
            metavar="NUMBER",
            show_default="17 for h264, 19 for h265",
            help="Compression quality, 0 to 51; lower is better and larger.",
        ),
        Option(
            "--lossless",
            is_flag=True,
            help="Compress without loss; the brightness is that of the film, bit for bit.",
        ),
        Option(
            "--model",
            type=ModelType(),
            metavar="MODEL",
            show_default="tintype-own",
            help='A model by name (see "tintype models"), or a model file.',
        ),
        Option("--overwrite", is_flag=True, help="Replace an earlier output, but never the film."),
    ],
)
