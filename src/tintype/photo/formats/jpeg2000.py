"""JPEG 2000: Pillow decodes and encodes the pixels; profile, EXIF and XMP are in our own boxes.

Pillow neither reads nor writes those boxes.

Sources: ISO/IEC 15444-1 annexes A (codestream) and I (JP2 boxes), Adobe XMP part 3 section 1.2.3
(uuid box); the identifiers of the IPTC and Photoshop boxes as written by those programs.
"""

import math
import re
import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from tintype.errors import UnreadablePhotoError
from tintype.photo.formats.codec import Codec, Column, DecodedPage, OutputMetadata, OutputPage
from tintype.photo.formats.iso_boxes import read_boxes, write_box
from tintype.photo.metadata import exif, iptc
from tintype.photo.parts import UnknownParts, shown_name

if TYPE_CHECKING:
    from PIL import ImageFile

    from tintype.photo.formats.input_file import InputFile

_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"
_CODESTREAM = b"\xff\x4f\xff\x51"
_XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_EXIF_UUID = b"JpgTiffExif->JP2"
_IPTC_UUID = bytes.fromhex("33C7A4D2B81D4723A0BAF1A3E097AD38")
_OLD_IPTC_UUID = bytes.fromhex("09A14E97C0B442E0BEBF36DF6F0CE36F")
_PHOTOSHOP_UUID = bytes.fromhex("2C4C0100850440B9A03E562148D6DFEB")
_GEO_UUID = bytes.fromhex("B14BF8BD083D4B43A5AE8CD7D5A6CE03")
# Boxes of the picture and its container, and those that describe only themselves (annex I).
_CONTAINER = frozenset({b"jP  ", b"ftyp", b"jp2h", b"jp2c", b"free", b"skip"})
_CARRIED = frozenset({b"xml ", b"uuid", b"uinf", b"jp2i"})
# Enumerated colour spaces (annex I.5.3.3 and part 2, annex M.11.7.3): none, CMYK, sRGB, grey, sYCC,
# and ROMM RGB. Pillow converts sYCC.
_ROMM = 21
_SPACES = frozenset({0, 12, 16, 17, 18, _ROMM})
# In the header: how pixels are stored, and what is read elsewhere.
_HEADER = frozenset({b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef", b"res "})
# A marker segment of 65,535 bytes with its length and its kind (annex A.9.2).
_MAX_COMMENT = 65_531
# The decoder allocates kilobytes for each tile before it reads the first. Hardly any picture has
# tiles smaller than 64 x 64, except for a few tiles.
_FREE_TILES = 64
_TILE_PIXELS = 64 * 64


@dataclass(slots=True)
class Jp2Metadata:
    """The contents of a JPEG 2000 file's boxes.

    Attributes:
        icc: Profile of a colour box of method 2 (restricted) or 3 (any).
        exif: TIFF structure.
        xmp: Packet.
        bits: Bits of the deepest component.
        components: Number of components.
        iptc: Photoshop resource blocks.
        unknown: Boxes that were not recognised.
        notes: Sentences on what could not be read.
        space: The enumerated colour space, 0 if there is none.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    unknown: UnknownParts = field(default_factory=UnknownParts)
    notes: list[str] = field(default_factory=list)
    space: int = 0
    bits: int = 8
    components: int = 0


def _sniff(head: bytes) -> bool:
    return head.startswith((_CODESTREAM, _JP2))


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    from PIL import Jpeg2KImagePlugin

    from tintype.photo.formats import pillow

    metadata = read_jp2_metadata(file.data)
    image = pillow.open_still(Jpeg2KImagePlugin.Jpeg2KImageFile, file)
    _check_tiles(file, image)
    page = _decode(file, image)
    page.icc, page.exif, page.xmp = metadata.icc, metadata.exif, metadata.xmp
    if page.icc is None and metadata.space == _ROMM:
        from tintype.photo.metadata import color_space

        page.icc = color_space.romm_rgb()
    elif metadata.space not in _SPACES:
        metadata.notes.append(f"Its colour space ({metadata.space}) is unknown: treated as sRGB.")
    page.dpi = page.dpi or exif.resolution(page.exif)
    # The pixels of JPEG 2000 are upright; its EXIF describes the file that it was made from.
    page.orientation = 1
    if metadata.bits > 8 and metadata.components > 1:
        metadata.notes.append(
            f"Its {metadata.bits} bits a channel are read as 8: convert it to TIFF first."
        )
    page.iptc, page.parts = metadata.iptc, tuple(metadata.unknown.carried)
    page.notes += (*metadata.notes, *metadata.unknown.notes())
    if page.comment and "OpenJPEG" in page.comment:
        page.comment = None  # signature of the encoder
    return [page]


def _check(file: "InputFile") -> None:
    from PIL import Jpeg2KImagePlugin

    from tintype.photo.formats import pillow

    _check_tiles(file, pillow.open_still(Jpeg2KImagePlugin.Jpeg2KImageFile, file))


def _check_tiles(file: "InputFile", image: "ImageFile.ImageFile") -> None:
    if _most_tiles(file.data) > _FREE_TILES + math.prod(image.size) // _TILE_PIXELS:
        file.fail("its tiles make no sense")


def _decode(file: "InputFile", image: "ImageFile.ImageFile") -> DecodedPage:
    """The pixels; a file that is whole but not decoded is unsupported, not damaged."""
    from PIL import Jpeg2KImagePlugin

    from tintype.photo.formats import jpeg2000_tiles, pillow

    try:
        return pillow.decode_page(image, file)
    except UnreadablePhotoError:
        counted = jpeg2000_tiles.with_counted_parts(file.data)
        if counted is None:
            raise
    if counted == file.data:
        _refuse_whole(file)
    again = replace(file, data=counted)
    try:
        image = pillow.open_still(Jpeg2KImagePlugin.Jpeg2KImageFile, again)
        page = pillow.decode_page(image, again)
    except UnreadablePhotoError:
        _refuse_whole(file)
    page.notes += ("Its tiles do not have the number of parts that they state: no pixel is lost.",)
    return page


def _refuse_whole(file: "InputFile") -> NoReturn:
    file.refuse(
        "is a JPEG 2000 of a kind that cannot be decoded here, or damaged inside",
        "Convert it to TIFF or PNG first.",
    )


def _read_xmp(data: bytes) -> bytes | None:
    return read_jp2_metadata(data).xmp


def read_jp2_metadata(data: bytes) -> Jp2Metadata:
    """Reads the boxes; a bare codestream has only its size marker."""
    if not data.startswith(_JP2):
        components, bits = _components(data)
        return Jp2Metadata(bits=bits, components=components)
    found = Jp2Metadata()
    for box in read_boxes(data):
        if box.kind == b"jp2h":
            for inner in read_boxes(box.body):
                if inner.kind == b"colr" and inner.body[:1] in (b"\2", b"\3"):
                    found.icc = found.icc or inner.body[3:]
                elif inner.kind == b"colr" and inner.body[:1] == b"\1":
                    found.space = found.space or int.from_bytes(inner.body[3:7], "big")
                elif inner.kind not in _HEADER:
                    found.unknown.leave(f"box {shown_name(inner.kind)}")
        elif box.kind == b"jp2c" and not found.components:
            found.components, found.bits = _components(box.body)
        elif box.kind == b"uuid":
            _read_uuid(found, box.body)
        elif box.kind in _CARRIED:
            found.unknown.carry(f"box {shown_name(box.kind.strip())}", box.kind, box.body)
        elif box.kind not in _CONTAINER or box.kind == b"jp2c":
            found.unknown.leave(f"box {shown_name(box.kind)}")
    return found


def _read_uuid(found: Jp2Metadata, body: bytes) -> None:
    """A box of some program, identified by its first bytes."""
    kind, contents = body[:16], body[16:]
    if kind == _XMP_UUID and found.xmp is None:
        found.xmp = contents
    elif kind == _EXIF_UUID and found.exif is None:
        found.exif = contents
    elif kind in (_IPTC_UUID, _OLD_IPTC_UUID):
        found.iptc = iptc.with_record(found.iptc, contents)
    elif kind == _PHOTOSHOP_UUID:
        blocks, skipped = iptc.without_thumbnails(contents)
        record, rest = iptc.split_record(blocks)
        found.iptc = (found.iptc or b"") + (rest or b"")
        found.iptc = iptc.with_record(found.iptc, record) if record else found.iptc or None
        found.notes.extend(skipped)
    elif kind in (_XMP_UUID, _EXIF_UUID):
        found.unknown.leave("a second XMP or EXIF box")
    else:
        name = "GeoJP2" if kind == _GEO_UUID else f"box uuid {kind[:4].hex()}"
        found.unknown.carry(name, b"uuid", body, geometric=kind == _GEO_UUID)


def _components(codestream: bytes) -> tuple[int, int]:
    """Number of components, and bits, from the SIZ marker (annex A.5.1)."""
    if codestream[:4] != _CODESTREAM or len(codestream) < 42:
        return 0, 8
    (components,) = struct.unpack_from(">H", codestream, 40)
    depths = codestream[42 : 42 + 3 * components : 3]
    return components, max(((depth & 0x7F) + 1 for depth in depths), default=8)


def _most_tiles(data: bytes) -> int:
    """The largest number of tiles that any codestream in the file states (annex A.5.1).

    Every position where a codestream may begin is checked, whatever the boxes state.
    """
    most = 0
    for found in re.finditer(re.escape(_CODESTREAM), data):
        at = found.start() + 8
        if at + 32 > len(data):
            break
        x1, y1, _, _, width, height, x0, y0 = struct.unpack_from(">8I", data, at)
        if width and height:
            most = max(most, -(-max(0, x1 - x0) // width) * -(-max(0, y1 - y0) // height))
    return most


def _write(pages: list[OutputPage], lost: list[str]) -> bytes:
    from tintype.photo.formats import pillow

    photo, metadata = pages[0].photo, pages[0].metadata
    options: dict[str, object] = {}
    if metadata.comment:
        comment = metadata.comment.encode("utf-8", "surrogateescape")
        options["comment"] = comment[:_MAX_COMMENT]
        if len(comment) > _MAX_COMMENT:
            lost.append("The comment is too long for JPEG 2000, and was cut off.")
    data = pillow.save(pillow.image_of(photo), "JPEG2000", **options)
    return _with_metadata(data, metadata)


def _with_metadata(data: bytes, metadata: OutputMetadata) -> bytes:
    """Adds boxes to a JP2 file without metadata; a profile replaces the enumerated colours."""
    out = bytearray()
    for box in read_boxes(data):
        if box.kind == b"jp2h":
            inner = [
                write_box(b"colr", b"\2\0\0" + metadata.icc)
                if metadata.icc and part.kind == b"colr"
                else box.body[part.start : part.end]
                for part in read_boxes(box.body)
            ]
            if metadata.dpi:
                inner.append(write_box(b"res ", write_box(b"resc", _resolution(metadata.dpi))))
            out += write_box(b"jp2h", b"".join(inner))
            continue
        if box.kind == b"jp2c":
            if metadata.xmp:
                out += write_box(b"uuid", _XMP_UUID + metadata.xmp)
            if metadata.exif:
                out += write_box(b"uuid", _EXIF_UUID + metadata.exif)
            record, rest = iptc.split_record(metadata.iptc)
            if record:
                out += write_box(b"uuid", _IPTC_UUID + record)
            if rest:
                out += write_box(b"uuid", _PHOTOSHOP_UUID + rest)
            for unknown in metadata.parts:
                out += write_box(unknown.kind, unknown.data)
        out += write_box(box.kind, box.body)
    return bytes(out)


def _resolution(dpi: tuple[float, float]) -> bytes:
    """Dots per metre as fractions, vertical first (annex I.5.3.7.1)."""
    across, down = (min(max(round(v / 0.0254), 1), 65_535) for v in dpi)
    return struct.pack(">HHHHBB", down, 1, across, 1, 0, 0)


_COLUMNS: tuple[Column, ...] = (
    "grey 8", "alpha", "ICC", "EXIF", "XMP", "DPI", "comment", "IPTC", "unknown parts",
    "provenance",
)  # fmt: skip

JPEG2000 = Codec(
    name="JPEG2000",
    title="JPEG 2000",
    suffixes=(".jp2", ".j2k", ".j2c", ".jpx", ".jpf"),
    mime="image/jp2",
    writes="JPEG2000",
    sniff=_sniff,
    read=_read,
    check=_check,
    read_xmp=_read_xmp,
    write=_write,
    carries=frozenset(_COLUMNS),
    reads=frozenset((*_COLUMNS, "grey 16")),
    note="written lossless, in JP2 boxes; 16-bit grey is read, written with 8 bits",
)
