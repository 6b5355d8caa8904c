"""TIFF: every page, 8 and 16 bits, with its tags.

Pages of grey or RGB samples of 8 or 16 bits are read strip by strip (`tiff_strips`). Everything
else (fax, JPEG, YCbCr, palettes, CMYK, 1 to 4 bits) has 8 bits at most and is read by Pillow.

(tifffile was the alternative. It cannot read LZW without a 50-MB package, nor write the EXIF and
GPS directories of a page.)

Sources: TIFF revision 6.0; TIFF/EP for tags of cameras.
"""

import io
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tintype.errors import UnsupportedPhotoError
from tintype.photo.formats import tiff_budget, tiff_tags, tiff_unknown
from tintype.photo.formats.codec import Codec, DecodedPage, OutputPage
from tintype.photo.formats.decoder_warnings import captured_stderr
from tintype.photo.metadata import exif, ifd, iptc
from tintype.photo.metadata.ifd import (
    DamagedTagsError,
    Directory,
    DirectoryEntry,
    Tags,
    TiffStructure,
)
from tintype.photo.parts import UnknownParts

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile

# How many samples are colours, by photometric interpretation.
_COLORS = {2: 3, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3}

MAX_PAGES = 1000
# Of the tag tables of all pages together; a page has a few hundred bytes.
_MAX_TABLE_BYTES = 2 << 20


def _sniff(head: bytes) -> bool:
    return head[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}


# ----- reading -----


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    """One for each page; small copies of a page (previews) are left out."""
    try:
        structure = ifd.open_structure(file.data)
        pages = list(_pages(structure))
    except DamagedTagsError as error:
        file.fail(str(error))
    if not pages:
        file.fail("there is no page in it")
    if len(pages) > MAX_PAGES:
        file.refuse(f"has more than {MAX_PAGES} pages", "Split it into smaller files.")
    chosen = [
        page
        for number, page in enumerate(pages)
        if not tiff_tags.values(structure, page, tiff_tags.SUBFILE, 0)[0] & 1 or number == 0
    ]
    total = 0
    for page in chosen:
        width, height = (
            tiff_tags.values(structure, page, tag, 0)[0]
            for tag in (tiff_tags.WIDTH, tiff_tags.HEIGHT)
        )
        file.check_size(width, height)
        total += width * height
    file.check_pages(total)
    budget = tiff_budget.MetadataBudget(len(file.data))
    return [budget.bounded(_read_page(file, structure, page)) for page in chosen]


def _read_page(file: "InputFile", structure: TiffStructure, page: Directory) -> DecodedPage:
    from tintype.photo.formats import tiff_strips

    layout = tiff_strips.read_layout(file, structure, page)
    with captured_stderr() as warnings:
        decoded = (
            _read_with_pillow(file, structure, page)
            if layout is None
            else tiff_strips.read_strips(file, layout)
        )
    if warnings:
        decoded.notes += (f"Parts of it may be damaged (libtiff: {warnings[0]}).",)
    _add_tags(decoded, structure, page, turned=layout is None)
    return decoded


def _read_xmp(data: bytes) -> bytes | None:
    try:
        structure = ifd.open_structure(data)
        entry = structure.directory(structure.first).entries.get(tiff_tags.XMP)
    except DamagedTagsError:
        return None
    return entry.data if entry else None


def _pages(structure: TiffStructure) -> Iterator[Directory]:
    offset, seen, tables = structure.first, set[int](), 0
    while offset and offset not in seen and len(seen) <= MAX_PAGES:
        seen.add(offset)
        try:
            page = structure.directory(offset)
        except DamagedTagsError:
            if len(seen) == 1:
                raise
            # A page that is cut off must not be dropped silently.
            raise DamagedTagsError(f"page {len(seen)} is cut off") from None
        tables += page.size
        if tables > _MAX_TABLE_BYTES:
            raise DamagedTagsError("its pages have far too many tags")
        yield page
        offset = page.next_offset


def _read_with_pillow(file: "InputFile", structure: TiffStructure, page: Directory) -> DecodedPage:
    """A page of 8 bits or fewer in a form that libtiff can read; Pillow turns it upright.

    Pillow is given the file with one new directory at its end, that of this page's storage: finding
    the page among the others would read all of them again for each, and the pixels do not need a
    profile or a maker note of megabytes.
    """
    from PIL import TiffImagePlugin

    from tintype.photo.formats import pillow

    order, data = structure.order, file.data
    base = len(data) + len(data) % 2
    with file.reading():
        tags: dict[int, DirectoryEntry | Tags] = {
            tag: _classic(order, entry)
            for tag, entry in page.entries.items()
            if tag in tiff_tags.STORAGE
        }
        stream = io.BytesIO(
            b"".join(
                (
                    ifd.header(order)[:4] + struct.pack(order + "I", base),
                    memoryview(data)[8:],
                    b"\0" * (len(data) % 2),
                    ifd.serialize(tags, order=order, base=base),
                )
            )
        )
        image = TiffImagePlugin.TiffImageFile(stream)
        image.load()
        picture, alpha = pillow.split_modes(image, file)
    return DecodedPage(picture, alpha)


def _classic(order: str, entry: DirectoryEntry) -> DirectoryEntry:
    """An entry of a BigTIFF as an entry of the classic kind."""
    if entry.kind not in (16, 17, 18):
        return entry
    return ifd.integer_entry(order, ifd.LONG, *entry.integers(order, most=tiff_tags.MAX_BLOCKS))


def _add_tags(
    decoded: DecodedPage, structure: TiffStructure, page: Directory, *, turned: bool
) -> None:
    """Adds the metadata in the tags of a page."""
    from tintype.photo.metadata import color_space

    photometric = tiff_tags.values(structure, page, tiff_tags.PHOTOMETRIC, 1)[0]
    colors = _COLORS.get(photometric, 1)
    entries = page.entries
    stored = tiff_tags.values(structure, page, exif.ORIENTATION, 1)[0]
    decoded.orientation = 1 if turned else stored
    decoded.dpi = exif.resolution_of(entries, structure.order)
    if turned and decoded.dpi and stored in (5, 6, 7, 8):
        decoded.dpi = decoded.dpi[1], decoded.dpi[0]
    decoded.icc = _bytes(page, tiff_tags.ICC)
    decoded.xmp = _bytes(page, tiff_tags.XMP)
    compression = tiff_tags.values(structure, page, tiff_tags.COMPRESSION, 1)[0]
    decoded.packing = "none" if compression == tiff_tags.UNPACKED else "deflate"
    blocks = _bytes(page, tiff_tags.PHOTOSHOP)
    if blocks is not None:
        decoded.iptc, skipped = iptc.without_thumbnails(blocks)
        decoded.notes += skipped
    record = _bytes(page, tiff_tags.IPTC)
    if record is not None:
        decoded.iptc = iptc.with_record(decoded.iptc, record)
    decoded.exif = _exif_block(structure, page)
    if decoded.icc is None and colors < 4 and exif.is_adobe_rgb(decoded.exif):
        decoded.icc = color_space.adobe_rgb()
    unknown = UnknownParts()
    samples = tiff_tags.values(structure, page, tiff_tags.SAMPLES, colors)[0]
    extra = samples - colors - (decoded.alpha is not None)
    if extra > 0:
        unknown.leave("a channel beside the colours" if extra == 1 else f"{extra} more channels")
    tiff_unknown.read_unknown(structure, page, unknown)
    decoded.parts = tuple(unknown.carried)
    decoded.notes += unknown.notes()


def _bytes(page: Directory, tag: int) -> bytes | None:
    return page.entries[tag].data if tag in page.entries else None


def _exif_block(structure: TiffStructure, page: Directory) -> bytes | None:
    """The describing tags of a page with its EXIF and GPS directories, as an EXIF block."""
    tags = tiff_tags.tree(structure, page, (*tiff_tags.DESCRIPTIVE, *tiff_tags.BELOW_PAGE))
    if not tags:
        return None
    order = structure.order
    return ifd.header(order) + ifd.serialize(tags, order=order, base=8)


# ----- writing -----


def _write(pages: list[OutputPage], _lost: list[str]) -> bytes:
    import numpy as np

    from tintype.photo.formats import pillow, tiff_write

    written = tiff_write.write(
        [
            tiff_write.TiffPage(
                pixels=np.atleast_3d(pillow.samples(page.photo)),
                has_alpha=page.photo.alpha is not None,
                packing="none" if page.photo.meta.packing == "none" else "deflate",
                metadata=page.metadata,
            )
            for page in pages
        ]
    )
    if written is None:
        raise UnsupportedPhotoError(
            "The coloured TIFF would exceed the 4 GB that a TIFF can hold.",
            advice="Split its pages into several files.",
        )
    return written


TIFF = Codec(
    name="TIFF",
    title="TIFF",
    suffixes=(".tif", ".tiff"),
    kept_suffixes=frozenset({".tiff"}),
    mime="image/tiff",
    writes="TIFF",
    sniff=_sniff,
    read=_read,
    read_xmp=_read_xmp,
    write=_write,
    carries=frozenset(
        {
            "grey 8",
            "grey 16",
            "RGB 16",
            "alpha",
            "ICC",
            "EXIF",
            "XMP",
            "DPI",
            "IPTC",
            "unknown parts",
            "pages",
            "provenance",
        }
    ),
    note="written uncompressed where the source was, otherwise with deflate",
)
