"""The segments of a JPEG: read up to the first scan, and written with other metadata.

Sources: ITU-T T.81 annex B (markers), JFIF 1.02, CIPA DC-008 section 4.7 (APP1), Adobe XMP part 3
section 1.1.3, ICC.1 annex B.4 (APP2 chunks), CIPA DC-007 (MPF), ISO 21496-1 (gain maps).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from tintype.photo.formats import jpeg_profile, jpeg_scans
from tintype.photo.formats.codec import OutputMetadata
from tintype.photo.formats.jpeg_trailers import read_trailers
from tintype.photo.metadata import ifd, iptc
from tintype.photo.parts import UnknownParts, shown_name

_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_EXTENSION_HEAD = b"http://ns.adobe.com/xmp/extension/\0"
_EXIF_HEAD = b"Exif\0\0"
_TIFF_HEADS = (b"II*\0", b"MM\0*")
_ICC_HEAD = b"ICC_PROFILE\0"
_IPTC_HEAD = b"Photoshop 3.0\0"
_IPTC_HEADS = (_IPTC_HEAD, b"Adobe_Photoshop2.5:")
_BARE_IPTC = b"\x1c\x02"
# Segments about pixels or coded parts that are not written again, by how they begin.
_UNTRUE = (
    (0xE0, b"JFXX\0", "JFXX thumbnail"),
    (0xE2, b"urn:iso:std:iso:ts:21496:-1\0", "gain map"),
    (0xE8, b"SPIFF\0", "SPIFF header"),
    (0xEB, b"HDR_RI", "HDR ratio picture"),
)
# After the end marker, as the kind of a part.
_BEHIND = b"\xd9"
SEGMENT_BYTES = 65_533
ROOM = SEGMENT_BYTES - len(_XMP_HEAD)
"""Bytes available for EXIF or XMP in a segment."""

# Frame markers: baseline, extended, progressive, lossless, and their arithmetic-coded variants.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_LOSSLESS = 0xC3  # has no coefficients

# Segments before the picture, and steps to find them; a profile and some notes amount to a hundred.
_MAX_STEPS = 65_536
_MAX_COMMENTS = 1000
_FILL = re.compile(rb"\xff+")


@dataclass(slots=True)
class JpegHeader:
    """The contents of a JPEG's header.

    Attributes:
        width: Columns; 0 until a frame was found.
        height: Rows; if the frame header has none, those stated after the first scan.
        components: 1, 3 or 4.
        factors: Each component's identifier and its sampling factors, (id, across, down).
        jfif: Whether it is a JFIF file, whose colours are always YCbCr.
        adobe: The colour transform in Adobe's segment: 0 for RGB or CMYK, 1 for YCbCr.
        frame: The frame marker's second byte.
        bits: Per sample.
        scan_header_at: Where the header of the first scan begins.
        scans_at: Where its coded data begin.
        exif: TIFF structure.
        xmp: Packet.
        icc: Profile, joined from its chunks.
        iptc: Photoshop resource blocks.
        comment: As text; undecodable bytes survive as surrogates.
        dpi: From JFIF.
        pictures: Number of pictures in the file, according to its index (MPF).
        unknown: Segments that were not recognised.
        notes: Sentences on what is left out.
    """

    width: int = 0
    height: int = 0
    components: int = 0
    factors: tuple[tuple[int, int, int], ...] = ()
    jfif: bool = False
    adobe: int | None = None
    frame: int = 0
    bits: int = 8
    scan_header_at: int = 0
    scans_at: int = 0
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    iptc: bytes | None = None
    comment: str | None = None
    dpi: tuple[float, float] | None = None
    pictures: int = 1
    unknown: UnknownParts = field(default_factory=UnknownParts)
    notes: list[str] = field(default_factory=list)

    @property
    def has_luminance(self) -> bool:
        """Whether its first component is Y at full size, by the rules of libjpeg."""
        if self.frame == _LOSSLESS:
            return False
        if self.components == 1:
            return True
        if self.components != 3 or len(self.factors) != 3:
            return False
        ids, across, down = zip(*self.factors, strict=True)
        as_rgb = self.adobe == 0 or (self.adobe is None and ids == (82, 71, 66))  # "R", "G", "B"
        return (self.jfif or not as_rgb) and across[0] == max(across) and down[0] == max(down)

    def note(self, sentence: str) -> None:
        """Adds a sentence on what is left out, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def read_header(data: bytes) -> JpegHeader:
    """Reads the segments before the first scan; stops silently where the file is cut off."""
    header = JpegHeader()
    chunks: list[jpeg_profile.Chunk] = []
    tags: list[bytes] = []
    blocks: list[bytes] = []
    records: list[bytes] = []
    comments: list[bytes] = []
    for marker, body, end in _walk(data):
        if marker in _FRAMES and len(body) >= 6:
            _read_frame(header, marker, body)
        elif marker == 0xDA:
            header.scan_header_at, header.scans_at = end - len(body) - 4, end
        elif marker == 0xE2 and body.startswith(_ICC_HEAD) and len(body) > 14:
            chunks.append(jpeg_profile.Chunk(body[12], body[13], body[14:]))
        elif marker == 0xED and body.startswith(_IPTC_HEADS):
            blocks.append(body[_iptc_start(body) :])
        elif marker == 0xED and body.startswith(_BARE_IPTC):
            records.append(body)
        elif marker == 0xE1 and body.startswith(_EXIF_HEAD[:5]):
            _read_exif(header, tags, body[6:])
        elif marker == 0xFE and body.rstrip(b"\0") and len(comments) < _MAX_COMMENTS:
            comments.append(body.rstrip(b"\0"))
        else:
            _read_application(header, marker, body)
    if comments:
        header.comment = b"\n".join(comments).decode("utf-8", "surrogateescape")
    header.icc, odd = jpeg_profile.joined(chunks)
    if odd:
        header.note(odd)
    header.exif = b"".join(tags) or None
    if blocks:
        header.iptc, skipped = iptc.without_thumbnails(b"".join(blocks))
        header.notes.extend(skipped)
    if records:
        header.iptc = iptc.with_record(header.iptc, b"".join(records))
    if header.scans_at:
        _read_trailers(header, data)
    if header.scans_at and not header.height:
        # Scanners that do not know the length of a page write it after the scan.
        header.height = jpeg_scans.read(data, header.scan_header_at).height
    return header


def _iptc_start(body: bytes) -> int:
    """Where the resources begin in an APP13 segment."""
    return next(len(head) for head in _IPTC_HEADS if body.startswith(head))


def _read_trailers(header: JpegHeader, data: bytes) -> None:
    """IPTC after the picture; previews and thumbnails there show it uncoloured."""
    for trailer in read_trailers(data, header.scans_at):
        name = f"{trailer.kind} of {trailer.program}"
        if trailer.kind in ("preview", "thumbnail"):
            header.unknown.leave(name)
            continue
        if trailer.is_iptc:
            header.iptc = iptc.with_record(header.iptc, trailer.data)
        header.unknown.carry(name, _BEHIND, trailer.whole, geometric=not trailer.is_iptc)


def _read_frame(header: JpegHeader, marker: int, body: bytes) -> None:
    header.frame = marker
    header.bits, header.height, header.width, header.components = struct.unpack(">BHHB", body[:6])
    header.factors = tuple(
        (body[at], body[at + 1] >> 4, body[at + 1] & 15)
        for at in range(6, min(len(body), 6 + 3 * header.components) - 2, 3)
    )


def _read_application(header: JpegHeader, marker: int, body: bytes) -> None:
    """An application segment that is complete by itself."""
    if marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 12:
        header.jfif = True
        header.dpi = header.dpi or _density(body)
    elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
        header.adobe = body[11]
    elif marker == 0xE1:
        _read_app1(header, body)
    elif marker == 0xE2 and body.startswith(b"MPF\0"):
        header.pictures = _mpf_pictures(body[4:])
    elif marker == 0xEB and body.startswith(b"JP"):
        header.note("The C2PA or JUMBF data is left out: it would no longer match the picture.")
    elif 0xE0 <= marker <= 0xEF:
        _read_unknown(header, marker, body)


def _read_unknown(header: JpegHeader, marker: int, body: bytes) -> None:
    for kind, head, title in _UNTRUE:
        if marker == kind and body.startswith(head):
            header.unknown.leave(title)
            return
    label = shown_name(body.partition(b"\0")[0])
    name = f'APP{marker - 0xE0} "{label}"' if label else f"APP{marker - 0xE0}"
    header.unknown.carry(name, bytes([marker]), body)


def _walk(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, body and end of every segment up to and including the first scan's header."""
    at = 2
    for _ in range(_MAX_STEPS):
        if at + 4 > len(data):
            return
        if data[at] != 0xFF:
            # Stray bytes: continue at the next marker, as libjpeg does.
            at = data.find(b"\xff", at)
            if at < 0:
                return
            continue
        marker = data[at + 1]
        if marker == 0xFF:
            fill = _FILL.match(data, at)
            at = fill.end() - 1 if fill else at + 1
            continue
        if marker <= 0x01 or 0xD0 <= marker <= 0xD8:  # FF 00 is no marker, the others have no body
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(data) or marker == 0xD9:
            return
        yield marker, data[at + 4 : end], end
        if marker == 0xDA:
            return
        at = end


def _read_app1(header: JpegHeader, body: bytes) -> None:
    if body.startswith(_XMP_HEAD):
        if header.xmp is not None:
            header.unknown.leave("a second XMP packet")
        header.xmp = header.xmp or body[len(_XMP_HEAD) :]
    elif body.startswith(_XMP_EXTENSION_HEAD):
        header.note("The extended part of the XMP (over 64 kB) is left out.")
    else:
        _read_unknown(header, 0xE1, body)


def _read_exif(header: JpegHeader, tags: list[bytes], part: bytes) -> None:
    """A block, or the next part of one that is longer than a segment."""
    if tags and part[:4] in _TIFF_HEADS:
        header.unknown.leave("a second EXIF block")
    else:
        tags.append(part)


def _density(body: bytes) -> tuple[float, float] | None:
    unit, across, down = struct.unpack(">BHH", body[7:12])
    factor = {1: 1.0, 2: 2.54}.get(unit)
    return (across * factor, down * factor) if factor and across and down else None


def _mpf_pictures(block: bytes) -> int:
    """Number of pictures in a multi-picture index (CIPA DC-007, tag 0xB001)."""
    try:
        structure = ifd.open_structure(block)
        entry = structure.directory(structure.first).entries.get(0xB001)
    except ifd.DamagedTagsError:
        return 1
    values = entry.integers(structure.order) if entry else ()
    return values[0] if values else 1


def for_decoder(data: bytes, height: int) -> bytes:
    """The file reduced to the segments that determine how it is decoded, with nothing between them.

    Args:
        data: The file.
        height: The height to state in its frame header: libjpeg does not look for it after the
            scan.
    """
    parts, coded = [data[:2]], 2
    for marker, body, end in _walk(data):
        coded = end
        if marker == 0xFE or (marker >= 0xE0 and not _decides_colors(marker, body)):
            continue
        frame = marker in _FRAMES and len(body) >= 6
        stated = body[:1] + struct.pack(">H", height) + body[3:] if frame else body
        parts.append(_segment(marker, stated))
    return b"".join([*parts, memoryview(data)[coded:]])


def _decides_colors(marker: int, body: bytes) -> bool:
    return (marker == 0xE0 and body.startswith(b"JFIF\0")) or (
        marker == 0xEE and body.startswith(b"Adobe")
    )


def without_metadata(data: bytes) -> bytes:
    """The file reduced to what decoding requires: no application segments, no stray bytes."""
    parts, coded = [data[:2]], 2
    for marker, body, end in _walk(data):
        if marker < 0xE0:
            parts.append(data[end - len(body) - 4 : end])
        coded = end
    return b"".join([*parts, memoryview(data)[coded:]])


def with_standard_ids(data: bytes) -> bytes:
    """A file with component numbers 0, 1 and 2 changed to 1, 2 and 3 (CIPA DC-008, 4.7.2)."""
    out = bytearray(data)
    for marker, body, end in _walk(data):
        start = end - len(body)
        if marker in _FRAMES:
            places = range(start + 6, end, 3)
        elif marker == 0xDA:
            places = range(start + 1, start + 1 + 2 * body[0], 2)
        else:
            continue
        for at in places:
            out[at] += 1
    return bytes(out)


def fits(block: bytes) -> bool:
    """Whether EXIF or XMP fits into a segment."""
    return len(block) <= ROOM


def with_metadata(data: bytes, metadata: OutputMetadata) -> bytes:
    """Puts metadata into an encoded JPEG.

    Args:
        data: As encoded.
        metadata: EXIF and XMP that `fits`; the rest is split into several segments if necessary.
            Dots per inch become whole numbers, because JFIF supports no others.

    Returns:
        The file.
    """
    out = bytearray(data[:2])
    rest = 2
    if data[2:4] == b"\xff\xe0":
        rest = 4 + int.from_bytes(data[4:6], "big")
    dpi = metadata.dpi
    across, down = (min(max(round(v), 1), 65_535) for v in dpi) if dpi else (1, 1)
    out += _segment(0xE0, b"JFIF\0\1\1" + struct.pack(">BHHBB", bool(dpi), across, down, 0, 0))
    if metadata.exif:
        out += _segment(0xE1, _EXIF_HEAD + metadata.exif)
    if metadata.xmp:
        out += _segment(0xE1, _XMP_HEAD + metadata.xmp)
    if metadata.comment:
        text = metadata.comment.encode("utf-8", "surrogateescape")
        out += _split(0xFE, b"", text, numbered=False)
    # Photoshop resources may continue in the next segment wherever the last one ended.
    out += _split(0xED, _IPTC_HEAD, metadata.iptc or b"", numbered=False)
    out += _split(0xE2, _ICC_HEAD, metadata.icc or b"", numbered=True)
    for part in metadata.parts:
        if part.kind != _BEHIND:
            out += _segment(part.kind[0], part.data)
    out += memoryview(data)[rest:]
    for part in reversed(metadata.parts):
        if part.kind == _BEHIND:
            out += part.data
    return bytes(out)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _split(marker: int, prefix: bytes, body: bytes, *, numbered: bool) -> bytes:
    """As many segments as the body needs, each with the prefix."""
    room = SEGMENT_BYTES - len(prefix) - (2 if numbered else 0)
    pieces = [body[at : at + room] for at in range(0, len(body), room)]
    return b"".join(
        _segment(marker, prefix + (bytes([i + 1, len(pieces)]) if numbered else b"") + piece)
        for i, piece in enumerate(pieces)
    )
