"""The tile-parts of a JPEG 2000 codestream: whether all are present, and how many a tile has.

Each part states the number of parts of its tile. Some encoders state one too few, and OpenJPEG
fails at the part that should not exist.

Source: ISO/IEC 15444-1 annex A.4.2 (SOT: Isot, Psot, TPsot, TNsot).
"""

import struct
from collections import Counter

_START, _PART, _END = b"\xff\x4f\xff\x51", 0xFF90, b"\xff\xd9"
_SHORTEST, _COUNT_AT = 14, 11
_MOST = 255  # parts per tile
_MAX_PARTS = 1 << 20


def with_counted_parts(data: bytes) -> bytes | None:
    """The file with the right number of parts stated for each tile.

    Args:
        data: The file, or its codestream.

    Returns:
        The file; None if a part or the end is missing.
    """
    at = data.find(_START)
    if at < 0:
        return None
    at += 2
    while at + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == _PART:
            break
        at += 2 + length
    places: list[tuple[int, int]] = []
    for _ in range(_MAX_PARTS):
        if data[at : at + 2] == _END:
            return _restated(data, places)
        if at + _SHORTEST > len(data):
            return None
        marker, _, tile, length = struct.unpack_from(">HHHI", data, at)
        if length == 0 and data.endswith(_END):  # the last part may end with the file
            length = len(data) - len(_END) - at
        if marker != _PART or length < _SHORTEST or at + length > len(data):
            return None
        places.append((tile, at))
        at += length
    return None


def _restated(data: bytes, places: list[tuple[int, int]]) -> bytes:
    out = bytearray(data)
    counts = Counter(tile for tile, _ in places)
    for tile, at in places:
        # 0 if a later part states it.
        if out[at + _COUNT_AT] and counts[tile] <= _MOST:
            out[at + _COUNT_AT] = counts[tile]
    return bytes(out)
