"""JPEG: the grey of a photograph is the Y plane itself.

Source: ITU-T T.81 annex B (markers).
"""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from tintype.errors import UsageError
from tintype.photo.formats import jpeg_behind, jpeg_scans, jpeg_segments
from tintype.photo.formats.codec import Codec, DecodedPage, OutputMetadata, OutputPage
from tintype.photo.formats.jpeg_segments import JpegHeader
from tintype.photo.metadata import exif
from tintype.photo.parts import listed

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile
    from tintype.photo.photo import Metadata, Photo

Within = Callable[[bytes, int], tuple[bytes | None, list[str]]]
"""Makes a block smaller, and names what was left out."""

_COMPONENTS = {1, 3, 4}
_HUFFMAN_8 = {0xC0, 0xC1, 0xC2}
_LOSSLESS = 0xC3


# SOI and the next marker, with stray bytes in between, which libjpeg ignores.
_START = re.compile(rb"\xff\xd8(?:[^\xff]|\xff+[\x00\x01])*\xff+[\xc0-\xcf\xda-\xfe]")


def _sniff(head: bytes) -> bool:
    return head.startswith(b"\xff\xd8\xff") or _START.match(head) is not None


# ----- reading -----


def _read(file: "InputFile", colors: bool) -> list[DecodedPage]:
    """Grey if the luminance can be used unchanged; RGB or CMYK if a profile changes it."""
    data = file.data
    header = jpeg_segments.read_header(data)
    if not header.components or not header.scans_at:
        file.fail("there is no picture in it")
    file.check_size(header.width, header.height)
    if header.bits != 8 or header.frame not in {*_HUFFMAN_8, _LOSSLESS}:
        _refuse_kind(file)
    _check_scans(file, header)
    if header.icc is None and header.components < 4 and exif.is_adobe_rgb(header.exif):
        from tintype.photo.metadata import color_space

        header.icc = color_space.adobe_rgb()
    page = _decode(file, header, colors=colors)
    page.icc, page.exif, page.xmp, page.iptc = header.icc, header.exif, header.xmp, header.iptc
    page.comment = header.comment
    page.dpi = header.dpi or exif.resolution(header.exif)
    if header.pictures > 1:
        header.note(f"It contains {header.pictures} pictures (MPO); only the first is coloured.")
    end = jpeg_scans.read(data, header.scan_header_at).end
    if end is not None and end < len(data):
        for note in jpeg_behind.notes(data[end:], header.pictures):
            header.note(note)
    page.parts = tuple(header.unknown.carried)
    page.notes = (*header.notes, *header.unknown.notes())
    return [page]


def _check(file: "InputFile") -> None:
    # With a single scan, as in most files, the header need not be read.
    if file.data.count(jpeg_scans.START_OF_SCAN) > 1:
        _check_scans(file, jpeg_segments.read_header(file.data))


def _check_scans(file: "InputFile", header: JpegHeader) -> None:
    scans = file.data.count(jpeg_scans.START_OF_SCAN, header.scans_at)
    if jpeg_scans.too_many_scans(scans, header.width * header.height):
        file.refuse(f"has {scans + 1} progressive scans", "Convert it to PNG first.")


def _refuse_kind(file: "InputFile") -> NoReturn:
    file.refuse(
        "is a JPEG of a rare kind (arithmetic coding, or not 8 bits)",
        "Convert it to PNG or TIFF first.",
    )


def _decode_lossless(file: "InputFile", header: JpegHeader) -> DecodedPage:
    """Grey or RGB, as coded: these files have no separate luminance."""
    from tintype.photo.formats import jpeg_fallback, pillow

    if header.components not in {1, 3}:
        _refuse_kind(file)
    with file.reading():
        image = jpeg_fallback.decode_lossless(jpeg_segments.without_metadata(file.data))
    return DecodedPage(pillow.split_modes(image, file)[0])


def _decode(file: "InputFile", header: JpegHeader, *, colors: bool) -> DecodedPage:
    from PIL import Image, JpegImagePlugin

    from tintype.photo.formats import jpeg_fallback, jpeg_pixels, pillow
    from tintype.photo.tone import FoundTone, find_tone
    from tintype.photo.tone_features import LEAST_SIDE

    if header.components not in _COMPONENTS:
        file.refuse(
            f"is a JPEG of {header.components} channels, which have no meaning in the standard",
            "Save it as grey or RGB first.",
        )
    if header.frame == _LOSSLESS:
        return _decode_lossless(file, header)
    try:
        with file.reading():
            if header.components == 1:
                found = jpeg_pixels.read(file.data, "GRAY")
                page = DecodedPage(found.pixels[..., 0], tone=FoundTone("grey"))
            elif header.components == 3 and _luma_is_grey(header):
                found = jpeg_pixels.read(file.data, "RGB", least=LEAST_SIDE)
                tone = find_tone(Image.fromarray(found.pixels))
                pixels = jpeg_pixels.decode(found.data, "RGB" if colors else "GRAY")
                page = DecodedPage(pixels if colors else pixels[..., 0], tone=tone)
            else:
                # libjpeg only warns about damage in the coded part; Pillow ignores the warning.
                kind = "GRAY" if header.components == 3 else "CMYK"
                found = jpeg_pixels.read(file.data, kind, least=1)
                image = pillow.opened(JpegImagePlugin.JpegImageFile, io.BytesIO(found.data), file)
                image.load()
                page = DecodedPage(pillow.split_modes(image, file)[0])
    except jpeg_fallback.UnsupportedSamplingError as error:
        file.refuse(
            f"stores its colours at an unusual size (sampling factors {error})",
            "Convert it to PNG or TIFF first.",
        )
    for note in found.notes:
        header.note(note)
    return page


def _luma_is_grey(header: JpegHeader) -> bool:
    """Whether the Y plane is the grey, because no profile changes it."""
    from tintype.photo.metadata import icc

    if header.icc is None:
        return True
    try:
        profile = icc.open_profile(header.icc)
    except icc.DamagedProfileError:
        return True
    if profile.space != "RGB":
        header.icc = None
        header.note(f"Its {profile.space} profile does not fit an RGB picture; left out.")
    return profile.is_srgb or profile.space != "RGB"


def _read_xmp(data: bytes) -> bytes | None:
    return jpeg_segments.read_header(data).xmp


# ----- writing -----


def _write(pages: list[OutputPage], lost: list[str]) -> bytes:
    from tintype.photo.formats import jpeg_pixels
    from tintype.photo.photo import HalfChroma

    photo = pages[0].photo
    if isinstance(photo.color, HalfChroma):
        data = jpeg_pixels.encode_planes(photo.grey, photo.color)
    else:
        data = jpeg_pixels.encode_pixels(photo.grey if photo.color is None else photo.color)
    return _with_metadata(data, pages[0].metadata, lost)


def _write_exact(page: OutputPage, source: bytes, lost: list[str]) -> tuple[bytes, int]:
    from tintype.photo.formats import jpeg_exact

    picture, luma = jpeg_exact.write(page.photo, source)
    written = _with_metadata(picture, _as_stored(page.metadata, page.photo), lost)
    return written, jpeg_exact.verify(written, page.photo, luma)


def _with_metadata(data: bytes, metadata: OutputMetadata, lost: list[str]) -> bytes:
    from tintype.photo.formats import exif_room

    fitting = replace(
        metadata,
        exif=_fitting(metadata.exif, metadata.provenance_exif, "EXIF", exif_room.exif_within, lost),
        xmp=_fitting(metadata.xmp, metadata.provenance_xmp, "XMP", exif_room.xmp_within, lost),
    )
    return jpeg_segments.with_metadata(data, fitting)


def _fitting(
    block: bytes | None, provenance: bytes | None, title: str, within: Within, lost: list[str]
) -> bytes | None:
    """A block for one segment: without its largest entries, if the source's is too long.

    Raises:
        UsageError: The provenance alone is too long, as with the settings of very many hints.
    """
    if block is None or jpeg_segments.fits(block):
        return block
    smaller, left_out = within(block, jpeg_segments.ROOM)
    if smaller is not None and jpeg_segments.fits(smaller):
        lost.append(f"A JPEG has 64 kB for {title}; left out of it: {listed(left_out)}.")
        return smaller
    if provenance is not None and not jpeg_segments.fits(provenance):
        raise UsageError(
            f"The record of the settings takes {len(provenance) // 1000} kB of {title}, and a "
            "JPEG has 64 kB for it.",
            advice="Give fewer hints, or write another format, such as PNG or TIFF.",
        )
    lost.append(f"The {title} of the source ({len(block) // 1000} kB) does not fit into a JPEG.")
    return provenance


def _as_stored(metadata: OutputMetadata, photo: "Photo") -> OutputMetadata:
    """Metadata that is true of a picture that is stored turned."""
    from tintype.photo.metadata import xmp

    if photo.turn == 1:
        return metadata
    swap = photo.turn in (5, 6, 7, 8)
    shape = (photo.width, photo.height) if swap else photo.shape
    return replace(
        metadata,
        exif=exif.stored_turned(metadata.exif, photo.turn, shape),
        provenance_exif=exif.stored_turned(metadata.provenance_exif, photo.turn, shape),
        xmp=None if metadata.xmp is None else xmp.stored_turned(metadata.xmp, photo.turn),
        dpi=(metadata.dpi[1], metadata.dpi[0]) if metadata.dpi and swap else metadata.dpi,
    )


def _never(_meta: "Metadata") -> bool:
    return False


JPEG = Codec(
    name="JPEG",
    title="JPEG",
    suffixes=(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    kept_suffixes=frozenset({".jpeg", ".jpe", ".jfif"}),
    mime="image/jpeg",
    writes="JPEG",
    sniff=_sniff,
    read=_read,
    check=_check,
    read_xmp=_read_xmp,
    write=_write,
    write_exact=_write_exact,
    carries=frozenset(
        {"grey 8", "ICC", "EXIF", "XMP", "DPI", "comment", "IPTC", "unknown parts", "provenance"}
    ),
    max_side=65_500,
    half_chroma=True,
    grey_error=0.5,
    lossless=_never,
    note="of an MPO only the first picture is coloured, with a message",
)
