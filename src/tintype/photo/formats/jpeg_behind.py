"""Data after the picture of a JPEG: the video of a motion photo, a second picture, anything.

None of it is written again. A video or a gain map shows the photograph as it was, and the offsets
that state where it begins would be wrong.

Sources: Android's Motion Photo and Ultra HDR formats (data behind the end marker, listed in XMP);
ISO/IEC 14496-12 section 4.3 (the first box of a video).
"""

import re

_VIDEO = re.compile(rb"ftyp[\w ]{4}")
_PICTURE = b"\xff\xd8\xff"
# Programs that append captions to the picture, by the end of their data; these are read elsewhere.
_CAPTIONS = (b"\xa1\xb2\xc3\xd4", b"cbipcbbl")
_END_BYTES = 16
# A video or a picture begins immediately, or after a small header.
_SEARCHED = 1 << 16


def notes(behind: bytes, pictures: int) -> list[str]:
    """Sentences on what is left out.

    Args:
        behind: All bytes after the end marker.
        pictures: Number of pictures that the file states; those beyond the first have been
            reported.

    Returns:
        The sentences; empty for padding and for captions.
    """
    if not behind.strip(behind[:1]):
        return []
    found = []
    head = behind[:_SEARCHED]
    size = _size(len(behind))
    if _PICTURE in head and pictures < 2:
        found.append("a second picture")
    if _VIDEO.search(behind):
        found.append("a video (motion photo)")
    if found:
        return [f"Left out, after the picture: {' and '.join(found)}, {size}."]
    if _PICTURE in head or any(mark in behind[-_END_BYTES:] for mark in _CAPTIONS):
        return []
    return [f"Left out, after the picture: {size} of unknown data."]


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1000 else f"{count // 1000} kB"
