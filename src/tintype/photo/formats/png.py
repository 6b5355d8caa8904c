"""PNG, with 8 and 16 bits a channel.

Source: PNG specification, third edition (W3C).
"""

from typing import TYPE_CHECKING

from tintype.photo.formats import png_chunks
from tintype.photo.formats.codec import Codec, DecodedPage, OutputPage
from tintype.photo.metadata import exif

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile


def _sniff(head: bytes) -> bool:
    return head.startswith(png_chunks.SIGNATURE)


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    from tintype.photo.formats import png_colors, png_pixels

    found = png_chunks.read_chunks(file.data)
    _check_headers(file, found)
    file.check_size(found.width, found.height)
    if found.frames > 1:
        file.refuse_animation()
    if not found.complete:
        file.fail("the file ends too early")
    page = png_pixels.decode(file, found)
    page.icc = png_colors.profile(found)
    page.exif, page.xmp, page.iptc = found.exif, found.xmp, found.iptc
    page.dpi = found.dpi or exif.resolution(found.exif)
    page.text, page.parts = tuple(found.text), tuple(found.unknown.carried)
    page.notes = (*found.notes, *found.unknown.notes())
    return [page]


def _check(file: "InputFile") -> None:
    _check_headers(file, png_chunks.read_chunks(file.data))


def _check_headers(file: "InputFile", found: png_chunks.PngChunks) -> None:
    if found.headers > 1:
        file.fail("it has several headers")  # Pillow would take the last, of any length


def _read_xmp(data: bytes) -> bytes | None:
    return png_chunks.read_chunks(data).xmp


def _write(pages: list[OutputPage], _lost: list[str]) -> bytes:
    from tintype.photo.formats import pillow, png_pixels

    encoded = png_pixels.encode(pillow.samples(pages[0].photo))
    return png_chunks.with_metadata(encoded, pages[0].metadata)


PNG = Codec(
    name="PNG",
    title="PNG",
    suffixes=(".png",),
    mime="image/png",
    writes="PNG",
    sniff=_sniff,
    read=_read,
    check=_check,
    read_xmp=_read_xmp,
    write=_write,
    carries=frozenset(
        {
            "grey 8",
            "grey 16",
            "RGB 16",
            "alpha",
            "ICC",
            "EXIF",
            "XMP",
            "DPI",
            "PNG text",
            "IPTC",
            "unknown parts",
            "provenance",
        }
    ),
    note="animations (APNG) are refused",
)
