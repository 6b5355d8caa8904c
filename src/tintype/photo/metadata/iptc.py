"""Photoshop resources: the blocks that contain IPTC captions and keywords.

Several programs write their own resources between those of Photoshop, with other signatures, and
some omit the padding byte after an odd length. Readers that stop there lose the captions that
follow.

Source: Adobe Photoshop file formats specification, image resource blocks; IPTC-NAA IIM 4.
"""

import re
import struct
from dataclasses import dataclass, replace
from typing import NamedTuple

_SIGNATURE = b"8BIM"
_IPTC_RECORD = 0x0404
_THUMBNAILS = (1033, 1036)
# Of Photoshop, PhotoDeluxe, Lightroom, ImageReady and others; a search restarts at each.
_KNOWN = re.compile(rb"8BIM|8B64|PHUT|AgHg|DCSR|MeSa")
_ANY = re.compile(rb"[A-Za-z0-9]{4}")
_MAX_RESOURCES = 10_000
_MAX_DATASETS = 10_000
# In record 2: content location (code, name), city, sublocation, state, country (code, name).
_PLACES = frozenset({26, 27, 90, 92, 95, 100, 101})
_COPIES = frozenset({1058, 1059, 1060})  # copies of EXIF, twice, and of XMP
_RECORD_DIGEST = 1061  # of the original record
# Every value of a record begins with it (IIM 1.6).
_TAG_MARKER = b"\x1c"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource.

    Attributes:
        signature: ``8BIM``, or four letters of another program.
        number: Resource identifier.
        name: As stored: its length, its bytes, and padding to an even length.
        data: Its contents.
    """

    signature: bytes
    number: int
    name: bytes
    data: bytes

    @property
    def is_iptc(self) -> bool:
        """Whether it is the record with captions and keywords."""
        return self.signature == _SIGNATURE and self.number == _IPTC_RECORD


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of a file.

    Attributes:
        items: In file order.
        skipped: Number of bytes between and after them that are not resources.
    """

    items: tuple[Resource, ...] = ()
    skipped: int = 0


class Dataset(NamedTuple):
    """One value of an IPTC record.

    Attributes:
        record: Its number: 1 is the envelope, 2 describes the picture.
        number: Dataset number.
        data: The value.
        stored: All of its bytes, including those before the value.
    """

    record: int
    number: int
    data: bytes
    stored: bytes


def read_resources(blocks: bytes) -> Resources:
    """Reads consecutive resources; after a damaged one, continues at the next known signature."""
    items: list[Resource] = []
    at = skipped = 0
    while at < len(blocks) and len(items) < _MAX_RESOURCES:
        found = _resource(blocks, at)
        if found is not None:
            resource, end = found
            items.append(resource)
            # Even length, unless the next one begins earlier.
            if len(resource.data) % 2 and not _KNOWN.match(blocks, end):
                end += 1
            at = end
            continue
        following = _KNOWN.search(blocks, at + 1)
        end = following.start() if following else len(blocks)
        skipped += len(blocks[at:end].strip(b"\0"))
        at = end
    return Resources(tuple(items), skipped + max(0, len(blocks) - at))


def _resource(blocks: bytes, at: int) -> tuple[Resource, int] | None:
    """The resource at an offset, and where its data end; None if there is none."""
    if at + 12 > len(blocks) or not _ANY.match(blocks, at):
        return None
    (number,) = struct.unpack_from(">H", blocks, at + 4)
    size_at = at + 6 + ((blocks[at + 6] + 2) & ~1)
    if size_at + 4 > len(blocks):
        return None
    (size,) = struct.unpack_from(">I", blocks, size_at)
    end = size_at + 4 + size
    if end > len(blocks):
        return None
    name = blocks[at + 6 : size_at]
    return Resource(blocks[at : at + 4], number, name, blocks[size_at + 4 : end]), end


def _written(items: list[Resource]) -> bytes | None:
    """Consecutive resources, those of Photoshop first: many readers stop at any other."""
    ordered = sorted(items, key=lambda item: item.signature != _SIGNATURE)
    parts = (
        item.signature
        + struct.pack(">H", item.number)
        + item.name
        + struct.pack(">I", len(item.data))
        + item.data
        + b"\0" * (len(item.data) % 2)
        for item in ordered
    )
    return b"".join(parts) or None


def without_thumbnails(blocks: bytes) -> tuple[bytes | None, tuple[str, ...]]:
    """Photoshop resources without the two kinds of thumbnail.

    Args:
        blocks: Consecutive resources, or a record alone.

    Returns:
        The resources, None if nothing is left; and a sentence on what could not be read.
    """
    if blocks.startswith(_TAG_MARKER):
        return with_record(None, blocks), ()
    found = read_resources(blocks)
    note = f"{found.skipped} damaged bytes of its Photoshop resources (IPTC) are left out."
    kept = _written([item for item in found.items if item.number not in _THUMBNAILS])
    return kept, (note,) if found.skipped else ()


def with_record(blocks: bytes | None, record: bytes) -> bytes:
    """Photoshop resources with an IPTC record that was stored outside them.

    Args:
        blocks: Existing resources, or None.
        record: The IPTC record; ignored if the resources already have one.
    """
    items = list(read_resources(blocks or b"").items)
    if blocks is not None and any(item.is_iptc for item in items):
        return blocks
    return _written([*items, Resource(_SIGNATURE, _IPTC_RECORD, b"\0\0", record)]) or b""


def split_record(blocks: bytes | None) -> tuple[bytes | None, bytes | None]:
    """The IPTC record of resources, and the resources without it."""
    items = read_resources(blocks or b"").items
    record = b"".join(item.data for item in items if item.is_iptc)
    return record or None, _written([item for item in items if not item.is_iptc])


def without_location(blocks: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    """Photoshop resources without place names in the fields intended for places.

    Args:
        blocks: As returned by `without_thumbnails`, or None.

    Returns:
        The resources, None if nothing is left; the same ones if they have no such field. Also
        sentences on anything else left out because a location may be in it.
    """
    items: list[Resource] = []
    notes: dict[str, None] = {}
    found = read_resources(blocks or b"").items
    for item in found:
        if item.signature == _SIGNATURE and item.number in _COPIES:
            notes["Copies of its EXIF and XMP are left out as they may contain a location."] = None
        elif item.is_iptc:
            record, damaged = _record_without_places(item.data)
            items.append(replace(item, data=record))
            if damaged:
                notes[f"{damaged} damaged bytes of its IPTC record are left out."] = None
        else:
            items.append(item)
    if tuple(items) == found:
        return blocks, ()
    kept = [item for item in items if item.number != _RECORD_DIGEST]
    return _written([item for item in kept if item.data or not item.is_iptc]), tuple(notes)


def _record_without_places(record: bytes) -> tuple[bytes, int]:
    """A record without places, and the number of bytes left out that are not datasets."""
    found, rest = datasets(record)
    kept = [one.stored for one in found if one.record != 2 or one.number not in _PLACES]
    return b"".join(kept), rest


def datasets(record: bytes) -> tuple[list[Dataset], int]:
    """The datasets of an IPTC record.

    Args:
        record: Consecutive datasets.

    Returns:
        All up to the first invalid one; and the number of bytes that follow.
    """
    found: list[Dataset] = []
    at = 0
    while len(found) < _MAX_DATASETS and at + 5 <= len(record) and record[at] == _TAG_MARKER[0]:
        kind, number = record[at + 1], record[at + 2]
        size = int.from_bytes(record[at + 3 : at + 5], "big")
        begin = at + 5
        if size & 0x8000:  # length of the length, for data larger than 32 kB
            digits = size & 0x7FFF
            size = int.from_bytes(record[begin : begin + min(digits, 4)], "big")
            begin += digits
        end = begin + size
        if end > len(record):
            break
        found.append(Dataset(kind, number, record[begin:end], record[at:end]))
        at = end
    return found, len(record[at:].strip(b"\0"))


def within(blocks: bytes, room: int) -> tuple[bytes | None, list[str]]:
    """Photoshop resources reduced to a given size by removing the largest.

    Args:
        blocks: Consecutive resources.
        room: Available bytes.

    Returns:
        The resources, None if nothing is left; and the names of what was left out. From an IPTC
        record that is too long, only the largest values are removed.
    """
    items = list(read_resources(blocks).items)
    left_out: list[str] = []
    over = len(blocks) - room
    for item in sorted(items, key=lambda item: len(item.data), reverse=True):
        if over <= 0:
            break
        at = items.index(item)
        if item.is_iptc:
            record, names = _record_within(item.data, len(item.data) - over)
            items[at] = Resource(item.signature, item.number, item.name, record)
            left_out += names
            over -= len(item.data) - len(record)
        else:
            del items[at]
            left_out.append(f"Photoshop resource {item.number}")
            over -= len(item.data)
    return _written([item for item in items if item.data or not item.is_iptc]), left_out


def _record_within(record: bytes, room: int) -> tuple[bytes, list[str]]:
    """An IPTC record without its largest values."""
    found, _ = datasets(record)
    over = len(record) - room
    left_out: dict[int, str] = {}
    for at in sorted(range(len(found)), key=lambda at: len(found[at].data), reverse=True):
        if over <= 0:
            break
        left_out[at] = f"IPTC {found[at].record}:{found[at].number}"
        over -= len(found[at].stored)
    kept = (one.stored for at, one in enumerate(found) if at not in left_out)
    return b"".join(kept), list(dict.fromkeys(left_out.values()))
