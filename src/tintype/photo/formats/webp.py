"""WebP: decoded and encoded by Pillow, after its chunks have been read here.

The decoder allocates memory for the whole picture as soon as it is opened, so the size must be
known before.

Source: RFC 9649 section 2 (the RIFF container).
"""

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tintype.photo.formats.codec import Codec, DecodedPage, OutputPage
from tintype.photo.metadata import exif
from tintype.photo.parts import Part, UnknownParts, shown_name

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile
    from tintype.photo.photo import Metadata

# With this quality the grey of noisy photographs stays within 0.7 to 0.9 steps of 255 on average;
# 95 does not achieve one step.
_QUALITY = 98
# Consecutive chunks; a file has about a dozen.
_MAX_CHUNKS = 65_536
# Chunks that Pillow reads or that are the picture; the others are carried.
_KNOWN = frozenset(
    {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "}
)
_HAS_ALPHA = 0x10


@dataclass(frozen=True, slots=True)
class WebpHeader:
    """The contents of a WebP file's chunks.

    Attributes:
        width: Columns; 0 if no picture was found.
        height: Rows.
        lossless: Whether the picture is a VP8L stream.
        animated: Whether it contains frames.
        xmp: Packet.
        unknown: Chunks that were not recognised.
    """

    width: int = 0
    height: int = 0
    lossless: bool = False
    animated: bool = False
    xmp: bytes | None = None
    unknown: UnknownParts = field(default_factory=UnknownParts)


def _sniff(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    from PIL import WebPImagePlugin

    from tintype.photo.formats import pillow
    from tintype.photo.metadata import color_space

    header = _read_header(file.data)
    if header.animated:
        file.refuse_animation(is_film=False)  # FFmpeg does not read it
    file.check_size(header.width, header.height)
    page = pillow.decode_page(pillow.open_still(WebPImagePlugin.WebPImageFile, file), file)
    if page.icc is None and exif.is_adobe_rgb(page.exif):
        page.icc = color_space.adobe_rgb()
    page.packing = "lossless" if header.lossless else "lossy"
    page.parts = tuple(header.unknown.carried)
    page.notes += header.unknown.notes()
    return [page]


def _read_xmp(data: bytes) -> bytes | None:
    return _read_header(data).xmp


def _read_header(data: bytes) -> WebpHeader:
    width = height = 0
    lossless = animated = False
    xmp = None
    unknown = UnknownParts()
    at = 12
    for _ in range(_MAX_CHUNKS):
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
            width = max(width, 1 + (packed & 0x3FFF))
            height = max(height, 1 + (packed >> 14 & 0x3FFF))
        elif kind == b"VP8 " and len(body) >= 10:
            width = max(width, int.from_bytes(body[6:8], "little") & 0x3FFF)
            height = max(height, int.from_bytes(body[8:10], "little") & 0x3FFF)
        elif kind == b"ANMF":
            animated = True
        elif kind == b"XMP " and xmp is None:
            xmp = data[at + 8 : at + 8 + length]
        if kind not in _KNOWN and at + 8 + length <= len(data):
            name = f"chunk {shown_name(kind)}"
            unknown.carry(name, kind, data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return WebpHeader(width, height, lossless, animated, xmp, unknown)


def _with_parts(data: bytes, parts: tuple[Part, ...], shape: tuple[int, int]) -> bytes:
    """Appends chunks, which only the extended container format supports (section 2.7)."""
    if not parts:
        return data
    chunks = data[12:]
    if data[12:16] != b"VP8X":
        # Only a lossless picture can have transparency without the extended form.
        has_alpha = data[12:16] == b"VP8L" and bool(data[24] & _HAS_ALPHA)
        height, width = (side.to_bytes(3, "little") for side in (shape[0] - 1, shape[1] - 1))
        flags = bytes([_HAS_ALPHA if has_alpha else 0, 0, 0, 0])
        chunks = b"VP8X" + struct.pack("<I", 10) + flags + width + height + chunks
    for part in parts:
        padded = part.data + b"\0" * (len(part.data) % 2)
        chunks += part.kind + struct.pack("<I", len(part.data)) + padded
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _was_lossless(meta: "Metadata") -> bool:
    return meta.packing == "lossless"


def _write(pages: list[OutputPage], lost: list[str]) -> bytes:
    written = _encoded(pages, lost)
    return _with_parts(written, pages[0].metadata.parts, pages[0].photo.shape)


def _encoded(pages: list[OutputPage], lost: list[str]) -> bytes:
    from tintype.photo.formats import pillow

    photo, metadata = pages[0].photo, pages[0].metadata
    image = pillow.image_without_la(photo)
    options: dict[str, object] = {
        "exif": metadata.exif or b"",
        "xmp": metadata.xmp or b"",
        "icc_profile": metadata.icc or b"",
        "exact": True,
    }
    # Effort 1 of 6: the next steps cost seconds and save a few per cent.
    lossless = options | {"lossless": True, "quality": 20, "method": 1}
    if _was_lossless(photo.meta):
        return pillow.save(image, "WEBP", **lossless)
    lossy = options | {"quality": _QUALITY, "method": 3, "alpha_quality": 100}
    try:
        return pillow.save(image, "WEBP", **lossy)
    except ValueError:
        # A lossy file has half a megabyte for the coding modes of its blocks, whatever its size.
        lost.append("A picture of this size cannot be written as lossy WebP, so it is lossless.")
        return pillow.save(image, "WEBP", **lossless)


WEBP = Codec(
    name="WEBP",
    title="WebP",
    suffixes=(".webp",),
    mime="image/webp",
    writes="WEBP",
    sniff=_sniff,
    read=_read,
    read_xmp=_read_xmp,
    write=_write,
    carries=frozenset(
        {"grey 8", "alpha", "ICC", "EXIF", "XMP", "DPI", "unknown parts", "provenance"}
    ),
    max_side=16_383,
    dpi_in_exif=True,
    grey_error=1.0,
    lossless=_was_lossless,
    note="lossless where the source was; animations are refused",
)
