"""What the learning commands share: one-line mistakes, and lines to a person."""

import argparse
import sys
from typing import NoReturn

from tintype.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Says a mistake in the words in one line, as every other command does."""

    def error(self, message: str) -> NoReturn:
        """Raises it as a `UsageError`."""
        raise UsageError(f"{self.prog}: {message}.", advice=f"Type {self.prog} --help.")


def say(text: str) -> None:
    """A line about progress."""
    print(f"tintype: {text}", file=sys.stderr)  # noqa: T201 - progress
