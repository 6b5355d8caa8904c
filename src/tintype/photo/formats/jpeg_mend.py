"""Deviations from the JPEG standard that harm no pixel, set right before the file is decoded.

libjpeg reports them with the same warnings as damage, and only the first warning of a file is
heard: one about a trifle would hide another about lost data. So the trifles are removed, and the
file is decoded again without any tolerance.
"""

import re

from tintype.photo.formats import jpeg_scans, jpeg_segments

_SEQUENTIAL = frozenset({0xC0, 0xC1})
_WHOLE_BAND = b"\0\x3f\0"
_STRAY = re.compile(r"(\d+) extraneous bytes before marker 0x(\w\w)")
# Bytes that some cameras leave before a restart or the end.
_FEW = 16


def mended(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The file without what the decoder would stumble over, as far as its markers tell.

    Application segments that the decoder has no use for go, as a profile whose chunks are numbered
    wrongly counts as damage. The scan headers of a sequential picture state the whole band, its
    frame header the height. A missing end marker is added where every scan is there.

    Args:
        data: The file.

    Returns:
        The file, and a sentence for each thing that was odd.
    """
    notes: list[str] = []
    header = jpeg_segments.read_header(data)
    out = bytearray(jpeg_segments.for_decoder(data, header.height))
    coded = _coded(bytes(out))
    if header.frame in _SEQUENTIAL and _fill_scan_headers(out, coded):
        notes.append("Its scan header is not filled in, as some phones write it: no pixel is lost.")
    identifiers = tuple(factor[0] for factor in header.factors)
    if coded.end is None and coded.is_complete(header.frame, identifiers):
        while out.endswith(b"\xff"):
            del out[-1]
        out += b"\xff\xd9"
        notes.append("Its end marker is missing: no pixel is lost.")
    return bytes(out), tuple(notes)


def _coded(data: bytes) -> jpeg_scans.CodedPart:
    return jpeg_scans.read(data, jpeg_segments.read_header(data).scan_header_at)


def _fill_scan_headers(out: bytearray, coded: jpeg_scans.CodedPart) -> bool:
    """Writes the only band that a sequential scan can have; whether any differed."""
    changed = False
    for start, body in coded.scans:
        end = start + 4 + len(body)
        if len(body) >= 6 and out[end - 3 : end] != _WHOLE_BAND:
            out[end - 3 : end] = _WHOLE_BAND
            changed = True
    return changed


def is_harmless(warning: str) -> bool:
    """Whether a warning of libjpeg on a `mended` file is about something that changes no pixel.

    Args:
        warning: What it prints.
    """
    stray = _STRAY.search(warning)
    if stray is None:
        return "Unknown Adobe color transform" in warning or "JFIF revision" in warning
    # Many bytes left over inside the coded part mean that the decoder lost its way there.
    return int(stray[1]) <= _FEW


def without_padding(data: bytes, warning: str) -> bytes | None:
    """The file without bytes of one value that a warning counts before the end marker.

    They are what a program leaves that reserved more room than the picture took. Other bytes that
    are left over are coded data which the decoder did not reach, as it lost its way.

    Args:
        data: The file.
        warning: What libjpeg prints.

    Returns:
        None where the warning is about something else, or the bytes are not padding.
    """
    stray = _STRAY.search(warning)
    if stray is None or int(stray[1]) <= _FEW:
        return None
    count, end = int(stray[1]), _coded(data).end
    if end is None or int(stray[2], 16) != data[end - 1]:
        return None
    before = data[max(0, end - 2 - count) : end - 2]
    padding = len(before) == count and before == before[:1] * count
    return data[: end - 2 - count] + data[end - 2 :] if padding else None
