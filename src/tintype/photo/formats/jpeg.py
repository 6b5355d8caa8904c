"""JPEG: the grey is the Y plane itself, and the segments around it are read and written here.

libjpeg is asked for the luminance only, which costs a third of decoding to RGB and gives Y' before
any rounding through RGB. Written files are one call of the encoder on the planes, with our segments
spliced in after the start marker.

Sources: ITU-T T.81 annex B (markers), JFIF 1.02, CIPA DC-008 section 4.7 (APP1), Adobe XMP part 3
section 1.1.3, ICC.1 annex B.4 (APP2 chunks), CIPA DC-007 (MPF).
"""

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from tintype.photo.formats.raw import Raw, Source, split_modes
from tintype.photo.metadata import exif, icc, ifd
from tintype.photo.photo import HalfChroma, rgb_to_grey
from tintype.photo.tone import tone_of

_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"
_EXIF_HEAD = b"Exif\0\0"
_ICC_HEAD = b"ICC_PROFILE\0"
_IPTC_HEAD = b"Photoshop 3.0\0"
SEGMENT_BYTES = 65_533

# Markers of frames: baseline, extended, progressive, lossless, and their arithmetic relatives.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HUFFMAN_8 = {0xC0, 0xC1, 0xC2}

# A progressive picture has about ten scans. Every scan is a pass over all coefficients, so a small
# file with thousands of them takes minutes: the passes, in megapixels, are bounded.
_SCANS = 200
_SCAN_PIXELS = 4e9

# Segments before the picture, and steps to find them; a profile and some notes make a hundred.
_STEPS = 65_536
_COMMENTS = 1000
_FILL = re.compile(rb"\xff+")

# Bytes that some cameras leave before the end marker.
_PADDING = 16

# Mean |Y - Y'| of a written file on a sample of its blocks; the promise is 0.5 on the whole.
_MEAN_ERROR = 0.4
_QUALITIES = (95, 96, 97, 98, 99, 100)
_BLOCK = 64
_SAMPLES_A_SIDE = 6


@dataclass(slots=True)
class Segments:
    """What the header of a JPEG says.

    Attributes:
        width: Columns, 0 before a frame was seen.
        height: Rows.
        components: 1, 3 or 4.
        factors: Each component's identifier and its sampling factors, (id, across, down).
        jfif: Whether it says that it is JFIF, whose colours are always YCbCr.
        adobe: What Adobe's segment says of the colours: 0 for RGB or CMYK, 1 for YCbCr.
        frame: The frame marker's second byte.
        bits: Per sample.
        scans_at: Where the first scan begins.
        exif: TIFF structure.
        xmp: Packet.
        icc: Profile, joined from its chunks.
        iptc: Photoshop resource blocks.
        comment: As text; undecodable bytes survive as surrogates.
        dpi: From JFIF.
        pictures: How many pictures the file says it holds (MPF).
        notes: What is left behind.
    """

    width: int = 0
    height: int = 0
    components: int = 0
    factors: tuple[tuple[int, int, int], ...] = ()
    jfif: bool = False
    adobe: int | None = None
    frame: int = 0
    bits: int = 8
    scans_at: int = 0
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    iptc: bytes | None = None
    comment: str | None = None
    dpi: tuple[float, float] | None = None
    pictures: int = 1
    notes: list[str] = field(default_factory=list)

    @property
    def has_luminance(self) -> bool:
        """Whether its first component is Y at full size, by the rules of libjpeg."""
        if self.components == 1:
            return True
        if self.components != 3 or len(self.factors) != 3:
            return False
        ids, across, down = zip(*self.factors, strict=True)
        as_rgb = self.adobe == 0 or (self.adobe is None and ids == (82, 71, 66))  # "R", "G", "B"
        return (self.jfif or not as_rgb) and across[0] == max(across) and down[0] == max(down)


def segments(data: bytes) -> Segments:
    """Reads the header up to the first scan; stops quietly where it is cut off."""
    found = Segments()
    profile: dict[int, bytes] = {}
    blocks: list[bytes] = []
    comments: list[bytes] = []
    for marker, body, end in _walk(data):
        if marker in _FRAMES and len(body) >= 6:
            found.frame = marker
            found.bits, found.height, found.width, found.components = struct.unpack(
                ">BHHB", body[:6]
            )
            found.factors = tuple(
                (body[at], body[at + 1] >> 4, body[at + 1] & 15)
                for at in range(6, min(len(body), 6 + 3 * found.components) - 2, 3)
            )
        elif marker == 0xDA:
            found.scans_at = end
        elif marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 12:
            found.jfif = True
            found.dpi = found.dpi or _density(body)
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            found.adobe = body[11]
        elif marker == 0xE1:
            _app1(found, body)
        elif marker == 0xE2 and body.startswith(_ICC_HEAD) and len(body) > 14:
            profile.setdefault(body[12], body[14:])
        elif marker == 0xE2 and body.startswith(b"MPF\0"):
            found.pictures = _mpf_pictures(body[4:])
        elif marker == 0xEB and body.startswith(b"JP"):
            note = "The C2PA or JUMBF data is left out: it would no longer match the picture."
            if note not in found.notes:
                found.notes.append(note)
        elif marker == 0xED and body.startswith(_IPTC_HEAD):
            blocks.append(body[len(_IPTC_HEAD) :])
        elif marker == 0xFE and body.rstrip(b"\0") and len(comments) < _COMMENTS:
            comments.append(body.rstrip(b"\0"))
    if comments:
        found.comment = b"\n".join(comments).decode("utf-8", "surrogateescape")
    if profile:
        found.icc = b"".join(profile[number] for number in sorted(profile))
    if blocks:
        found.iptc = without_thumbnails(b"".join(blocks))
    return found


def _walk(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, body and end of every segment up to and including the first scan's header."""
    at = 2
    for _ in range(_STEPS):
        if at + 4 > len(data):
            return
        if data[at] != 0xFF:
            # Stray bytes: go on at the next marker, as libjpeg does.
            at = data.find(b"\xff", at)
            if at < 0:
                return
            continue
        marker = data[at + 1]
        if marker == 0xFF:
            fill = _FILL.match(data, at)
            at = fill.end() - 1 if fill else at + 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
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


def _app1(found: Segments, body: bytes) -> None:
    if body.startswith(_EXIF_HEAD[:5]):
        found.exif = found.exif or body[6:]
    elif body.startswith(_XMP_HEAD):
        found.xmp = found.xmp or body[len(_XMP_HEAD) :]
    elif body.startswith(_XMP_MORE):
        note = "The extended part of the XMP (over 64 kB) is left out."
        if note not in found.notes:
            found.notes.append(note)


def _density(body: bytes) -> tuple[float, float] | None:
    unit, across, down = struct.unpack(">BHH", body[7:12])
    factor = {1: 1.0, 2: 2.54}.get(unit)
    return (across * factor, down * factor) if factor and across and down else None


def _mpf_pictures(block: bytes) -> int:
    """How many pictures a multi-picture index counts (CIPA DC-007, tag 0xB001)."""
    try:
        structure = ifd.open_structure(block)
        entry = structure.directory(structure.first).entries.get(0xB001)
    except ifd.DamagedTagsError:
        return 1
    values = entry.integers(structure.order) if entry else ()
    return values[0] if values else 1


def without_thumbnails(blocks: bytes) -> bytes | None:
    """Photoshop resources without the two kinds of thumbnail; None where nothing is left.

    Args:
        blocks: A row of ``8BIM`` resources; what follows a damaged one is dropped.
    """
    kept = bytearray()
    at = 0
    while blocks[at : at + 4] == b"8BIM" and at + 12 <= len(blocks):
        (number,) = struct.unpack_from(">H", blocks, at + 4)
        name_bytes = (blocks[at + 6] + 2) & ~1
        size_at = at + 6 + name_bytes
        if size_at + 4 > len(blocks):
            break
        (size,) = struct.unpack_from(">I", blocks, size_at)
        end = size_at + 4 + size
        if end > len(blocks):
            break
        if number not in (1033, 1036):
            kept += blocks[at:end] + b"\0" * (size % 2)
        at = end + size % 2
    return bytes(kept) or None


def read(source: Source, *, colors: bool = False) -> Raw:
    """Decodes a JPEG.

    Args:
        source: The file.
        colors: Whether its colours are wanted.

    Returns:
        Grey where the luminance can be taken as it is; RGB or CMYK where a profile asks for more,
        or colours are wanted.
    """
    data = source.data
    head = segments(data)
    if not head.components or not head.scans_at:
        source.fail("there is no picture in it")
    source.check_size(head.width, head.height)
    if head.bits != 8 or head.frame not in _HUFFMAN_8:
        source.refuse(
            "is a JPEG of a rare kind (arithmetic coding, lossless, or not 8 bits)",
            "Convert it to PNG or TIFF first.",
        )
    scans = data.count(b"\xff\xda", head.scans_at)
    if scans > _SCANS or scans * head.width * head.height > _SCAN_PIXELS:
        source.refuse(f"has {scans + 1} progressive scans", "Convert it to PNG first.")
    raw = _decoded(source, head, colors=colors)
    raw.icc, raw.exif, raw.xmp, raw.iptc = head.icc, head.exif, head.xmp, head.iptc
    raw.comment = head.comment
    raw.dpi = head.dpi or exif.resolution(head.exif)
    if head.pictures > 1:
        head.notes.append(
            f"The file holds {head.pictures} pictures (MPO); only the first is coloured."
        )
    raw.notes = tuple(head.notes)
    return raw


def _decoded(source: Source, head: Segments, *, colors: bool) -> Raw:
    with source.reading():
        if head.components == 1:
            return Raw(_decode(source.data, "GRAY")[..., 0], tone="grey")
        if head.components == 3 and _luma_is_grey(head):
            small = tone_of(Image.fromarray(_decode(source.data, "RGB", small=True)))
            if colors:
                return Raw(_decode(source.data, "RGB"), tone=small)
            return Raw(_decode(source.data, "GRAY")[..., 0], tone=small)
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(source.data))
        image.load()
        if head.components == 3:
            # libjpeg only warns about damage in the coded part, and Pillow passes over the warning.
            _decode(source.data, "GRAY", small=True)
        picture, _ = split_modes(image, source)
    return Raw(picture)


def _luma_is_grey(head: Segments) -> bool:
    """Whether the Y plane is the grey, as no profile changes it."""
    if head.icc is None:
        return True
    try:
        profile = icc.open_profile(head.icc)
    except icc.DamagedProfileError:
        return True
    if profile.space != "RGB":
        head.icc = None
        head.notes.append(f"Its {profile.space} profile does not fit an RGB picture; left out.")
    return profile.is_srgb or profile.space != "RGB"


def _decode(data: bytes, colors: str, *, small: bool = False) -> NDArray[np.uint8]:
    """Decodes with simplejpeg: strict about damage, patient with oddities, small if asked."""
    for tidied in (False, True):
        try:
            return _simplejpeg(_tidy(data) if tidied else data, colors, small=small, strict=True)
        except ValueError as error:
            if not harmless(str(error)):
                raise
    return _simplejpeg(_tidy(data), colors, small=small, strict=False)


def _simplejpeg(data: bytes, colors: str, *, small: bool, strict: bool) -> NDArray[np.uint8]:
    # The decoder scales by the strongest factor that leaves at least this many rows and columns; 0
    # means that it does not scale.
    least = 1 if small else 0
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data, colorspace=colors, min_height=least, min_width=least, strict=strict
    )
    return pixels


def _tidy(data: bytes) -> bytes:
    """The file without stray bytes between its segments, at which simplejpeg always stops."""
    parts, coded = [data[:2]], 2
    for _, body, end in _walk(data):
        parts.append(data[end - len(body) - 4 : end])
        coded = end
    return b"".join([*parts, data[coded:]])


def bare(data: bytes) -> bytes:
    """The file without anything that decoding does not need: no metadata, no stray bytes."""
    parts, coded = [data[:2]], 2
    for marker, body, end in _walk(data):
        if marker < 0xE0:
            parts.append(data[end - len(body) - 4 : end])
        coded = end
    return b"".join([*parts, memoryview(data)[coded:]])


def with_usual_ids(data: bytes) -> bytes:
    """A file whose components are 0, 1 and 2 with the numbers 1, 2 and 3 of CIPA DC-008 (4.7.2)."""
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


def luminance(data: bytes) -> NDArray[np.uint8]:
    """The Y plane of a JPEG of ours as it is stored, (H, W)."""
    return _decode(data, "GRAY")[..., 0]


def read_small(data: bytes, least: tuple[int, int]) -> NDArray[np.uint8]:
    """A JPEG of ours as (h, w, 3), shrunk while it is decoded.

    Args:
        data: The file.
        least: (height, width) that it keeps at least.
    """
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data,
        colorspace="RGB",
        fastdct=True,
        fastupsample=True,
        min_height=least[0],
        min_width=least[1],
    )
    return pixels


def harmless(remark: str) -> bool:
    """Whether libjpeg remarks on something that leaves every pixel as it was meant.

    Args:
        remark: What it prints.
    """
    stray = re.search(r"(\d+) extraneous bytes before marker 0x(\w\w)", remark)
    if stray is None:
        return "Unknown Adobe color transform" in remark or "JFIF revision" in remark
    # Many bytes left over inside the coded part (before a restart or the end) mean that the decoder
    # lost its way there.
    inside = stray[2].startswith("d") and stray[2] not in ("da", "db", "dc", "dd", "de", "df")
    return not inside or int(stray[1]) <= _PADDING


def write_planes(grey: NDArray[np.uint8], chroma: HalfChroma) -> bytes:
    """Encodes a grey with half-size chroma: the grey samples enter the encoder as they are.

    Args:
        grey: (H, W).
        chroma: Its planes.

    Returns:
        A JPEG without metadata.
    """
    height, width = grey.shape
    if height % 2 or width % 2:
        # For an odd side the encoder reads one sample more than there is, whatever stands there:
        # give it a copy of the last one, and a view, so that the file has the photo's size.
        even = np.pad(grey, ((0, height % 2), (0, width % 2)), mode="edge")
        luma = even[:height, :width]
    else:
        luma = np.ascontiguousarray(grey)
    data: bytes = simplejpeg.encode_jpeg_yuv_planes(
        Y=luma,
        U=np.ascontiguousarray(chroma.cb),
        V=np.ascontiguousarray(chroma.cr),
        quality=quality_for(grey),
    )
    return data


def write_pixels(pixels: NDArray[np.uint8]) -> bytes:
    """Encodes a grey (H, W) or RGB (H, W, 3) picture, chroma at full size.

    Returns:
        A JPEG without metadata.
    """
    grey = pixels.ndim == 2
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels[..., None] if grey else pixels),
        quality=quality_for(pixels if grey else rgb_to_grey(pixels)),
        colorspace="GRAY" if grey else "RGB",
        colorsubsampling="Gray" if grey else "444",
    )
    return data


def quality_for(grey: NDArray[np.uint8]) -> int:
    """The lowest quality from 95 that keeps the grey within the promise.

    A sample of blocks on the 8-pixel grid is encoded and read back: they become exactly the blocks
    of the whole file. One fixed quality would have to be 99, for the noisiest scan; most photos,
    and all that have been JPEGs before, need less.

    Args:
        grey: (H, W).

    Returns:
        95 to 100.
    """
    rows, columns = (
        np.unique(np.linspace(0, max(0, side - _BLOCK) // 8, _SAMPLES_A_SIDE).astype(int)) * 8
        for side in grey.shape
    )
    blocks = np.block(
        [[grey[y : y + _BLOCK, x : x + _BLOCK] for x in columns.tolist()] for y in rows.tolist()]
    )
    sample = np.ascontiguousarray(blocks)[..., None]
    for quality in _QUALITIES[:-1]:
        data = simplejpeg.encode_jpeg(sample, quality, "GRAY", "Gray")
        back = simplejpeg.decode_jpeg(data, colorspace="GRAY")
        if float(np.abs(back.astype(np.int16) - sample).mean()) <= _MEAN_ERROR:
            return quality
    return _QUALITIES[-1]


def fits(block: bytes) -> bool:
    """Whether EXIF or XMP fits into a segment."""
    return len(block) + len(_XMP_HEAD) <= SEGMENT_BYTES


def with_segments(
    data: bytes,
    *,
    exif_block: bytes | None = None,
    xmp: bytes | None = None,
    profile: bytes | None = None,
    iptc: bytes | None = None,
    comment: str | None = None,
    dpi: tuple[float, float] | None = None,
) -> bytes:
    """Puts metadata into an encoded JPEG.

    Args:
        data: As the encoder made it.
        exif_block: TIFF structure that `fits`.
        xmp: Packet that `fits`.
        profile: ICC bytes, split into chunks as needed.
        iptc: Photoshop resource blocks, split as needed.
        comment: Text, split as needed.
        dpi: Written as whole numbers, as JFIF has no others.

    Returns:
        The file.
    """
    out = bytearray(data[:2])
    rest = 2
    if data[2:4] == b"\xff\xe0":
        rest = 4 + int.from_bytes(data[4:6], "big")
    across, down = (min(max(round(v), 1), 65_535) for v in dpi) if dpi else (1, 1)
    out += _segment(0xE0, b"JFIF\0\1\1" + struct.pack(">BHHBB", bool(dpi), across, down, 0, 0))
    if exif_block:
        out += _segment(0xE1, _EXIF_HEAD + exif_block)
    if xmp:
        out += _segment(0xE1, _XMP_HEAD + xmp)
    if comment:
        text = comment.encode("utf-8", "surrogateescape")
        out += _chunks(0xFE, b"", text, numbered=False)
    # Photoshop resources may go on in the next segment wherever the last one ended.
    out += _chunks(0xED, _IPTC_HEAD, iptc or b"", numbered=False)
    out += _chunks(0xE2, _ICC_HEAD, profile or b"", numbered=True)
    out += memoryview(data)[rest:]
    return bytes(out)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _chunks(marker: int, prefix: bytes, body: bytes, *, numbered: bool) -> bytes:
    room = SEGMENT_BYTES - len(prefix) - (2 if numbered else 0)
    pieces = [body[at : at + room] for at in range(0, len(body), room)]
    return b"".join(
        _segment(marker, prefix + (bytes([i + 1, len(pieces)]) if numbered else b"") + piece)
        for i, piece in enumerate(pieces)
    )


def read_back(data: bytes) -> NDArray[np.uint8]:
    """A JPEG of ours as (H, W, 3)."""
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB")
    return pixels
