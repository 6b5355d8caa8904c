"""Every file named on the command line is either an input or an output, never both."""

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tintype.errors import UsageError, shown
from tintype.files.remote import Location, parse_location
from tintype.files.temporary import refuse_internal, refuse_temporary
from tintype.jobs.same_file import same_place

Named = Sequence[tuple[str, str | None]]
"""The option, or the metavar of the argument, that names a file; and the file."""


def check_roles(inputs: Named, outputs: Named) -> None:
    """Refuses a command that names one file in two roles, before the command begins.

    Args:
        inputs: Files that are read; None and ``-`` are not files.
        outputs: Files that are written.

    Raises:
        UsageError: An output is also an input, is named twice, or has the name of a state file, or
            a file has the name of a temporary file.
    """
    for _, path in _files(inputs):
        refuse_temporary(Path(str(path)))
    written = _files(outputs)
    for _, path in written:
        refuse_internal(Path(str(path)))
    for number, (option, path) in enumerate(written):
        for other, source in _files(inputs):
            if same_place(path, source):
                raise UsageError(
                    f"{shown(str(path))} is an input ({other}) and an output ({option}).",
                    advice=f"Give {option} another name; inputs are never replaced.",
                )
        for other, second in written[:number]:
            if same_place(path, second):
                raise UsageError(
                    f"{other} and {option} name the same file, {shown(str(path))}.",
                    advice=f"Give {option} another name.",
                )


def check_streams(inputs: Named, outputs: Named) -> None:
    """Refuses a command that writes to a file from which it reads, through a redirection.

    Args:
        inputs: As for `check_roles`; ``-`` is standard input.
        outputs: As for `check_roles`; ``-`` is standard output.

    Raises:
        UsageError: Standard input is an output, or standard output is an input.
    """
    read = _identities(inputs, sys.stdin, "standard input")
    for identity, name in _identities(outputs, sys.stdout, "standard output").items():
        if identity in read:
            raise UsageError(
                f"{name} and {read[identity]} are the same file, and an input is never replaced.",
                advice="Write to another file.",
            )


def _identities(named: Named, stream: TextIO | None, title: str) -> dict[tuple[int, int], str]:
    """Device and inode of each regular file, with what it is called in messages."""
    found: dict[tuple[int, int], str] = {}
    for _, word in named:
        try:
            if word == "-" and stream is not None:
                status, name = os.fstat(stream.fileno()), title
            else:
                status, name = os.stat(word or ""), shown(word or "")  # noqa: PTH116
        except (OSError, ValueError):  # missing, or a stream that is no file
            continue
        if stat.S_ISREG(status.st_mode):
            found[status.st_dev, status.st_ino] = name
    return found


def _files(named: Named) -> list[tuple[str, Location]]:
    return [(option, parse_location(word)) for option, word in named if word and word != "-"]
