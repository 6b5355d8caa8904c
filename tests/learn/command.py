"""The learning commands in this process, with their errors as exceptions."""

from collections.abc import Sequence

from tintype.cli.app import run


def main(command: str, words: Sequence[str]) -> int:
    """`tintype COMMAND WORDS`; raises what the command would have printed as one line."""
    return run([command, *words])
