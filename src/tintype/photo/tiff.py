"""TIFF: every page, 8 and 16 bits, with its tags.

Two roads in. Grey and RGB samples of 8 or 16 bits are taken from the strips or tiles directly,
because Pillow turns 16-bit RGB into 8 bits; deflate is zlib's, and LZW and the others are left to
libtiff by handing it each strip as a little TIFF of plain bytes. Everything else (fax, JPEG, YCbCr,
palettes, CMYK, 1 to 4 bits) has 8 bits at most and goes through Pillow whole.

(tifffile was the alternative. It cannot read LZW without a 50-MB package, nor write the EXIF and
GPS directories of a page.)

Sources: TIFF revision 6.0; Adobe TIFF technical note 3 (deflate); TIFF/EP for tags of cameras.
"""

import io
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, TiffImagePlugin

from tintype.photo import exif, ifd
from tintype.photo.ifd import DamagedTagsError, Directory, Entry, Structure, Tags
from tintype.photo.jpeg import without_thumbnails
from tintype.photo.photo import Pixels
from tintype.photo.quiet import captured_stderr
from tintype.photo.raw import Raw, Source, split_modes

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_COUNTS, _PLANAR = 273, 277, 278, 279, 284
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 317, 322, 323, 324, 325
_EXTRA, _FORMAT, _FILL_ORDER = 338, 339, 266
_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675

# Tags that describe the photograph and not the storage of its pixels: they travel.
_DESCRIPTIVE = (
    269, 270, 271, 272, 285, 297, 305, 306, 315, 316, 337, 18246, 18249, 33432, 40091, 40092, 40093,
    40094, 40095, 36867, 37520, 37521, 37522, 50341,
)  # fmt: skip

MAX_PAGES = 1000
_NONE, _LZW, _DEFLATES, _PACKBITS, _ZSTD, _LZMA = 1, 5, (8, 32946), 32773, 50000, 34925


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the samples of a page are, for grey and RGB pages of 8 or 16 bits.

    Attributes:
        width: Columns.
        height: Rows.
        bits: 8 or 16.
        samples: Per pixel.
        colors: 1 or 3; what is beyond is extra.
        inverted: 0 is white.
        alpha: Index of the sample that is alpha, or None.
        premultiplied: Whether the colours were multiplied by it.
        compression: TIFF number.
        differenced: Horizontal predictor.
        planar: One plane after the other.
        block: (rows, columns) of a strip or tile.
        offsets: Of the strips or tiles.
        counts: Their bytes.
        order: Of the samples.
    """

    width: int
    height: int
    bits: int
    samples: int
    colors: int
    inverted: bool
    alpha: int | None
    premultiplied: bool
    compression: int
    differenced: bool
    planar: bool
    block: tuple[int, int]
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    order: str


def _values(structure: Structure, page: Directory, tag: int, *default: int) -> tuple[int, ...]:
    entry = page.entries.get(tag)
    return (entry.integers(structure.order) if entry else ()) or default


def read(source: Source) -> list[Raw]:
    """Decodes all pages.

    Args:
        source: The file.

    Returns:
        One for each page; small copies of a page (previews) are left out.
    """
    try:
        structure = ifd.open_structure(source.data)
        pages = list(_pages(structure))
    except DamagedTagsError as error:
        source.fail(str(error))
    if len(pages) > MAX_PAGES:
        source.refuse(f"has more than {MAX_PAGES} pages", "Split it into smaller files.")
    chosen = [
        (number, page)
        for number, page in enumerate(pages)
        if not _values(structure, page, _SUBFILE, 0)[0] & 1 or number == 0
    ]
    total = 0
    for _, page in chosen:
        width, height = (_values(structure, page, tag, 0)[0] for tag in (_WIDTH, _HEIGHT))
        source.check_size(width, height)
        total += width * height
    source.check_pages(total)
    raws = []
    for number, page in chosen:
        layout = _layout(source, structure, page)
        with captured_stderr() as remarks:
            raw = _through_pillow(source, number) if layout is None else _direct(source, layout)
        if remarks:
            raw.notes += (f"Parts of it may be damaged (libtiff: {remarks[0]}).",)
        raws.append(_described(raw, structure, page, turned=layout is None))
    return raws


def _pages(structure: Structure) -> Iterator[Directory]:
    offset, seen = structure.first, set[int]()
    while offset and offset not in seen and len(seen) <= MAX_PAGES:
        seen.add(offset)
        try:
            page = structure.directory(offset)
        except DamagedTagsError:
            if len(seen) == 1:
                raise
            # A page that is cut off must not vanish in silence.
            raise DamagedTagsError(f"page {len(seen)} is cut off") from None
        yield page
        offset = page.next_offset


def _layout(source: Source, structure: Structure, page: Directory) -> Layout | None:
    """The layout of a page that is read directly; None for one that Pillow reads."""

    def one(tag: int, default: int) -> int:
        return _values(structure, page, tag, default)[0]

    bits = set(_values(structure, page, _BITS, 1))
    kinds = set(_values(structure, page, _FORMAT, 1))
    photometric = one(_PHOTOMETRIC, 1)
    deep = max(bits) > 8
    if kinds - {1} or bits & {24, 32, 64}:
        source.refuse(
            "has floating-point, signed or 32-bit pixels",
            "Save it with 8 or 16 bits a channel.",
        )
    compression = one(_COMPRESSION, 1)
    known = {_NONE, _LZW, *_DEFLATES, _PACKBITS, _ZSTD, _LZMA}
    direct = (
        bits in ({8}, {16})
        and photometric in (0, 1, 2)
        and compression in known
        and one(_FILL_ORDER, 1) == 1
        and one(_PREDICTOR, 1) in (1, 2)
    )
    if not direct:
        if deep:
            source.refuse(
                "is a TIFF with more than 8 bits in an unusual form",
                "Save it as 16-bit grey or RGB, uncompressed or with LZW or deflate.",
            )
        return None
    width, height = one(_WIDTH, 0), one(_HEIGHT, 0)
    colors = 3 if photometric == 2 else 1
    samples = one(_SAMPLES, colors)
    if not colors <= samples <= 16:
        source.fail("its number of channels makes no sense")
    tiled = _TILE_OFFSETS in page.entries
    if tiled:
        block = one(_TILE_HEIGHT, 0), one(_TILE_WIDTH, 0)
    else:
        block = min(one(_ROWS_PER_STRIP, height), height), width
    if min(block) < 1 or max(block) > 2 * max(width, height, 512):
        source.fail("its strips make no sense")
    extras = _values(structure, page, _EXTRA)
    alphas = [colors + i for i, kind in enumerate(extras) if kind in (1, 2)]
    if not extras and samples == colors + 1:
        alphas = [colors]
    alpha = alphas[0] if alphas and alphas[0] < samples else None
    return Layout(
        width=width,
        height=height,
        bits=max(bits),
        samples=samples,
        colors=colors,
        inverted=photometric == 0,
        alpha=alpha,
        premultiplied=alpha is not None and bool(extras) and extras[alpha - colors] == 1,
        compression=compression,
        differenced=one(_PREDICTOR, 1) == 2,
        planar=one(_PLANAR, 1) == 2 and samples > 1,
        block=block,
        offsets=_values(structure, page, _TILE_OFFSETS if tiled else _STRIP_OFFSETS),
        counts=_values(structure, page, _TILE_COUNTS if tiled else _STRIP_COUNTS),
        order=structure.order,
    )


def _direct(source: Source, layout: Layout) -> Raw:
    """Assembles the strips or tiles of a page."""
    planes = layout.samples if layout.planar else 1
    depth = 1 if layout.planar else layout.samples
    rows, columns = layout.block
    down = math.ceil(layout.height / rows)
    across = math.ceil(layout.width / columns)
    if len(layout.offsets) < down * across * planes:
        source.fail("strips are missing")
    if len(layout.counts) < len(layout.offsets):
        if layout.compression != _NONE or len(layout.offsets) > 1:
            source.fail("the sizes of its strips are missing")
        layout_counts: tuple[int, ...] = (len(source.data) - layout.offsets[0],)
    else:
        layout_counts = layout.counts
    keep = _kept_samples(layout)
    dtype = np.dtype(np.uint8 if layout.bits == 8 else np.uint16)
    # Every block costs time: a table of a million strips of one byte is no photograph.
    if down * across * planes > layout.height * layout.samples + 65_536:
        source.fail("its strips make no sense")
    out = np.empty((layout.height, layout.width, len(keep)), dtype)
    number = 0
    for plane in range(planes):
        for y in range(0, layout.height, rows):
            for x in range(0, layout.width, columns):
                offset, count = layout.offsets[number], layout_counts[number]
                number += 1
                if layout.planar and plane not in keep:
                    continue
                tiled = columns != layout.width or y + rows <= layout.height
                block_rows = rows if tiled else layout.height - y
                packed = source.data[offset : offset + count]
                block = _block(source, layout, packed, (block_rows, columns, depth))
                part = block[: layout.height - y, : layout.width - x]
                into = out[y : y + rows, x : x + columns]
                if layout.planar:
                    into[..., keep.index(plane)] = part[..., 0]
                else:
                    into[...] = part[..., keep]
    return _sorted_channels(layout, out)


def _kept_samples(layout: Layout) -> list[int]:
    keep = list(range(layout.colors))
    return keep if layout.alpha is None else [*keep, layout.alpha]


def _block(source: Source, layout: Layout, packed: bytes, shape: tuple[int, int, int]) -> Pixels:
    """One strip or tile as (rows, columns, samples) in native byte order."""
    dtype = np.dtype(np.uint8 if layout.bits == 8 else f"{layout.order}u2")
    size = math.prod(shape) * dtype.itemsize
    data = _unpacked(source, layout.compression, packed, size, shape[0])
    if len(data) < size:
        source.fail("a strip ends too early")
    block = np.frombuffer(data, dtype, math.prod(shape)).reshape(shape)
    if layout.bits == 16:
        block = block.astype(np.uint16)
    if layout.differenced:
        block = np.cumsum(block, axis=1, dtype=block.dtype)
    return block


def _unpacked(source: Source, compression: int, packed: bytes, size: int, rows: int) -> bytes:
    if compression == _NONE:
        return packed
    if compression in _DEFLATES:
        try:
            return zlib.decompressobj().decompress(packed, size)
        except zlib.error as error:
            source.fail(str(error))
    # To libtiff the bytes are RGBA of whatever width: fewer pixels than grey, so that a picture in
    # one strip stays below the size at which Pillow suspects a bomb.
    row_bytes = size // rows
    wide = 1 if size % 4 else 4
    rows, columns = (rows, row_bytes // wide) if row_bytes % wide == 0 else (1, size // wide)
    tags: dict[int, Entry | Tags] = {
        tag: ifd.integer_entry("<", ifd.LONG, *values)
        for tag, values in (
            (_WIDTH, (columns,)),
            (_HEIGHT, (rows,)),
            (_BITS, (8,) * wide),
            (_COMPRESSION, (compression,)),
            (_PHOTOMETRIC, (1 if wide == 1 else 2,)),
            (_STRIP_OFFSETS, (8,)),
            (_SAMPLES, (wide,)),
            (_ROWS_PER_STRIP, (rows,)),
            (_STRIP_COUNTS, (len(packed),)),
        )
    }
    if wide == 4:
        tags[_EXTRA] = ifd.integer_entry("<", ifd.SHORT, 2)
    base = 8 + len(packed) + len(packed) % 2
    with source.reading():
        stream = b"".join(
            (
                b"II*\0" + struct.pack("<I", base),
                packed + b"\0" * (len(packed) % 2),
                ifd.serialise(tags, order="<", base=base),
            )
        )
        return TiffImagePlugin.TiffImageFile(io.BytesIO(stream)).tobytes()


def _sorted_channels(layout: Layout, out: Pixels) -> Raw:
    top = 2**layout.bits - 1
    alpha = None if layout.alpha is None else np.ascontiguousarray(out[..., -1])
    colors = out[..., 0] if layout.colors == 1 else out[..., :3]
    colors = np.ascontiguousarray(colors)
    if layout.inverted:
        np.subtract(top, colors, out=colors)
    if layout.premultiplied and alpha is not None:
        wide = alpha.astype(np.float64) if layout.colors == 1 else alpha[..., None].astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            plain = np.where(wide > 0, colors * (top / wide), 0)
        colors = np.clip(plain + 0.5, 0, top).astype(colors.dtype)
    if layout.bits == 8 and layout.colors == 3:
        return Raw(Image.fromarray(colors), alpha)
    return Raw(colors, alpha)


def _through_pillow(source: Source, number: int) -> Raw:
    """A page of 8 bits or fewer in a form that libtiff knows; Pillow turns it upright."""
    with source.reading():
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(source.data))
        image.seek(number)
        image.load()
        picture, alpha = split_modes(image, source)
    return Raw(picture, alpha)


def _described(raw: Raw, structure: Structure, page: Directory, *, turned: bool) -> Raw:
    """Adds what the tags of a page say."""
    entries = page.entries
    stored = _values(structure, page, exif.ORIENTATION, 1)[0]
    raw.orientation = 1 if turned else stored
    raw.dpi = exif.resolution_of(entries, structure.order)
    if turned and raw.dpi and stored in (5, 6, 7, 8):
        raw.dpi = raw.dpi[1], raw.dpi[0]
    raw.icc = entries[_ICC].data if _ICC in entries else None
    raw.xmp = entries[_XMP].data if _XMP in entries else None
    raw.packing = "none" if _values(structure, page, _COMPRESSION, 1)[0] == _NONE else "deflate"
    blocks = without_thumbnails(entries[_PHOTOSHOP].data) if _PHOTOSHOP in entries else None
    if _IPTC in entries and (blocks is None or b"8BIM\x04\x04" not in blocks):
        record = entries[_IPTC].data
        resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record))
        blocks = (blocks or b"") + resource + record + b"\0" * (len(record) % 2)
    raw.iptc = blocks
    raw.exif = _exif_block(structure, page)
    return raw


def _exif_block(structure: Structure, page: Directory) -> bytes | None:
    """The describing tags of a page with its EXIF and GPS directories, as an EXIF block."""
    tags = _tree(structure, page, (*_DESCRIPTIVE, *_BELOW_PAGE))
    if not tags:
        return None
    order = structure.order
    return ifd.header(order) + ifd.serialise(tags, order=order, base=8)


# Which directories hang below which: a damaged file cannot make the way longer than this.
_BELOW_PAGE = (exif.EXIF_IFD, exif.GPS_IFD)
_BELOW_EXIF = (exif.INTEROP_IFD,)


def _tree(
    structure: Structure,
    page: Directory,
    chosen: Sequence[int] | None,
    below: tuple[int, ...] = _BELOW_PAGE,
) -> dict[int, Entry | Tags]:
    """Entries of a directory, and of the EXIF, GPS and interoperability directories below it."""
    tags = _plain_tags(page, chosen)
    for tag in (*_BELOW_PAGE, *_BELOW_EXIF):
        if tags.pop(tag, None) is None or tag not in below:
            continue
        found = structure.sub_directory(page, tag)
        deeper = _BELOW_EXIF if tag == exif.EXIF_IFD else ()
        inner = _tree(structure, found, None, deeper) if found else {}
        if inner:
            tags[tag] = inner
    return tags


def _plain_tags(page: Directory, chosen: Sequence[int] | None) -> dict[int, Entry | Tags]:
    """Entries that a classic TIFF can hold (BigTIFF has three more types)."""
    return {
        tag: entry
        for tag, entry in page.entries.items()
        if entry.kind <= ifd.IFD and (chosen is None or tag in chosen)
    }


@dataclass(frozen=True, slots=True)
class Page:
    """One page to write.

    Attributes:
        pixels: (H, W, channels) uint8 or uint16.
        has_alpha: Whether the last channel is alpha.
        packing: "none" or "deflate".
        exif: TIFF structure whose tags become the page's.
        xmp: Packet.
        icc: Profile.
        iptc: Photoshop resource blocks.
        dpi: Dots per inch.
    """

    pixels: Pixels
    has_alpha: bool
    packing: str
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None


_STRIP_BYTES = 1 << 20
_LIMIT = 2**32 - 1


def write(pages: Sequence[Page]) -> bytes | None:
    """Encodes pages.

    Args:
        pages: At least one.

    Returns:
        The file; None where it would pass the 4 GB of a TIFF.
    """
    # Values of EXIF directories stay as they are, so the file takes their byte order.
    orders = {exif.byte_order(page.exif) for page in pages if page.exif}
    order = ">" if orders == {">"} else "<"
    parts = [ifd.header(order)[:4], b"\0\0\0\0"]
    at = 8
    pointer: tuple[int, int] = (1, 0)
    for page in pages:
        strips, rows = _strips(page, order)
        offsets = []
        for strip in strips:
            offsets.append(at)
            parts.append(strip + b"\0" * (len(strip) % 2))
            at += len(parts[-1])
        tags = _page_tags(page, order, rows, offsets, [len(strip) for strip in strips])
        directory = ifd.serialise(tags, order=order, base=at)
        directory += b"\0" * (len(directory) % 2)
        if at + len(directory) > _LIMIT:
            return None
        _point(parts, pointer, order, at)
        parts.append(directory)
        pointer = len(parts) - 1, 2 + 12 * len(tags)
        at += len(directory)
    return b"".join(parts)


def _point(parts: list[bytes], pointer: tuple[int, int], order: str, target: int) -> None:
    """Writes where the next directory stands into the part that must say so."""
    index, place = pointer
    part = parts[index]
    parts[index] = part[:place] + struct.pack(order + "I", target) + part[place + 4 :]


def _strips(page: Page, order: str) -> tuple[list[bytes], int]:
    height, width, channels = page.pixels.shape
    size = page.pixels.dtype.itemsize
    rows = max(1, _STRIP_BYTES // (width * channels * size))
    strips = []
    for top in range(0, height, rows):
        strip = page.pixels[top : top + rows]
        if page.packing == "deflate":
            strip = np.diff(strip, axis=1, prepend=strip.dtype.type(0))
        data = strip.astype(f"{order}u{size}").tobytes()
        strips.append(zlib.compress(data, 1) if page.packing == "deflate" else data)
    return strips, rows


def _page_tags(
    page: Page, order: str, rows: int, offsets: list[int], counts: list[int]
) -> dict[int, Entry | Tags]:
    height, width, channels = page.pixels.shape
    colors = channels - page.has_alpha
    tags = _tags_of_block(page.exif, order)
    deflate = page.packing == "deflate"
    tags |= {
        _WIDTH: ifd.integer_entry(order, ifd.LONG, width),
        _HEIGHT: ifd.integer_entry(order, ifd.LONG, height),
        _BITS: ifd.integer_entry(order, ifd.SHORT, *[page.pixels.dtype.itemsize * 8] * channels),
        _COMPRESSION: ifd.integer_entry(order, ifd.SHORT, 8 if deflate else 1),
        _PHOTOMETRIC: ifd.integer_entry(order, ifd.SHORT, 2 if colors == 3 else 1),
        _STRIP_OFFSETS: ifd.integer_entry(order, ifd.LONG, *offsets),
        exif.ORIENTATION: ifd.integer_entry(order, ifd.SHORT, 1),
        _SAMPLES: ifd.integer_entry(order, ifd.SHORT, channels),
        _ROWS_PER_STRIP: ifd.integer_entry(order, ifd.LONG, rows),
        _STRIP_COUNTS: ifd.integer_entry(order, ifd.LONG, *counts),
        _PLANAR: ifd.integer_entry(order, ifd.SHORT, 1),
    }
    if deflate:
        tags[_PREDICTOR] = ifd.integer_entry(order, ifd.SHORT, 2)
    if page.has_alpha:
        tags[_EXTRA] = ifd.integer_entry(order, ifd.SHORT, 2)
    if page.dpi:
        tags |= exif.resolution_tags(order, page.dpi)
    for tag, kind, data in (
        (_XMP, ifd.BYTE, page.xmp),
        (_ICC, ifd.UNDEFINED, page.icc),
        (_PHOTOSHOP, ifd.BYTE, page.iptc),
    ):
        if data:
            tags[tag] = Entry(kind, len(data), data)
    return tags


def _tags_of_block(block: bytes | None, order: str) -> dict[int, Entry | Tags]:
    """The tags of an EXIF block, as tags of a page."""
    if block is None:
        return {}
    structure = ifd.open_structure(block)
    page = structure.directory(structure.first)
    tags = _tree(structure, page, None)
    if structure.order != order:
        tags = ifd.swapped(tags)
    # Sizes and layout in an EXIF block speak of another file.
    storage = {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _STRIP_COUNTS}
    return {tag: value for tag, value in tags.items() if tag not in storage}
