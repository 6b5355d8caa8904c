"""Tintype colours black-and-white photographs on your own machine.

Example:
    >>> import tintype
    >>> tintype.colorize("grandmother.jpg")
    PosixPath('grandmother.color.jpg')

Importing this package loads nothing heavy: the names below are resolved when first used.
"""

import os
from typing import TYPE_CHECKING, Any

from tintype._version import __version__
from tintype.errors import (
    ModelError,
    PhotoError,
    PhotoTooLargeError,
    PhotoWarning,
    TargetExistsError,
    TintypeError,
    UnreadablePhotoError,
    UnsupportedPhotoError,
    UsageError,
    WriteError,
)

# From 1.32 on, ONNX Runtime writes a number for this machine into the home folder when loaded,
# and ten seconds later reports to its maker, unless this stands in the environment before. Its own
# `disable_telemetry_events` comes too late for both. No other place is sure to be passed first.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from tintype.api import Colorizer, colorize

__all__ = [
    "Colorizer",
    "ModelError",
    "PhotoError",
    "PhotoTooLargeError",
    "PhotoWarning",
    "TargetExistsError",
    "TintypeError",
    "UnreadablePhotoError",
    "UnsupportedPhotoError",
    "UsageError",
    "WriteError",
    "__version__",
    "colorize",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in {"Colorizer", "colorize"}:
        from tintype import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
