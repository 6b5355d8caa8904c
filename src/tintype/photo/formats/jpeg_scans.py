"""The coded part of a JPEG: its scans, where the picture ends, and what follows it.

Source: ITU-T T.81 sections B.1.1 (markers), B.2.1 (their order), B.2.5 (DNL), G.1.1.1 (scans of a
progressive picture).
"""

import re
from dataclasses import dataclass, field

# In coded data every 0xFF is followed by a zero, a restart marker or another 0xFF.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_END, _SCAN, _LINES = 0xD9, 0xDA, 0xDC
# Segments with a length that may come between two scans: tables, DNL, application, comment.
_WITH_LENGTH = frozenset({0xC4, 0xCC, 0xDB, _LINES, 0xDD, *range(0xE0, 0xF0), 0xFE})
_MAX_STEPS = 65_536

START_OF_SCAN = b"\xff\xda"
# A progressive picture has about ten scans. Every scan is a pass over all coefficients, so a small
# file with thousands of them takes minutes: the passes, in megapixels, are limited.
_MAX_SCANS = 200
_MAX_SCAN_PIXELS = 4e9
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


@dataclass(slots=True)
class CodedPart:
    """The findings from the markers after a frame header.

    Attributes:
        end: Where the picture ends, just after its end marker; None if that is missing.
        height: Rows according to the segment that follows the first scan (DNL); 0 if there is none.
        scans: The contents of the scan headers, and where each begins in the file.
    """

    end: int | None = None
    height: int = 0
    scans: list[tuple[int, bytes]] = field(default_factory=list)

    def is_complete(self, frame: int, components: tuple[int, ...]) -> bool:
        """Whether the scans contain every coefficient of every component with all of its bits.

        Args:
            frame: The frame marker's second byte.
            components: Their identifiers.
        """
        missing = {(number, k) for number in components for k in range(64)}
        for _, body in self.scans:
            count = body[0] if body else 0
            if len(body) < 4 + 2 * count:
                continue
            first, last, bits = body[1 + 2 * count : 4 + 2 * count]
            if frame not in _PROGRESSIVE:
                first, last, bits = 0, 63, 0
            if bits & 15 == 0:
                band = range(first, last + 1)
                missing -= {(number, k) for number in body[1 : 1 + 2 * count : 2] for k in band}
        return not missing


def too_many_scans(scans: int, pixels: int) -> bool:
    """Whether decoding the scans of a picture would take too long.

    Args:
        scans: Their number, without the first.
        pixels: Of the picture.
    """
    return scans > _MAX_SCANS or scans * pixels > _MAX_SCAN_PIXELS


def read(data: bytes, at: int) -> CodedPart:
    """Follows the markers from the first scan header to the end of the picture.

    Args:
        data: The file.
        at: Where the header of the first scan begins.
    """
    part = CodedPart()
    for _ in range(_MAX_STEPS):
        found = _MARKER.search(data, at)
        if found is None:
            break
        at, marker = found.start(), data[found.start() + 1]
        if marker == _END:
            part.end = at + 2
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SCAN:
            part.scans.append((at, data[at + 4 : at + 2 + length]))
        elif marker not in _WITH_LENGTH:
            at += 2
            continue
        elif marker == _LINES and length == 4 and not part.height:
            part.height = int.from_bytes(data[at + 4 : at + 6], "big")
        at += 2 + max(length, 2)
    return part


def end_of_scan(data: bytes, at: int) -> int:
    """Where the coded data of a scan end: at a marker that is not a restart marker.

    Args:
        data: The file.
        at: Where they begin.
    """
    found = _MARKER.search(data, at)
    return len(data) if found is None else found.start()
