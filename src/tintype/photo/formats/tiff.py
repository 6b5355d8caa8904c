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
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, TiffImagePlugin

from tintype.photo.formats import tifftags
from tintype.photo.formats.jpeg import without_thumbnails
from tintype.photo.formats.quiet import captured_stderr
from tintype.photo.formats.raw import Raw, Source, split_modes
from tintype.photo.metadata import exif, ifd
from tintype.photo.metadata.ifd import DamagedTagsError, Directory, Entry, Structure, Tags
from tintype.photo.photo import Pixels

# Tags that describe the photograph and not the storage of its pixels: they travel.
_DESCRIPTIVE = (
    269, 270, 271, 272, 285, 297, 305, 306, 315, 316, 337, 18246, 18249, 33432, 40091, 40092, 40093,
    40094, 40095, 36867, 37520, 37521, 37522, 50341,
)  # fmt: skip

MAX_PAGES = 1000
# Of the tag tables of all pages together; a page has a few hundred bytes.
_TABLE_BYTES = 2 << 20
# Strips or tiles of one page: one for each row and channel, and some more for small pictures. Every
# one costs time, so there is an end to that as well.
_MORE_BLOCKS = 65_536
_MOST_BLOCKS = 1_000_000
# Strips that libtiff unpacks: each call costs a third of a millisecond, so small ones go together.
_BATCH_BYTES = 4 << 20
_STRIP_HEAD = 4096
_ONE_BY_ONE = frozenset({tifftags.UNPACKED, *tifftags.DEFLATES})
# A tile may be larger than a small picture; a packed one is unpacked whole.
_TILE_PIXELS = 1 << 22
_PIXEL_BYTES = 8


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


def _table(structure: Structure, page: Directory, tag: int, most: int) -> tuple[int, ...]:
    entry = page.entries.get(tag)
    return entry.integers(structure.order, most=most) if entry else ()


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
    if not pages:
        source.fail("there is no page in it")
    if len(pages) > MAX_PAGES:
        source.refuse(f"has more than {MAX_PAGES} pages", "Split it into smaller files.")
    chosen = [
        page
        for number, page in enumerate(pages)
        if not _values(structure, page, tifftags.SUBFILE, 0)[0] & 1 or number == 0
    ]
    total = 0
    for page in chosen:
        width, height = (
            _values(structure, page, tag, 0)[0] for tag in (tifftags.WIDTH, tifftags.HEIGHT)
        )
        source.check_size(width, height)
        total += width * height
    source.check_pages(total)
    raws = []
    for page in chosen:
        layout = _layout(source, structure, page)
        with captured_stderr() as remarks:
            raw = (
                _through_pillow(source, structure, page)
                if layout is None
                else _direct(source, layout)
            )
        if remarks:
            raw.notes += (f"Parts of it may be damaged (libtiff: {remarks[0]}).",)
        raws.append(_described(raw, structure, page, turned=layout is None))
    return raws


def _pages(structure: Structure) -> Iterator[Directory]:
    offset, seen, tables = structure.first, set[int](), 0
    while offset and offset not in seen and len(seen) <= MAX_PAGES:
        seen.add(offset)
        try:
            page = structure.directory(offset)
        except DamagedTagsError:
            if len(seen) == 1:
                raise
            # A page that is cut off must not vanish in silence.
            raise DamagedTagsError(f"page {len(seen)} is cut off") from None
        tables += page.size
        if tables > _TABLE_BYTES:
            raise DamagedTagsError("its pages have far too many tags")
        yield page
        offset = page.next_offset


def _layout(source: Source, structure: Structure, page: Directory) -> Layout | None:
    """The layout of a page that is read directly; None for one that Pillow reads."""

    def one(tag: int, default: int) -> int:
        return _values(structure, page, tag, default)[0]

    bits = set(_values(structure, page, tifftags.BITS, 1))
    kinds = set(_values(structure, page, tifftags.FORMAT, 1))
    photometric = one(tifftags.PHOTOMETRIC, 1)
    deep = max(bits) > 8
    if kinds - {1} or bits & {24, 32, 64}:
        source.refuse(
            "has floating-point, signed or 32-bit pixels",
            "Save it with 8 or 16 bits a channel.",
        )
    compression = one(tifftags.COMPRESSION, 1)
    direct = (
        bits in ({8}, {16})
        and photometric in (0, 1, 2)
        and compression in tifftags.BYTE_PACKINGS
        and one(tifftags.FILL_ORDER, 1) == 1
        and one(tifftags.PREDICTOR, 1) in (1, 2)
    )
    if not direct:
        if deep:
            source.refuse(
                "is a TIFF with more than 8 bits in an unusual form",
                "Save it as 16-bit grey or RGB, uncompressed or with LZW or deflate.",
            )
        return None
    width, height = one(tifftags.WIDTH, 0), one(tifftags.HEIGHT, 0)
    colors = 3 if photometric == 2 else 1
    samples = one(tifftags.SAMPLES, colors)
    if not colors <= samples <= 16:
        source.fail("its number of channels makes no sense")
    tiled = tifftags.TILE_OFFSETS in page.entries
    if tiled:
        block = one(tifftags.TILE_HEIGHT, 0), one(tifftags.TILE_WIDTH, 0)
    else:
        block = min(one(tifftags.ROWS_PER_STRIP, height), height), width
    if min(block) < 1 or max(block) > 2 * max(width, height, 512):
        source.fail("its strips make no sense")
    planar = one(tifftags.PLANAR, 1) == 2 and samples > 1
    size = math.prod(block)
    depth = max(bits) // 8 * (1 if planar else samples)
    if size > width * height + _TILE_PIXELS or size * depth > _PIXEL_BYTES * (
        source.max_pixels + _TILE_PIXELS
    ):
        source.fail("its strips make no sense")
    blocks = math.ceil(height / block[0]) * math.ceil(width / block[1])
    blocks *= samples if planar else 1
    if blocks > min(height * samples + _MORE_BLOCKS, _MOST_BLOCKS):
        source.fail("its strips make no sense")
    extras = _values(structure, page, tifftags.EXTRA)
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
        differenced=one(tifftags.PREDICTOR, 1) == 2,
        planar=planar,
        block=block,
        offsets=_table(
            structure, page, tifftags.TILE_OFFSETS if tiled else tifftags.STRIP_OFFSETS, blocks
        ),
        counts=_table(
            structure, page, tifftags.TILE_COUNTS if tiled else tifftags.STRIP_COUNTS, blocks
        ),
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
        if layout.compression != tifftags.UNPACKED or len(layout.offsets) > 1:
            source.fail("the sizes of its strips are missing")
        layout_counts: tuple[int, ...] = (len(source.data) - layout.offsets[0],)
    else:
        layout_counts = layout.counts
    keep = _kept_samples(layout)
    dtype = np.dtype(np.uint8 if layout.bits == 8 else np.uint16)
    out = np.empty((layout.height, layout.width, len(keep)), dtype)
    for batch in _batches(layout, planes, keep):
        shape = _block_rows(layout, batch[0][1]), columns, depth
        size = math.prod(shape) * dtype.itemsize
        packed = []
        for plane, y, x in batch:
            number = (plane * down + y // rows) * across + x // columns
            offset, count = layout.offsets[number], layout_counts[number]
            # No packing makes twice as much of it; whatever more is claimed is not looked at.
            packed.append(source.data[offset : offset + min(count, 2 * size + _STRIP_HEAD)])
        unpacked = _unpacked(source, layout.compression, packed, shape, dtype.itemsize)
        for (plane, y, x), data in zip(batch, unpacked, strict=True):
            block = _block(source, layout, data, shape)
            part = block[: layout.height - y, : layout.width - x]
            into = out[y : y + rows, x : x + columns]
            if layout.planar:
                into[..., keep.index(plane)] = part[..., 0]
            else:
                into[...] = part[..., keep]
    return _sorted_channels(layout, out)


_Place = tuple[int, int, int]
"""Plane, first row and first column of a strip or tile."""


def _batches(layout: Layout, planes: int, keep: list[int]) -> Iterator[list[_Place]]:
    """Strips or tiles that are unpacked in one go: neighbours of the same shape, not too many."""
    rows, columns = layout.block
    size = rows * columns * layout.samples * layout.bits // 8
    together = 1 if layout.compression in _ONE_BY_ONE else _BATCH_BYTES // (size + _STRIP_HEAD) or 1
    batch: list[_Place] = []
    for plane in range(planes):
        if layout.planar and plane not in keep:
            continue
        for y in range(0, layout.height, rows):
            for x in range(0, layout.width, columns):
                last = batch and _block_rows(layout, y) != _block_rows(layout, batch[0][1])
                if len(batch) == together or last:
                    yield batch
                    batch = []
                batch.append((plane, y, x))
    yield batch


def _block_rows(layout: Layout, y: int) -> int:
    """Rows of the strip or tile that begins at a row: the last strip ends with the picture."""
    rows, columns = layout.block
    return rows if columns != layout.width else min(rows, layout.height - y)


def _kept_samples(layout: Layout) -> list[int]:
    keep = list(range(layout.colors))
    return keep if layout.alpha is None else [*keep, layout.alpha]


def _block(source: Source, layout: Layout, data: bytes, shape: tuple[int, int, int]) -> Pixels:
    """One strip or tile as (rows, columns, samples) in native byte order."""
    dtype = np.dtype(np.uint8 if layout.bits == 8 else f"{layout.order}u2")
    if len(data) < math.prod(shape) * dtype.itemsize:
        source.fail("a strip ends too early")
    block = np.frombuffer(data, dtype, math.prod(shape)).reshape(shape)
    if layout.bits == 16:
        block = block.astype(np.uint16)
    if layout.differenced:
        block = np.cumsum(block, axis=1, dtype=block.dtype)
    return block


def _unpacked(
    source: Source,
    compression: int,
    packed: list[bytes],
    shape: tuple[int, int, int],
    sample_bytes: int,
) -> list[bytes]:
    """The bytes of strips or tiles of one shape."""
    size = math.prod(shape) * sample_bytes
    if compression == tifftags.UNPACKED:
        return packed
    if compression in tifftags.DEFLATES:
        try:
            return [zlib.decompressobj().decompress(part, size) for part in packed]
        except zlib.error as error:
            source.fail(str(error))
    # To libtiff the bytes are RGBA of whatever width: fewer pixels than grey, so that a picture in
    # one strip stays below the size at which Pillow suspects a bomb.
    row_bytes = size // shape[0]
    wide = 1 if size % 4 else 4
    rows, columns = (shape[0], row_bytes // wide) if row_bytes % wide == 0 else (1, size // wide)
    places = [8]
    for part in packed[:-1]:
        places.append(places[-1] + len(part))
    base = places[-1] + len(packed[-1])
    base += base % 2
    tags: dict[int, Entry | Tags] = {
        tag: ifd.integer_entry("<", ifd.LONG, *values)
        for tag, values in (
            (tifftags.WIDTH, (columns,)),
            (tifftags.HEIGHT, (rows * len(packed),)),
            (tifftags.BITS, (8,) * wide),
            (tifftags.COMPRESSION, (compression,)),
            (tifftags.PHOTOMETRIC, (1 if wide == 1 else 2,)),
            (tifftags.STRIP_OFFSETS, places),
            (tifftags.SAMPLES, (wide,)),
            (tifftags.ROWS_PER_STRIP, (rows,)),
            (tifftags.STRIP_COUNTS, tuple(map(len, packed))),
        )
    }
    if wide == 4:
        tags[tifftags.EXTRA] = ifd.integer_entry("<", ifd.SHORT, 2)
    with source.reading():
        body = b"".join(packed)
        stream = b"".join(
            (
                b"II*\0" + struct.pack("<I", base),
                body + b"\0" * (len(body) % 2),
                ifd.serialise(tags, order="<", base=base),
            )
        )
        data = TiffImagePlugin.TiffImageFile(io.BytesIO(stream)).tobytes()
    return [data[at : at + size] for at in range(0, size * len(packed), size)]


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


def _through_pillow(source: Source, structure: Structure, page: Directory) -> Raw:
    """A page of 8 bits or fewer in a form that libtiff knows; Pillow turns it upright.

    Pillow is given the file with one new directory at its end, that of this page's storage: looking
    for the page among the others would read all of them again for each, and a profile or a note of
    megabytes is none of its business.
    """
    order, data = structure.order, source.data
    base = len(data) + len(data) % 2
    with source.reading():
        tags: dict[int, Entry | Tags] = {
            tag: _classic(order, entry)
            for tag, entry in page.entries.items()
            if tag in tifftags.STORAGE
        }
        stream = io.BytesIO(
            b"".join(
                (
                    ifd.header(order)[:4] + struct.pack(order + "I", base),
                    memoryview(data)[8:],
                    b"\0" * (len(data) % 2),
                    ifd.serialise(tags, order=order, base=base),
                )
            )
        )
        image = TiffImagePlugin.TiffImageFile(stream)
        image.load()
        picture, alpha = split_modes(image, source)
    return Raw(picture, alpha)


def _classic(order: str, entry: Entry) -> Entry:
    """An entry of a BigTIFF as an entry of the classic kind."""
    if entry.kind not in (16, 17, 18):
        return entry
    return ifd.integer_entry(order, ifd.LONG, *entry.integers(order, most=_MOST_BLOCKS))


def _described(raw: Raw, structure: Structure, page: Directory, *, turned: bool) -> Raw:
    """Adds what the tags of a page say."""
    entries = page.entries
    stored = _values(structure, page, exif.ORIENTATION, 1)[0]
    raw.orientation = 1 if turned else stored
    raw.dpi = exif.resolution_of(entries, structure.order)
    if turned and raw.dpi and stored in (5, 6, 7, 8):
        raw.dpi = raw.dpi[1], raw.dpi[0]
    raw.icc = entries[tifftags.ICC].data if tifftags.ICC in entries else None
    raw.xmp = entries[tifftags.XMP].data if tifftags.XMP in entries else None
    raw.packing = (
        "none"
        if _values(structure, page, tifftags.COMPRESSION, 1)[0] == tifftags.UNPACKED
        else "deflate"
    )
    blocks = (
        without_thumbnails(entries[tifftags.PHOTOSHOP].data)
        if tifftags.PHOTOSHOP in entries
        else None
    )
    if tifftags.IPTC in entries and (blocks is None or b"8BIM\x04\x04" not in blocks):
        record = entries[tifftags.IPTC].data
        resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record))
        blocks = (blocks or b"") + resource + record + b"\0" * (len(record) % 2)
    raw.iptc = blocks
    raw.exif = _exif_block(structure, page)
    return raw


def _exif_block(structure: Structure, page: Directory) -> bytes | None:
    """The describing tags of a page with its EXIF and GPS directories, as an EXIF block."""
    tags = tifftags.tree(structure, page, (*_DESCRIPTIVE, *tifftags.BELOW_PAGE))
    if not tags:
        return None
    order = structure.order
    return ifd.header(order) + ifd.serialise(tags, order=order, base=8)
