"""Converts the settings of the table into options of the command, and back.

Making the options imports nothing heavy; files are read only when the settings are built.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tintype.cli.parsing import Option
from tintype.cli.values import (
    FORMAT_NAMES,
    PICTURES,
    ChoiceType,
    FormatType,
    LocalFileType,
    NumberType,
    WholeType,
)
from tintype.engine.setting_row import Interface, Setting
from tintype.engine.settings import LAYERS, OUTPUT, SETTINGS, Output, Settings
from tintype.errors import UsageError

_SCRIBBLES = (".png",)
"""Endings that a shell offers for scribbles, which need transparency."""

_HINT = (
    'The colour at a point{where}, as in "120,80,#c04030" or 120,80,steelblue, optionally '
    "followed by a radius. {more}Can be repeated."
)


def options_of(
    rows: Mapping[str, Setting], interface: Interface, *, later: Collection[str] = ()
) -> Iterator[Option]:
    """Options for the rows of an interface.

    Args:
        rows: `tintype.engine.settings.SETTINGS` or `OUTPUT`.
        interface: "command" or "film".
        later: Names of those shown only by ``--help-all``.
    """
    for row in rows.values():
        if interface not in row.interfaces:
            continue
        first_page = row.name not in later
        if row.kind == "hints":
            yield _hint(interface)
            if interface == "command":
                yield _hints(first_page="hints_file" not in later)
        else:
            yield _option(row, interface, first_page=first_page)
            for name, value in row.named.items():
                text = f"The same as --{row.name} {value:g}."
                yield Option(f"--{name}", is_flag=True, first_page=False, help=text)


def _option(row: Setting, interface: Interface, *, first_page: bool) -> Option:
    more: dict[str, Any] = {}
    match row.kind:
        case "number":
            more = {"type": NumberType(), "metavar": "NUMBER"}
        case "count":
            more = {"type": WholeType(), "metavar": "N"}
        case "choice":
            more = {"type": ChoiceType(row.choices, former=row.former)}
        case "flag":
            more = {"is_flag": True}
        case "format":
            more = {"type": FormatType(), "metavar": "FORMAT"}
        case "layer":
            endings = _SCRIBBLES if row.name == "scribbles" else PICTURES
            more = {"type": LocalFileType(*endings, made=str), "metavar": "FILE"}
    if shown := row.default_text(interface):
        more["show_default"] = shown
    text = row.text(interface)
    if row.kind == "format":
        text = f"{text.removesuffix('.')}: {', '.join(FORMAT_NAMES)}."
    return Option(f"--{row.name.replace('_', '-')}", help=text, first_page=first_page, **more)


def _hint(interface: Interface) -> Option:
    where, more = "", ""
    if interface == "film":
        where = " of the first frame"
        more = "It moves with the object until the next cut. "
    text = _HINT.format(where=where, more=more)
    return Option("--hint", multiple=True, metavar="X,Y,COLOUR", help=text)


def _hints(*, first_page: bool) -> Option:
    return Option(
        "--hints",
        type=LocalFileType(".json", made=str),
        metavar="FILE",
        first_page=first_page,
        help='Hints from a JSON file: a list of {"x": 120, "y": 80, "color": "#c04030", '
        '"radius": 4}.',
    )


def taken(arguments: dict[str, Any], interface: Interface) -> dict[str, Any]:
    """Removes the settings and output options of an interface from the arguments of a command.

    Args:
        arguments: By name; modified in place. Hints remain, since the command and the film store
            them in different places.
        interface: "command" or "film".

    Returns:
        Those that were given, by their names in the table.

    Raises:
        UsageError: A value is given twice.
    """
    rows = [row for row in (*SETTINGS.values(), *OUTPUT.values()) if interface in row.interfaces]
    found = {row.name: arguments.pop(row.name) for row in rows if row.kind != "hints"}
    for row in rows:
        found |= _named_value(row, found, arguments)
    # A flag that was not given is False.
    return {
        name: value for name, value in found.items() if value is not None and value is not False
    }


def _named_value(
    row: Setting, found: Mapping[str, Any], arguments: dict[str, Any]
) -> dict[str, float]:
    """The value of a setting given by a dedicated option such as ``--vivid``."""
    options = [f"--{name}" for name in row.named if arguments.pop(name)]
    if not options:
        return {}
    if found[row.name] is not None:
        options.append(f"--{row.name}")
    if len(options) > 1:
        raise UsageError(
            f"{' and '.join(options)} contradict each other.", advice="Give one of them."
        )
    return {row.name: row.named[options[0].removeprefix("--")]}


def settings_from(given: Mapping[str, Any], settings: Settings, *, max_pixels: int) -> Settings:
    """Overrides settings with the given ones.

    Args:
        given: As returned by `taken`.
        settings: The settings to override.
        max_pixels: Pictures with more pixels are refused.

    Raises:
        UsageError: A value is out of range, or a picture cannot be read.
    """
    found = {name: value for name, value in given.items() if name in SETTINGS}
    layers = _layers(found, max_pixels=max_pixels)
    return replace(settings, **found, **layers)


def _layers(found: dict[str, Any], *, max_pixels: int) -> dict[str, Any]:
    """Removes the pictures from the settings and reads them."""
    paths = {name: found.pop(name) for name in LAYERS if name in found}
    if not paths:
        return {}
    from tintype.engine.settings_parsing import read_layer  # and with it msgspec

    return {
        name: read_layer(name, Path(path), max_pixels=max_pixels) for name, path in paths.items()
    }


def output_from(given: Mapping[str, Any], output: Output) -> Output:
    """Overrides output options with the given ones; arguments as for `settings_from`."""
    return replace(output, **{name: value for name, value in given.items() if name in OUTPUT})
