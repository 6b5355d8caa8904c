"""Every file named on the command line is either an input or an output, never both."""

from collections.abc import Sequence
from pathlib import Path

from tintype.errors import UsageError, shown
from tintype.jobs.same_file import same_place

Named = Sequence[tuple[str, str | None]]
"""The option, or the metavar of the argument, that names a file; and the file."""


def check_roles(inputs: Named, outputs: Named) -> None:
    """Refuses a command that names one file in two roles, before the command begins.

    Args:
        inputs: Files that are read; None and ``-`` are not files.
        outputs: Files that are written.

    Raises:
        UsageError: An output is also an input, or is named twice.
    """
    written = _files(outputs)
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


def _files(named: Named) -> list[tuple[str, Path]]:
    return [(option, Path(word)) for option, word in named if word not in (None, "", "-")]
