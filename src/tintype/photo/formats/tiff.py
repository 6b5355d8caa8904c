"""TIFF: every page, 8-bit and 16-bit, with its tags.

Most pages are read strip by strip (`tiff_layout`, `tiff_strips`). The rest (fax, JPEG, 1-bit to
4-bit line art, 8-bit palettes and CMYK) is read by Pillow.

(tifffile was the alternative. It cannot read LZW without a 50-MB package, or write the EXIF and GPS
directories of a page.)

Sources: TIFF revision 6.0; TIFF/EP for camera tags.
"""

import io
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from tintype.errors import PhotoError, UnsupportedPhotoError
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
from tintype.photo.parts import UnknownParts, listed

if TYPE_CHECKING:
    from tintype.photo.formats import tiff_pages
    from tintype.photo.formats.input_file import InputFile

# Number of colour samples, by photometric interpretation.
_COLORS = {2: 3, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3}
_UNKNOWN_PIXELS = ("unknown pixel mode", "unknown raw mode for given image mode")  # from Pillow
# Compressions of which libtiff supports the usual kinds.
_HALF_KNOWN = {6: "old-style JPEG", 32809: "ThunderScan"}
_NOT_BUILT_IN = "support is not configured"  # libtiff's message about a compression it lacks


def _sniff(head: bytes) -> bool:
    return head[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}


# ----- reading -----


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    """One page for each photograph; small copies (previews) are left out."""
    from tintype.photo.formats import raw_files, tiff_pages

    try:
        structure = ifd.open_structure(file.data)
        pages = tiff_pages.read_pages(structure)
    except DamagedTagsError as error:
        file.fail(str(error))
    if not pages.every:
        file.fail("there is no page in it")
    raw_files.refuse_by_tags(file, structure, pages.every)
    if pages.more:
        file.refuse(f"has more than {tiff_pages.MAX_PAGES} pages", "Split it into smaller files.")
    if not pages.pictures:
        file.refuse("contains a mask but no photograph", "Colour the picture that it belongs to.")
    _check_sizes(file, structure, pages)
    decoded = []
    budget = tiff_budget.MetadataBudget(len(file.data))
    for picture in pages.pictures:
        photograph = budget.bounded(_read_page(file, structure, picture.page))
        for place in picture.attached:
            _attach(photograph, file, structure, place, picture.page)
        decoded.append(photograph)
    decoded[0].notes += tuple(pages.notes)
    return decoded


def _check(file: "InputFile") -> None:
    """Checks the first page, which is the one that Pillow decodes."""
    from tintype.photo.formats import tiff_layout

    try:
        structure = ifd.open_structure(file.data)
        page = structure.directory(structure.first)
    except DamagedTagsError as error:
        file.fail(str(error))
    tiff_layout.check_tile(file, structure, page)


def _check_sizes(file: "InputFile", structure: TiffStructure, pages: "tiff_pages.Pages") -> None:
    """Refuses pages that are too large, each or together, before a pixel is decoded."""
    from tintype.photo.formats import tiff_layout

    total = 0
    for picture in pages.pictures:
        for page in (picture.page, *(attached for _, _, attached in picture.attached)):
            width, height = (
                tiff_tags.values(structure, page, tag, 0)[0]
                for tag in (tiff_tags.WIDTH, tiff_tags.HEIGHT)
            )
            file.check_size(width, height)
            tiff_layout.check_tile(file, structure, page)
            total += width * height
    file.check_pages(total)


def _attach(
    decoded: DecodedPage,
    file: "InputFile",
    structure: TiffStructure,
    place: "tiff_pages.AttachedPlace",
    picture: Directory,
) -> None:
    """Reads a page that belongs to a photograph; if it is damaged, only the page is lost."""
    import numpy as np

    from tintype.photo.formats import tiff_pages
    from tintype.photo.orientation import upright
    from tintype.photo.photo import ATTACHED_TITLES, AttachedPage

    kind, number, page = place
    entries = dict(page.entries)
    if kind == "mask":
        # Its pixels are read as grey: 1 is white.
        entries[tiff_tags.PHOTOMETRIC] = ifd.integer_entry(structure.order, ifd.SHORT, 1)
    try:
        read = _read_page(file, structure, replace(page, entries=entries))
        pixels = np.asarray(read.picture)
        if pixels.ndim != 2:
            file.fail("it has colours")
    except PhotoError:
        decoded.notes += (f"Page {number}, {ATTACHED_TITLES[kind]}, cannot be read; left out.",)
        return
    turn = read.orientation or 1
    if exif.ORIENTATION not in page.entries:
        # It has the orientation of the photograph.
        turn = tiff_tags.values(structure, picture, exif.ORIENTATION, 1)[0]
    bits = tiff_tags.values(structure, page, tiff_tags.BITS, 1)[0]
    attached = AttachedPage(
        kind,
        upright(pixels, turn),
        bits=1 if kind == "mask" and bits == 1 else pixels.dtype.itemsize * 8,
        flags=tiff_tags.values(structure, page, tiff_tags.SUBFILE, 0)[0],
        title=tiff_pages.title_of(page),
    )
    decoded.attached += (attached,)
    decoded.notes += read.notes
    if read.parts:
        names = listed(part.name for part in read.parts)
        decoded.notes += (f"Left out of page {number}, {ATTACHED_TITLES[kind]}: {names}.",)


def _read_page(file: "InputFile", structure: TiffStructure, page: Directory) -> DecodedPage:
    from tintype.photo.formats import tiff_layout, tiff_strips

    layout = tiff_layout.read_layout(file, structure, page)
    warnings: list[str] = []
    try:
        with captured_stderr() as warnings:
            decoded = (
                _read_with_pillow(file, structure, page)
                if layout is None
                else tiff_strips.read_strips(file, layout)
            )
    except PhotoError as error:
        compression = tiff_tags.values(structure, page, tiff_tags.COMPRESSION, 1)[0]
        name = _HALF_KNOWN.get(compression)
        if name or any(_NOT_BUILT_IN in line for line in warnings):
            with_it = f"with {name}" if name else "in a compression"
            raise UnsupportedPhotoError(
                f"{file.name} is a TIFF {with_it} that cannot be read here.",
                advice="Save it uncompressed, or with LZW or deflate.",
            ) from error
        raise
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


def _read_with_pillow(file: "InputFile", structure: TiffStructure, page: Directory) -> DecodedPage:
    """A page of 8 bits or fewer in a form that libtiff supports; Pillow turns it upright.

    Pillow reads a copy of the file with a new directory appended, which describes only this page's
    storage: finding the page among the others would read all of them again for each page, and the
    pixels do not need a profile or a maker note of megabytes.
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
        try:
            image = pillow.opened(TiffImagePlugin.TiffImageFile, stream, file)
        except SyntaxError as error:
            if str(error) not in _UNKNOWN_PIXELS:
                raise
            file.refuse(
                "is a TIFF with samples in an unusual form",
                "Save it with 8 or 16 bits a channel, as grey or RGB.",
            )
        image.load()
        picture, alpha = pillow.split_modes(image, file)
    return DecodedPage(picture, alpha)


def _classic(order: str, entry: DirectoryEntry) -> DirectoryEntry:
    """An entry of a BigTIFF as an entry of a classic TIFF."""
    if entry.kind not in (16, 17, 18):
        return entry
    return ifd.integer_entry(order, ifd.LONG, *entry.integers(order, most=tiff_tags.MAX_BLOCKS))


def _add_tags(
    decoded: DecodedPage, structure: TiffStructure, page: Directory, *, turned: bool
) -> None:
    """Adds the metadata from the tags of a page."""
    from tintype.photo.formats import tiff_colors
    from tintype.photo.metadata import color_space

    photometric = tiff_tags.values(structure, page, tiff_tags.PHOTOMETRIC, 1)[0]
    colors = _COLORS.get(photometric, 1)
    entries = page.entries
    stored = tiff_tags.values(structure, page, exif.ORIENTATION, 1)[0]
    decoded.orientation = 1 if turned else stored
    decoded.dpi = exif.resolution_of(entries, structure.order)
    if turned and decoded.dpi and stored in (5, 6, 7, 8):
        decoded.dpi = decoded.dpi[1], decoded.dpi[0]
    # CIELAB is device-independent, and has already been converted to sRGB.
    decoded.icc = None if photometric in (8, 9) else _bytes(page, tiff_tags.ICC)
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
    tiff_colors.honour(decoded, structure, page)
    unknown = UnknownParts()
    samples = tiff_tags.values(structure, page, tiff_tags.SAMPLES, colors)[0]
    extra = samples - colors - (decoded.alpha is not None)
    if extra > 0:
        unknown.leave("an extra channel" if extra == 1 else f"{extra} extra channels")
    tiff_unknown.read_unknown(structure, page, unknown)
    decoded.parts = tuple(unknown.carried)
    decoded.notes += unknown.notes()


def _bytes(page: Directory, tag: int) -> bytes | None:
    return page.entries[tag].data if tag in page.entries else None


def _exif_block(structure: TiffStructure, page: Directory) -> bytes | None:
    """The descriptive tags of a page with its EXIF and GPS directories, as an EXIF block."""
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
                attached=page.photo.meta.attached,
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
    check=_check,
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
    note="written uncompressed where the source was, otherwise with deflate; "
    "raw files (DNG, NEF, CR2) are refused",
)
