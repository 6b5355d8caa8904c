"""Corrects deviations from the JPEG standard that affect no pixel, before the file is decoded.

libjpeg reports them with the same warnings as damage, and only the first warning of a file is
available: one about a trifle would hide another about lost data. So the trifles are removed, and
the file is decoded again without any tolerance.
"""

import re

from tintype.photo.formats import jpeg_scans, jpeg_segments

_SEQUENTIAL = frozenset({0xC0, 0xC1})
_WHOLE_BAND = b"\0\x3f\0"
_STRAY = re.compile(r"(\d+) extraneous bytes before marker 0x(\w\w)")
# Bytes that some cameras leave before a restart or the end.
_FEW = 16
_RESTARTS = range(0xD0, 0xD8)
# The Adobe segment, and its valid values for three and four channels, last the libjpeg default.
_ADOBE, _TRANSFORM_AT = b"\xff\xee\0\x0eAdobe", 15
_TRANSFORMS = {3: (0, 1), 4: (0, 2)}
_PADDING = re.compile(rb"([^\xff])\1{%d,}(?=\xff[\xd0-\xd7])" % _FEW, re.DOTALL)


def mended(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Removes from a file what would disturb the decoder, as far as its markers reveal it.

    Application segments that the decoder does not need are removed, because a profile with wrongly
    numbered chunks counts as damage. The scan headers of a sequential picture are set to the whole
    band, and its frame header to the height. A missing end marker is added if every scan is
    present.

    Args:
        data: The file.

    Returns:
        The file, and a sentence for each irregularity.
    """
    notes: list[str] = []
    header = jpeg_segments.read_header(data)
    out = bytearray(jpeg_segments.for_decoder(data, header.height))
    if _name_transform(out, header.components):
        notes.append(
            "Its Adobe segment names a colour conversion that does not fit its channels; the "
            "usual one is used."
        )
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


def _name_transform(out: bytearray, components: int) -> bool:
    """Replaces an unknown conversion by the one that libjpeg assumes; returns whether it did."""
    start = out.find(_ADOBE, 0, jpeg_segments.read_header(bytes(out)).scan_header_at)
    known = _TRANSFORMS.get(components)
    at = start + _TRANSFORM_AT
    if start < 0 or known is None or out[at] in known:
        return False
    out[at] = known[-1]
    return True


def _fill_scan_headers(out: bytearray, coded: jpeg_scans.CodedPart) -> bool:
    """Writes the only band that a sequential scan can have; returns whether any differed."""
    changed = False
    for start, body in coded.scans:
        end = start + 4 + len(body)
        if len(body) >= 6 and out[end - 3 : end] != _WHOLE_BAND:
            out[end - 3 : end] = _WHOLE_BAND
            changed = True
    return changed


def is_harmless(warning: str) -> bool:
    """Whether a libjpeg warning on a `mended` file concerns something that changes no pixel.

    Args:
        warning: The text that libjpeg prints.
    """
    stray = _STRAY.search(warning)
    if stray is None:
        return "Unknown Adobe color transform" in warning or "JFIF revision" in warning
    # Many bytes left over inside the coded part mean that the decoder lost its position there.
    return int(stray[1]) <= _FEW


def without_padding(data: bytes, warning: str) -> tuple[bytes, str] | None:
    """Removes bytes of one value that a warning counts before a marker.

    They are left by programs that reserved more space than the picture, or a part of it, took. Any
    other left-over bytes are coded data that the decoder did not reach, because it lost its
    position. If some were coded data after all, the decoder misses them, and reports it.

    Args:
        data: The file.
        warning: The text that libjpeg prints.

    Returns:
        The file and a sentence; None if the warning concerns something else, or the bytes are not
        padding.
    """
    stray = _STRAY.search(warning)
    if stray is None or int(stray[1]) <= _FEW:
        return None
    if int(stray[2], 16) in _RESTARTS:
        shorter = _without_restart_padding(data)
        place = "restart markers"
    else:
        shorter = _without_end_padding(data, int(stray[1]), int(stray[2], 16))
        place = "end"
    gone = len(data) - len(shorter)
    return (shorter, f"It has {gone} bytes of padding before its {place}.") if gone else None


def _without_end_padding(data: bytes, count: int, marker: int) -> bytes:
    end = _coded(data).end
    if end is None or marker != data[end - 1]:
        return data
    before = data[max(0, end - 2 - count) : end - 2]
    padding = len(before) == count and before == before[:1] * count
    return data[: end - 2 - count] + data[end - 2 :] if padding else data


def _without_restart_padding(data: bytes) -> bytes:
    """Removes runs of one value before every restart marker; each part may have spare space."""
    out, at = [], 0
    for start, body in _coded(data).scans:
        first = start + 4 + len(body)
        end = jpeg_scans.end_of_scan(data, first)
        out += [data[at:first], _PADDING.sub(_stuffed_zero, data[first:end])]
        at = end
    return b"".join([*out, data[at:]])


def _stuffed_zero(run: re.Match[bytes]) -> bytes:
    """What remains of a run: the zero that belongs to a preceding byte of ones."""
    before = run.string[run.start() - 1 : run.start()]
    return b"\0" if before == b"\xff" and run[1] == b"\0" else b""
