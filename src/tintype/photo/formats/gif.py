"""GIF: still pictures are decoded by Pillow, and written as PNG."""

from typing import TYPE_CHECKING

from tintype.photo.formats.codec import Codec, DecodedPage

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile


def _sniff(head: bytes) -> bool:
    return head.startswith((b"GIF87a", b"GIF89a"))


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    from PIL import GifImagePlugin

    from tintype.photo.formats import pillow

    return [pillow.decode_page(pillow.open_still(GifImagePlugin.GifImageFile, file), file)]


GIF = Codec(
    name="GIF",
    title="GIF",
    suffixes=(".gif",),
    mime="image/gif",
    writes="PNG",
    sniff=_sniff,
    read=_read,
    note="animations are refused",
)
