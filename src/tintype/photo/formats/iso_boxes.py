"""ISO boxes: the containers of AVIF, HEIC and JPEG 2000.

Sources: ISO/IEC 14496-12 section 4.2 (boxes) and 4.3 (brands), ISO/IEC 15444-1 annex I.4.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Consecutive boxes; a file has about a dozen.
_MAX_BOXES = 65_536
_MAX_BRANDS_BYTES = 512


@dataclass(frozen=True, slots=True)
class IsoBox:
    """One box.

    Attributes:
        kind: Its four-letter type.
        body: Its contents.
        start: Where it begins, including the header.
        end: Where the next one begins.
    """

    kind: bytes
    body: bytes
    start: int
    end: int


def read_boxes(data: bytes, at: int = 0) -> Iterator[IsoBox]:
    """Consecutive boxes, up to the first incomplete one; a length of 0 means to the end."""
    for _ in range(_MAX_BOXES):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1 and at + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        end = at + length if length else len(data)
        if end < at + head or end > len(data):
            return
        yield IsoBox(kind, data[at + head : end], at, end)
        at = end


def write_box(kind: bytes, body: bytes) -> bytes:
    """One box with a 32-bit length."""
    return struct.pack(">I", len(body) + 8) + kind + body


def brands(head: bytes) -> frozenset[bytes]:
    """The brands in a file's first box (``ftyp``); empty if that is a different box."""
    if head[4:8] != b"ftyp":
        return frozenset()
    length = min(int.from_bytes(head[:4], "big"), _MAX_BRANDS_BYTES)
    return frozenset((head[8:12], *(head[i : i + 4] for i in range(16, length, 4))))
