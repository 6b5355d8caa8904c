"""The TIFF tags used for both reading and writing, and the tree of their directories.

Source: TIFF revision 6.0, part 1 and section 8; EXIF 2.32 section 4.6.3 (pointers).
"""

import math
from collections.abc import Sequence

from tintype.photo.metadata import exif, ifd
from tintype.photo.metadata.ifd import Directory, DirectoryEntry, Tags, TiffStructure

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS, PLANAR = 273, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 317, 322, 323, 324, 325
EXTRA, FORMAT, FILL_ORDER = 338, 339, 266
TRANSFER_FUNCTION, WHITE_POINT, PRIMARIES = 301, 318, 319
SMALLEST_VALUE, LARGEST_VALUE = 340, 341
PAGE_NAME, MASK_PIXELS = 285, 4
XMP, IPTC, PHOTOSHOP, ICC = 700, 33723, 34377, 34675
UNPACKED, DEFLATES = 1, (8, 32946)
# Strips or tiles of one page: every one costs time.
MAX_BLOCKS = 1_000_000
# Compressions of plain bytes: none, deflate, LZW, PackBits, Zstandard, LZMA. The others (fax, JPEG)
# compress pictures.
BYTE_COMPRESSIONS = frozenset({UNPACKED, *DEFLATES, 5, 32773, 50000, 34925})

# What Pillow and libtiff need to decode a page, and nothing else: sizes, strips and tiles, colours,
# and the tables of old and new JPEG in TIFF.
STORAGE = frozenset({
    254, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 284, 290, 291, 292,
    293, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 332, 334, 338, 339, 340, 341, 347, 512,
    513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532,
})  # fmt: skip

# Tags that describe the photograph, not the storage of its pixels: they are kept as EXIF.
DESCRIPTIVE = (
    269, 270, 271, 272, 285, 297, 305, 306, 315, 316, 337, 18246, 18249, 33432, 40091, 40092, 40093,
    40094, 40095, 36867, 37520, 37521, 37522, 50341,
)  # fmt: skip

# Which directories are below which; damaged files cannot nest them more deeply.
BELOW_PAGE = (exif.EXIF_IFD, exif.GPS_IFD)
_BELOW_EXIF = (exif.INTEROP_IFD,)


def tree(
    structure: TiffStructure,
    page: Directory,
    chosen: Sequence[int] | None,
    below: tuple[int, ...] = BELOW_PAGE,
) -> dict[int, DirectoryEntry | Tags]:
    """Entries of a directory, and of the EXIF, GPS and interoperability directories below it."""
    tags = _plain(page, chosen)
    for tag in (*BELOW_PAGE, *_BELOW_EXIF):
        if tags.pop(tag, None) is None or tag not in below:
            continue
        found = structure.sub_directory(page, tag)
        deeper = _BELOW_EXIF if tag == exif.EXIF_IFD else ()
        inner = tree(structure, found, None, deeper) if found else {}
        if inner:
            tags[tag] = inner
    return tags


def _plain(page: Directory, chosen: Sequence[int] | None) -> dict[int, DirectoryEntry | Tags]:
    """Entries that a classic TIFF supports (BigTIFF has three more types)."""
    return {
        tag: entry
        for tag, entry in page.entries.items()
        if entry.kind <= ifd.IFD and (chosen is None or tag in chosen)
    }


def values(structure: TiffStructure, page: Directory, tag: int, *default: int) -> tuple[int, ...]:
    """The integers of a tag, at most a few dozen; the default if it is missing or has none."""
    entry = page.entries.get(tag)
    return (entry.integers(structure.order) if entry else ()) or default


def stated_range(structure: TiffStructure, page: Directory) -> tuple[float, float] | None:
    """The smallest and largest values that the samples of a page may have, if stated.

    Args:
        structure: The file's.
        page: One page.
    """
    found = []
    for tag in (SMALLEST_VALUE, LARGEST_VALUE):
        entry = page.entries.get(tag)
        if entry is None:
            return None
        numbers = entry.numbers(structure.order)
        found.append((min if tag == SMALLEST_VALUE else max)(numbers, default=math.nan))
    low, high = found
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low < high else None


def table(structure: TiffStructure, page: Directory, tag: int, most: int) -> tuple[int, ...]:
    """The integers of a tag with one for each strip or tile.

    Args:
        structure: The file's.
        page: One page.
        tag: Its number.
        most: The maximum number returned.
    """
    entry = page.entries.get(tag)
    return entry.integers(structure.order, most=most) if entry else ()
