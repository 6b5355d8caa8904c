"""The entry point of the command: arguments in, exit code out, one line for each error.

Heavy modules are imported only when they are needed, so help and usage errors appear at once.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tintype.cli.group import COLOR, COMPLETE, TINTYPE
from tintype.cli.show import say
from tintype.cli.signals import INTERRUPTED, ending_as_interrupts
from tintype.errors import TintypeError, UsageError

FAULT = "Internal error"
"""How the line about an internal error begins."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        argv: The arguments after the program's name; None uses those of this process.

    Returns:
        The exit code: 0 all done, 1 some files failed, 2 usage, 3 nothing could be done, 130
        interrupted.
    """
    argv = sys.argv[1:] if argv is None else argv
    try:
        if instruction := os.environ.get(COMPLETE):
            from tintype.cli.completion import answer

            return answer(instruction)
        with ending_as_interrupts():
            return run(argv)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        hint = f"Run {context.command_path.strip() if context else 'tintype'} --help."
        if any(word.startswith("-") and os.path.lexists(word) for word in argv):
            hint = "Give a file whose name begins with - after --, or as ./-NAME."
        # On one line: click puts each choice on a line of its own.
        message = " ".join(error.format_message().split())
        say(f"{message}{'' if message[-1:] in '.?!)' else '.'} {hint}")
        return UsageError.exit_code
    except TintypeError as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("Interrupted. The same command continues where this one stopped.")
        return INTERRUPTED
    except MemoryError:
        say("There is not enough memory.")
        return TintypeError.exit_code
    except Exception as error:
        # An internal error is also one line, unless a traceback was requested.
        if os.environ.get("TINTYPE_TRACEBACK"):
            raise
        if isinstance(error, FileNotFoundError) and not _has_folder():
            say("The current folder no longer exists. Change to another one.")
            return TintypeError.exit_code
        say(
            f"{FAULT}: {type(error).__name__}: {error}. Please report it; set "
            "TINTYPE_TRACEBACK=1 in the environment to get the traceback."
        )
        return TintypeError.exit_code


def _has_folder() -> bool:
    """Whether the current folder exists; a relative path means nothing without it."""
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def run(argv: Sequence[str]) -> int:
    """Runs the command without handling exceptions.

    Args:
        argv: As for `main`.

    Returns:
        The exit code of a command that ran to completion.

    Raises:
        click.ClickException: The arguments cannot be parsed.
        click.exceptions.Exit: Help or the version was printed.
        TintypeError: The command failed.
    """
    if not argv:
        if sys.stderr is not None:
            print(help_page(), file=sys.stderr)  # noqa: T201
        return UsageError.exit_code
    # Not click's `main`, which handles exit codes, Ctrl-C and closed pipes itself.
    with TINTYPE.make_context("tintype", list(argv)) as context:
        code: int = TINTYPE.invoke(context)
        return code


def help_page() -> str:
    """The first page of help."""
    with click.Context(TINTYPE, info_name="tintype") as context:
        command = TINTYPE.get_command(context, COLOR)
        assert command is not None
        return command.get_help(click.Context(command, info_name=COLOR, parent=context))
