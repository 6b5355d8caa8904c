"""The command `tintype inspect`: shows whether, by what and how a picture or film was coloured."""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from tintype.cli.parsing import Command, Option
from tintype.cli.show import print_result, say
from tintype.cli.values import FILMS, PICTURES, FileType
from tintype.errors import PhotoError, TintypeError


@dataclass(frozen=True, slots=True)
class InspectArguments:
    """Arguments of `tintype inspect`."""

    photos: tuple[str, ...]
    json: bool


def inspect_files(argv: InspectArguments) -> int:
    """Prints a line for each file.

    Args:
        argv: The parsed arguments.

    Returns:
        The exit code: 1 if some files cannot be read.
    """
    from tintype.cli.film import inspect_film
    from tintype.jobs.inspect import inspect

    failed = 0
    for photo in argv.photos:
        try:
            found = inspect_film(Path(photo)) or inspect(Path(photo))
        except TintypeError as error:
            failed += 1
            say(str(error))
            if argv.json:
                print_result(json.dumps({"file": photo, "error": error.message}))
            continue
        print_result(found.to_json() if argv.json else found.sentence())
    if failed == 0:
        return 0
    return PhotoError.exit_code if failed == len(argv.photos) else 1


INSPECT = Command(
    "inspect",
    arguments=InspectArguments,
    run=inspect_files,
    usage="[OPTIONS] PHOTO...",
    help="Shows whether pictures or films were coloured by Tintype, and with which model and "
    "settings.",
    params=[
        click.Argument(
            ["photos"],
            nargs=-1,
            required=True,
            metavar="PHOTO...",
            type=FileType(*PICTURES, *FILMS, made=str),
        ),
        Option("--json", is_flag=True, help="Print a JSON line for each picture."),
    ],
)
