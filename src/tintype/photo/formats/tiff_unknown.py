"""The tags of a TIFF page that are not used in any other way: carried to a TIFF, or named.

A tag is carried with its type and bytes. That is not possible for a tag that points elsewhere in
its file, and would be wrong for one that describes pixels or pictures that are not written.

Sources: TIFF revision 6.0; the Photoshop TIFF technical notes (ImageSourceData); the GeoTIFF
specification 1.0.
"""

import struct

from tintype.photo.formats import tiff_tags
from tintype.photo.metadata import exif, ifd
from tintype.photo.metadata.ifd import DamagedTagsError, Directory, DirectoryEntry, TiffStructure
from tintype.photo.parts import Part, UnknownParts

_SUB_IFDS = 330  # sorted by `tiff_pages`
# Read and written elsewhere: the descriptive tags of `tiff`, and those of the storage.
_ELSEWHERE = frozenset({
    *tiff_tags.STORAGE, *tiff_tags.DESCRIPTIVE, *tiff_tags.BELOW_PAGE, tiff_tags.XMP,
    tiff_tags.IPTC, tiff_tags.PHOTOSHOP, tiff_tags.ICC, exif.ORIENTATION,
    exif.X_RESOLUTION, exif.Y_RESOLUTION, exif.RESOLUTION_UNIT, _SUB_IFDS,
})  # fmt: skip

# Storage of pixels, in tags outside the standard: SGI, LERC, and the old kind of page.
_STORAGE = frozenset({255, 32995, 32996, 32997, 32998, 33421, 33422, 50674})

# Geographic position of each pixel, and RPC coefficients.
_GEOMETRIC = frozenset({33550, 33922, 34264, 34735, 34736, 34737, 50844})

# No longer true once the pixels have changed, by the name that users know.
_UNTRUE = {
    290: "GrayResponseUnit",
    291: "GrayResponseCurve",
    37724: "layers (ImageSourceData)",
    # These would make the output look like a raw file.
    28672: "SonyRawFileType",
    34310: "LeafData",
    46275: "HasselbladRawImage",
    50706: "DNGVersion",
    50707: "DNGBackwardVersion",
    65024: "KDC_IFD",
}

# Statements about colours, which `tiff_colors` reads.
_COLORS = frozenset({
    tiff_tags.TRANSFER_FUNCTION, tiff_tags.WHITE_POINT, tiff_tags.PRIMARIES
})  # fmt: skip

# A camera's directory has a few dozen.
_MAX_DIRECTORY_TAGS = 200


def read_unknown(structure: TiffStructure, page: Directory, unknown: UnknownParts) -> None:
    """Sorts the tags of a page that no other function reads.

    Args:
        structure: The file's.
        page: One page.
        unknown: Receives the tags.
    """
    for tag, entry in page.entries.items():
        if tag in _UNTRUE:
            unknown.leave(_UNTRUE[tag])
        elif tag in _ELSEWHERE or tag in _STORAGE or tag in _COLORS:
            continue
        elif entry.kind >= ifd.IFD or _points_to_directory(structure, entry):
            unknown.leave(_name(tag))
        else:
            kind = struct.pack(">HHc", tag, entry.kind, structure.order.encode())
            unknown.carry(_name(tag), kind, entry.data, geometric=tag in _GEOMETRIC)


def written(part: Part, order: str) -> tuple[int, DirectoryEntry]:
    """The tag and entry of a carried part, in the byte order of the file to be written."""
    tag, kind, source = struct.unpack(">HHc", part.kind)
    entry = DirectoryEntry(kind, len(part.data) // ifd.TYPE_SIZES[kind], part.data)
    if source.decode() != order:
        swapped = ifd.swapped({tag: entry})[tag]
        assert isinstance(swapped, DirectoryEntry)
        entry = swapped
    return tag, entry


def _name(tag: int) -> str:
    from PIL import TiffTags

    known = TiffTags.lookup(tag).name
    return f"tag {tag}" if known in (None, "unknown") else f"{known} (tag {tag})"


def _points_to_directory(structure: TiffStructure, entry: DirectoryEntry) -> bool:
    """Whether a single number points to a list of tags in ascending order: a private directory."""
    if entry.kind != ifd.LONG or entry.count != 1:
        return False
    (offset,) = entry.integers(structure.order)
    try:
        directory = structure.directory(offset)
    except DamagedTagsError:
        return False
    tags = list(directory.entries)
    return 0 < len(tags) <= _MAX_DIRECTORY_TAGS and tags == sorted(tags)
