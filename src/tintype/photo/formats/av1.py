"""The sizes of the coded pictures in an AVIF file, before a decoder allocates memory for them.

The container states one size and the coded picture may have another: a file of three kilobytes that
claims 16 x 16 pixels can contain 225 megapixels, which are decoded in full before the sizes are
compared. So the sequence headers are read here.

Sources: ISO/IEC 14496-12 sections 8.11.3 (iloc) and 8.11.6 (iinf); AV1 specification sections 5.3
(open bitstream units) and 5.5 (sequence header).
"""

from collections.abc import Iterator

from tintype.photo.formats.iso_boxes import IsoBox, read_boxes

_SEQUENCE_HEADER = 1
_TONE_MAP, _PASSED_OVER = b"tmap", b"free"
_Place = tuple[int, int, int]
"""Where a part of an item is stored: method, offset and length; 0 means up to the end."""

_MAX_UNITS = 10_000
_MAX_PARTS = 100_000  # of all pictures in a file together


def largest_frame(data: bytes) -> int | None:
    """Pixels of the largest frame that any coded picture in a file may have.

    Args:
        data: An AVIF file.

    Returns:
        The number of pixels; None if the boxes that lead to the pictures are damaged.
    """
    meta = next((box for box in read_boxes(data) if box.kind == b"meta"), None)
    if meta is None:
        return None
    inner = {box.kind: box for box in read_boxes(meta.body, 4)}
    if b"iloc" not in inner or b"iinf" not in inner:
        return None
    idat = inner[b"idat"].body if b"idat" in inner else b""
    largest, budget = 0, len(data)
    seen: set[tuple[_Place, ...]] = set()
    try:
        coded = {number for number, kind, _ in _items(inner[b"iinf"]) if kind == b"av01"}
        for item, places in _extents(inner[b"iloc"]):
            if item not in coded or places in seen:
                continue
            # Identical tiles may share their bytes; other overlaps use up the budget.
            seen.add(places)
            parts = []
            for place in places:
                parts.append(_part(place, data, idat))
                budget -= len(parts[-1])
                if budget < 0:
                    return None
            frames = list(_frames(b"".join(parts)))
            if not frames:
                return None
            largest = max(largest, *frames)
    except IndexError:
        return None
    return largest or None


def without_gain_maps(data: bytes) -> bytes:
    """An AVIF file without any information on how a gain map would change the picture.

    Decoders refuse a picture whose gain map they do not understand, although it is a picture
    without it.

    Args:
        data: The file. The brand and the items ``tmap`` are renamed so that all decoders ignore
            them.
    """
    if _TONE_MAP not in data:
        return data
    out = bytearray(data)
    for box in read_boxes(data):
        head = box.end - len(box.body)
        if box.kind == b"ftyp":
            places = [head + at for at in range(8, len(box.body) - 3, 4)]
        elif box.kind == b"meta":
            places = [head + at for at in _item_types(box.body)]
        else:
            continue
        for at in places:
            if out[at : at + 4] == _TONE_MAP:
                out[at : at + 4] = _PASSED_OVER
    return bytes(out)


def _item_types(meta: bytes) -> Iterator[int]:
    """The positions of the item types in a meta box."""
    for box in read_boxes(meta, 4):
        if box.kind == b"iinf":
            yield from (box.end - len(box.body) + at for _, _, at in _items(box))


class _Numbers:
    """Consecutive big-endian numbers; reading beyond the end is an IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def next(self, size: int) -> int:
        end = self._at + size
        if end > len(self._data):
            raise IndexError(end)
        value = int.from_bytes(self._data[self._at : end], "big")
        self._at = end
        return value


def _items(iinf: IsoBox) -> Iterator[tuple[int, bytes, int]]:
    """The number of each item, its type, and the position of the type in the body."""
    head = 8 if iinf.body[:1] != b"\0" else 6
    for entry in read_boxes(iinf.body, head):
        if entry.kind != b"infe" or len(entry.body) < 12:
            continue
        size = 4 if entry.body[0] >= 3 else 2
        number = int.from_bytes(entry.body[4 : 4 + size], "big")
        at = 6 + size
        yield number, entry.body[at : at + 4], entry.end - len(entry.body) + at


def _extents(iloc: IsoBox) -> Iterator[tuple[int, tuple[_Place, ...]]]:
    """Every item with the places of its parts."""
    numbers = _Numbers(iloc.body)
    version = numbers.next(1)
    numbers.next(3)
    sizes = numbers.next(1)
    offset_size, length_size = sizes >> 4, sizes & 15
    sizes = numbers.next(1)
    base_size, index_size = sizes >> 4, sizes & 15 if version in (1, 2) else 0
    wide = 4 if version == 2 else 2
    left = _MAX_PARTS
    for _ in range(numbers.next(wide)):
        item = numbers.next(wide)
        method = numbers.next(2) & 15 if version in (1, 2) else 0
        numbers.next(2)
        base = numbers.next(base_size)
        places = []
        for _ in range(numbers.next(2)):
            left -= 1  # if no number has a size, a part takes no bytes in the file
            if left < 0:
                raise IndexError(left)
            numbers.next(index_size)
            start = base + numbers.next(offset_size)
            places.append((method, start, numbers.next(length_size)))
        yield item, tuple(places)


def _part(place: _Place, data: bytes, idat: bytes) -> bytes:
    method, start, length = place
    if method > 1:
        raise IndexError(method)
    whole = idat if method else data
    return whole[start : start + length] if length else whole[start:]


def _frames(stream: bytes) -> Iterator[int]:
    """Pixels of the frames allowed by each sequence header of a stream."""
    at = 0
    for _ in range(_MAX_UNITS):
        if at >= len(stream):
            return
        head = stream[at]
        at += 2 if head & 4 else 1
        if head & 2:
            size, at = _leb128(stream, at)
        else:
            size = len(stream) - at
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            yield _frame_pixels(stream[at : at + size])
        at += size
    raise IndexError(at)


def _leb128(stream: bytes, at: int) -> tuple[int, int]:
    value = 0
    for number in range(8):
        byte = stream[at + number]
        value |= (byte & 0x7F) << (7 * number)
        if not byte & 0x80:
            return value, at + number + 1
    raise IndexError(at)


class _Bits:
    """The bits of a header, highest first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:512], "big")
        self._left = 8 * min(len(data), 512)

    def next(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError(count)
        return self._value >> self._left & ((1 << count) - 1)

    def skip_uvlc(self) -> None:
        zeros = 0
        while not self.next(1):
            zeros += 1
        self.next(min(zeros, 32))


def _frame_pixels(header: bytes) -> int:
    """Width times height of the largest frame (section 5.5.1, `sequence_header_obu`)."""
    bits = _Bits(header)
    bits.next(4)  # profile, still picture
    if bits.next(1):  # reduced still picture header
        bits.next(5)
    else:
        _skip_operating_points(bits)
    across, down = bits.next(4) + 1, bits.next(4) + 1
    width = bits.next(across) + 1
    return width * (bits.next(down) + 1)


def _skip_operating_points(bits: _Bits) -> None:
    model = delay_bits = 0
    if bits.next(1):  # timing info
        bits.next(64)
        if bits.next(1):
            bits.skip_uvlc()
        model = bits.next(1)
        if model:
            delay_bits = bits.next(5) + 1
            bits.next(42)
    display_delay = bits.next(1)
    for _ in range(bits.next(5) + 1):
        bits.next(12)
        if bits.next(5) > 7:
            bits.next(1)
        if model and bits.next(1):
            bits.next(2 * delay_bits + 1)
        if display_delay and bits.next(1):
            bits.next(4)
