"""PNG: 16 bits a channel read and written whole, and the chunks around the pixels.

Pillow decodes 16-bit RGB to 8 bits, but its unpackers can be asked for the high or for the low
bytes. Two passes of C code give all sixteen bits, interlaced or not, twenty times faster than
unfiltering Paeth rows in NumPy.

Pillow only ever sees the critical chunks: text, profiles and their decompression bombs are read
here, each within a bound.

Source: PNG specification, third edition (W3C), sections 5, 9 and 11.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, PngImagePlugin

from tintype.photo.formats.raw import Raw, Source, split_modes
from tintype.photo.metadata import exif
from tintype.photo.photo import Pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEY = "XML:com.adobe.xmp"
_INCH = 0.0254

# One text or profile, and all of them together, after decompression.
_TEXT_BYTES = 8 << 20
_BUDGET = 32 << 20
_CHUNKS = 1_000_000
_TEXTS = 200

_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


@dataclass(slots=True)
class Chunks:
    """What the chunks beside the pixels say.

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
    budget: int = _BUDGET


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind, body and the whole of every complete chunk."""
    at = len(SIGNATURE)
    for _ in range(_CHUNKS):
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


def chunks(data: bytes) -> Chunks:
    """Reads all chunks; nothing is decompressed beyond its bound."""
    found = Chunks()
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


def _inflate(found: Chunks, data: bytes, title: str) -> bytes | None:
    """Decompresses within the bounds; None, and a note, where it is larger or damaged."""
    limit = min(_TEXT_BYTES, found.budget)
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


def _text(found: Chunks, kind: bytes, body: bytes) -> None:
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
    elif len(found.text) < _TEXTS:
        found.text.append((key, value.decode(coding, "replace")))


def _raw_profile(found: Chunks, kind: str, value: bytes) -> None:
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


def read(source: Source) -> Raw:
    """Decodes a PNG.

    Args:
        source: The file.

    Returns:
        8 or 16 bits as stored.
    """
    found = chunks(source.data)
    source.check_size(found.width, found.height)
    if found.frames > 1:
        source.refuse(
            f"is an animation of {found.frames} frames", "Save the frame you want as a still."
        )
    if not found.complete:
        source.fail("the file ends too early")
    raw = _deep(source, found) if found.bits == 16 and found.kind != 0 else _plain(source, found)
    raw.icc, raw.exif, raw.xmp, raw.iptc = found.icc, found.exif, found.xmp, found.iptc
    raw.dpi = found.dpi or exif.resolution(found.exif)
    raw.text, raw.notes = tuple(found.text), tuple(found.notes)
    return raw


def _plain(source: Source, found: Chunks) -> Raw:
    with source.reading():
        image: Image.Image = PngImagePlugin.PngImageFile(io.BytesIO(b"".join(found.pixels)))
        image.load()
        if found.kind == 0 and found.bits < 8 and found.transparent:
            # The key counts in the file's steps, the pixels are spread over 0..255 already.
            key = int.from_bytes(found.transparent[:2], "big")
            image = image.convert("L")
            image.info["transparency"] = key * 255 // (2**found.bits - 1)
        picture, alpha = split_modes(image, source)
    return Raw(picture, alpha)


# By colour type: the unpackers for high and low bytes. Grey with alpha at 16 bits has the bytes of
# RGBA at 8, and the same distance for the filters.
_UNPACKERS = {2: ("RGB;16B", "RGB;16L"), 6: ("RGBA;16B", "RGBA;16L"), 4: ("RGBA", "")}


def _deep(source: Source, found: Chunks) -> Raw:
    """16-bit colour types 2, 4 and 6."""
    if found.kind not in _UNPACKERS:
        source.fail("its header is damaged")
    with source.reading():
        stream = b"".join(found.pixels)
        high, low = _UNPACKERS[found.kind]
        if found.kind == 4:
            both = _unpacked(stream, high)
            samples = np.ascontiguousarray(both).view(">u2").astype(np.uint16)
            return Raw(np.ascontiguousarray(samples[..., 0]), samples[..., 1].copy())
        samples = _unpacked(stream, high).astype(np.uint16)
        samples <<= 8
        samples |= _unpacked(stream, low)
    rgb = np.ascontiguousarray(samples[..., :3])
    if found.kind == 6:
        return Raw(rgb, samples[..., 3].copy())
    if found.transparent is not None and len(found.transparent) == 6:
        key = np.array(struct.unpack(">3H", found.transparent), np.uint16)
        return Raw(rgb, np.where((rgb == key).all(-1), 0, 65_535).astype(np.uint16))
    return Raw(rgb)


def _unpacked(stream: bytes, rawmode: str) -> Pixels:
    image = PngImagePlugin.PngImageFile(io.BytesIO(stream))
    # A colour key would be applied by `load`; here it is not an 8-bit matter.
    image.tile = [image.tile[0]._replace(args=rawmode)]
    return np.asarray(image)


def write_pixels(pixels: Pixels) -> bytes:
    """Encodes (H, W), (H, W, 2), (H, W, 3) or (H, W, 4) of 8 or 16 bits.

    Returns:
        A PNG without metadata.
    """
    if pixels.dtype == np.uint8:
        stream = io.BytesIO()
        # Level 1: level 6 takes five times as long for a few per cent.
        Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG", compress_level=1)
        return stream.getvalue()
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    worker = zlib.compressobj(1)
    body = [worker.compress(strip) for strip in _filtered(pixels.reshape(height, width, channels))]
    return b"".join(
        (
            SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)),
            _chunk(b"IDAT", b"".join([*body, worker.flush()])),
            _chunk(b"IEND", b""),
        )
    )


def _filtered(pixels: Pixels, rows: int = 256) -> Iterator[bytes]:
    """Rows with filter 2 (Up) in strips: one subtraction, and the best of the simple ones here."""
    height = pixels.shape[0]
    above = np.zeros((1, pixels.shape[1] * pixels.shape[2] * 2), np.uint8)
    for top in range(0, height, rows):
        strip = pixels[top : top + rows].astype(">u2")
        bytes_ = strip.reshape(strip.shape[0], -1).view(np.uint8)
        out = np.empty((bytes_.shape[0], bytes_.shape[1] + 1), np.uint8)
        out[:, 0] = 2
        np.subtract(bytes_[:1], above, out=out[:1, 1:])
        np.subtract(bytes_[1:], bytes_[:-1], out=out[1:, 1:])
        above = bytes_[-1:].copy()
        yield out.tobytes()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(
    data: bytes,
    *,
    exif_block: bytes | None = None,
    xmp: bytes | None = None,
    profile: bytes | None = None,
    text: tuple[tuple[str, str], ...] = (),
    dpi: tuple[float, float] | None = None,
) -> bytes:
    """Puts metadata into an encoded PNG, before the pixels, where every reader looks.

    Args:
        data: As the encoder made it.
        exif_block: TIFF structure.
        xmp: Packet.
        profile: ICC bytes.
        text: (keyword, text) pairs.
        dpi: Dots per inch.

    Returns:
        The file.
    """
    head_end = len(SIGNATURE) + 25
    extra: list[bytes] = []
    if profile:
        extra.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)))
    if dpi:
        across, down = (min(max(round(v / _INCH), 1), 2**31 - 1) for v in dpi)
        extra.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if exif_block:
        extra.append(_chunk(b"eXIf", exif_block))
    if xmp:
        extra.append(_chunk(b"iTXt", _XMP_KEY.encode() + b"\0\0\0\0\0" + xmp))
    extra.extend(_text_chunk(key, value) for key, value in text)
    return data[:head_end] + b"".join(extra) + data[head_end:]


def _text_chunk(key: str, value: str) -> bytes:
    name = key.encode("latin-1", "replace")[:79].strip() or b"Comment"
    try:
        return _chunk(b"tEXt", name + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", name + b"\0\0\0\0\0" + value.encode("utf-8", "replace"))
