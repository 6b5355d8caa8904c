"""Checks and converts the arguments of the Python API."""

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

# Number of floating-point values converted at a time.
_STRIP = 1 << 20


def model_of(model: str | os.PathLike[str] | None) -> str | Path | None:
    """The `model` argument, as `load_bundle` accepts it.

    Raises:
        UsageError: It is neither text nor a path.
    """
    return model if model is None or isinstance(model, str) else path_of(model, what="model")


def path_of(x: str | os.PathLike[str], *, what: str) -> Path:
    """Checks a path argument.

    Args:
        x: The argument.
        what: Its name, for the message.

    Raises:
        UsageError: It is not a path.
    """
    try:
        return Path(x)
    except TypeError:
        raise UsageError(
            f"{what} is a {type(x).__name__}, not a path.", advice="Give text or a pathlib.Path."
        ) from None


def pixel_limit(number: Any) -> int:  # noqa: ANN401
    """A pixel limit, which may also be a float such as 1e8.

    Raises:
        UsageError: It is not a number of at least 1.
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
    """Refuses a folder, and a file name extension that belongs to no format.

    Args:
        target: The path of the output.
        layered: Whether the output has layers.

    Raises:
        UsageError: The path is a folder, or has such an extension.
    """
    if target_exists(target) and target.is_dir():
        raise UsageError(
            f"{shown(target)} is a folder.",
            advice="output names a file: give output=folder / name.",
        )
    check_output_name(target, None, layered=layered)


def check_has_file(x: object) -> None:
    """Refuses the option `output` if the photograph is not passed as a path.

    Raises:
        UsageError: `x` is not a path.
    """
    if not isinstance(x, str | os.PathLike):
        raise UsageError(
            f"output applies to paths, but the photograph is a {type(x).__name__}.",
            advice="Write the result to a file yourself, or give the path of the photograph.",
        )


def stream_bytes(stream: BinaryIO, *, max_pixels: int) -> bytes:
    """Reads a stream from its current position, or from its start if it is at its end.

    Args:
        stream: A binary stream. One at its end has probably just been written; Pillow rewinds such
            streams too.
        max_pixels: Limits how many bytes are read.
    """
    data = read_stream(stream, name="the stream", max_pixels=max_pixels)
    if not data and _rewound(stream):
        data = read_stream(stream, name="the stream", max_pixels=max_pixels)
    return data


def _rewound(stream: BinaryIO) -> bool:
    """Rewinds a stream that is at its end; returns whether that was possible."""
    try:
        if not stream.seekable() or stream.tell() == 0:
            return False
        stream.seek(0)
    except (AttributeError, OSError, ValueError):
        return False
    return True


def steps_of(pixels: NDArray[Any]) -> NDArray[np.uint16]:
    """Converts floating-point values from 0 to 1 to 16 bits, which is finer than any photograph.

    Computed in float64 whatever the input type: 65535 overflows to infinity in float16.
    """
    steps = np.empty(pixels.shape, np.uint16)
    for rows in _strips(pixels.shape):
        values = pixels[rows].astype(np.float64)
        if not np.all((values >= 0) & (values <= 1)):
            raise UnsupportedPhotoError(
                "The floating-point array has values outside 0 to 1.",
                advice="Scale it, or give uint8 or uint16.",
            )
        steps[rows] = np.rint(values * 65535)
    return steps


def floats_of(steps: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Converts 16-bit values to any floating-point type, from 0 to 1."""
    values = np.empty(steps.shape, dtype)
    for rows in _strips(steps.shape):
        values[rows] = steps[rows].astype(np.float64) / 65535
    return values


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices of an array's rows, each of about `_STRIP` values; none if it has no rows."""
    if len(shape) > 1 and 0 not in shape:
        height = max(1, _STRIP * shape[0] // math.prod(shape))
        yield from (slice(top, top + height) for top in range(0, shape[0], height))
