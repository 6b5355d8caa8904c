"""Boxes and chunks of the containers that Pillow writes without our metadata, or reads in part.

JPEG 2000: the profile, EXIF and XMP live in boxes that Pillow neither reads nor writes. WebP: the
size must be known before the decoder takes memory for it.

Sources: ISO/IEC 15444-1 annex I (JP2 boxes), Adobe XMP part 3 section 1.2.3 (uuid box), RFC 9649
(WebP container).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
EXIF_UUID = b"JpgTiffExif->JP2"
# Of boxes or chunks in a row; a file has a dozen.
_MOST = 65_536
_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    Attributes:
        kind: Its four letters.
        body: What is in it.
        start: Where it begins, header included.
        end: Where the next one begins.
    """

    kind: bytes
    body: bytes
    start: int
    end: int


def boxes(data: bytes, at: int = 0) -> Iterator[Box]:
    """The boxes in a row, as far as they are whole; a length of 0 means to the end."""
    for _ in range(_MOST):
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
        yield Box(kind, data[at + head : end], at, end)
        at = end


@dataclass(frozen=True, slots=True)
class Jp2Metadata:
    """What the boxes of a JPEG 2000 file say beside the pixels.

    Attributes:
        icc: Profile of a colour box of method 2 (restricted) or 3 (any).
        exif: TIFF structure.
        xmp: Packet.
        bits: The deepest component.
        components: How many.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    bits: int = 8
    components: int = 0


def jp2_metadata(data: bytes) -> Jp2Metadata:
    """Reads the boxes; a bare codestream has only its size marker."""
    if not data.startswith(_JP2):
        components, bits = _codestream(data)
        return Jp2Metadata(bits=bits, components=components)
    icc = exif = xmp = None
    components, bits = 0, 8
    for box in boxes(data):
        if box.kind == b"jp2h":
            for inner in boxes(box.body):
                if inner.kind == b"colr" and inner.body[:1] in (b"\2", b"\3") and icc is None:
                    icc = inner.body[3:]
        elif box.kind == b"uuid" and box.body.startswith(XMP_UUID):
            xmp = xmp or box.body[16:]
        elif box.kind == b"uuid" and box.body.startswith(EXIF_UUID):
            exif = exif or box.body[16:]
        elif box.kind == b"jp2c" and not components:
            components, bits = _codestream(box.body)
    return Jp2Metadata(icc=icc, exif=exif, xmp=xmp, bits=bits, components=components)


def _codestream(data: bytes) -> tuple[int, int]:
    """Components and bits from the SIZ marker (annex A.5.1)."""
    if data[:4] != b"\xff\x4f\xff\x51" or len(data) < 42:
        return 0, 8
    (components,) = struct.unpack_from(">H", data, 40)
    depths = data[42 : 42 + 3 * components : 3]
    return components, max(((depth & 0x7F) + 1 for depth in depths), default=8)


_SIZ = re.compile(rb"\xff\x4f\xff\x51")


def most_tiles(data: bytes) -> int:
    """How many tiles the codestreams of a JPEG 2000 file claim (annex A.5.1); the most of them.

    Args:
        data: The file. Wherever a codestream may begin in it is looked at, whatever the boxes say.
    """
    most = 0
    for found in _SIZ.finditer(data):
        at = found.start() + 8
        if at + 32 > len(data):
            break
        x1, y1, _, _, width, height, x0, y0 = struct.unpack_from(">8I", data, at)
        if width and height:
            most = max(most, -(-max(0, x1 - x0) // width) * -(-max(0, y1 - y0) // height))
    return most


def with_jp2_metadata(
    data: bytes,
    *,
    icc: bytes | None,
    exif: bytes | None,
    xmp: bytes | None,
    dpi: tuple[float, float] | None,
) -> bytes:
    """Puts metadata into a JP2 file that has none.

    Args:
        data: As the encoder made it.
        icc: Profile; takes the place of the enumerated colour space.
        exif: TIFF structure.
        xmp: Packet.
        dpi: Capture resolution.

    Returns:
        The file.
    """
    out = bytearray()
    for box in boxes(data):
        if box.kind == b"jp2h":
            inner = [
                _box(b"colr", b"\2\0\0" + icc)
                if icc and part.kind == b"colr"
                else box.body[part.start : part.end]
                for part in boxes(box.body)
            ]
            if dpi:
                inner.append(_box(b"res ", _box(b"resc", _resolution(dpi))))
            out += _box(b"jp2h", b"".join(inner))
            continue
        if box.kind == b"jp2c":
            if xmp:
                out += _box(b"uuid", XMP_UUID + xmp)
            if exif:
                out += _box(b"uuid", EXIF_UUID + exif)
        out += _box(box.kind, box.body)
    return bytes(out)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def _resolution(dpi: tuple[float, float]) -> bytes:
    """Points a metre as fractions, vertical first (annex I.5.3.7.1)."""
    across, down = (min(max(round(v / 0.0254), 1), 65_535) for v in dpi)
    return struct.pack(">HHHHBB", down, 1, across, 1, 0, 0)


@dataclass(frozen=True, slots=True)
class WebpHeader:
    """What the chunks of a WebP file say.

    Attributes:
        width: Columns, 0 where no picture was found.
        height: Rows.
        lossless: Whether the picture is a VP8L stream.
        animated: Whether it holds frames.
        xmp: Packet.
    """

    width: int = 0
    height: int = 0
    lossless: bool = False
    animated: bool = False
    xmp: bytes | None = None


def webp_header(data: bytes) -> WebpHeader:
    """Reads the chunks of a RIFF file (RFC 9649 section 2)."""
    width = height = 0
    lossless = animated = False
    xmp = None
    at = 12
    for _ in range(_MOST):
        if at + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + min(length, 64)]
        if kind == b"VP8X" and len(body) >= 10:
            width = max(width, 1 + int.from_bytes(body[4:7], "little"))
            height = max(height, 1 + int.from_bytes(body[7:10], "little"))
            animated = bool(body[0] & 2)
        elif kind == b"VP8L" and len(body) >= 5:
            lossless = True
            packed = int.from_bytes(body[1:5], "little")
            width, height = (
                max(width, 1 + (packed & 0x3FFF)),
                max(height, 1 + (packed >> 14 & 0x3FFF)),
            )
        elif kind == b"VP8 " and len(body) >= 10:
            width = max(width, int.from_bytes(body[6:8], "little") & 0x3FFF)
            height = max(height, int.from_bytes(body[8:10], "little") & 0x3FFF)
        elif kind == b"ANMF":
            animated = True
        elif kind == b"XMP " and xmp is None:
            xmp = data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return WebpHeader(width, height, lossless, animated, xmp)
