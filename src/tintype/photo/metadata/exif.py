"""EXIF blocks: read, corrected and extended, without moving maker notes.

Maker notes contain offsets counted from the start of the block, so parsing a block and writing it
back, as Pillow does, breaks them. Here values are changed in place, and a directory that grows is
appended at the end; everything else keeps its offset.

Source: CIPA DC-008 (EXIF 2.32).
"""

import struct
from collections.abc import Iterable, Mapping

from tintype.photo.metadata import ifd
from tintype.photo.metadata.ifd import DamagedTagsError, Directory, DirectoryEntry, TiffStructure

ORIENTATION, SOFTWARE, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 305, 282, 283, 296
EXIF_IFD, GPS_IFD, INTEROP_IFD = 34665, 34853, 40965
MAKER_NOTE = 37500
# May contain a location: besides the two above, XMP, IPTC, Photoshop's resources, and
# georeferences.
_PLACES = frozenset({GPS_IFD, MAKER_NOTE, 700, 33723, 34377})
_PLACES |= frozenset({33550, 33922, 34264, 34735, 34736, 34737})
_WIDTH, _HEIGHT = (256, 40962), (257, 40963)
_COLOR_SPACE, _SRGB_SPACE, _ADOBE_RGB_SPACE = 40961, 1, 2
_INTEROP_INDEX, _ADOBE_RGB_INDEX, _SRGB_INDEX = 1, b"R03", b"R98"
_THUMBNAIL_PLACES = ((513, 514), (273, 279))
# Chromaticities in ten-thousandths: cameras state those of Adobe RGB together with its index.
_WHITE_POINT, _PRIMARIES = 318, 319
_D65, _SRGB_PRIMARIES = (3127, 3290), (6400, 3300, 3000, 6000, 1500, 600)
# EXIF has one directory after the first; a chain of thousands is an attack.
_MAX_DIRECTORIES = 8


def without_prefix(block: bytes) -> bytes:
    """The TIFF structure of an EXIF block, which may begin with ``Exif`` and two zeros."""
    return block[6:] if block.startswith(b"Exif\0") else block


def orientation(block: bytes | None) -> int | None:
    """The orientation tag.

    Args:
        block: A TIFF structure, or None.

    Returns:
        1 to 8; None if the tag is missing or invalid.
    """
    if not block:
        return None
    try:
        structure = ifd.open_structure(block)
        entry = structure.directory(structure.first).entries.get(ORIENTATION)
    except DamagedTagsError:
        return None
    values = entry.integers(structure.order) if entry else ()
    return values[0] if values and 1 <= values[0] <= 8 else None


def is_adobe_rgb(block: bytes | None) -> bool:
    """Whether the interoperability index or the colour space states that colours are Adobe RGB.

    Cameras set to it write no profile: the index R03 (DCF option) indicates it, together with the
    colour space "uncalibrated"; some write 2 as the colour space instead.
    """
    if not block:
        return False
    try:
        structure = ifd.open_structure(block)
        details = structure.sub_directory(structure.directory(structure.first), EXIF_IFD)
    except DamagedTagsError:
        return False
    if details is None:
        return False
    entry = details.entries.get(_COLOR_SPACE)
    stated = entry.integers(structure.order) if entry else ()
    index = structure.sub_directory(details, INTEROP_IFD)
    found = index.entries.get(_INTEROP_INDEX) if index else None
    by_index = found is not None and found.data.startswith(_ADOBE_RGB_INDEX)
    return stated[:1] == (_ADOBE_RGB_SPACE,) or (by_index and stated[:1] != (_SRGB_SPACE,))


def resolution(block: bytes | None) -> tuple[float, float] | None:
    """Dots per inch from the resolution tags; None if they are missing or have no unit."""
    if not block:
        return None
    try:
        structure = ifd.open_structure(block)
        entries = structure.directory(structure.first).entries
    except DamagedTagsError:
        return None
    return resolution_of(entries, structure.order)


def resolution_of(entries: Mapping[int, DirectoryEntry], order: str) -> tuple[float, float] | None:
    """Dots per inch from the tags of one directory."""
    if X_RESOLUTION not in entries or Y_RESOLUTION not in entries:
        return None
    unit = entries[RESOLUTION_UNIT].integers(order) if RESOLUTION_UNIT in entries else (2,)
    factor = {2: 1.0, 3: 2.54}.get(unit[0] if unit else 2)
    across = entries[X_RESOLUTION].ratios(order)
    down = entries[Y_RESOLUTION].ratios(order)
    if factor is None or not across or not down or min(across[0], down[0]) <= 0:
        return None
    return across[0] * factor, down[0] * factor


def resolution_tags(order: str, dpi: tuple[float, float]) -> dict[int, DirectoryEntry]:
    """The three tags for dots per inch."""
    return {
        X_RESOLUTION: ifd.ratio_entry(order, dpi[0]),
        Y_RESOLUTION: ifd.ratio_entry(order, dpi[1]),
        RESOLUTION_UNIT: ifd.integer_entry(order, ifd.SHORT, 2),
    }


def made_upright(block: bytes, *, shape: tuple[int, int], became_srgb: bool) -> bytes:
    """Corrects a block to match the picture in its current state.

    The orientation becomes 1, the pixel dimensions become those of the upright picture, the colour
    space becomes sRGB if pixels were converted, and the thumbnail (a grey version of the picture to
    be coloured, or a turned one) is removed with its directory.

    Args:
        block: A TIFF structure.
        shape: (height, width) of the upright picture.
        became_srgb: Whether pixels were converted to sRGB.

    Returns:
        The block, every other value at its old offset.

    Raises:
        DamagedTagsError: The block cannot be parsed.
    """
    structure = ifd.open_structure(block)
    if structure.big:
        raise DamagedTagsError("an EXIF block is never a BigTIFF")
    first = structure.directory(structure.first)
    details = structure.sub_directory(first, EXIF_IFD)
    out = bytearray(block)
    _patch(out, structure, first, ORIENTATION, 1)
    for directory, index in ((first, 0), (details, 1)):
        if directory is not None:
            _patch(out, structure, directory, _HEIGHT[index], shape[0])
            _patch(out, structure, directory, _WIDTH[index], shape[1])
    if details is not None:
        became_srgb |= _state_srgb(out, structure, details, became_srgb=became_srgb)
    if became_srgb:
        _patch_ratios(out, structure, first, _PRIMARIES, _SRGB_PRIMARIES)
        _patch_ratios(out, structure, first, _WHITE_POINT, _D65)
    ranges = list(_thumbnail_ranges(structure, first))
    place = first.offset + first.size - 4
    if place + 4 <= len(out):
        out[place : place + 4] = bytes(4)
    return _blanked(out, ranges, keep=(first, details))


def _state_srgb(
    out: bytearray, structure: TiffStructure, details: Directory, *, became_srgb: bool
) -> bool:
    """States that the pixels are sRGB; returns whether another space had been stated."""
    index = structure.sub_directory(details, INTEROP_IFD)
    found = index.entries.get(_INTEROP_INDEX) if index else None
    if index is not None and found is not None and found.data.startswith(_ADOBE_RGB_INDEX):
        place = index.places[_INTEROP_INDEX]
        out[place : place + len(_ADOBE_RGB_INDEX)] = _SRGB_INDEX
        became_srgb = True
    entry = details.entries.get(_COLOR_SPACE)
    adobe = entry is not None and entry.integers(structure.order)[:1] == (_ADOBE_RGB_SPACE,)
    if became_srgb or adobe:
        _patch(out, structure, details, _COLOR_SPACE, _SRGB_SPACE)
    return became_srgb or adobe


def stored_turned(block: bytes | None, turn: int, shape: tuple[int, int]) -> bytes:
    """Corrects an upright block for pixels that are stored turned.

    Args:
        block: A TIFF structure as returned by `made_upright`, or None.
        turn: The orientation, 1 to 8.
        shape: (height, width) as stored.

    Returns:
        The block with the orientation and the dimensions of the stored picture.

    Raises:
        DamagedTagsError: The block cannot be parsed.
    """
    order = byte_order(block)
    block = with_tags(block, {ORIENTATION: ifd.integer_entry(order, ifd.SHORT, turn)})
    out = bytearray(block)
    structure = ifd.open_structure(block)
    first = structure.directory(structure.first)
    for directory, index in ((first, 0), (structure.sub_directory(first, EXIF_IFD), 1)):
        if directory is not None:
            _patch(out, structure, directory, _HEIGHT[index], shape[0])
            _patch(out, structure, directory, _WIDTH[index], shape[1])
    return bytes(out)


def _patch(
    out: bytearray, structure: TiffStructure, where: Directory, tag: int, value: int
) -> None:
    """Overwrites one integer in place; a missing tag is not added."""
    entry = where.entries.get(tag)
    code = {ifd.SHORT: "H", ifd.LONG: "I"}.get(entry.kind) if entry else None
    if code is None or (code == "H" and value > 65_535):
        return
    struct.pack_into(structure.order + code, out, where.places[tag], value)


def _patch_ratios(
    out: bytearray, structure: TiffStructure, where: Directory, tag: int, parts: tuple[int, ...]
) -> None:
    """Overwrites fractions in place, if the tag has as many."""
    entry = where.entries.get(tag)
    if entry is not None and (entry.kind, entry.count) == (ifd.RATIONAL, len(parts)):
        numbers = [number for part in parts for number in (part, 10_000)]
        struct.pack_into(f"{structure.order}{len(numbers)}I", out, where.places[tag], *numbers)


def _thumbnail_ranges(structure: TiffStructure, first: Directory) -> Iterable[tuple[int, int]]:
    """The byte ranges of the directories after the first, and of the pictures they point to."""
    offset, seen = first.next_offset, {first.offset}
    while offset and offset not in seen and len(seen) <= _MAX_DIRECTORIES:
        seen.add(offset)
        try:
            directory = structure.directory(offset)
        except DamagedTagsError:
            return
        yield offset, offset + directory.size
        for start_tag, length_tag in _THUMBNAIL_PLACES:
            starts, lengths = (
                directory.entries[tag].integers(structure.order) if tag in directory.entries else ()
                for tag in (start_tag, length_tag)
            )
            for start, length in zip(starts, lengths, strict=False):
                yield start, start + length
        offset = directory.next_offset


def _blanked(
    out: bytearray, ranges: list[tuple[int, int]], keep: tuple[Directory | None, ...]
) -> bytes:
    """Zeroes the ranges, and removes them if they are at the end of the block."""
    safe = [(0, 8)] + [(d.offset, d.offset + d.size) for d in keep if d is not None]
    end = len(out)
    for start, stop in sorted(ranges, reverse=True):
        clipped = min(stop, len(out))
        # A damaged pointer must not zero the directories themselves.
        if clipped <= start or any(start < b and a < clipped for a, b in safe):
            continue
        out[start:clipped] = bytes(clipped - start)
        if clipped >= end - 1:
            end = start
    return bytes(out[:end])


def with_tags(
    block: bytes | None,
    tags: Mapping[int, DirectoryEntry],
    *,
    order: str = "<",
    without: frozenset[int] = frozenset(),
) -> bytes:
    """Sets tags of the first directory.

    Args:
        block: A TIFF structure, or None for a new one.
        tags: Entries in the byte order of the block (`byte_order`).
        order: Byte order for a new block.
        without: Tags to leave out.

    Returns:
        The block with its first directory appended at the end.

    Raises:
        DamagedTagsError: The block cannot be parsed.
    """
    if block is None:
        return ifd.header(order) + ifd.serialize(tags, order=order, base=8)
    structure = ifd.open_structure(block)
    first = structure.directory(structure.first)
    rows: dict[int, bytes] = {}
    table = first.offset + 2
    for at in range(table, first.offset + first.size - 4, 12):
        (tag,) = struct.unpack_from(structure.order + "H", block, at)
        if tag not in without:
            rows.setdefault(tag, block[at : at + 12])
    out = bytearray(block)
    out[first.offset : first.offset + first.size - 4] = bytes(first.size - 4)
    for tag, entry in tags.items():
        data = entry.data
        if len(data) > 4:
            out += b"\0" * (len(out) % 2)
            data = struct.pack(structure.order + "I", len(out))
            out += entry.data
        head = struct.pack(structure.order + "HHI", tag, entry.kind, entry.count)
        rows[tag] = head + data.ljust(4, b"\0")
    out += b"\0" * (len(out) % 2)
    struct.pack_into(structure.order + "I", out, 4, len(out))
    out += struct.pack(structure.order + "H", len(rows))
    out += b"".join(rows[tag] for tag in sorted(rows)) + b"\0\0\0\0"
    return bytes(out)


def without_orientation(block: bytes | None) -> bytes | None:
    """The block without its orientation tag, which then means upright."""
    if block is None or orientation(block) is None:
        return block
    return with_tags(block, {}, without=frozenset({ORIENTATION}))


def byte_order(block: bytes | None) -> str:
    """The byte order in which entries for `with_tags` must be packed: "<" or ">"."""
    return ">" if block is not None and block.startswith(b"MM") else "<"


def text_of(block: bytes | None, tag: int) -> str:
    """An ASCII tag of the first directory; empty if there is none."""
    if not block:
        return ""
    try:
        structure = ifd.open_structure(block)
        entry = structure.directory(structure.first).entries.get(tag)
    except DamagedTagsError:
        return ""
    if entry is None or entry.kind != ifd.ASCII:
        return ""
    return entry.data.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def without_location(block: bytes | None) -> bytes | None:
    """The block without its GPS directories and anything else that may contain a location.

    That is the maker note (many cameras write the city into it, each in its own way), and packets
    and georeferences that belong in TIFF files. Values are zeroed, not only unlinked.

    Args:
        block: A TIFF structure, or None.

    Returns:
        The same block if there is nothing to remove.

    Raises:
        DamagedTagsError: The block cannot be parsed, so it may contain a location.
    """
    if block is None:
        return None
    structure = ifd.open_structure(block)
    if structure.big:
        raise DamagedTagsError("BigTIFF is no EXIF block")
    out = bytearray(block)
    for directory in _directories(structure):
        found = directory.entries.keys() & _PLACES
        if GPS_IFD in found and (gps := structure.sub_directory(directory, GPS_IFD)) is not None:
            _wipe(out, gps, gps.entries.keys())
            out[gps.offset : gps.offset + gps.size] = bytes(gps.size)
        _wipe(out, directory, found - {GPS_IFD})
        _unlink(out, structure.order, directory, _PLACES)
    return bytes(out)


def has_maker_note(block: bytes | None) -> bool:
    """Whether there is a maker note; False for a block that cannot be parsed."""
    if block is None:
        return False
    try:
        structure = ifd.open_structure(block)
        return any(MAKER_NOTE in each.entries for each in _directories(structure))
    except DamagedTagsError:
        return False


def _directories(structure: TiffStructure) -> list[Directory]:
    """The chain of directories, each followed by the EXIF directory below it."""
    found: list[Directory] = []
    offset = structure.first
    while offset and len(found) < 2 * _MAX_DIRECTORIES:
        if any(one.offset == offset for one in found):
            break
        directory = structure.directory(offset)
        details = structure.sub_directory(directory, EXIF_IFD)
        found += [directory] if details is None else [directory, details]
        offset = directory.next_offset
    return found


def _wipe(out: bytearray, directory: Directory, tags: Iterable[int]) -> None:
    """Zeroes the values of tags."""
    for tag in tags:
        size = len(directory.entries[tag].view)
        out[directory.places[tag] : directory.places[tag] + size] = bytes(size)


def _unlink(out: bytearray, order: str, directory: Directory, tags: frozenset[int]) -> None:
    """Removes rows from a directory's table, which stays where it is."""
    table, end = directory.offset + 2, directory.offset + directory.size - 4
    rows = [bytes(out[at : at + 12]) for at in range(table, end, 12)]
    kept = [row for row in rows if struct.unpack_from(order + "H", row)[0] not in tags]
    written = struct.pack(order + "H", len(kept)) + b"".join(kept) + bytes(out[end : end + 4])
    out[directory.offset : end + 4] = written.ljust(directory.size, b"\0")
