"""Notes of the Python API: what the command prints about a photograph, as warnings.

A caller decides what becomes of them with the `warnings` module: shown once, collected, raised as
errors, or ignored.
"""

import inspect
import warnings
from collections.abc import Iterable

from PIL import Image

from tintype.errors import PhotoWarning

# What Pillow reads into `Image.info` and the image that is returned has no place for.
_INFO = {"xmp": "XMP", "photoshop": "IPTC and Photoshop data", "comment": "comment"}


def warn(name: str, notes: Iterable[str]) -> None:
    """Warns of each note, at the line outside this package that asked for the photograph.

    Args:
        name: Of the photograph, as `tintype.errors.shown` gives it.
        notes: Sentences.
    """
    level = _frames_of_package()
    for note in notes:
        warnings.warn(f"{name}: {note}", PhotoWarning, stacklevel=level)


def not_carried(image: Image.Image) -> list[str]:
    """Sentences on what a Pillow image holds and the one returned for it does not."""
    found = [title for key, title in _INFO.items() if image.info.get(key)]
    if getattr(image, "text", None):
        found.append("texts")
    notes = [f"The image that is returned has no {part}." for part in found]
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
