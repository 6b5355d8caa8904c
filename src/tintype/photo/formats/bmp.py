"""BMP: decoded and encoded by Pillow, but for rare bit fields (`bmp_fields`).

The colours that its header states are read here.

Source: Microsoft, "Bitmap storage", BITMAPV4HEADER and BITMAPV5HEADER.
"""

import struct
from typing import TYPE_CHECKING

from tintype.errors import UnsupportedPhotoError
from tintype.photo.formats.codec import Codec, DecodedPage, OutputPage
from tintype.photo.parts import UnknownParts

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile

_SMALLEST = 26  # the two headers
_HEADER_AT = 14
_V4_BYTES, _V5_BYTES = 108, 124
_CALIBRATED, _EMBEDDED, _LINKED = 0, b"DEBM", b"KNIL"
_PLACES_AT, _GAMMA_AT, _PROFILE_AT = 60, 96, 112
_ONE = 1 << 30


def _sniff(head: bytes) -> bool:
    return head.startswith(b"BM") and len(head) > _SMALLEST


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    from PIL import BmpImagePlugin

    from tintype.photo.formats import bmp_fields, pillow

    try:
        page = pillow.decode_page(pillow.open_still(BmpImagePlugin.BmpImageFile, file), file)
    except UnsupportedPhotoError:
        layout = bmp_fields.read_layout(file.data)
        if layout is None:
            raise
        page = bmp_fields.read_fields(file, layout)
    unknown = UnknownParts()
    page.icc, end = _profile(file.data, unknown)
    (size,) = struct.unpack_from("<I", file.data, 2)
    if 0 < max(size, end) < len(file.data) and file.data[max(size, end) :].strip(b"\0"):
        unknown.leave("what follows its picture")
    page.notes += unknown.notes()
    return [page]


def _profile(data: bytes, unknown: UnknownParts) -> tuple[bytes | None, int]:
    """The profile of the colours, and where it ends in the file; None for sRGB, and 0."""
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
    """A profile of the end points and gamma in the header, where there are any."""
    from tintype.photo.metadata import color_space

    points = struct.unpack_from("<9I", data, _HEADER_AT + _PLACES_AT)
    gammas = struct.unpack_from("<3I", data, _HEADER_AT + _GAMMA_AT)
    gamma = gammas[1] / 65_536
    try:
        return color_space.of_gamma(
            # Some programs write the exponent of encoding, which is below 1.
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
