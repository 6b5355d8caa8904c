"""The blocks of a GIF that are not pictures: comments, and extensions written by programs.

Source: GIF89a specification; Adobe XMP part 3 section 1.1.2; the profile extension as written by
ImageMagick.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tintype.photo.parts import UnknownParts, shown_name

_MAX_BLOCKS = 100_000
_XMP = b"XMP DataXMP"
_ICC = (b"ICCRGBG1012", b"ICCRGBG1/012")
# How often an animation repeats: meaningless for a still picture.
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
# ImageMagick states the gamma of its pixels: usually that of sRGB, or 0 for none.
_MAGICK, _SRGB_GAMMA = b"ImageMagick", (b"gamma=0.45", b"gamma=0\0")
# Follows an XMP packet, which is not divided into blocks, so that any reader finds the end.
_MAGIC_TRAILER = bytes([1, *range(255, -1, -1), 0])
_COMMENT, _PLAIN_TEXT, _APPLICATION, _CONTROL = 0xFE, 0x01, 0xFF, 0xF9


@dataclass(slots=True)
class GifBlocks:
    """The contents of the extensions.

    Attributes:
        xmp: Packet.
        icc: Profile.
        comments: As stored.
        unknown: What was not recognised.
    """

    xmp: bytes | None = None
    icc: bytes | None = None
    comments: list[bytes] = field(default_factory=list)
    unknown: UnknownParts = field(default_factory=UnknownParts)


def read_blocks(data: bytes) -> GifBlocks:
    """Reads the extensions; stops silently where the file is cut off."""
    found = GifBlocks()
    for label, body in _extensions(data, found):
        if label == _COMMENT:
            found.comments.append(_joined(body))
        elif label == _PLAIN_TEXT:
            found.unknown.leave("text drawn over the picture")
        elif label == _APPLICATION:
            _read_application(found, body)
        elif label != _CONTROL:
            found.unknown.leave(f"extension {label}")
    return found


def _read_application(found: GifBlocks, body: bytes) -> None:
    name, rest = body[1 : 1 + body[0]], body[1 + body[0] :]
    if name == _XMP and rest.endswith(_MAGIC_TRAILER[:-1]) and found.xmp is None:
        found.xmp = rest[: -len(_MAGIC_TRAILER) + 1]
    elif name in _ICC:
        found.icc = found.icc or _joined(rest)
    elif name not in _LOOPS and not (name == _MAGICK and _states_srgb(_joined(rest))):
        found.unknown.leave(f'extension "{shown_name(name)}"')


def _states_srgb(text: bytes) -> bool:
    return (text + b"\0").startswith(_SRGB_GAMMA)


def _joined(blocks: bytes) -> bytes:
    """The contents of sub-blocks, each of which begins with its length."""
    parts, at = [], 0
    while at < len(blocks):
        parts.append(blocks[at + 1 : at + 1 + blocks[at]])
        at += 1 + blocks[at]
    return b"".join(parts)


def _extensions(data: bytes, found: GifBlocks) -> Iterator[tuple[int, bytes]]:
    """The label of every extension, and its sub-blocks without the empty one at the end."""
    at = 13 + _table_bytes(data[10]) if len(data) > 13 else len(data)
    for _ in range(_MAX_BLOCKS):
        if at + 2 > len(data):
            return
        kind = data[at]
        if kind == 0x21:
            end = _end_of_blocks(data, at + 2)
            if end > at + 3:
                yield data[at + 1], data[at + 2 : end - 1]
            at = end
        elif kind == 0x2C and at + 10 < len(data):
            at = _end_of_blocks(data, at + 11 + _table_bytes(data[at + 9]))
        else:
            if kind != 0x3B or data[at + 1 :].strip(b"\0"):
                found.unknown.leave("bytes after its end")
            return


def _table_bytes(flags: int) -> int:
    """Size of the colour table stated by a screen or a picture."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_blocks(data: bytes, at: int) -> int:
    """The position after the empty sub-block that ends a row, or the end of the data."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return min(at + 1, len(data))
