"""The words of the command: what each option is called, what it takes, and how help shows it.

Parsing only, and nothing heavy is imported. An option that is not given is None; the defaults stand
where they are used, each in one place.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import click

from tintype._version import __version__
from tintype.cli.show import print_result
from tintype.photo.formats.registry import FORMATS, format_of_suffix, writable_formats

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "video": "colour a film",
        "serve": "open the page in the browser, and the HTTP API",
        "models": "list the models and their cards",
        "inspect": "say whether a picture was coloured, by what and how",
        "data": "find bad and repeated photographs before training",
        "train": "train a model on photographs of your own",
        "evaluate": "measure a model on photographs",
        "export": "make a model file of a training run",
        "compare": "train and measure every method of a folder, in one table",
        "completion": "print what makes a shell complete the words of this command",
    }
)
"""First words that are commands; any other first word is a file."""

LEARNING = ("data", "train", "evaluate", "export", "compare")
"""Commands that `tintype.cli.learning` does."""


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


@dataclass(frozen=True, slots=True)
class InspectArguments:
    """What `tintype inspect` was told."""

    photos: tuple[str, ...]
    json: bool


@dataclass(frozen=True, slots=True)
class ModelsArguments:
    """What `tintype models` was told."""

    names: tuple[str, ...]
    json: bool


@dataclass(frozen=True, slots=True)
class ServeArguments:
    """What `tintype serve` was told; None where it was not."""

    host: str | None
    port: int | None
    model: str | None
    pairs: str | None
    jobs: int | None
    queue: int | None
    memory: int | None
    max_megapixels: float | None
    no_browser: bool


@dataclass(frozen=True, slots=True)
class CompletionArguments:
    """What `tintype completion` was told."""

    shell: Literal["bash", "zsh", "fish"]


def parse_photos(words: Sequence[str]) -> PhotoArguments:
    """Words after `tintype`, where the first is no command.

    Raises:
        click.ClickException: They do not fit.
        click.exceptions.Exit: Help or the version was printed.
    """
    return PhotoArguments(**_parse(_PHOTOS, "tintype", words))


def parse_film(words: Sequence[str]) -> FilmArguments:
    """Words after `tintype video`; raises as `parse_photos`."""
    # What follows the bare --preview may be the film; only a number is its length.
    plain = [
        f"{word}={_PREVIEW}" if word == "--preview" and not _is_number(following) else word
        for word, following in zip(words, [*words[1:], ""], strict=True)
    ]
    return FilmArguments(**_parse(_VIDEO, "tintype video", plain))


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def parse_inspect(words: Sequence[str]) -> InspectArguments:
    """Words after `tintype inspect`; raises as `parse_photos`."""
    return InspectArguments(**_parse(_INSPECT, "tintype inspect", words))


def parse_models(words: Sequence[str]) -> ModelsArguments:
    """Words after `tintype models`; raises as `parse_photos`."""
    return ModelsArguments(**_parse(_MODELS, "tintype models", words))


def parse_serve(words: Sequence[str]) -> ServeArguments:
    """Words after `tintype serve`; raises as `parse_photos`."""
    return ServeArguments(**_parse(_SERVE, "tintype serve", words))


def parse_completion(words: Sequence[str]) -> CompletionArguments:
    """Words after `tintype completion`; raises as `parse_photos`."""
    return CompletionArguments(**_parse(_COMPLETION, "tintype completion", words))


def help_page() -> str:
    """The first page of help."""
    return _PHOTOS.get_help(click.Context(_PHOTOS, info_name="tintype"))


def _parse(command: click.Command, name: str, words: Sequence[str]) -> dict[str, Any]:
    # Only click's parser is used: its `main` would decide about exit codes and Ctrl-C itself.
    return command.make_context(name, list(words)).params


class _Option(click.Option):
    """An option that stands on the first page of help, or only behind --help-all."""

    def __init__(self, *names: str, first_page: bool = True, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(names, **rest)
        self.first_page = first_page


class _Command(click.Command):
    """A command whose first page of help is short."""

    def __init__(self, name: str, *, usage: str, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(name, add_help_option=False, **rest)
        self._usage = usage

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes how the command is called."""
        formatter.write_usage(ctx.command_path, self._usage)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the common options, and the others where all are asked for."""
        options = [param for param in self.params if isinstance(param, _Option)]
        groups = {"Options": [o for o in options if o.first_page]}
        if ctx.meta.get(_ALL):
            groups["More options"] = [o for o in options if not o.first_page]
        for title, members in groups.items():
            with formatter.section(title):
                formatter.write_dl([r for o in members if (r := o.get_help_record(ctx))])


class _PhotosCommand(_Command):
    """The command itself, whose help also names the commands."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options and the commands."""
        super().format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(f"tintype {name}", text) for name, text in COMMANDS.items()])


_ALL = "tintype.help_all"
_PREVIEW = 10.0  # seconds


def _help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_ALL] = param.name == "help_all"
        print_result(ctx.get_help())
        ctx.exit()


def _above_zero(_ctx: click.Context, _param: click.Parameter, value: float | None) -> float | None:
    # click's own range lets "nan" through, and "inf" is no number of pixels.
    if value is not None and not 0 < value < math.inf:
        raise click.BadParameter(f"{value} is not above 0.")
    return value


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        print_result(f"tintype {__version__}")
        ctx.exit()


class FormatType(click.ParamType[str]):
    """A format by its name or by any of its endings."""

    name = "format"

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """The key of the format, for what was typed."""
        typed = value.lower().removeprefix(".")
        found = next((key for key in FORMATS if key.lower() == typed), None)
        found = found or format_of_suffix(f".{typed}")
        if found is None or found not in writable_formats():
            self.fail(f"{value!r} is none of {_FORMAT_NAMES}.", param, ctx)
        return found


_FORMAT_NAMES = ", ".join(key.lower() for key in writable_formats())


def _flag(*names: str, help: str, callback: Any = None) -> _Option:  # noqa: A002, ANN401
    return _Option(
        *names, is_flag=True, is_eager=True, expose_value=False, callback=callback, help=help
    )


_PHOTOS = _PhotosCommand(
    "tintype",
    usage="[OPTIONS] PHOTO...",
    help="""Colours black-and-white photographs, on this machine.

    "tintype photo.jpg" writes photo.color.jpg beside it. PHOTO is a file, a folder, a pattern such
    as "*.jpg", a URL such as s3://bucket/folder, or - for standard input. What an earlier run has
    done is not done again; nothing is ever deleted, and no original is ever replaced.""",
    params=[
        click.Argument(["photos"], nargs=-1, required=True, metavar="PHOTO..."),
        _Option("-o", "--output", metavar="FILE", help="Write the one output here; - is stdout."),
        _Option("--into", metavar="DIR", help="Write the outputs below this folder."),
        _Option("-r", "--recursive", is_flag=True, help="Enter folders inside folders."),
        _Option(
            "--vividness",
            type=float,
            metavar="NUMBER",
            help="How strong the colours are, 0 to 2; the model says what is usual.",
        ),
        _Option(
            "--quality",
            type=click.Choice(["fast", "normal", "high"]),
            help="How closely the model looks; outputs always have full resolution. High is usual, "
            "normal is faster.",
        ),
        _Option(
            "--warmth",
            type=float,
            first_page=False,
            metavar="NUMBER",
            help="Lean towards blue, below 0, or orange, above: -1 to 1.",
        ),
        _Option(
            "--hint",
            multiple=True,
            metavar="X,Y,COLOUR",
            help='The colour at a place, as in "120,80,#c04030"; a radius may follow. May be given '
            "several times.",
        ),
        _Option(
            "--hints",
            metavar="FILE",
            first_page=False,
            help='Hints from a JSON file: a list of {"x": 120, "y": 80, "color": "#c04030", '
            '"radius": 4}.',
        ),
        _Option(
            "--scribbles",
            metavar="FILE",
            first_page=False,
            help="Colours painted over the photograph: a PNG as large as it, empty elsewhere.",
        ),
        _Option(
            "--mask",
            metavar="FILE",
            first_page=False,
            help="What to colour: a picture as large as the photograph; black stays grey.",
        ),
        _Option(
            "--reference",
            metavar="FILE",
            first_page=False,
            help="Take the colours from this picture, where it shows the same; it may have any "
            "size and serve many photographs.",
        ),
        _Option(
            "--palettes",
            type=click.IntRange(min=1, max=16),
            metavar="N",
            first_page=False,
            help="Write N plausible versions of each photograph, name.color-1.jpg and so on: the "
            "usual one, then the others, the likeliest first.",
        ),
        _Option(
            "--certainty",
            metavar="FILE",
            first_page=False,
            help="Also write where the colours are a guess, as a grey PNG: black is certain.",
        ),
        _Option(
            "--save-settings",
            metavar="FILE",
            first_page=False,
            help="Also write how it was coloured, hints included.",
        ),
        _Option(
            "--settings",
            metavar="FILE",
            first_page=False,
            help="Colour as that file says; what is typed beside it counts for more.",
        ),
        _Option(
            "--format",
            type=FormatType(),
            metavar="FORMAT",
            help=f"Write {_FORMAT_NAMES}, instead of the format of the input.",
        ),
        _Option("--model", metavar="MODEL", help='Name (see "tintype models") or file of a model.'),
        _Option("--overwrite", is_flag=True, help="Replace earlier outputs; inputs never."),
        _Option(
            "--strip-metadata",
            is_flag=True,
            help="Write no place, date, camera or any other metadata.",
        ),
        _Option(
            "--keep-luminance",
            type=click.Choice(["usual", "exact"]),
            first_page=False,
            help="Give a JPEG made of a JPEG the very luminance coefficients of its input, and "
            "verify it; needs the extra tintype[exact].",
        ),
        _Option(
            "--report",
            metavar="FILE",
            first_page=False,
            help="Write a JSON line for each input.",
        ),
        _Option(
            "--contact-sheet",
            metavar="FILE",
            first_page=False,
            help="Write a page (.html) with each photograph before and after.",
        ),
        _Option(
            "--jobs",
            type=click.IntRange(min=1),
            metavar="N",
            help="Colour in N processes; usually one for each core.",
        ),
        _Option(
            "--engine",
            type=click.Choice(["processes", "ray"]),
            first_page=False,
            help="Where the processes are: on this machine, or on the machines of a Ray cluster, "
            "the one that RAY_ADDRESS names.",
        ),
        _Option(
            "--color-photos",
            type=click.Choice(["skip", "color"]),
            first_page=False,
            help="What to do with colour photographs and with outputs of Tintype: leave them "
            "alone, or colour them anew from their lightness. Usually a picture given alone is "
            "coloured, and among others they are skipped.",
        ),
        _Option(
            "--check",
            is_flag=True,
            first_page=False,
            help="Read each output back and say whether its grey is the grey of the input.",
        ),
        _Option(
            "--max-megapixels",
            type=float,
            callback=_above_zero,
            metavar="NUMBER",
            first_page=False,
            help="Refuse pictures that are larger; usually 100.",
        ),
        _flag("--version", callback=_version, help="Say the version."),
        _flag("--help-all", callback=_help, help="Show all options."),
        _flag("-h", "--help", callback=_help, help="Show this page."),
    ],
)

_VIDEO = _Command(
    "video",
    usage="[OPTIONS] FILM",
    help="""Colours a black-and-white film, with its sound, subtitles and chapters.

    "tintype video film.mp4" writes film.color.mp4 beside it. The brightness of every frame and its
    time stay as they are. A film takes hours: stopped with Ctrl-C, or by the power, the same
    command goes on where it was. Needs the extra for film: pip install "tintype[video]".""",
    params=[
        click.Argument(["film"], required=True, metavar="FILM"),
        _Option("-o", "--output", metavar="FILE", help="Write here: .mp4, .m4v, .mov or .mkv."),
        _Option(
            "--preview",
            type=float,
            is_flag=False,
            flag_value=_PREVIEW,
            callback=_above_zero,
            metavar="[SECONDS]",
            help="Colour only so much, usually 10 seconds, and write film.preview.mp4.",
        ),
        _Option(
            "--start",
            metavar="TIME",
            help="Where the preview begins: seconds, or as in 1:02:30.",
        ),
        _Option(
            "--vividness",
            type=float,
            metavar="NUMBER",
            help="How strong the colours are, 0 to 2; the model says what is usual.",
        ),
        _Option(
            "--steady",
            type=float,
            metavar="NUMBER",
            help="How much of the last frame's colours is kept, 0 to 0.99; 0 colours each frame "
            "by itself.",
        ),
        _Option(
            "--every",
            type=click.IntRange(min=1),
            metavar="N",
            help="Ask the network about one of N frames, and follow the motion in between; more is "
            "faster.",
        ),
        _Option(
            "--quality",
            type=click.Choice(["fast", "normal", "high"]),
            help="How closely the model looks; outputs always have full resolution. Normal is "
            "usual.",
        ),
        _Option(
            "--warmth",
            type=float,
            metavar="NUMBER",
            help="Lean towards blue, below 0, or orange, above: -1 to 1.",
        ),
        _Option(
            "--reference",
            metavar="FILE",
            help="Take the colours from this picture, where it shows the same.",
        ),
        _Option(
            "--hint",
            multiple=True,
            metavar="X,Y,COLOUR",
            help='The colour at a place of the first frame, as in "120,80,#c04030"; a radius may '
            "follow. It moves with what it is on, until the next cut. May be given several times.",
        ),
        _Option(
            "--shots",
            metavar="FILE",
            help="Hints and references for shots: a TOML file of [[shot]] with at, hints and "
            "reference.",
        ),
        _Option(
            "--codec",
            type=click.Choice(["h264", "h265", "ffv1"]),
            help="How the pictures are compressed; usually h264.",
        ),
        _Option(
            "--crf",
            type=float,
            metavar="NUMBER",
            help="How closely the compressed pictures are those that were painted, 0 to 51; "
            "smaller is closer. Usually 17, and 19 for h265.",
        ),
        _Option(
            "--lossless",
            is_flag=True,
            help="Compress without loss: the brightness is the film's, bit for bit.",
        ),
        _Option("--model", metavar="MODEL", help='Name (see "tintype models") or file of a model.'),
        _Option("--overwrite", is_flag=True, help="Replace an earlier output; the film never."),
        _flag("-h", "--help", callback=_help, help="Show this page."),
    ],
)

_INSPECT = _Command(
    "inspect",
    usage="[OPTIONS] PHOTO...",
    help="Says whether pictures or films were coloured by Tintype, with which model and which "
    "settings.",
    params=[
        click.Argument(["photos"], nargs=-1, required=True, metavar="PHOTO..."),
        _Option("--json", is_flag=True, help="Print a JSON line for each picture."),
        _flag("-h", "--help", callback=_help, help="Show this page."),
    ],
)

_MODELS = _Command(
    "models",
    usage="[OPTIONS] [MODEL]...",
    help="Lists the models on this machine; for the models named, prints their whole cards.",
    params=[
        click.Argument(["names"], nargs=-1, metavar="MODEL..."),
        _Option("--json", is_flag=True, help="Print a JSON line for each model."),
        _flag("-h", "--help", callback=_help, help="Show this page."),
    ],
)

_SERVE = _Command(
    "serve",
    usage="[OPTIONS]",
    help="""Opens a page in the browser: drop photographs, compare, give hints, save.

    It answers this machine alone, works without a network, keeps everything in memory, and ends
    with Ctrl-C. Programs use the same server, see /openapi.json.""",
    params=[
        _Option(
            "--host",
            metavar="ADDRESS",
            help="Listen there too, as in 0.0.0.0 for the home network; each other machine then "
            "needs a token, which is printed.",
        ),
        _Option(
            "--port",
            type=click.IntRange(min=0, max=65_535),
            metavar="N",
            help="Usually 7839, or another where that is taken.",
        ),
        _Option("--no-browser", is_flag=True, help="Open no browser."),
        _Option("--model", metavar="MODEL", help='Name (see "tintype models") or file of a model.'),
        _Option(
            "--pairs",
            metavar="DIR",
            help="Colour photographs for the page /which-is-real; beside name.jpg, name.color.jpg "
            "is its coloured version, or else our model makes one.",
        ),
        _Option(
            "--jobs",
            type=click.IntRange(min=1),
            metavar="N",
            help="Colour N photographs at a time; usually one for each core.",
        ),
        _Option(
            "--queue",
            type=click.IntRange(min=0),
            metavar="N",
            help="Let N more wait, and refuse others for the moment; usually 32.",
        ),
        _Option(
            "--memory",
            type=click.IntRange(min=16),
            metavar="MIB",
            help="Let go of the oldest photographs above this; usually 1024.",
        ),
        _Option(
            "--max-megapixels",
            type=float,
            callback=_above_zero,
            metavar="NUMBER",
            help="Refuse pictures that are larger; usually 100.",
        ),
        _flag("-h", "--help", callback=_help, help="Show this page."),
    ],
)

_COMPLETION = _Command(
    "completion",
    usage="[OPTIONS] SHELL",
    help="""Prints a script with which the Tab key completes commands, options, their values, models
    and photographs.

    For this shell only: source <(tintype completion bash). For good, see the documentation.""",
    params=[
        click.Argument(
            ["shell"], metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]), required=True
        ),
        _flag("-h", "--help", callback=_help, help="Show this page."),
    ],
)

PARSED: Mapping[str, click.Command] = MappingProxyType(
    {
        "": _PHOTOS,
        "video": _VIDEO,
        "serve": _SERVE,
        "models": _MODELS,
        "inspect": _INSPECT,
        "completion": _COMPLETION,
    }
)
"""The commands that are parsed here, by their names; without a name, the one that colours."""
