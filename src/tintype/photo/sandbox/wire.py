"""The protocol between parent and child, and the checks on the child's answers.

An answer is a length, a header (MessagePack, checked against types by msgspec) and the pixels, raw.
Nothing is unpickled. A compromised decoder can answer anything at all, so whatever can grow is
bounded before it is allocated, and texts lose any characters that could control a terminal.
"""

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from tintype.errors import (
    PhotoError,
    PhotoTooLargeError,
    UnreadablePhotoError,
    UnsupportedPhotoError,
    brief,
)
from tintype.photo.sandbox.limits import Limits

_T = TypeVar("_T")
Plane = NDArray[Any]

LENGTH = struct.Struct("!I")
"""Precedes each header."""

_MOST_TEXT = 2000
_MOST_PLANES = 100_000
# Metadata beyond the length of the file, where it may be compressed (see png_chunks).
_MOST_UNPACKED = 40 << 20

_ERRORS: dict[str, type[PhotoError]] = {
    kind.__name__: kind
    for kind in (PhotoError, PhotoTooLargeError, UnreadablePhotoError, UnsupportedPhotoError)
}


class NonsenseError(Exception):
    """The child's answer is not what a decoder returns."""


class DecoderFaultError(RuntimeError):
    """A decoder raised an unexpected exception: our fault, with the text of the exception."""


class Request(msgspec.Struct, frozen=True):
    """A request to a child; the file follows.

    Attributes:
        operation: A key of the child's table.
        name: The file's name in messages.
        size: Of the file, in bytes.
        numbers: Further arguments, by position.
        limits: Its resource limits.
        encodes: Whether one of our pictures is encoded, instead of a file decoded.
    """

    operation: str
    name: str
    size: int
    numbers: tuple[int, ...]
    limits: Limits
    encodes: bool = False

    def failed(self, why: str, *, by: str = "its {}er ") -> PhotoError:
        """The error if the child died, or its answer was not valid.

        Args:
            why: A clause.
            by: The beginning of the clause; the braces are "decod" or "encod".
        """
        if self.encodes:
            return UnsupportedPhotoError(
                f"{self.name} cannot be written: {by.format('encod')}{why}.",
                advice="Use --format png or tiff.",
            )
        return UnreadablePhotoError(
            f"{self.name} cannot be decoded: {by.format('decod')}{why}.",
            advice="It may be damaged or malicious; copy it again from where it came.",
        )


class Failure(msgspec.Struct, frozen=True):
    """An exception: the name of its class, and its text."""

    kind: str
    message: str
    advice: str = ""

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """From an exception in the child."""
        for kind in type(error).__mro__:
            if kind.__name__ in _ERRORS and isinstance(error, PhotoError):
                return cls(kind.__name__, error.message, error.advice)
        if isinstance(error, MemoryError):
            return cls(MemoryError.__name__, "")
        return cls("", f"{type(error).__name__}: {error}")

    def exception(self) -> Exception:
        """The exception to raise in the parent."""
        message = brief(self.message, most=_MOST_TEXT)
        kind = _ERRORS.get(self.kind)
        if self.kind == MemoryError.__name__:
            return MemoryError()
        if kind is None:
            return DecoderFaultError(message)
        advice = brief(self.advice, most=_MOST_TEXT) if self.advice else ""
        return kind(message, advice=advice)


class _PlaneSpec(msgspec.Struct, frozen=True, array_like=True):
    kind: Literal["u1", "u2", "i2"]
    shape: tuple[int, ...]


class _Header(msgspec.Struct, frozen=True):
    planes: tuple[_PlaneSpec, ...]
    value: msgspec.Raw = msgspec.Raw(b"\xc0")  # nil
    failure: Failure | None = None


def packed(value: object) -> tuple[bytes, list[Plane]]:
    """An answer: its header, preceded by its length, and the planes that follow.

    Args:
        value: Data of the types that `received` names, or an exception.
    """
    planes: list[Plane] = []

    def hook(part: object) -> int:
        if not isinstance(part, np.ndarray):
            raise TypeError(f"a {type(part).__name__} in an answer")
        planes.append(np.ascontiguousarray(part))
        return len(planes) - 1

    if isinstance(value, Exception):
        header = _Header((), failure=Failure.of(value))
    else:
        raw = msgspec.Raw(msgspec.msgpack.encode(value, enc_hook=hook))
        specs = tuple(_PlaneSpec(plane.dtype.str[1:], plane.shape) for plane in planes)  # type: ignore[arg-type]  # checked when it is read
        header = _Header(specs, raw)
    encoded = msgspec.msgpack.encode(header)
    return LENGTH.pack(len(encoded)) + encoded, planes


def received(
    read: Callable[[memoryview], None], kind: type[_T], *, size: int, most_bytes: int
) -> _T:
    """Reads an answer.

    Args:
        read: Fills a buffer with the next bytes.
        kind: Type of the value.
        size: Of the file that was sent: bounds the metadata.
        most_bytes: Maximum for all planes together.

    Raises:
        NonsenseError: It is not of this type, or out of bounds.
        PhotoError: Raised in the child.
        DecoderFaultError: The child encountered a fault of ours.
    """
    length = LENGTH.unpack(_bytes(read, LENGTH.size))[0]
    if length > size + _MOST_UNPACKED:
        raise NonsenseError("its metadata has no end")
    try:
        header = msgspec.msgpack.decode(_bytes(read, length), type=_Header)
    except msgspec.MsgspecError as error:
        raise NonsenseError(str(error)) from error
    if header.failure is not None:
        raise header.failure.exception()
    _check_planes(header.planes, most_bytes)
    planes: list[Plane | None] = []
    for spec in header.planes:
        plane = np.empty(spec.shape, np.dtype(spec.kind))
        read(plane.data.cast("B"))
        planes.append(plane)
    return _value(header.value, kind, planes)


def _check_planes(specs: Sequence[_PlaneSpec], most_bytes: int) -> None:
    if len(specs) > _MOST_PLANES:
        raise NonsenseError("planes without end")
    total = 0
    for spec in specs:
        if not 1 <= len(spec.shape) <= 3 or not all(1 <= side < 1 << 31 for side in spec.shape):
            raise NonsenseError(f"a plane of {brief(spec.shape)}")
        total += math.prod(spec.shape) * int(spec.kind[1])
    if total > most_bytes:
        raise NonsenseError(f"{total:,} bytes of pixels")


def _value(raw: msgspec.Raw, kind: type[_T], planes: list[Plane | None]) -> _T:
    def hook(_kind: type[Any], index: object) -> Plane:
        if not isinstance(index, int) or not 0 <= index < len(planes):
            raise NonsenseError("a plane that there is not")
        plane, planes[index] = planes[index], None
        if plane is None:
            raise NonsenseError("a plane twice")
        return plane

    try:
        return msgspec.msgpack.decode(raw, type=kind, dec_hook=hook)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise NonsenseError(str(error)) from error


def _bytes(read: Callable[[memoryview], None], size: int) -> bytearray:
    buffer = bytearray(size)
    read(memoryview(buffer))
    return buffer
