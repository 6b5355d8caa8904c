"""Recognises films given in place of a photograph, so the command for films can be suggested."""

from tintype.errors import UnsupportedPhotoError

FILM_SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mpg",
    ".mpeg",
    ".mts",
    ".ts",
    ".mxf",
    ".dv",
    ".ogv",
    ".wmv",
)
"""Extensions of films; whatever FFmpeg reads is accepted."""

_STARTS = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF: WMV
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01",  # MXF
    b"FLV\x01",
)
_BRANDS = (
    b"iso",
    b"mp4",
    b"avc",
    b"M4V",
    b"qt  ",
    b"3gp",
    b"3g2",
    b"dash",
    b"f4v",
    b"mmp4",
    b"XAVC",
)
"""Prefixes of the brands of ISO media files with a film; those of pictures differ."""

_PACKET = 188  # bytes of a packet of an MPEG transport stream


def is_film(data: bytes) -> bool:
    """Whether a file that is not a picture is a film, judging by its first bytes.

    Args:
        data: The file, or at least its first 512 bytes.
    """
    if data.startswith(_STARTS):
        return True
    if data[4:8] == b"ftyp":
        return data[8:12].startswith(_BRANDS)
    if data[4:8] in {b"moov", b"mdat", b"wide"}:  # QuickTime before brands existed
        return True
    if data[:4] == b"RIFF":
        return data[8:12] == b"AVI "
    if data[:4] == b"OggS":
        return b"\x80theora" in data[:512]
    # AVCHD puts four bytes before each packet.
    return any(
        data[start : start + 1] == data[start + size : start + size + 1] == b"\x47"
        and data[start + 2 * size : start + 2 * size + 1] in {b"\x47", b""}
        for start, size in ((0, _PACKET), (4, _PACKET + 4))
    )


def film_error(name: str) -> UnsupportedPhotoError:
    """The error to raise for a film.

    Args:
        name: As returned by `tintype.errors.shown`.
    """
    return UnsupportedPhotoError(
        f"{name} is a film, not a photograph.", advice="Use the film command: tintype video FILM."
    )
