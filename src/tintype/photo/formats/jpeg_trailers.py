"""Data that press and archive programs append to the picture of a JPEG: IPTC, among others.

FotoStation appends blocks that end with their kind, their length and a signature; Photo Mechanic
appends one that ends with its length and another signature. Both are found from the end of the
file.

Source: the layout of the two programs' files, and ExifTool's documentation of it.
"""

import struct
from dataclasses import dataclass

_FOTOSTATION = 0xA1B2C3D4
_FOTOSTATION_KINDS = {1: "IPTC", 2: "edit record", 3: "thumbnail", 4: "preview"}
_PHOTO_MECHANIC = b"cbipcbbl"
_MAX_BLOCKS = 32


@dataclass(frozen=True, slots=True)
class Trailer:
    """One block after the picture.

    Attributes:
        program: The program that wrote it.
        kind: Kind of the block.
        start: Where it begins in the file.
        data: Its contents, without the end by which it was found.
        whole: All of it.
    """

    program: str
    kind: str
    start: int
    data: bytes
    whole: bytes

    @property
    def is_iptc(self) -> bool:
        """Whether it is a record with captions and keywords."""
        return self.kind == "IPTC"


def read_trailers(data: bytes, scans_at: int) -> list[Trailer]:
    """The blocks at the end of a file, the last one first; empty if there are none.

    Args:
        data: The file.
        scans_at: Where its first scan begins.
    """
    found: list[Trailer] = []
    # Within coded data there is no end marker (T.81 section B.1.1.2).
    picture_end = data.find(b"\xff\xd9", scans_at) + 2
    end = len(data) if picture_end >= 2 else 0
    for _ in range(_MAX_BLOCKS):
        trailer = _fotostation(data, end) or _photo_mechanic(data, end)
        if trailer is None or trailer.start < picture_end:
            break
        found.append(trailer)
        end = trailer.start
    return found


def _fotostation(data: bytes, end: int) -> Trailer | None:
    if end < 12:
        return None
    kind, size, signature = struct.unpack_from(">HII", data, end - 10)
    start = end - size
    if signature != _FOTOSTATION or size < 10 or start < 0:
        return None
    name = _FOTOSTATION_KINDS.get(kind, f"block {kind}")
    return Trailer("FotoStation", name, start, data[start : end - 10], data[start:end])


def _photo_mechanic(data: bytes, end: int) -> Trailer | None:
    if end < 14 or data[end - 8 : end] != _PHOTO_MECHANIC:
        return None
    (size,) = struct.unpack_from(">I", data, end - 12)
    start = end - 12 - size
    if start < 0:
        return None
    return Trailer("Photo Mechanic", "record", start, data[start : end - 12], data[start:end])
