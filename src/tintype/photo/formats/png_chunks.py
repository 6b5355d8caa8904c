"""The chunks of a PNG: read, each within a bound, and written with other metadata.

Source: PNG specification, third edition (W3C), sections 5 and 11.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from tintype.photo.formats.codec import OutputMetadata
from tintype.photo.metadata import exif

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEY = "XML:com.adobe.xmp"
_INCH = 0.0254

# One text or profile, and all of them together, after decompression.
_MAX_TEXT_BYTES = 8 << 20
_MAX_TOTAL_BYTES = 32 << 20
_MAX_CHUNKS = 1_000_000
_MAX_TEXTS = 200

_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


@dataclass(slots=True)
class PngChunks:
    """The contents of the chunks.

    Attributes:
        width: Columns.
        height: Rows.
        bits: Per sample.
        kind: Colour type: 0 grey, 2 RGB, 3 palette, 4 grey+alpha, 6 RGBA.
        pixels: Signature and critical chunks, for the decoder.
        transparent: The tRNS chunk.
        frames: Of an animation.
        complete: Whether the end chunk was there.
    """

    width: int = 0
    height: int = 0
    bits: int = 8
    kind: int = 0
    pixels: list[bytes] = field(default_factory=lambda: [SIGNATURE])
    transparent: bytes | None = None
    frames: int = 1
    complete: bool = False
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    budget: int = _MAX_TOTAL_BYTES


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind, body and the whole of every complete chunk."""
    at = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        yield kind, data[at + 8 : end - 4], data[at:end]
        if kind == b"IEND":
            return
        at = end


def read_chunks(data: bytes) -> PngChunks:
    """Reads all chunks; nothing is decompressed beyond its bound."""
    found = PngChunks()
    for kind, body, whole in _walk(data):
        if kind in _PIXEL_CHUNKS:
            found.pixels.append(whole)
        if kind == b"IHDR" and len(body) == 13:
            found.width, found.height, found.bits, found.kind = struct.unpack(">IIBB", body[:10])
        elif kind == b"tRNS":
            found.transparent = body
        elif kind == b"acTL" and len(body) >= 4:
            (found.frames,) = struct.unpack(">I", body[:4])
        elif kind == b"pHYs" and len(body) == 9:
            across, down, unit = struct.unpack(">IIB", body)
            if unit == 1 and across and down:
                found.dpi = across * _INCH, down * _INCH
        elif kind == b"eXIf":
            found.exif = exif.without_prefix(body)
        elif kind == b"iCCP":
            found.icc = _inflate(found, body.partition(b"\0")[2][1:], "colour profile")
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _text(found, kind, body)
        elif kind == b"IEND":
            found.complete = True
    return found


def _inflate(found: PngChunks, data: bytes, title: str) -> bytes | None:
    """Decompresses within the bounds; None, and a note, where it is larger or damaged."""
    limit = min(_MAX_TEXT_BYTES, found.budget)
    worker = zlib.decompressobj()
    try:
        out = worker.decompress(data, limit) if limit > 0 else b""
    except zlib.error:
        out = b""
    found.budget -= len(out)
    if not worker.eof:
        note = f"A {title} in it is damaged or far too large, and was left out."
        if note not in found.notes:
            found.notes.append(note)
        return None
    return out


def _text(found: PngChunks, kind: bytes, body: bytes) -> None:
    """One text chunk (section 11.3.3)."""
    raw_key, _, rest = body.partition(b"\0")
    key = raw_key.decode("latin-1")
    value: bytes | None = rest
    coding = "latin-1"
    if kind == b"zTXt":
        value = _inflate(found, rest[1:], "text")
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        _, _, tail = rest[2:].partition(b"\0")
        value = tail.partition(b"\0")[2]
        value = _inflate(found, value, "text") if packed else value
        coding = "utf-8"
    if value is None:
        return
    if key == _XMP_KEY:
        found.xmp = found.xmp or value
    elif key.startswith("Raw profile type "):
        _raw_profile(found, key.removeprefix("Raw profile type "), value)
    elif len(found.text) < _MAX_TEXTS:
        found.text.append((key, value.decode(coding, "replace")))


def _raw_profile(found: PngChunks, kind: str, value: bytes) -> None:
    """A block as hexadecimal text, the way older ImageMagick and exiftool wrote it."""
    lines = value.split(b"\n", 3)
    digits = lines[3].translate(None, b" \t\r\n") if len(lines) == 4 else b""
    try:
        block = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return
    if kind in ("exif", "APP1") and block.startswith(b"Exif\0"):
        found.exif = found.exif or exif.without_prefix(block)
    elif kind == "xmp":
        found.xmp = found.xmp or block
    elif kind == "iptc" and block.startswith(b"8BIM"):
        found.iptc = block
    elif kind in ("icc", "icm"):
        found.icc = found.icc or block


def write_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_metadata(data: bytes, metadata: OutputMetadata) -> bytes:
    """Puts metadata into an encoded PNG, before the pixels, where every reader looks.

    Args:
        data: As the encoder made it.
        metadata: Everything but a comment and IPTC, which a PNG has no chunk for.

    Returns:
        The file.
    """
    head_end = len(SIGNATURE) + 25
    extra: list[bytes] = []
    if metadata.icc:
        extra.append(write_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        across, down = (min(max(round(v / _INCH), 1), 2**31 - 1) for v in metadata.dpi)
        extra.append(write_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif:
        extra.append(write_chunk(b"eXIf", metadata.exif))
    if metadata.xmp:
        extra.append(write_chunk(b"iTXt", _XMP_KEY.encode() + b"\0\0\0\0\0" + metadata.xmp))
    extra.extend(_text_chunk(key, value) for key, value in metadata.text)
    return data[:head_end] + b"".join(extra) + data[head_end:]


def _text_chunk(key: str, value: str) -> bytes:
    name = key.encode("latin-1", "replace")[:79].strip() or b"Comment"
    try:
        return write_chunk(b"tEXt", name + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        return write_chunk(b"iTXt", name + b"\0\0\0\0\0" + value.encode("utf-8", "replace"))
