"""Writes TIFF pages with 8 or 16 bits and everything that belongs to them.

Source: TIFF revision 6.0; Adobe TIFF technical note 3 (deflate).
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tintype import cancellation
from tintype.photo.formats import tiff_tags, tiff_unknown
from tintype.photo.formats.codec import OutputMetadata
from tintype.photo.metadata import exif, ifd
from tintype.photo.metadata.ifd import DirectoryEntry, Tags
from tintype.photo.photo import AttachedPage, Pixels


@dataclass(frozen=True, slots=True)
class TiffPage:
    """One page to write.

    Attributes:
        pixels: (H, W, channels) uint8 or uint16.
        has_alpha: Whether the last channel is alpha.
        packing: "none" or "deflate".
        metadata: EXIF, whose tags become the page's, XMP, profile, IPTC and dots per inch.
        attached: Masks and infrared copies that follow it.
    """

    pixels: Pixels
    has_alpha: bool
    packing: str
    metadata: OutputMetadata
    attached: Sequence[AttachedPage] = ()


_STRIP_BYTES = 1 << 20
_MAX_BYTES = 2**32 - 1
_HALF = 127


def write(pages: Sequence[TiffPage]) -> bytes | None:
    """Encodes pages.

    Args:
        pages: At least one.

    Returns:
        The file; None where it would exceed the 4 GB of a TIFF.
    """
    # Values in EXIF directories stay unchanged, so the file adopts their byte order.
    orders = {exif.byte_order(page.metadata.exif) for page in pages if page.metadata.exif}
    order = ">" if orders == {">"} else "<"
    parts: list[bytes | memoryview] = [ifd.header(order)[:4], b"\0\0\0\0"]
    at = 8
    pointer: tuple[int, int] = (1, 0)
    for page, attached in _in_order(pages):
        strips, rows = _strips(page, order)
        offsets = []
        for strip in strips:
            offsets.append(at)
            parts += [strip, b"\0" * (len(strip) % 2)]
            at += len(strip) + len(strip) % 2
        tags = _page_tags(page, order, rows, offsets, [len(strip) for strip in strips])
        if attached is not None:
            tags |= _attached_tags(attached, order)
        directory = ifd.serialize(tags, order=order, base=at)
        directory += b"\0" * (len(directory) % 2)
        if at + len(directory) > _MAX_BYTES:
            return None
        _link(parts, pointer, order, at)
        parts.append(directory)
        pointer = len(parts) - 1, 2 + 12 * len(tags)
        at += len(directory)
    return b"".join(parts)


def _in_order(pages: Sequence[TiffPage]) -> Iterator[tuple[TiffPage, AttachedPage | None]]:
    """Each photograph, followed by the pages that belong to it."""
    for page in pages:
        yield page, None
        for attached in page.attached:
            pixels = attached.pixels
            if attached.bits == 1:
                # A packed row is written as a row of bytes; its width is corrected in the tags. The
                # deflate predictor is meaningless for single bits.
                pixels = np.packbits(pixels > _HALF, axis=1)
            packing = "none" if attached.bits == 1 else page.packing
            dpi = OutputMetadata(dpi=page.metadata.dpi)
            yield TiffPage(np.atleast_3d(pixels), False, packing, dpi), attached


def _attached_tags(attached: AttachedPage, order: str) -> dict[int, DirectoryEntry | Tags]:
    """The tags that differ in a page that is not a photograph."""
    tags: dict[int, DirectoryEntry | Tags] = {
        tiff_tags.SUBFILE: ifd.integer_entry(order, ifd.LONG, attached.flags),
    }
    if attached.title:
        tags[tiff_tags.PAGE_NAME] = ifd.text_entry(attached.title)
    if attached.kind == "mask":
        tags[tiff_tags.PHOTOMETRIC] = ifd.integer_entry(order, ifd.SHORT, tiff_tags.MASK_PIXELS)
    if attached.bits == 1:
        tags[tiff_tags.WIDTH] = ifd.integer_entry(order, ifd.LONG, attached.pixels.shape[1])
        tags[tiff_tags.BITS] = ifd.integer_entry(order, ifd.SHORT, 1)
    return tags


def _link(
    parts: list[bytes | memoryview], pointer: tuple[int, int], order: str, target: int
) -> None:
    """Writes the offset of the next directory into the part that refers to it."""
    index, place = pointer
    part = bytes(parts[index])
    parts[index] = part[:place] + struct.pack(order + "I", target) + part[place + 4 :]


def _strips(page: TiffPage, order: str) -> tuple[list[bytes | memoryview], int]:
    """The strips and the number of rows in each.

    Uncompressed pixels are not copied: 100 megapixels would be in memory three times.
    """
    height, width, channels = page.pixels.shape
    size = page.pixels.dtype.itemsize
    rows = max(1, _STRIP_BYTES // (width * channels * size))
    strips: list[bytes | memoryview] = []
    for top in range(0, height, rows):
        cancellation.check()
        strip = page.pixels[top : top + rows]
        if page.packing == "deflate":
            strip = np.diff(strip, axis=1, prepend=strip.dtype.type(0))
        stored = np.ascontiguousarray(strip.astype(f"{order}u{size}", copy=False))
        data = stored.reshape(-1).view(np.uint8).data
        strips.append(zlib.compress(data, 1) if page.packing == "deflate" else data)
    return strips, rows


def _page_tags(
    page: TiffPage, order: str, rows: int, offsets: list[int], counts: list[int]
) -> dict[int, DirectoryEntry | Tags]:
    height, width, channels = page.pixels.shape
    colors = channels - page.has_alpha
    tags: dict[int, DirectoryEntry | Tags] = dict(
        tiff_unknown.written(part, order) for part in page.metadata.parts
    )
    tags |= _tags_of_block(page.metadata.exif, order)
    deflate = page.packing == "deflate"
    tags |= {
        tiff_tags.WIDTH: ifd.integer_entry(order, ifd.LONG, width),
        tiff_tags.HEIGHT: ifd.integer_entry(order, ifd.LONG, height),
        tiff_tags.BITS: ifd.integer_entry(
            order, ifd.SHORT, *[page.pixels.dtype.itemsize * 8] * channels
        ),
        tiff_tags.COMPRESSION: ifd.integer_entry(order, ifd.SHORT, 8 if deflate else 1),
        tiff_tags.PHOTOMETRIC: ifd.integer_entry(order, ifd.SHORT, 2 if colors == 3 else 1),
        tiff_tags.STRIP_OFFSETS: ifd.integer_entry(order, ifd.LONG, *offsets),
        exif.ORIENTATION: ifd.integer_entry(order, ifd.SHORT, 1),
        tiff_tags.SAMPLES: ifd.integer_entry(order, ifd.SHORT, channels),
        tiff_tags.ROWS_PER_STRIP: ifd.integer_entry(order, ifd.LONG, rows),
        tiff_tags.STRIP_COUNTS: ifd.integer_entry(order, ifd.LONG, *counts),
        tiff_tags.PLANAR: ifd.integer_entry(order, ifd.SHORT, 1),
    }
    if deflate:
        tags[tiff_tags.PREDICTOR] = ifd.integer_entry(order, ifd.SHORT, 2)
    if page.has_alpha:
        tags[tiff_tags.EXTRA] = ifd.integer_entry(order, ifd.SHORT, 2)
    if page.metadata.dpi:
        tags |= exif.resolution_tags(order, page.metadata.dpi)
    for tag, kind, data in (
        (tiff_tags.XMP, ifd.BYTE, page.metadata.xmp),
        (tiff_tags.ICC, ifd.UNDEFINED, page.metadata.icc),
        (tiff_tags.PHOTOSHOP, ifd.BYTE, page.metadata.iptc),
    ):
        if data:
            tags[tag] = DirectoryEntry(kind, len(data), data)
    return tags


def _tags_of_block(block: bytes | None, order: str) -> dict[int, DirectoryEntry | Tags]:
    """The tags of an EXIF block as tags of a page."""
    if block is None:
        return {}
    structure = ifd.open_structure(block)
    page = structure.directory(structure.first)
    tags = tiff_tags.tree(structure, page, None)
    if structure.order != order:
        tags = ifd.swapped(tags)
    # Sizes and layout in an EXIF block describe another file.
    storage = {
        tiff_tags.WIDTH,
        tiff_tags.HEIGHT,
        tiff_tags.BITS,
        tiff_tags.COMPRESSION,
        tiff_tags.PHOTOMETRIC,
        tiff_tags.STRIP_OFFSETS,
        tiff_tags.STRIP_COUNTS,
    }
    return {tag: value for tag, value in tags.items() if tag not in storage}
