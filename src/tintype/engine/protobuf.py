"""Reads protocol buffers, the encoding of ONNX files, without a schema.

A message is a sequence of (tag, length, bytes) fields, some of which contain nested messages.
"""

from collections.abc import Iterator


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number longer than 64 bits")


def fields(message: memoryview) -> Iterator[tuple[int, memoryview | bytes | int]]:
    """Yields the fields of a protocol buffer message in order: number and value.

    A value is an int (varint), a memoryview (text, bytes, message) or bytes (fixed size: a float or
    double), so that no number is mistaken for a text.

    Raises:
        IndexError: It is truncated.
        ValueError: Its structure is damaged or ambiguous.
    """
    at, end = 0, len(message)
    while at < end:
        # Single-byte tags, the common case, are read inline: a model has thousands of fields.
        tag, at = message[at], at + 1
        if tag > 0x7F:
            tag, at = _varint(message, at - 1)
        # A parser that truncates tags to 32 bits would take a larger one for a different field.
        if not 8 <= tag < 1 << 32:
            raise ValueError("a field without a number, or with one that is too large")
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, at = message[at], at + 1
            if length > 0x7F:
                length, at = _varint(message, at - 1)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("a field of unknown kind")
        if at + length > end:
            raise ValueError("a field longer than the file")
        part = message[at : at + length]
        yield tag >> 3, part if kind == 2 else bytes(part)
        at += length


def messages(value: memoryview | bytes | int) -> Iterator[tuple[int, memoryview]]:
    """The messages and texts among the fields of a message."""
    for number, part in fields(value) if isinstance(value, memoryview) else ():
        if isinstance(part, memoryview):
            yield number, part


def texts(message: memoryview, number: int) -> list[bytes]:
    """The messages and texts of one field of a message, in order."""
    return [bytes(value) for found, value in messages(message) if found == number]


def varints(packed: memoryview) -> Iterator[int]:
    """The numbers of a packed field, as 64 bits without a sign."""
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value
