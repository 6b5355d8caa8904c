"""EXIF and XMP for a container with limited space: the largest entries are left out.

A JPEG segment has 64 kB. Cameras fill it with their maker note, so a few more bytes would cost
author, date and copyright too.
"""

from collections.abc import Iterator

from tintype.photo.formats import tiff_tags
from tintype.photo.metadata import exif, ifd, xmp
from tintype.photo.metadata.ifd import DamagedTagsError, DirectoryEntry, Tags

_SUB_IFDS = 330


def exif_within(block: bytes, room: int) -> tuple[bytes | None, list[str]]:
    """Makes a block smaller: removes the maker note, and then the largest values.

    Values move. Only a maker note could not withstand that, and it is the first to go.

    Args:
        block: A TIFF structure that is too long.
        room: Available bytes.

    Returns:
        The block, None if it cannot be parsed; and the names of what was left out.
    """
    try:
        structure = ifd.open_structure(block)
        tags = tiff_tags.tree(structure, structure.directory(structure.first), None)
    except DamagedTagsError:
        return None, []
    left_out = [] if tags.pop(_SUB_IFDS, None) is None else [_name(_SUB_IFDS)]
    order = structure.order
    written = ifd.header(order) + ifd.serialize(tags, order=order, base=8)
    over = len(written) - room
    for size, tag, directory in sorted(_values(tags), key=_rank, reverse=True):
        # The maker note has moved by now, and is useless.
        if over <= 0 and tag != exif.MAKER_NOTE:
            break
        del directory[tag]
        over -= size
        left_out.append(f"{_name(tag)} ({size // 1000} kB)" if size > 999 else _name(tag))
    return ifd.header(order) + ifd.serialize(tags, order=order, base=8), left_out


_Value = tuple[int, int, dict[int, DirectoryEntry | Tags]]
"""Bytes of a value, its tag, and the directory that contains it."""


def _values(tags: dict[int, DirectoryEntry | Tags]) -> Iterator[_Value]:
    for tag, value in tags.items():
        if isinstance(value, DirectoryEntry):
            yield len(value.view), tag, tags
        elif isinstance(value, dict):
            yield from _values(value)


def _rank(value: _Value) -> tuple[bool, int, int]:
    return value[1] == exif.MAKER_NOTE, value[0], value[1]


def _name(tag: int) -> str:
    from PIL import ExifTags

    return "maker note" if tag == exif.MAKER_NOTE else ExifTags.TAGS.get(tag, f"tag {tag}")


def xmp_within(packet: bytes, room: int) -> tuple[bytes | None, list[str]]:
    """Makes a packet smaller: removes its largest properties.

    Args:
        packet: A packet that is too long.
        room: Available bytes.

    Returns:
        The packet, None if it cannot be parsed; and the names of what was left out.
    """
    try:
        return xmp.within(packet, room)
    except xmp.DamagedXmpError:
        return None, []
