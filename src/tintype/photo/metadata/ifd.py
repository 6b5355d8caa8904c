"""Tag directories: the structure shared by TIFF files and EXIF blocks.

Reading is lenient about single entries (one that points outside the data is ignored) and strict
about the structure. Writing keeps the byte order of its input, so that no value, and above all no
maker note, is ever re-encoded.

Source: TIFF revision 6.0, section 2; the BigTIFF extension (8-byte offsets).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

TYPE_SIZES = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
    16: 8, 17: 8, 18: 8,
}  # fmt: skip
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, IFD = 1, 2, 3, 4, 5, 7, 13

MAX_TAGS = 4096
"""Per directory. No program writes a tenth of it, and libtiff has the same limit."""

_MAX_VALUES = 64
_SLACK = 4096

_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}


class DamagedTagsError(ValueError):
    """The structure cannot be parsed. Never reaches a user: callers report what is damaged."""


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """The value of one tag.

    Attributes:
        kind: The TIFF type number.
        count: Number of values.
        view: Their bytes, in the byte order of the structure they belong to; a view of that
            structure if they were read, so nothing is copied until it is used.
    """

    kind: int
    count: int
    view: bytes | memoryview

    @property
    def data(self) -> bytes:
        """The bytes of the values."""
        return bytes(self.view)

    def integers(self, order: str, *, most: int = _MAX_VALUES) -> tuple[int, ...]:
        """The values as integers; empty for other types.

        Args:
            order: "<" or ">".
            most: The maximum number returned: each needs ten times the memory that it has in the
                file.
        """
        code = _INTEGERS.get(self.kind)
        if code is None:
            return ()
        return struct.unpack_from(f"{order}{min(self.count, most)}{code}", self.view)

    def numbers(self, order: str) -> tuple[float, ...]:
        """The values as numbers, from integers or floating point; empty for other types.

        Args:
            order: "<" or ">".
        """
        code = {11: "f", 12: "d"}.get(self.kind)
        if code is None:
            return tuple(float(value) for value in self.integers(order))
        return struct.unpack_from(f"{order}{min(self.count, _MAX_VALUES)}{code}", self.view)

    def ratios(self, order: str) -> tuple[float, ...]:
        """The values of an unsigned RATIONAL as floats; a zero denominator gives 0.

        Args:
            order: "<" or ">".
        """
        if self.kind != RATIONAL:
            return tuple(float(v) for v in self.integers(order))
        parts = struct.unpack_from(f"{order}{min(self.count, _MAX_VALUES) * 2}I", self.view)
        return tuple(n / d if d else 0.0 for n, d in zip(parts[::2], parts[1::2], strict=True))


def text_entry(text: str) -> DirectoryEntry:
    """An ASCII entry (UTF-8 if the text needs it, which every reader accepts today)."""
    data = text.encode("utf-8", "replace") + b"\0"
    return DirectoryEntry(ASCII, len(data), data)


def integer_entry(order: str, kind: int, *values: int) -> DirectoryEntry:
    """An entry of SHORT or LONG values."""
    return DirectoryEntry(
        kind, len(values), struct.pack(f"{order}{len(values)}{_INTEGERS[kind]}", *values)
    )


def ratio_entry(order: str, value: float) -> DirectoryEntry:
    """A RATIONAL with four decimals, more precise than any known resolution."""
    scaled = min(max(round(value * 10_000), 0), 2**32 - 1)
    return DirectoryEntry(RATIONAL, 1, struct.pack(f"{order}2I", scaled, 10_000))


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory, as read.

    Attributes:
        offset: Where it begins.
        size: Bytes of its table, from the count to the pointer to the next one.
        entries: By tag.
        places: Offset of each entry's value, by tag.
        next_offset: Where the next directory begins; 0 at the end.
    """

    offset: int
    size: int
    entries: dict[int, DirectoryEntry]
    places: dict[int, int]
    next_offset: int


@dataclass(frozen=True, slots=True)
class TiffStructure:
    """A TIFF file or EXIF block from which directories are read.

    Attributes:
        data: The whole file or block.
        order: "<" (II) or ">" (MM).
        big: BigTIFF: 8-byte offsets.
        first: Offset of the first directory.
    """

    data: bytes
    order: str
    big: bool
    first: int

    def directory(self, offset: int) -> Directory:
        """Reads one directory.

        Overlapping values let a small file claim gigabytes, so entries that would raise the sum of
        sizes above that of the whole structure are ignored.

        Args:
            offset: Where it begins.

        Raises:
            DamagedTagsError: It is not inside the data, or has an absurd number of tags.
        """
        count_code, entry_size, word = ("Q", 20, 8) if self.big else ("H", 12, 4)
        head = struct.calcsize(count_code)
        if offset < 8 or offset + head > len(self.data):
            raise DamagedTagsError(f"no directory at {offset}")
        (count,) = struct.unpack_from(self.order + count_code, self.data, offset)
        table = offset + head
        end = table + count * entry_size
        if count > MAX_TAGS or end > len(self.data):
            raise DamagedTagsError(f"the directory at {offset} is cut off")
        whole, budget = memoryview(self.data), len(self.data) + _SLACK
        entries: dict[int, DirectoryEntry] = {}
        places: dict[int, int] = {}
        for at in range(table, end, entry_size):
            tag, kind = struct.unpack_from(self.order + "HH", self.data, at)
            code = "Q" if self.big else "I"
            (values,) = struct.unpack_from(self.order + code, self.data, at + 4)
            size = TYPE_SIZES.get(kind, 0) * values
            place = at + 4 + word
            if size > word:
                (place,) = struct.unpack_from(self.order + code, self.data, place)
            if not size or place + size > len(self.data) or tag in entries or size > budget:
                continue
            budget -= size
            entries[tag] = DirectoryEntry(kind, values, whole[place : place + size])
            places[tag] = place
        following = 0
        if end + word <= len(self.data):
            (following,) = struct.unpack_from(
                self.order + ("Q" if self.big else "I"), self.data, end
            )
        return Directory(offset, end + word - offset, entries, places, following)

    def sub_directory(self, parent: Directory, tag: int) -> Directory | None:
        """The directory that a tag points to; None if there is none, or it is damaged."""
        entry = parent.entries.get(tag)
        values = entry.integers(self.order) if entry else ()
        if not values:
            return None
        try:
            return self.directory(values[0])
        except DamagedTagsError:
            return None


def open_structure(data: bytes) -> TiffStructure:
    """Reads the header.

    Args:
        data: A TIFF file or an EXIF block without its ``Exif`` prefix.

    Raises:
        DamagedTagsError: It is neither.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise DamagedTagsError("no TIFF header")
    (magic,) = struct.unpack_from(order + "H", data, 2)
    if magic == 42:
        (first,) = struct.unpack_from(order + "I", data, 4)
        return TiffStructure(data, order, False, first)
    if magic == 43 and len(data) >= 16:
        (first,) = struct.unpack_from(order + "Q", data, 8)
        return TiffStructure(data, order, True, first)
    raise DamagedTagsError("no TIFF header")


Tags = Mapping[int, "DirectoryEntry | Tags"]
"""Input of `serialize`: a value, or a directory that the tag will point to."""


def serialize(tags: Tags, *, order: str, base: int) -> bytes:
    """Writes one directory, and the values and directories it points to.

    Args:
        tags: Entries in the byte order `order`.
        order: "<" or ">".
        base: Offset of the result in the file; even.

    Returns:
        The bytes; the pointer to the next directory is 0, at offset ``2 + 12 * len(tags)``.
    """
    table = bytearray(struct.pack(order + "H", len(tags)))
    body = bytearray()
    body_base = base + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        value = tags[tag]
        if isinstance(value, DirectoryEntry):
            kind, count, data = value.kind, value.count, value.data
            if len(data) <= 4:
                table += struct.pack(order + "HHI", tag, kind, count) + data.ljust(4, b"\0")
                continue
        else:
            kind, count = LONG, 1
            data = serialize(value, order=order, base=body_base + len(body))
        table += struct.pack(order + "HHII", tag, kind, count, body_base + len(body))
        body += data + b"\0" * (len(data) % 2)
    return bytes(table) + b"\0\0\0\0" + bytes(body)


_UNITS = {3: 2, 8: 2, 4: 4, 9: 4, 11: 4, 13: 4, 5: 4, 10: 4, 12: 8, 16: 8, 17: 8, 18: 8}


def swapped(tags: Tags) -> "dict[int, DirectoryEntry | Tags]":
    """The same values in the other byte order; opaque ones (maker notes) stay unchanged."""
    out: dict[int, DirectoryEntry | Tags] = {}
    for tag, value in tags.items():
        if not isinstance(value, DirectoryEntry):
            out[tag] = swapped(value)
            continue
        unit = _UNITS.get(value.kind, 1)
        units = (value.data[at : at + unit][::-1] for at in range(0, len(value.data), unit))
        out[tag] = DirectoryEntry(value.kind, value.count, b"".join(units))
    return out


def header(order: str) -> bytes:
    """The eight bytes before a directory that follows immediately."""
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
