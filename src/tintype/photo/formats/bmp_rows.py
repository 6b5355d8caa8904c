"""BMP variants that Pillow does not read: by rows, with a palette, or run-length coded.

These are 2 bits per pixel, OS/2 headers of any length, palettes of any length, and run lengths with
24 bits or with rows that are not coded to their end.

Sources: Microsoft, "Bitmap storage" and "Bitmap compression"; IBM, "OS/2 2.0 Presentation Manager
bitmap format" (BITMAPINFOHEADER2), as given in the Encyclopedia of Graphics File Formats.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.photo.formats.codec import DecodedPage
from tintype.photo.formats.input_file import InputFile

_HEADER_AT = 14
_CORE, _SHORTEST, _OS2, _LONGEST = 12, 16, 64, 124
_OF_MICROSOFT = (40, 52, 56, 108, _LONGEST)
_PLAIN, _RLE8, _RLE4, _RLE24 = 0, 1, 2, 4
_BITS_OF_RUNS = {_RLE8: 8, _RLE4: 4, _RLE24: 24}
_END_OF_ROW, _END, _SKIP = 0, 1, 2
_BITS = (1, 2, 4, 8, 16, 24, 32)
_METERS = 0.0254  # per inch
_NOT_CODED = "Some of its pixels are not coded: they have the first colour of its palette."


@dataclass(frozen=True, slots=True)
class RowLayout:
    """The layout of a BMP that is read by rows.

    Attributes:
        width: Columns.
        height: Rows.
        top_down: Whether the first row is the upper one.
        bits: Per pixel.
        compression: 0 is none; otherwise run lengths with 8, 4 or 24 bits.
        start: Where the pixels begin.
        palette: (2 ** bits, 3) uint8; missing colours are black. Empty above 8 bits.
        dpi: Dots per inch, or None.
    """

    width: int
    height: int
    top_down: bool
    bits: int
    compression: int
    start: int
    palette: NDArray[np.uint8]
    dpi: tuple[float, float] | None


def read_layout(data: bytes) -> RowLayout | None:
    """The layout of a BMP that is read by rows; None for any other."""
    start, header = struct.unpack_from("<II", data, 10)
    is_core = header == _CORE
    if not (is_core or _SHORTEST <= header <= _OS2 or header in _OF_MICROSOFT):
        return None
    fields = data[_HEADER_AT : _HEADER_AT + header].ljust(_LONGEST, b"\0")
    compression = across = down = used = 0
    if is_core:
        width, height, _, bits = struct.unpack_from("<HHHH", fields, 4)
    else:
        width, height, _, bits, compression, _, across, down, used = struct.unpack_from(
            "<iiHHIIiiI", fields, 4
        )
    if bits not in _BITS or bits != _BITS_OF_RUNS.get(compression, bits):
        return None
    # 4 means run lengths in OS/2 headers, and a JPEG in those of Microsoft.
    runs = _BITS_OF_RUNS.keys() - ({_RLE24} if header in _OF_MICROSOFT else set())
    if compression != _PLAIN and compression not in runs:
        return None
    palette = _palette(data, start, header, bits, used)
    dpi = (across * _METERS, down * _METERS) if min(across, down) > 0 else None
    return RowLayout(width, abs(height), height < 0, bits, compression, start, palette, dpi)


def _palette(data: bytes, start: int, header: int, bits: int, used: int) -> NDArray[np.uint8]:
    """The colours that fit before the pixels, whatever number is stated."""
    if bits > 8:
        return np.zeros((0, 3), np.uint8)
    size, at = (3 if header == _CORE else 4), _HEADER_AT + header
    room = max(0, min(start, len(data)) - at) // size
    count = min(used or 1 << bits, 1 << bits, room)
    stored = np.frombuffer(data[at : at + count * size], np.uint8).reshape(count, size)
    palette = np.zeros((1 << bits, 3), np.uint8)
    palette[:count] = stored[:, 2::-1]
    return palette


def read_rows(file: InputFile, layout: RowLayout) -> DecodedPage:
    """The pixels of a BMP.

    Raises:
        UnreadablePhotoError: The file ends too early, or a row has too many pixels.
        PhotoTooLargeError: It has more pixels than the limit.
    """
    file.check_size(layout.width, layout.height)
    notes: tuple[str, ...] = ()
    if layout.compression == _PLAIN:
        rows = _plain(file, layout)
    else:
        rows, coded = _Runs(file, layout).rows()
        notes = () if coded else (_NOT_CODED,)
    rows = rows if layout.top_down else rows[::-1]
    rgb = layout.palette[rows[..., 0]] if layout.bits <= 8 else rows
    page = DecodedPage(Image.fromarray(np.ascontiguousarray(rgb)))
    page.dpi, page.notes = layout.dpi, notes
    return page


def _plain(file: InputFile, layout: RowLayout) -> NDArray[np.uint8]:
    """(H, W, 1) colour numbers, or (H, W, 3) RGB; in file order."""
    width, height, bits = layout.width, layout.height, layout.bits
    row = (width * bits + 31) // 32 * 4
    if len(file.data) < layout.start + row * height:
        file.fail("the file ends too early")
    stored = np.frombuffer(file.data, np.uint8, row * height, layout.start).reshape(height, row)
    if bits == 16:
        codes = np.ascontiguousarray(stored).view("<u2")[:, :width]
        fives = np.stack([codes >> shift & 31 for shift in (10, 5, 0)], -1)
        return ((fives * 255 + 15) // 31).astype(np.uint8)
    if bits > 8:
        return stored[:, : width * bits // 8].reshape(height, width, bits // 8)[..., 2::-1]
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    numbers = stored[..., None] >> shifts & np.uint8((1 << bits) - 1)
    return numbers.reshape(height, -1, 1)[:, :width]


class _Runs:
    """Run lengths: pairs of a number of pixels and a colour, with escapes."""

    def __init__(self, file: InputFile, layout: RowLayout) -> None:
        self._file, self._layout = file, layout
        self._channels = 3 if layout.bits == 24 else 1
        self._rows = np.zeros((layout.height, layout.width, self._channels), np.uint8)
        self._coded = 0
        self._x = self._y = 0

    def rows(self) -> tuple[NDArray[np.uint8], bool]:
        """The pixels, as in `_plain`, and whether all of them were coded."""
        data, at, size = self._file.data, self._layout.start, self._channels
        # Every code represents one or more pixels, or the end of a row, or a skip.
        for _ in range(2 * (self._layout.width + 1) * self._layout.height + 2):
            if at + 2 > len(data):
                if (self._y, self._x) < (self._layout.height - 1, self._layout.width):
                    self._file.fail("the file ends too early")
                break
            count, code = data[at], data[at + 1]
            if count:
                self._put(self._pixels(data[at + 1 : at + 1 + size], count, run=True))
                at += 1 + size
            elif code == _END_OF_ROW:
                self._x, self._y = 0, self._y + 1
                at += 2
            elif code == _END:
                break
            elif code == _SKIP:
                across, down = data[at + 2 : at + 4].ljust(2, b"\0")
                self._x, self._y = self._x + across, self._y + down
                at += 4
            else:
                length = (code * self._layout.bits + 7) // 8
                self._put(self._pixels(data[at + 2 : at + 2 + length], code, run=False))
                at += 2 + length + length % 2
        else:
            self._file.fail("its run lengths make no sense")
        return self._rows, self._coded == self._layout.width * self._layout.height

    def _pixels(self, stored: bytes, count: int, *, run: bool) -> NDArray[np.uint8]:
        """(count, channels): in a run, one colour or two in turn; otherwise pixels as stored."""
        pixels = 1 if run else count
        if len(stored) < (pixels * self._layout.bits + 7) // 8:
            self._file.fail("the file ends too early")
        values = np.frombuffer(stored, np.uint8)
        if self._layout.bits == 4:
            values = np.stack([values >> 4, values & 15], -1).ravel()
        values = values.reshape(-1, self._channels)[:, ::-1]
        if run:
            values = np.resize(values, (count, self._channels))
        return values[:count]

    def _put(self, pixels: NDArray[np.uint8]) -> None:
        end = self._x + len(pixels)
        # Some programs fill the last byte of a 4-bit row.
        most = self._layout.width + (self._layout.bits == 4)
        if self._y >= self._layout.height or end > most:
            self._file.fail("a row has too many pixels")
        into = self._rows[self._y, self._x : end]
        into[...] = pixels[: len(into)]
        self._coded += len(into)
        self._x = end
