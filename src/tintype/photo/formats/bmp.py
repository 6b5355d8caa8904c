"""BMP: decoded and encoded by Pillow."""

from typing import TYPE_CHECKING

from tintype.photo.formats.codec import Codec, DecodedPage, OutputPage

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile

_SMALLEST = 26  # the two headers


def _sniff(head: bytes) -> bool:
    return head.startswith(b"BM") and len(head) > _SMALLEST


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    from PIL import BmpImagePlugin

    from tintype.photo.formats import pillow

    return [pillow.decode_page(pillow.open_still(BmpImagePlugin.BmpImageFile, file), file)]


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
)
