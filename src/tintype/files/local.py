"""Reads files and streams up to a limit, so that an oversized one is never fully in memory."""

import errno
import io
import os
from pathlib import Path
from typing import BinaryIO

from tintype.errors import UnreadablePhotoError, UsageError, reason, shown

# Per pixel of the limit: 16-bit RGBA takes eight; the rest is for further pages.
_BYTES_PER_PIXEL = 16
# Allowance for metadata, independent of the limit.
_METADATA_BYTES = 64 * 2**20

# Bytes per read from an unbuffered stream, which allocates this much for each read.
_UNBUFFERED = 1 << 20


def read_input(source: Path, *, max_pixels: int) -> bytes:
    """Reads a file, unless it is too long for a photograph of that many pixels.

    Args:
        source: A regular file.
        max_pixels: The limit that `decode` will apply.

    Raises:
        UnreadablePhotoError: Missing, no permission, not a file, or too long.
    """
    try:
        size = source.stat().st_size
        if not source.is_file():
            kind = "a folder" if source.is_dir() else "not a regular file"
            raise UnreadablePhotoError(f"{shown(source)} is {kind}.")
        check_length(size, name=shown(source), max_pixels=max_pixels)
        return source.read_bytes()
    except (OSError, ValueError) as error:
        text = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadablePhotoError(f"{shown(source)} cannot be read: {text}.") from error


def read_regular(path: Path, *, most: int) -> bytes:
    """The bytes of a regular file: a pipe would be waited for, and a device has no end.

    Args:
        path: The file.
        most: Bytes; a longer file is refused.

    Raises:
        OSError: It cannot be read, is not a regular file, or is longer; `strerror` says which.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is not a regular file")
        with path.open("rb") as file:
            # More than it says now is not read either.
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise too_long(most)
            return file.read(size)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error)) from None


def too_long(most: int) -> OSError:
    """The error for a file of more bytes than `most`."""
    return OSError(errno.EFBIG, f"it is longer than {most >> 20} MiB")


def read_stream(stream: BinaryIO, *, name: str, max_pixels: int) -> bytes:
    """Reads a stream, unless it is too long.

    Args:
        stream: A stream open for reading bytes.
        name: Its name, for messages.
        max_pixels: As for `decode`.

    Raises:
        UsageError: It is a text stream, or is non-blocking.
        UnreadablePhotoError: Reading fails, or it is too long.
    """
    # One byte more than the limit, to detect an oversized stream without reading all of it.
    left = max_input_bytes(max_pixels) + 1
    parts: list[bytes] = []
    while left > 0:
        # An unbuffered pipe returns what has arrived, which may be less than requested.
        part = _part_of(stream, left, name=name)
        if not part:
            break
        parts.append(part)
        left -= len(part)
    check_length(sum(map(len, parts)), name=name, max_pixels=max_pixels)
    return b"".join(parts)


def _part_of(stream: BinaryIO, most: int, *, name: str) -> bytes:
    try:
        part = stream.read(min(most, _UNBUFFERED) if isinstance(stream, io.RawIOBase) else most)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise UnreadablePhotoError(f"{name} cannot be read: {reason(error)}.") from error
    if part is None:
        raise UsageError(
            f"{name} is non-blocking and has no data yet.",
            advice="Make it blocking: os.set_blocking(stream.fileno(), True).",
        )
    if not isinstance(part, bytes):
        raise UsageError(f"{name} returns text, not bytes.", advice="Open it in binary mode.")
    return part


def check_length(size: int, *, name: str, max_pixels: int) -> None:
    """Refuses a file by its length, before it is read into memory.

    Args:
        size: Length in bytes.
        name: Its name, for the message.
        max_pixels: As for `decode`.

    Raises:
        UnreadablePhotoError: Longer than any photograph within the limit.
    """
    limit = max_input_bytes(max_pixels)
    if size > limit:
        raise UnreadablePhotoError(
            f"{name} is longer than {limit // 2**20} MiB, too long for one photograph.",
            advice="Give --max-megapixels a higher number if it really is one.",
        )


def max_input_bytes(max_pixels: int) -> int:
    """Maximum length in bytes of a file whose photograph has this many pixels."""
    return _METADATA_BYTES + _BYTES_PER_PIXEL * max_pixels
