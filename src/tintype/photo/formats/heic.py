"""HEIC: decoded by libheif through the extra ``heic``, and written as AVIF.

Source: ISO/IEC 23008-12 (brands).
"""

import io
from typing import TYPE_CHECKING

from tintype.photo.formats import heif_unknown
from tintype.photo.formats.codec import Codec, DecodedPage
from tintype.photo.formats.iso_boxes import brands
from tintype.photo.metadata import exif
from tintype.photo.parts import UnknownParts

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile

_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif"})


def _sniff(head: bytes) -> bool:
    # The container brands mif1 and msf1 do not identify the codec.
    return not _BRANDS.isdisjoint(brands(head))


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    from tintype.photo.formats import pillow

    try:
        import pi_heif
    except ImportError:
        file.refuse(
            "is a HEIC photograph, which needs an extra",
            'Type: pip install "tintype-colorizer[heic]"',
        )
    with file.reading():
        opened = pi_heif.open_heif(io.BytesIO(file.data), convert_hdr_to_8bit=True)
        first = opened[opened.primary_index]
    file.check_size(*first.size)
    with file.reading():
        picture, alpha = pillow.split_modes(first.to_pillow(), file)
    page = DecodedPage(picture, alpha)
    page.icc = first.info.get("icc_profile") or None
    block = first.info.get("exif")
    page.exif = exif.without_prefix(block) if block else None
    page.xmp = first.info.get("xmp") or None
    page.dpi = exif.resolution(page.exif)
    page.orientation = 1  # libheif has already turned the pixels
    notes = []
    if len(opened) > 1:
        notes.append(f"It contains {len(opened)} pictures; only the main one is coloured.")
    if int(first.info.get("bit_depth", 8)) > 8:
        notes.append(f"Its {first.info['bit_depth']} bits a channel are read as 8.")
    page.icc = page.icc or heif_unknown.stated_profile(file.data, notes)
    unknown = UnknownParts()
    heif_unknown.read_unknown(file.data, unknown)
    page.parts = tuple(unknown.carried)
    page.notes = (*notes, *unknown.notes())
    return [page]


HEIC = Codec(
    name="HEIC",
    title="HEIC",
    suffixes=(".heic", ".heif", ".hif"),
    mime="image/heic",
    writes="AVIF",
    sniff=_sniff,
    read=_read,
    reads=frozenset({"grey 8", "alpha", "ICC", "EXIF", "XMP", "DPI", "unknown parts"}),
    note="needs the heic extra",
)
