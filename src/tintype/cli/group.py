"""The command `tintype`: its subcommands by name, each imported when it is run.

The first argument decides. If it is the name of a command, that command runs. Otherwise all
arguments are photographs and options, so an unknown first argument is not an error here.
"""

import difflib
import os
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

from tintype.errors import UsageError, shown

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "video": "colour a film",
        "graft": "apply another program's colours to the original photograph",
        "serve": "open the page in the browser, and serve the HTTP API",
        "shortcut": "add a shortcut for the page to the desktop menu",
        "models": "list the models and their cards",
        "inspect": "show whether, by what and how a picture was coloured",
        "data": "find bad and duplicate photographs before training",
        "train": "train a model on your own photographs",
        "evaluate": "score a model on photographs",
        "export": "make a model file from a training run",
        "compare": "train and score every method in a folder, in one table",
        "completion": "print a shell completion script for this command",
    }
)
"""The commands in help order, and what each does."""

COLOR = ""
"""The command without a name, which colours photographs."""

HELP = "help"
"""``help COMMAND`` is equivalent to ``COMMAND --help``, and ``help`` alone to ``--help``."""

COMPLETE = "_TINTYPE_COMPLETE"
"""Environment variable in which a shell asks for completions; the name is click's convention."""

_PLACES: Mapping[str, str] = MappingProxyType(
    {
        COLOR: "options:PHOTOS",
        "video": "options:VIDEO",
        "graft": "graft:GRAFT",
        "serve": "serve:SERVE",
        "shortcut": "shortcut:SHORTCUT",
        "models": "models:MODELS",
        "inspect": "inspect:INSPECT",
        "data": "learning.data:DATA",
        "train": "learning.train:TRAIN",
        "evaluate": "learning.evaluate:EVALUATE",
        "export": "learning.export:EXPORT",
        "compare": "learning.compare:COMPARE",
        "completion": "completion:COMPLETION",
    }
)
"""Where each command is defined: a module of `tintype.cli`, and the name in it."""


class Tintype(click.Group):
    """All commands; colouring photographs is the default."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in help order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports and returns the command with this name."""
        if cmd_name not in _PLACES:
            return None
        module, name = _PLACES[cmd_name].split(":")
        command: click.Command = getattr(import_module(f"tintype.cli.{module}"), name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the arguments; unless a command's name comes first, the default command runs."""
        if args and args[0] == HELP and not ctx.resilient_parsing:
            args = _asking_for_help(args[1:])
        if not args or args[0] not in COMMANDS:
            if args and not ctx.resilient_parsing:
                _refuse_misspelt(args[0])
            args = [COLOR, *args]
        return super().parse_args(ctx, args)


def _asking_for_help(names: list[str]) -> list[str]:
    """The arguments equivalent to ``help`` and ``help COMMAND``."""
    if len(names) > 1 or (names and names[0] not in COMMANDS):
        meant = difflib.get_close_matches(names[0].lower(), COMMANDS, n=1, cutoff=0.6)
        raise UsageError(
            f"There is no command named {shown(' '.join(names))}.",
            advice=f"Did you mean tintype help {meant[0]}?"
            if meant
            else f"The commands are {', '.join(COMMANDS)}.",
        )
    return [*names, "--help"]


def _refuse_misspelt(first: str) -> None:
    """Refuses a first argument that is not a file but resembles a command's name."""
    if first.isalpha() and not os.path.lexists(first):
        meant = difflib.get_close_matches(first.lower(), COMMANDS, n=1, cutoff=0.75)
        if meant:
            raise UsageError(
                f"There is neither a file nor a command named {first}.",
                advice=f"Did you mean tintype {meant[0]}?",
            )


TINTYPE = Tintype("tintype", add_help_option=False)
"""The parser of the arguments after the program's name."""
