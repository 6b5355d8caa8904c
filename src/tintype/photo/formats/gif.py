"""GIF: still pictures are decoded by Pillow, and written as PNG."""

from typing import TYPE_CHECKING

from tintype.photo.formats.codec import Codec, DecodedPage
from tintype.photo.formats.gif_blocks import read_blocks

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile


def _sniff(head: bytes) -> bool:
    return head.startswith((b"GIF87a", b"GIF89a"))


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    from PIL import GifImagePlugin

    from tintype.photo.formats import pillow

    page = pillow.decode_page(pillow.open_still(GifImagePlugin.GifImageFile, file), file)
    found = read_blocks(file.data)
    page.icc, page.xmp = found.icc, found.xmp
    if found.comments:
        text = b"\n".join(part.rstrip(b"\0") for part in found.comments)
        page.comment = text.decode("utf-8", "surrogateescape") or None
    page.notes += found.unknown.notes()
    return [page]


GIF = Codec(
    name="GIF",
    title="GIF",
    suffixes=(".gif",),
    mime="image/gif",
    writes="PNG",
    sniff=_sniff,
    read=_read,
    reads=frozenset({"grey 8", "alpha", "ICC", "XMP", "comment", "unknown parts"}),
    note="animations are refused",
)
