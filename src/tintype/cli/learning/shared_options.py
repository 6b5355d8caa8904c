"""Options shared by several commands: each has a single name, type and default."""

from pathlib import Path

from tintype.cli.parsing import Option, Several
from tintype.cli.values import FileType, FolderType, WholeType

SOURCES = FileType(".zip")
"""Photographs: folders, or zips."""
RECIPE = FileType(".toml")
WEIGHTS = FileType(".safetensors")


def data_option(text: str, *, required: bool = True) -> Several:
    """``--data``.

    Args:
        text: The help text.
        required: Whether the option is required.
    """
    return Several("--data", type=SOURCES, required=required, metavar="PATH", help=text)


def cache_option() -> Option:
    """``--cache``."""
    return Option(
        "--cache",
        type=FolderType(),
        default=Path("cache"),
        metavar="DIR",
        help="Folder for the decoded photographs.",
    )


def device_option() -> Option:
    """``--device``."""
    return Option(
        "--device", default="auto", metavar="DEVICE", help="Where to train: auto, cpu or cuda."
    )


def size_option(more: str = "") -> Option:
    """``--size``.

    Args:
        more: Further meaning in this command, with a leading "; ".
    """
    text = f"Side of the square that pictures are cropped to{more}."
    return Option("--size", type=WholeType(1, 4096), default=256, metavar="PIXELS", help=text)


def limit_option() -> Option:
    """``--limit``."""
    text = "Use at most this many pictures from each set."
    return Option("--limit", type=WholeType(1), metavar="N", help=text)


def threads_option() -> Option:
    """``--threads``."""
    text = "Number of pictures to colour in parallel."
    return Option("--threads", type=WholeType(1, 1024), default=2, metavar="N", help=text)
