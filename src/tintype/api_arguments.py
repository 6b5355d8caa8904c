"""Arguments of the Python API: what is given, as it is needed."""

import math
import os
from collections.abc import Iterator
from numbers import Real
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tintype.errors import UnsupportedPhotoError, UsageError, shown
from tintype.files.atomic import target_exists
from tintype.files.local import read_stream
from tintype.photo.naming import check_output_name

# Values that are converted from floating point numbers at a time.
_STRIP = 1 << 20


def model_of(model: str | os.PathLike[str] | None) -> str | Path | None:
    """A model as `load_bundle` takes it.

    Raises:
        UsageError: It is no text and no path.
    """
    return model if model is None or isinstance(model, str) else path_of(model, what="model")


def path_of(x: str | os.PathLike[str], *, what: str) -> Path:
    """A path.

    Args:
        x: What is given for one.
        what: The name of the argument.

    Raises:
        UsageError: It is something else.
    """
    try:
        return Path(x)
    except TypeError:
        raise UsageError(
            f"{what} is a {type(x).__name__}, not a path.", advice="Give text or a pathlib.Path."
        ) from None


def pixel_limit(number: Any) -> int:  # noqa: ANN401
    """A limit of pixels, which may be written 1e8.

    Raises:
        UsageError: It is no number from 1.
    """
    if (
        isinstance(number, bool)
        or not isinstance(number, Real)
        or not 1 <= float(number) < math.inf
    ):
        raise UsageError(
            f"max_pixels is {number!r}, not a number of pixels.", advice="Give 100_000_000."
        )
    return int(float(number))


def check_output(target: Path, *, layered: bool) -> None:
    """Refuses a folder, and an ending that no format has.

    Args:
        target: Where a file is to be written.
        layered: Whether it has layers.

    Raises:
        UsageError: It is one.
    """
    if target_exists(target) and target.is_dir():
        raise UsageError(
            f"{shown(target)} is a folder.",
            advice="output names a file: give output=folder / name.",
        )
    check_output_name(target, None, layered=layered)


def check_has_file(x: object) -> None:
    """Refuses the name of an output for what is no file.

    Raises:
        UsageError: `x` is no path.
    """
    if not isinstance(x, str | os.PathLike):
        raise UsageError(
            f"output names a file, but a {type(x).__name__} is coloured.",
            advice="Write what is returned yourself, or give the path of the photograph.",
        )


def stream_bytes(stream: BinaryIO, *, max_pixels: int) -> bytes:
    """What a stream holds from where it is; from its start where it is at its end.

    Args:
        stream: What has just been written to it is meant, as Pillow takes it.
        max_pixels: Bounds what is read.
    """
    data = read_stream(stream, name="the stream", max_pixels=max_pixels)
    if not data and _rewound(stream):
        data = read_stream(stream, name="the stream", max_pixels=max_pixels)
    return data


def _rewound(stream: BinaryIO) -> bool:
    """Whether a stream could be set from its end to its start."""
    try:
        if not stream.seekable() or stream.tell() == 0:
            return False
        stream.seek(0)
    except (AttributeError, OSError, ValueError):
        return False
    return True


def steps_of(pixels: NDArray[Any]) -> NDArray[np.uint16]:
    """Floating point numbers within 0 to 1 in 16 bits, which are finer than any photograph.

    In float64, whatever they are given in: 65535 is infinite in float16.
    """
    steps = np.empty(pixels.shape, np.uint16)
    for rows in _strips(pixels.shape):
        values = pixels[rows].astype(np.float64)
        if not np.all((values >= 0) & (values <= 1)):
            raise UnsupportedPhotoError(
                "An array of floating point numbers has values outside 0 to 1.",
                advice="Scale it, or give uint8 or uint16.",
            )
        steps[rows] = np.rint(values * 65535)
    return steps


def floats_of(steps: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """16 bits as floating point numbers of any type within 0 to 1."""
    values = np.empty(steps.shape, dtype)
    for rows in _strips(steps.shape):
        values[rows] = steps[rows].astype(np.float64) / 65535
    return values


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of an array, some thousands of values at a time; none of one without rows."""
    if len(shape) > 1 and 0 not in shape:
        height = max(1, _STRIP * shape[0] // math.prod(shape))
        yield from (slice(top, top + height) for top in range(0, shape[0], height))
