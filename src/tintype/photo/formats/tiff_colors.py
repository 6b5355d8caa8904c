"""The colours of a TIFF page as stated by its tags, if it has no profile.

Source: TIFF revision 6.0, section 20 (RGB image colorimetry).
"""

from typing import TYPE_CHECKING

from tintype.photo.formats import tiff_tags
from tintype.photo.metadata import color_space
from tintype.photo.metadata.color_space import UnusableColorsError
from tintype.photo.metadata.ifd import Directory, TiffStructure

if TYPE_CHECKING:
    from tintype.photo.formats.codec import DecodedPage

_GREY, _RGB = (0, 1), (2, 6)  # photometric interpretations; YCbCr is RGB once decoded
_NAMES = {
    tiff_tags.TRANSFER_FUNCTION: "TransferFunction",
    tiff_tags.WHITE_POINT: "WhitePoint",
    tiff_tags.PRIMARIES: "PrimaryChromaticities",
}
_MAX_CODES = 65_536


def honour(decoded: "DecodedPage", structure: TiffStructure, page: Directory) -> None:
    """Gives a page the profile that its tags state, or notes why this is not possible.

    A profile in the file is more precise than the tags, and takes precedence. The tags are not
    written again, because the pixels are sRGB then.

    Args:
        decoded: The page; its profile and notes are changed.
        structure: The file's.
        page: Its tags.
    """
    stated = [name for tag, name in _NAMES.items() if tag in page.entries]
    photometric = tiff_tags.values(structure, page, tiff_tags.PHOTOMETRIC, 1)[0]
    if not stated or decoded.icc is not None:
        return
    if photometric not in (*_GREY, *_RGB):
        decoded.notes += (f"Left out: {', '.join(stated)}.",)
        return
    try:
        decoded.icc = _stated(structure, page, colors=photometric in _RGB)
    except UnusableColorsError as error:
        decoded.notes += (
            f"Its colours are stated by {error} ({', '.join(stated)}): the pixels are treated as "
            "sRGB.",
        )


def _stated(structure: TiffStructure, page: Directory, *, colors: bool) -> bytes | None:
    white = primaries = None
    if colors and tiff_tags.PRIMARIES in page.entries:
        primaries = page.entries[tiff_tags.PRIMARIES].ratios(structure.order)
    if colors and tiff_tags.WHITE_POINT in page.entries:
        place = page.entries[tiff_tags.WHITE_POINT].ratios(structure.order)
        if len(place) != 2:
            raise UnusableColorsError("an invalid white")
        white = place[0], place[1]
    return color_space.of_tables(_tables(structure, page, colors=colors), white, primaries)


def _tables(structure: TiffStructure, page: Directory, *, colors: bool) -> list[tuple[int, ...]]:
    """The tables of the transfer function, one or three, with one value per code."""
    entry = page.entries.get(tiff_tags.TRANSFER_FUNCTION)
    if entry is None:
        return []
    codes = 1 << tiff_tags.values(structure, page, tiff_tags.BITS, 8)[0]
    count = entry.count // codes if codes <= _MAX_CODES else 0
    if entry.count != count * codes or count not in ((1, 3) if colors else (1,)):
        raise UnusableColorsError("a transfer function of the wrong size")
    values = entry.integers(structure.order, most=entry.count)
    tables = [values[at : at + codes] for at in range(0, entry.count, codes)]
    white_is_zero = tiff_tags.values(structure, page, tiff_tags.PHOTOMETRIC, 1)[0] == 0
    return [table[::-1] for table in tables] if white_is_zero else tables
