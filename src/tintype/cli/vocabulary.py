"""Every word of the command as data, whichever parser reads it.

The completion of shells and the manual page are written from this; nothing here parses.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import click

from tintype.cli.learning import parsers
from tintype.cli.options import COMMANDS, PARSED, FormatType
from tintype.photo.formats.registry import FORMATS, writable_formats

Takes = Literal["nothing", "text", "choice", "file", "folder", "model"]


@dataclass(frozen=True, slots=True)
class Word:
    """An option, or what is typed without one.

    Attributes:
        names: As they are typed; empty for what needs no name.
        metavar: What follows, as help shows it; empty for a flag.
        text: What it does, in a sentence.
        takes: What a shell can offer for it.
        choices: All that may follow, where it takes a choice.
        endings: Of the files that it takes, in lower case with the dot; empty for any file.
        many: Whether several values may follow.
        again: Whether it may be given several times.
        needed: Whether the command does nothing without it.
    """

    names: tuple[str, ...]
    metavar: str
    text: str
    takes: Takes
    choices: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    many: bool = False
    again: bool = False
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Spoken:
    """A command and its words.

    Attributes:
        name: As it is typed after ``tintype``; empty for the command that colours photographs.
        text: What it does, in paragraphs.
        arguments: What is typed without a name, in order.
        options: What has a name, in the order of the help.
    """

    name: str
    text: str
    arguments: tuple[Word, ...]
    options: tuple[Word, ...]


def vocabulary() -> tuple[Spoken, ...]:
    """All commands, the one without a name first, then in the order of the help."""
    learning = parsers()
    return tuple(
        _of_argparse(name, learning[name]) if name in learning else _of_click(name, PARSED[name])
        for name in ("", *COMMANDS)
    )


PICTURES = tuple(ending for form in FORMATS.values() for ending in form.suffixes)
"""Endings of the files that are read as photographs."""

FILMS = (
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mpg",
    ".mpeg",
    ".mts",
    ".ts",
    ".mxf",
    ".dv",
    ".ogv",
    ".wmv",
)
"""Endings of films that a shell offers; what is read is whatever FFmpeg reads."""

_WEIGHTS = (".safetensors",)
_SOURCES = (".zip",)

_ENDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "photos": PICTURES,
        "film": FILMS,
        "shots": (".toml",),
        "reference": PICTURES,
        "mask": PICTURES,
        "scribbles": (".png",),
        "certainty": (".png",),
        "sheet": (".png",),
        "hints": (".json",),
        "settings": (".json",),
        "save-settings": (".json",),
        "regions": (".json",),
        "json": (".json",),
        "report": (".jsonl",),
        "recipe": (".toml",),
        "dev-of": (".toml",),
        "card": (".toml",),
        "init": _WEIGHTS,
        "start": _WEIGHTS,
        "classifier": _WEIGHTS,
        "checkpoint": _WEIGHTS,
        "data": _SOURCES,
        "never": _SOURCES,
        "against": _SOURCES,
        "evaluation": _SOURCES,
        "paths": _SOURCES,
    }
)
"""Of files that words take, by the word. One that is missing here is offered every file."""

_FOLDERS = ("into", "pairs", "run", "runs", "recipes", "cache", "originals")


def _path(key: str) -> tuple[Takes, tuple[str, ...]]:
    return ("folder", ()) if key in _FOLDERS else ("file", _ENDINGS.get(key, ()))


def _plain(text: str) -> str:
    """One line that ends as a sentence does."""
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."


# ----- click -----


def _of_click(name: str, command: click.Command) -> Spoken:
    context = click.Context(command)
    arguments = [
        Word(
            (),
            param.make_metavar(context).removesuffix("..."),
            "",
            *_taken(param),
            many=param.nargs == -1,
            needed=param.required,
        )
        for param in command.params
        if isinstance(param, click.Argument)
    ]
    options = [
        Word(
            tuple(sorted(param.opts, key=len)),
            "" if param.is_flag else param.make_metavar(context),
            _plain(param.help or ""),
            *_taken(param),
            again=param.multiple,
        )
        for param in command.params
        if isinstance(param, click.Option)
    ]
    paragraphs = (command.help or "").split("\n\n")
    text = "\n\n".join(_plain(paragraph) for paragraph in paragraphs)
    return Spoken(name, text, tuple(arguments), tuple(options))


def _taken(param: click.Parameter) -> tuple[Takes, tuple[str, ...], tuple[str, ...]]:
    """What a word takes, its choices, its endings."""
    if isinstance(param, click.Option) and param.is_flag:
        return "nothing", (), ()
    if isinstance(param.type, click.Choice):
        return "choice", tuple(map(str, param.type.choices)), ()
    if isinstance(param.type, FormatType):
        return "choice", tuple(form.lower() for form in writable_formats()), ()
    key = max(param.opts, key=len).lstrip("-")
    match (param.metavar or "").removesuffix("..."):
        case "MODEL":
            return "model", (), (".onnx",)
        case "FILE" | "DIR" | "PHOTO" | "FILM":
            takes, endings = _path(key)
            return takes, (), endings
        case _:
            return "text", (), ()


# ----- argparse -----


def _of_argparse(name: str, parser: argparse.ArgumentParser) -> Spoken:
    # argparse shows its actions nowhere else; the reference is made from them as well.
    words = [_of_action(action, parser) for action in parser._actions]
    return Spoken(
        name,
        _plain(parser.description or ""),
        tuple(word for word in words if not word.names),
        tuple(word for word in words if word.names),
    )


def _of_action(action: argparse.Action, parser: argparse.ArgumentParser) -> Word:
    names = tuple(action.option_strings)
    flag = action.nargs == 0
    key = max(names, key=len).lstrip("-") if names else action.dest
    takes: Takes = "text"
    endings: tuple[str, ...] = ()
    if flag:
        takes = "nothing"
    elif action.choices is not None:
        takes = "choice"
    elif key == "models":
        takes, endings = "model", (".onnx",)
    elif getattr(action.type, "__name__", "") == "Path":
        takes, endings = _path(key)
    said = action.metavar or action.dest.upper()
    text = (action.help or "") % {"default": action.default, "prog": parser.prog}
    return Word(
        names,
        "" if flag else str(said),
        _plain(f"{text[:1].upper()}{text[1:]}"),
        takes,
        tuple(map(str, action.choices or ())),
        endings,
        many=action.nargs == "+",
        needed=action.required,
    )
