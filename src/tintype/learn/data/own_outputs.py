"""Finds outputs of this program among photographs, to exclude them from training and evaluation.

Their colours are a model's own guesses. Coloured files record their provenance; if another program
has removed it, or the format cannot store it, the file name beside the source identifies them.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tintype.files.own import has_any_mark
from tintype.learn.data.manifest import PhotoSource
from tintype.photo.decode import is_own_picture

MADE_HERE = "made by Tintype"
"""The reason for leaving them out."""

_NAME = re.compile(r"\.color(-\d+)?$")


def is_own_output(data: bytes) -> bool:
    """Whether a file is marked as made by this program: a coloured photograph, a map, a sheet."""
    return has_any_mark(data) or is_own_picture(data)


def named_as_outputs(sources: Sequence[PhotoSource]) -> frozenset[PhotoSource]:
    """The sources named like a coloured file, beside the photograph it is named after.

    Args:
        sources: All pictures of their folders; ``name.color.jpg`` and ``name.color-2.jpg`` are
            outputs if ``name.jpg`` or ``name.tif`` is among them.
    """
    known = {_stem(source) for source in sources}
    return frozenset(
        source
        for source in sources
        if _NAME.search(_stem(source)[1])
        and (source.container, _NAME.sub("", _stem(source)[1])) in known
    )


def _stem(source: PhotoSource) -> tuple[Path, str]:
    return source.container, str(PurePosixPath(source.member).with_suffix(""))
