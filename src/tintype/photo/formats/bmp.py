"""BMP: decoded and encoded by Pillow, except rare bit fields (`bmp_fields`) and rows (`bmp_rows`).

The colours that its header states are read here. A file without the first 14 bytes, as in a
clipboard, is given them; a JPEG or PNG inside a BMP is read as such.

Source: Microsoft, "Bitmap storage", BITMAPV4HEADER and BITMAPV5HEADER.
"""

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.formats.codec import Codec, DecodedPage, OutputPage
from tintype.photo.parts import UnknownParts

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile

_SMALLEST = 26  # the two headers
_HEADER_AT = 14
_INFO_BYTES, _V4_BYTES, _V5_BYTES = 40, 108, 124
_BIT_FIELDS, _JPEG_INSIDE, _PNG_INSIDE = 3, 4, 5
_CALIBRATED, _EMBEDDED, _LINKED = 0, b"DEBM", b"KNIL"
_PLACES_AT, _GAMMA_AT, _PROFILE_AT = 60, 96, 112
_ONE = 1 << 30


def _sniff(head: bytes) -> bool:
    return (head.startswith(b"BM") and len(head) > _SMALLEST) or _is_bare(head)


def _is_bare(head: bytes) -> bool:
    """Whether a file begins directly with a plausible second header."""
    if len(head) < _INFO_BYTES:
        return False
    header, width, height, planes, bits, compression = struct.unpack_from("<IiiHHI", head)
    return (
        header in (_INFO_BYTES, _V4_BYTES, _V5_BYTES)
        and width > 0
        and height != 0
        and planes == 1
        and bits in (1, 2, 4, 8, 16, 24, 32)
        and compression <= _BIT_FIELDS
    )


def _with_file_header(data: bytes) -> bytes:
    """A bare picture with the file header added, which states where the pixels begin."""
    header, bits, compression, used = struct.unpack("<I10xHI12xI", data[:36])
    colors = min(used or (1 << bits if bits <= 8 else 0), 256)
    masks = 12 if compression == _BIT_FIELDS and header == _INFO_BYTES else 0
    start = _HEADER_AT + header + masks + 4 * colors
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, start) + data


def _read(file: "InputFile", colors: bool) -> list[DecodedPage]:
    if not file.data.startswith(b"BM"):
        file = replace(file, data=_with_file_header(file.data))
    page = _read_inside(file, colors) or _decode(file)
    unknown = UnknownParts()
    stated, end = _profile(file.data, unknown)
    page.icc = page.icc if stated is None else stated
    size, _, start = struct.unpack_from("<III", file.data, 2)
    size = size if size > start else 0  # OS/2 stores the size of the headers there
    if 0 < max(size, end) < len(file.data) and file.data[max(size, end) :].strip(b"\0"):
        unknown.leave("data after its picture")
    page.notes += unknown.notes()
    return [page]


def _decode(file: "InputFile") -> DecodedPage:
    from PIL import BmpImagePlugin

    from tintype.photo.formats import bmp_fields, bmp_rows, pillow

    try:
        return pillow.decode_page(pillow.open_still(BmpImagePlugin.BmpImageFile, file), file)
    except (UnsupportedPhotoError, UnreadablePhotoError):
        fields = bmp_fields.read_layout(file.data)
        if fields is not None:
            return bmp_fields.read_fields(file, fields)
        rows = bmp_rows.read_layout(file.data)
        if rows is None:
            raise
        return bmp_rows.read_rows(file, rows)


def _read_inside(file: "InputFile", colors: bool) -> DecodedPage | None:
    """The JPEG or PNG intended for a printer; None for all other files."""
    from tintype.photo.formats.jpeg import JPEG
    from tintype.photo.formats.png import PNG

    if len(file.data) < _HEADER_AT + _INFO_BYTES:
        return None
    start, header = struct.unpack_from("<II", file.data, 10)
    (compression,) = struct.unpack_from("<I", file.data, _HEADER_AT + 16)
    codec = {_JPEG_INSIDE: JPEG, _PNG_INSIDE: PNG}.get(compression)
    inside = file.data[start:]
    if header < _INFO_BYTES or codec is None or not codec.sniff(inside):
        return None
    (page,) = codec.read(replace(file, data=inside), colors)
    return page


def _profile(data: bytes, unknown: UnknownParts) -> tuple[bytes | None, int]:
    """The colour profile, and where it ends in the file; None for sRGB, and 0."""
    (header,) = struct.unpack_from("<I", data, _HEADER_AT)
    if header < _V4_BYTES or len(data) < _HEADER_AT + header:
        return None, 0
    (kind,) = struct.unpack_from("<I", data, _HEADER_AT + 56)
    if header >= _V5_BYTES and kind.to_bytes(4, "little") in (_EMBEDDED, _LINKED):
        start, size = struct.unpack_from("<II", data, _HEADER_AT + _PROFILE_AT)
        start += _HEADER_AT
        if kind.to_bytes(4, "little") == _LINKED:
            unknown.leave("a colour profile in another file")
            return None, start + size
        return data[start : start + size] or None, start + size
    if kind == _CALIBRATED:
        return _calibrated(data, unknown), 0
    return None, 0


def _calibrated(data: bytes, unknown: UnknownParts) -> bytes | None:
    """A profile from the end points and gamma in the header, if there are any."""
    from tintype.photo.metadata import color_space

    points = struct.unpack_from("<9I", data, _HEADER_AT + _PLACES_AT)
    gammas = struct.unpack_from("<3I", data, _HEADER_AT + _GAMMA_AT)
    gamma = gammas[1] / 65_536
    try:
        return color_space.of_gamma(
            # Some programs write the encoding exponent, which is below 1.
            (gamma if gamma >= 1 else 1 / gamma) if gamma else None,
            color_space.of_end_points([value / _ONE for value in points]) if any(points) else None,
        )
    except color_space.UnusableColorsError as error:
        unknown.leave(str(error))
        return None


def _write(pages: list[OutputPage], _lost: list[str]) -> bytes:
    from tintype.photo.formats import pillow

    dpi = pages[0].metadata.dpi
    return pillow.save(pillow.image_of(pages[0].photo), "BMP", **({"dpi": dpi} if dpi else {}))


BMP = Codec(
    name="BMP",
    title="BMP",
    suffixes=(".bmp", ".dib"),
    mime="image/bmp",
    writes="BMP",
    sniff=_sniff,
    read=_read,
    write=_write,
    carries=frozenset({"grey 8", "DPI"}),
    reads=frozenset({"grey 8", "ICC", "DPI", "unknown parts"}),
)
