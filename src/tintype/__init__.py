"""Tintype colours black-and-white photographs on your own machine.

Example:
    >>> import tintype
    >>> tintype.colorize("grandmother.jpg")
    PosixPath('grandmother.color.jpg')

Importing this package is cheap: the names below are resolved on first use.
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

# Unless this variable is set before ONNX Runtime 1.32 or later is loaded, it writes a machine ID
# to the home folder, and ten seconds later sends telemetry to its vendor. Its own
# `disable_telemetry_events` comes too late for both. Only here is it certain to be set in time.
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
