"""AVIF: decoded and encoded by Pillow, after the size of its coded pictures has been checked.

Sources: AV1 image file format 1.1; ISO/IEC 14496-12 (boxes and brands).
"""

import io
import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from tintype.photo.formats import av1, heif_unknown
from tintype.photo.formats.codec import Codec, DecodedPage, OutputPage
from tintype.photo.formats.iso_boxes import brands, write_box
from tintype.photo.metadata import exif
from tintype.photo.parts import UnknownParts

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile
    from tintype.photo.photo import Metadata

# With this quality the grey of noisy photographs stays within 0.4 to 0.7 steps of 255 on average;
# 90 does not achieve one step.
_QUALITY = 95
_SPEED = 8

_BRANDS = frozenset({b"avif", b"avis"})
_PROPERTIES_WITHIN = 1 << 16


def _sniff(head: bytes) -> bool:
    # The container brands mif1 and msf1 do not identify the codec.
    return not _BRANDS.isdisjoint(brands(head))


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    from PIL import AvifImagePlugin

    from tintype.photo.formats import pillow

    if file.data[8:12] == b"avis":
        file.refuse_animation()
    alone = replace(file, data=av1.without_gain_maps(file.data))
    image = pillow.open_still(AvifImagePlugin.AvifImageFile, alone)
    _check(file)
    page = pillow.decode_page(image, file)
    # av1C (AV1-ISOBMFF section 2.3.3): the byte after two begins with high_bitdepth, twelve_bit.
    found = re.search(rb"av1C\x81.(.)", file.data[:_PROPERTIES_WITHIN], re.DOTALL)
    if found and found[1][0] & 0x40:
        page.notes = (f"Its {12 if found[1][0] & 0x20 else 10} bits a channel are read as 8.",)
    unknown = UnknownParts()
    heif_unknown.read_unknown(file.data, unknown)
    page.parts = tuple(unknown.carried)
    notes = list(unknown.notes())
    page.icc = page.icc or heif_unknown.stated_profile(file.data, notes)
    page.notes += tuple(notes)
    return [page]


def _check(file: "InputFile") -> None:
    pixels = av1.largest_frame(file.data)
    if pixels is None:
        file.fail("its structure makes no sense")
    file.check_coded_pixels(pixels)


def _read_xmp(data: bytes) -> bytes | None:
    from PIL import AvifImagePlugin

    from tintype.photo.formats.input_file import READING_ERRORS

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            packet = AvifImagePlugin.AvifImageFile(
                io.BytesIO(av1.without_gain_maps(data))
            ).info.get("xmp")
    except READING_ERRORS:
        return None
    return packet if isinstance(packet, bytes) else None


def _write(pages: list[OutputPage], _lost: list[str]) -> bytes:
    from tintype.photo.formats import pillow

    photo, metadata = pages[0].photo, pages[0].metadata
    written = pillow.save(
        pillow.image_without_la(photo),
        "AVIF",
        quality=_QUALITY,
        speed=_SPEED,
        subsampling="4:2:0",
        # Pillow rewrites a block with this tag, which would move the maker note.
        exif=exif.without_orientation(metadata.exif) or b"",
        xmp=metadata.xmp or b"",
        icc_profile=metadata.icc or b"",
    )
    # Items are addressed by their offset from the beginning, so boxes may follow at the end.
    return written + b"".join(write_box(part.kind, part.data) for part in metadata.parts)


def _never(_meta: "Metadata") -> bool:
    return False


AVIF = Codec(
    name="AVIF",
    title="AVIF",
    suffixes=(".avif",),
    mime="image/avif",
    writes="AVIF",
    sniff=_sniff,
    read=_read,
    check=_check,
    read_xmp=_read_xmp,
    write=_write,
    carries=frozenset(
        {"grey 8", "alpha", "ICC", "EXIF", "XMP", "DPI", "unknown parts", "provenance"}
    ),
    max_side=65_535,
    dpi_in_exif=True,
    grey_error=1.0,
    lossless=_never,
    note="10 and 12 bits are read as 8, with a message; animations are refused",
)
