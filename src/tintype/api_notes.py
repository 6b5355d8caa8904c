"""Notes in the Python API: what the command prints about a photograph becomes warnings.

Callers handle them with the `warnings` module: show them once, collect them, raise them as errors,
or ignore them.
"""

import inspect
import warnings
from collections.abc import Iterable

from PIL import Image

from tintype.errors import PhotoWarning

# Entries of Pillow's `Image.info` that the returned image does not carry.
_INFO = {"xmp": "XMP", "photoshop": "IPTC and Photoshop data", "comment": "comment"}


def warn(name: str, notes: Iterable[str]) -> None:
    """Issues each note as a warning, attributed to the nearest caller outside this package.

    Args:
        name: Name of the photograph, as returned by `tintype.errors.shown`.
        notes: Sentences.
    """
    level = _frames_of_package()
    for note in notes:
        warnings.warn(f"{name}: {note}", PhotoWarning, stacklevel=level)


def not_carried(image: Image.Image) -> list[str]:
    """Sentences on what a Pillow image contains and the returned image lacks."""
    found = [title for key, title in _INFO.items() if image.info.get(key)]
    if getattr(image, "text", None):
        found.append("texts")
    notes = [f"The returned image has no {part}." for part in found]
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        notes.append(f"Only one of its {frames} frames is coloured; give the file for all pages.")
    return notes


def _frames_of_package() -> int:
    """The `stacklevel` that `warn` needs for the nearest caller outside this package."""
    level, frame = 1, inspect.currentframe()
    frame = frame and frame.f_back
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] == "tintype":
        level, frame = level + 1, frame.f_back
    return level
