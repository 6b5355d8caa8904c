"""ISO boxes: the containers of AVIF, HEIC and JPEG 2000.

Sources: ISO/IEC 14496-12 section 4.2 (boxes) and 4.3 (brands), ISO/IEC 15444-1 annex I.4.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Boxes in a row; a file has a dozen.
_MAX_BOXES = 65_536
_MAX_BRANDS_BYTES = 512


@dataclass(frozen=True, slots=True)
class IsoBox:
    """One box.

    Attributes:
        kind: Its four letters.
        body: Its contents.
        start: Where it begins, header included.
        end: Where the next one begins.
    """

    kind: bytes
    body: bytes
    start: int
    end: int


def read_boxes(data: bytes, at: int = 0) -> Iterator[IsoBox]:
    """The boxes in a row, up to the first that is not whole; a length of 0 means to the end."""
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
    """One box with a length of 32 bits."""
    return struct.pack(">I", len(body) + 8) + kind + body


def brands(head: bytes) -> frozenset[bytes]:
    """The brands that a file names in its first box (``ftyp``); none where it is another box."""
    if head[4:8] != b"ftyp":
        return frozenset()
    length = min(int.from_bytes(head[:4], "big"), _MAX_BRANDS_BYTES)
    return frozenset((head[8:12], *(head[i : i + 4] for i in range(16, length, 4))))
