"""Reading what a user names, bounded: a file or a stream that is too long is never held whole."""

from pathlib import Path
from typing import BinaryIO

from tintype.errors import UnreadablePhotoError, UsageError, shown

# Bytes of a file per pixel allowed in it: 16-bit RGBA is eight, the rest is for several pages. And
# the bytes that any file may have, for metadata.
_BYTES_PER_PIXEL = 16


_BYTES_FREE = 64 * 2**20


def read_input(source: Path, *, max_pixels: int) -> bytes:
    """The bytes of a file, unless it is too long to be a photograph of that many pixels.

    Args:
        source: A regular file.
        max_pixels: The limit that `decode` will apply to what is in it.

    Raises:
        UnreadablePhotoError: Missing, no permission, not a file, or too long.
    """
    try:
        size = source.stat().st_size
        if not source.is_file():
            kind = "a folder" if source.is_dir() else "not a regular file"
            raise UnreadablePhotoError(f"{shown(source)} is {kind}.")
        refuse_long(size, name=shown(source), max_pixels=max_pixels)
        return source.read_bytes()
    except (OSError, ValueError) as error:
        text = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadablePhotoError(f"{shown(source)} cannot be read: {text}.") from error


def read_stream(stream: BinaryIO, *, name: str, max_pixels: int) -> bytes:
    """The bytes of a stream, unless there are too many.

    Args:
        stream: Open for reading bytes.
        name: For messages.
        max_pixels: As for `decode`.

    Raises:
        UsageError: The stream gives text.
        UnreadablePhotoError: It fails, or gives too much.
    """
    try:
        # One byte more than the limit, so that "too long" is seen without reading all of it.
        data = stream.read(longest_input(max_pixels) + 1)
    except OSError as error:
        raise UnreadablePhotoError(f"{name} cannot be read: {error.strerror}.") from error
    if not isinstance(data, bytes):
        raise UsageError(f"{name} gives text, not bytes.", advice="Open it in binary mode.")
    refuse_long(len(data), name=name, max_pixels=max_pixels)
    return data


def refuse_long(size: int, *, name: str, max_pixels: int) -> None:
    """Refuses a file by its length, before it fills the memory.

    Args:
        size: In bytes.
        name: For the message.
        max_pixels: As for `decode`.

    Raises:
        UnreadablePhotoError: Longer than any photograph within the limit.
    """
    limit = longest_input(max_pixels)
    if size > limit:
        raise UnreadablePhotoError(
            f"{name} is longer than {limit // 2**20} MiB, too long for one photograph.",
            advice="Give --max-megapixels a higher number if it really is one.",
        )


def longest_input(max_pixels: int) -> int:
    """Bytes that a file with a photograph of so many pixels may have."""
    return _BYTES_FREE + _BYTES_PER_PIXEL * max_pixels
