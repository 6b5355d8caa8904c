"""Sample strips: small pictures side by side."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.errors import LearnError
from tintype.files.own import png_mark
from tintype.learn.evaluate.protocol import to_square
from tintype.learn.train.checkpoint import write_own

_SIDE = 160
_STRIP = "sample strip"


def is_strip(data: bytes) -> bool:
    """Whether a file was written by `write_strip`."""
    return data.startswith(b"\xff\xd8") and png_mark(_STRIP).encode("ascii") in data[: 1 << 12]


def read_originals(folder: Path, *, size: int = 256) -> list[NDArray[np.uint8]]:
    """Reads the publishable photographs that every strip shows.

    Args:
        folder: Folder of the photographs.
        size: Side of the squares.

    Raises:
        LearnError: There are none.
    """
    paths = sorted(folder.glob("*.jpg"))
    if not paths:
        raise LearnError(
            f"{folder} contains no photographs for the sample strips.",
            advice="Put some colour JPEG files there that may be published.",
        )
    squares = []
    for path in paths:
        with Image.open(path) as image:
            squares.append(to_square(image.convert("RGB"), size))
    return squares


def write_strip(path: Path, pictures: Sequence[NDArray[np.uint8]]) -> None:
    """Writes pictures side by side.

    Raises:
        TargetExistsError: There is a file that is not a strip.
    """
    row = [to_square(Image.fromarray(picture), _SIDE) for picture in pictures]
    out = io.BytesIO()
    sheet = Image.fromarray(np.concatenate(row, axis=1))
    sheet.save(out, "JPEG", quality=85, comment=png_mark(_STRIP))
    write_own(path, out.getvalue(), is_strip, what="a sample strip")
