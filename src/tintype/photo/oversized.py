"""Metadata that is far too large: the oversized entries are left out, and the rest is kept.

Each block is copied several times, so a block of a gigabyte would need several gigabytes. The tag,
property or record that is so large is removed; author, caption and copyright beside it stay.
"""

from collections.abc import Iterator, Sequence

from tintype.photo.formats.codec import DecodedPage
from tintype.photo.formats.exif_room import exif_within
from tintype.photo.metadata import iptc, xmp_bounds
from tintype.photo.parts import listed

MAX_METADATA_BYTES = 16 << 20
"""Limit of each metadata block. A maker note or a profile has a few megabytes at most."""


def shorten_oversized(page: DecodedPage) -> Iterator[str]:
    """Shortens the oversized metadata blocks of a page.

    Args:
        page: Its blocks are replaced.

    Yields:
        A sentence for each block, naming what was left out.
    """
    if page.xmp is not None:
        page.xmp, cut = xmp_bounds.fitting(page.xmp)
        yield from _sentence("XMP", cut)
    if _is_oversized(page.exif):
        assert page.exif is not None
        block, names = exif_within(page.exif, MAX_METADATA_BYTES)
        if block is not None and names:
            page.exif = block
            yield from _sentence("EXIF", names)
    if _is_oversized(page.iptc):
        assert page.iptc is not None
        page.iptc, names = iptc.within(page.iptc, MAX_METADATA_BYTES)
        yield from _sentence("IPTC", names)
    for field, title in (("icc", "colour profile"), ("exif", "EXIF"), ("xmp", "XMP")):
        block = getattr(page, field)
        if _is_oversized(block):
            setattr(page, field, None)
            yield f"Its {title} ({len(block) >> 20} MB) is far too large and was left out."


def _is_oversized(block: bytes | None) -> bool:
    return block is not None and len(block) > MAX_METADATA_BYTES


def _sentence(title: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"Left out of its {title} for being far too large: {listed(names)}."
