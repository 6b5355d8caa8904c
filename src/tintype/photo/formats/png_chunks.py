"""The chunks of a PNG: read, each within a limit, and written with other metadata.

Unrecognised chunks are carried if their names permit it (the case of the fourth letter); the others
depend on pixels, and are reported by name.

Source: PNG specification, third edition (W3C), sections 5 and 11.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from tintype.photo.formats.codec import OutputMetadata
from tintype.photo.metadata import exif, iptc
from tintype.photo.parts import NamedText, Part, UnknownParts, shown_name

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEY = "XML:com.adobe.xmp"
_INCH = 0.0254

# One text or profile, and all of them together, after decompression.
_MAX_TEXT_BYTES = 8 << 20
_MAX_TOTAL_BYTES = 32 << 20
_MAX_CHUNKS = 1_000_000
_MAX_TEXTS = 200

_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
COLOR_CHUNKS = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"mDCV": 24, b"cLLI": 8}
"""Kinds of chunks that state colours, and their lengths."""

# How the pixels are decoded faster, on one operating system.
_STORAGE_CHUNKS = (b"iDOT",)
_RAW_PROFILE = "Raw profile type "


@dataclass(slots=True)
class PngChunks:
    """The contents of the chunks.

    Attributes:
        width: Columns.
        height: Rows.
        headers: Number of headers.
        bits: Per sample.
        kind: Colour type: 0 grey, 2 RGB, 3 palette, 4 grey+alpha, 6 RGBA.
        pixels: Signature and critical chunks, for the decoder.
        transparent: The tRNS chunk.
        frames: Number of frames of an animation.
        complete: Whether the end chunk was present.
        unknown: Chunks that were not recognised.
        colors: The chunks that state colours without a profile, by kind.
    """

    width: int = 0
    height: int = 0
    headers: int = 0
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
    text: list[NamedText] = field(default_factory=list)
    unknown: UnknownParts = field(default_factory=UnknownParts)
    colors: dict[bytes, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    budget: int = _MAX_TOTAL_BYTES


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes, bytes, int]]:
    """Kind, body, all bytes and end of every complete chunk."""
    at = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        yield kind, data[at + 8 : end - 4], data[at:end], end
        if kind == b"IEND":
            return
        at = end


def read_chunks(data: bytes) -> PngChunks:
    """Reads all chunks; nothing is decompressed beyond its limit."""
    found = PngChunks()
    for kind, body, whole, end in _walk(data):
        if kind in _PIXEL_CHUNKS:
            found.pixels.append(whole)
        found.headers += kind == b"IHDR"
        if kind == b"IHDR" and len(body) == 13:
            found.width, found.height, found.bits, found.kind = struct.unpack(">IIBB", body[:10])
        elif kind == b"tRNS":
            found.transparent = body
        elif kind == b"acTL" and len(body) >= 4:
            (found.frames,) = struct.unpack(">I", body[:4])
        elif kind == b"pHYs" and len(body) == 9:
            _resolution(found, body)
        elif kind == b"eXIf":
            if found.exif not in (None, exif.without_prefix(body)):
                found.unknown.leave("a second EXIF block")
            found.exif = exif.without_prefix(body)
        elif kind == b"iCCP":
            found.icc = _inflate(found, body.partition(b"\0")[2][1:], "colour profile")
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _text(found, kind, body)
        elif kind == b"IEND":
            found.complete = True
            if data[end:].strip(b"\0"):
                found.unknown.leave("bytes after its end")
        elif kind in COLOR_CHUNKS:
            found.colors.setdefault(kind, body)
        elif kind not in _PIXEL_CHUNKS:
            _unknown(found, kind, body)
    return found


def _resolution(found: PngChunks, body: bytes) -> None:
    across, down, unit = struct.unpack(">IIB", body)
    if unit == 1 and across and down:
        found.dpi = across * _INCH, down * _INCH
    elif across and down and across != down:
        found.unknown.leave("the shape of its pixels (pHYs)")


def _unknown(found: PngChunks, kind: bytes, body: bytes) -> None:
    """A chunk that is not used in any other way (section 5.4, naming conventions)."""
    if kind in _STORAGE_CHUNKS:
        return
    name = f"chunk {shown_name(kind)}"
    if kind == b"bKGD":
        # The background in the form that three-channel pixels need.
        grey = found.kind in (0, 4) and len(body) == 2 and found.bits >= 8
        if grey or (found.kind in (2, 6) and len(body) == 6):
            found.unknown.carry(name, kind, body * 3 if grey else body)
            return
    if kind == b"sBIT" and set(body) == {found.bits}:
        return  # all bits are significant
    # The date of the last change remains true of the photograph, as it does in EXIF.
    if kind == b"tIME" or kind[3:4].islower():
        found.unknown.carry(name, kind, body)
    else:
        found.unknown.leave(name)


def _inflate(found: PngChunks, data: bytes, title: str) -> bytes | None:
    """Decompresses within the limits; None, and a note, if it is larger or damaged."""
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
    language = translated = ""
    value: bytes | None = rest
    coding = "latin-1"
    if kind == b"zTXt":
        value = _inflate(found, rest[1:], "text")
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        raw_language, _, tail = rest[2:].partition(b"\0")
        raw_translated, _, value = tail.partition(b"\0")
        language, translated = (
            raw_language.decode("latin-1"),
            raw_translated.decode(errors="replace"),
        )
        value = _inflate(found, value, "text") if packed else value
        coding = "utf-8"
    if value is None:
        return
    if key == _XMP_KEY:
        if found.xmp is not None:
            found.unknown.leave("a second XMP packet")
        found.xmp = found.xmp or value
        return
    if key.startswith(_RAW_PROFILE) and _raw_profile(found, key.removeprefix(_RAW_PROFILE), value):
        return
    if len(found.text) < _MAX_TEXTS:
        found.text.append(NamedText(key, value.decode(coding, "replace"), language, translated))
    else:
        found.unknown.leave(f"texts beyond {_MAX_TEXTS}")


def _raw_profile(found: PngChunks, kind: str, value: bytes) -> bool:
    """A block as hexadecimal text, as written by ImageMagick and exiftool.

    Returns:
        Whether it was understood; otherwise it is an ordinary text.
    """
    lines = value.split(b"\n", 3)
    digits = lines[3].translate(None, b" \t\r\n") if len(lines) == 4 else b""
    try:
        block = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return False
    if kind in ("exif", "APP1") and block.startswith(b"Exif\0"):
        found.exif = found.exif or exif.without_prefix(block)
    elif kind == "xmp":
        found.xmp = found.xmp or block
    elif kind in ("8bim", "iptc"):
        # Of the two, the one that comes first; ImageMagick writes both.
        if found.iptc is None:
            found.iptc, skipped = iptc.without_thumbnails(block)
            found.notes.extend(skipped)
    elif kind in ("icc", "icm"):
        found.icc = found.icc or block
    else:
        return False
    return True


def write_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_metadata(data: bytes, metadata: OutputMetadata) -> bytes:
    """Inserts metadata into an encoded PNG, before the pixels, where every reader looks for it.

    Args:
        data: As encoded.
        metadata: Everything except a comment, for which PNG has no chunk.

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
    if metadata.iptc:
        extra.append(_raw_profile_chunk("8bim", metadata.iptc))
    extra.extend(_text_chunk(text) for text in metadata.text)
    extra.extend(_fitting(part, data) for part in metadata.parts)
    return data[:head_end] + b"".join(extra) + data[head_end:]


def _fitting(part: Part, data: bytes) -> bytes:
    """A carried chunk; its background is converted back to one channel if the PNG is grey."""
    body = part.data
    if part.kind == b"bKGD" and data[len(SIGNATURE) + 17] in (0, 4):
        body = body[:2]
    return write_chunk(part.kind, body)


def _raw_profile_chunk(kind: str, block: bytes) -> bytes:
    """A block as hexadecimal text, from which ImageMagick and exiftool read IPTC."""
    digits = block.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = f"\n{kind}\n{len(block):8}\n{lines}\n".encode()
    return write_chunk(b"zTXt", f"{_RAW_PROFILE}{kind}".encode() + b"\0\0" + zlib.compress(text))


def _text_chunk(text: NamedText) -> bytes:
    name = text.keyword.encode("latin-1", "replace")[:79].strip() or b"Comment"
    if not text.language and not text.translated:
        try:
            return write_chunk(b"tEXt", name + b"\0" + text.text.encode("latin-1"))
        except UnicodeEncodeError:
            pass
    language = text.language.encode("ascii", "replace").replace(b"\0", b"")
    translated = text.translated.encode("utf-8", "replace").replace(b"\0", b"")
    value = text.text.encode("utf-8", "replace")
    return write_chunk(b"iTXt", b"\0".join((name, b"\0\0" + language, translated, value)))
