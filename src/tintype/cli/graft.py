"""The command `tintype graft`: applies another program's colours to the original grey."""

from collections.abc import Iterator
from copy import copy
from typing import Any

import click

from tintype.cli.options import PHOTOS, PhotoArguments
from tintype.cli.parsing import Command, Option
from tintype.cli.values import PICTURES, FileType

_OPTIONS = (
    "output",
    "vividness",
    "sober",
    "vivid",
    "mask",
    "format",
    "strip_metadata",
    "keep_luminance",
    "layer",
    "overwrite",
    "dry_run",
    "report",
    "check",
    "sandbox",
    "max_megapixels",
)
"""The options for colouring photographs that need no network prediction."""


def _arguments(colored: str, photo: str, **given: Any) -> PhotoArguments:  # noqa: ANN401
    unused = {
        parameter.name: () if getattr(parameter, "multiple", False) else None
        for parameter in PHOTOS.params
        if parameter.name and parameter.expose_value
    }
    return PhotoArguments.of(**unused | given | {"photos": (photo,), "colors": colored})


def _options() -> Iterator[click.Parameter]:
    for parameter in PHOTOS.params:
        if parameter.name in _OPTIONS and isinstance(parameter, Option):
            option = copy(parameter)
            option.first_page = True
            if option.name == "vividness":
                option.show_default = "1, as in COLORED"
            yield option


def _graft(arguments: PhotoArguments) -> int:
    from tintype.cli.coloring import color_photographs

    return color_photographs(arguments)


GRAFT = Command(
    "graft",
    arguments=_arguments,
    run=_graft,
    usage="[OPTIONS] COLORED PHOTO",
    help="""Applies the colours of another program's result to the original photograph.

    COLORED is the photograph in colour, from any program and in any size; PHOTO is the original.
    The output has the resolution, depth, grey and metadata of the original: "tintype graft
    result.jpg scan.tif" writes scan.color.tif. Equivalent to "tintype PHOTO --colors COLORED".""",
    params=[
        click.Argument(["colored"], metavar="COLORED", type=FileType(*PICTURES, made=str)),
        click.Argument(["photo"], metavar="PHOTO", type=FileType(*PICTURES, made=str)),
        *_options(),
    ],
)
