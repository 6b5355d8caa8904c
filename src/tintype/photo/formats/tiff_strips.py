"""The pixels of TIFF pages that are read strip by strip: grey, RGB, CMYK, CIELAB, YCbCr, palettes.

Pillow converts 16-bit RGB to 8 bits, and supports few bit depths, so these samples are read from
the strips or tiles directly.

Source: TIFF revision 6.0.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.photo.formats import (
    float_range,
    tiff_bits,
    tiff_pictures,
    tiff_samples,
    tiff_tags,
    tiff_unpack,
)
from tintype.photo.formats.codec import DecodedPage
from tintype.photo.formats.input_file import InputFile
from tintype.photo.formats.tiff_layout import StripLayout
from tintype.photo.photo import Pixels

# Strips unpacked by libtiff: each call costs a third of a millisecond, so small ones are batched.
_BATCH_BYTES = 4 << 20
_STRIP_HEAD = 4096
_ONE_BY_ONE = frozenset({tiff_tags.UNPACKED, *tiff_tags.DEFLATES, *tiff_pictures.READERS})
_LAB = (tiff_samples.CIELAB, tiff_samples.ICCLAB)
_HORIZONTAL_PREDICTOR, _FLOAT_PREDICTOR = 2, 3


def read_strips(file: InputFile, layout: StripLayout) -> DecodedPage:
    """Assembles the strips or tiles of a page.

    Raises:
        UnreadablePhotoError: Strips are missing or damaged.
    """
    keep = _kept_samples(layout)
    found, note = None, ""
    if not layout.has_codes:
        colors = (part[..., : layout.colors] for _, part in _parts(file, layout, keep[:1]))
        if layout.planar:
            colors = (part for _, part in _parts(file, layout, keep[: layout.colors]))
        found, note = float_range.range_of(
            colors, layout.dtype, layout.stated_range, bits=layout.bits
        )
    elif 8 < layout.bits < 16 and not layout.palette:
        top = (1 << layout.bits) - 1
        note = float_range.note(layout.bits, "", 0, top)
    dtype = layout.dtype if found is None else np.dtype(np.uint16)
    out = np.empty((layout.height, layout.width, len(keep)), dtype)
    for (plane, y, x), part in _parts(file, layout, keep):
        into = out[y : y + part.shape[0], x : x + part.shape[1]]
        chosen = part if layout.planar else part[..., keep]
        if found is not None:
            is_alpha = plane == layout.alpha if layout.planar else layout.alpha is not None
            chosen = found.codes(chosen, alpha=-1 if is_alpha else None)
        if layout.planar:
            into[..., keep.index(plane)] = chosen[..., 0]
        else:
            into[...] = chosen
    page = _sorted_channels(layout, out)
    page.notes += (note,) if note else ()
    return page


def _parts(
    file: InputFile, layout: StripLayout, keep: list[int]
) -> Iterator[tuple["_Place", NDArray[Any]]]:
    """The strips or tiles of a page, unpacked and without anything beyond its edges.

    Args:
        file: The file.
        layout: The layout of the page.
        keep: The samples that are needed; planes of others are skipped.
    """
    planes = layout.samples if layout.planar else 1
    rows, columns = layout.block
    down = math.ceil(layout.height / rows)
    across = math.ceil(layout.width / columns)
    if len(layout.offsets) < down * across * planes:
        file.fail("strips are missing")
    if len(layout.counts) < len(layout.offsets):
        if layout.compression != tiff_tags.UNPACKED or len(layout.offsets) > 1:
            file.fail("the sizes of its strips are missing")
        layout_counts: tuple[int, ...] = (len(file.data) - layout.offsets[0],)
    else:
        layout_counts = layout.counts
    for batch in _batches(layout, planes, keep):
        shape = _block_rows(layout, batch[0][1]), columns, layout.depth
        size = math.prod(layout.stored_rows(shape[0]))
        packed = []
        for plane, y, x in batch:
            number = (plane * down + y // rows) * across + x // columns
            offset, count = layout.offsets[number], layout_counts[number]
            # No compression doubles the size; bytes beyond that are not read.
            part = file.data[offset : offset + min(count, 2 * size + _STRIP_HEAD)]
            packed.append(tiff_bits.in_order(part) if layout.reversed_bits else part)
        unpacked = _unpacked(file, layout, packed, shape)
        for place, data in zip(batch, unpacked, strict=True):
            block = _block(file, layout, data, shape)
            yield place, block[: layout.height - place[1], : layout.width - place[2]]


def _unpacked(
    file: InputFile, layout: StripLayout, packed: list[bytes], shape: tuple[int, int, int]
) -> list[bytes]:
    if layout.compression in tiff_pictures.READERS:
        return tiff_pictures.unpacked(file, layout.compression, packed, shape)
    return tiff_unpack.unpacked(file, layout.compression, packed, *layout.stored_rows(shape[0]))


_Place = tuple[int, int, int]
"""Plane, first row and first column of a strip or tile."""


def _batches(layout: StripLayout, planes: int, keep: list[int]) -> Iterator[list[_Place]]:
    """Strips or tiles that are unpacked together: neighbours of the same shape, not too many."""
    rows, columns = layout.block
    size = rows * columns * layout.samples * layout.bits // 8
    together = 1 if layout.compression in _ONE_BY_ONE else _BATCH_BYTES // (size + _STRIP_HEAD) or 1
    batch: list[_Place] = []
    for plane in range(planes):
        if layout.planar and plane not in keep:
            continue
        for y in range(0, layout.height, rows):
            for x in range(0, layout.width, columns):
                last = batch and _block_rows(layout, y) != _block_rows(layout, batch[0][1])
                if len(batch) == together or last:
                    yield batch
                    batch = []
                batch.append((plane, y, x))
    yield batch


def _block_rows(layout: StripLayout, y: int) -> int:
    """Rows of the strip or tile that begins at a row: the last strip ends with the picture."""
    rows, columns = layout.block
    return rows if columns != layout.width else min(rows, layout.height - y)


def _kept_samples(layout: StripLayout) -> list[int]:
    keep = list(range(layout.colors))
    return keep if layout.alpha is None else [*keep, layout.alpha]


def _block(
    file: InputFile, layout: StripLayout, data: bytes, shape: tuple[int, int, int]
) -> NDArray[Any]:
    """One strip or tile as (rows, columns, samples) in native byte order."""
    dtype = layout.dtype
    if len(data) < math.prod(layout.stored_rows(shape[0])):
        file.fail("a strip ends too early")
    if layout.predictor == _FLOAT_PREDICTOR:
        return tiff_samples.undo_float_predictor(data, shape, dtype.itemsize).astype(dtype)
    if layout.ycbcr is not None and not layout.planar:
        return layout.ycbcr.full_size(data, shape)
    if layout.is_packed:
        block: NDArray[Any] = tiff_bits.unpacked(data, shape, layout.bits, layout.order)
    else:
        stored = dtype.newbyteorder(layout.order)  # type: ignore[arg-type]
        block = np.frombuffer(data, stored, math.prod(shape)).reshape(shape)
        block = block.astype(dtype, copy=False)
    if layout.predictor == _HORIZONTAL_PREDICTOR:  # on the bits as integers, whatever their type
        whole = block.view(f"u{dtype.itemsize}")
        block = np.cumsum(whole, axis=1, dtype=whole.dtype).view(dtype)
        if layout.is_packed:
            block &= dtype.type((1 << layout.bits) - 1)
    if layout.is_packed and layout.has_codes and not layout.palette:
        block = tiff_bits.spread(block, layout.bits)
    return block


def _sorted_channels(layout: StripLayout, out: Pixels) -> DecodedPage:
    top = int(np.iinfo(out.dtype).max)
    alpha = None if layout.alpha is None else np.ascontiguousarray(out[..., -1])
    colors = out[..., 0] if layout.colors == 1 else out[..., : layout.colors]
    colors = np.ascontiguousarray(colors)
    if layout.photometric == 0:  # 0 is white
        np.subtract(top, colors, out=colors)
    if layout.photometric in _LAB:
        colors = tiff_samples.lab_to_srgb(colors, layout.photometric)
    if layout.ycbcr is not None:
        colors = layout.ycbcr.to_rgb(colors)
    if layout.premultiplied and alpha is not None:
        wide = alpha.astype(np.float64) if layout.colors == 1 else alpha[..., None].astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            plain = np.where(wide > 0, colors * (top / wide), 0)
        colors = np.clip(plain + 0.5, 0, top).astype(colors.dtype)
    if layout.palette:
        return _looked_up(layout, colors, alpha)
    if out.dtype == np.uint8 and layout.colors >= 3:
        return DecodedPage(Image.fromarray(colors, "CMYK" if layout.colors == 4 else "RGB"), alpha)
    return DecodedPage(colors, alpha)


def _looked_up(layout: StripLayout, numbers: Pixels, alpha: Pixels | None) -> DecodedPage:
    """The colours of a palette, 16-bit as in the palette; its alpha likewise."""
    table = np.array(layout.palette, np.uint16).reshape(3, -1).T
    if alpha is not None:
        alpha = tiff_bits.spread(alpha.astype(np.uint16), layout.bits)
    return DecodedPage(np.ascontiguousarray(table[numbers]), alpha)
