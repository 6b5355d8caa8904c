"""The pixels of TIFF pages that are read strip by strip: grey, RGB and CIELAB.

Pillow turns 16-bit RGB into 8 bits, so these samples are taken from the strips or tiles directly.

Source: TIFF revision 6.0.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.photo.formats import float_range, tiff_samples, tiff_tags, tiff_unpack
from tintype.photo.formats.codec import DecodedPage
from tintype.photo.formats.input_file import InputFile
from tintype.photo.metadata.ifd import Directory, TiffStructure
from tintype.photo.photo import Pixels

# Strips or tiles of one page: one for each row and channel, and some more for small pictures.
_SPARE_BLOCKS = 65_536
# Strips that libtiff unpacks: each call costs a third of a millisecond, so small ones go together.
_BATCH_BYTES = 4 << 20
_STRIP_HEAD = 4096
_ONE_BY_ONE = frozenset({tiff_tags.UNPACKED, *tiff_tags.DEFLATES})
# A tile may be larger than a small picture; a packed one is unpacked whole.
_MAX_TILE_PIXELS = 1 << 22
_PIXEL_BYTES = 8
_KINDS = {1: "u", 2: "i", 3: "f"}  # by SampleFormat
_SIZES = {1: (1, 2, 4, 8), 2: (1, 2, 4, 8), 3: (2, 4, 8)}  # bytes of a sample
_LAB = (tiff_samples.CIELAB, tiff_samples.ICCLAB)
_HORIZONTAL_PREDICTOR, _FLOAT_PREDICTOR = 2, 3


@dataclass(frozen=True, slots=True)
class StripLayout:
    """Where the samples of a page are, for grey, RGB and CIELAB pages.

    Attributes:
        width: Columns.
        height: Rows.
        bits: 8 or 16; 32 or 64 as well where they are no codes.
        kind: "u" for integers, "i" for signed ones, "f" for floating point.
        photometric: TIFF number.
        stated_range: Black and white as the file states them, or None.
        samples: Per pixel.
        colors: 1 or 3; what is beyond is extra.
        alpha: Index of the sample that is alpha, or None.
        premultiplied: Whether the colours were multiplied by it.
        compression: TIFF number.
        predictor: TIFF number: 1 is none, 2 horizontal, 3 of floating point.
        planar: One plane after the other.
        block: (rows, columns) of a strip or tile.
        offsets: Of the strips or tiles.
        counts: Their bytes.
        order: Of the samples.
    """

    width: int
    height: int
    bits: int
    kind: str
    photometric: int
    stated_range: tuple[float, float] | None
    samples: int
    colors: int
    alpha: int | None
    premultiplied: bool
    compression: int
    predictor: int
    planar: bool
    block: tuple[int, int]
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    order: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a sample, in native byte order."""
        return np.dtype(f"{self.kind}{self.bits // 8}")

    @property
    def has_codes(self) -> bool:
        """Whether a sample is a code of 8 or 16 bits, as every picture has in the end."""
        return self.kind == "u" and self.bits <= 16


def read_layout(file: InputFile, structure: TiffStructure, page: Directory) -> StripLayout | None:
    """The layout of a page that is read strip by strip.

    Args:
        file: For messages and the size limit.
        structure: The file's.
        page: One page.

    Returns:
        None for a page that Pillow reads.

    Raises:
        UnreadablePhotoError: Its strips make no sense.
        UnsupportedPhotoError: It has more than 8 bits in a form that is not read.
    """

    def one(tag: int, default: int) -> int:
        return tiff_tags.values(structure, page, tag, default)[0]

    bits = set(tiff_tags.values(structure, page, tiff_tags.BITS, 1))
    if not _is_plain(file, structure, page, bits):
        return None
    width, height = one(tiff_tags.WIDTH, 0), one(tiff_tags.HEIGHT, 0)
    photometric = one(tiff_tags.PHOTOMETRIC, 1)
    colors = 1 if photometric in (0, 1) else 3
    samples = one(tiff_tags.SAMPLES, colors)
    if not colors <= samples <= 16:
        file.fail("its number of channels makes no sense")
    tiled = tiff_tags.TILE_OFFSETS in page.entries
    if tiled:
        block = one(tiff_tags.TILE_HEIGHT, 0), one(tiff_tags.TILE_WIDTH, 0)
    else:
        block = min(one(tiff_tags.ROWS_PER_STRIP, height), height), width
    planar = one(tiff_tags.PLANAR, 1) == 2 and samples > 1
    pixel_bytes = max(bits) // 8 * (1 if planar else samples)
    blocks = _check_blocks(file, block, (height, width), pixel_bytes, samples, planar=planar)
    extras = tiff_tags.values(structure, page, tiff_tags.EXTRA)
    alpha = _alpha_channel(extras, colors, samples)
    return StripLayout(
        width=width,
        height=height,
        bits=max(bits),
        kind=_KINDS[one(tiff_tags.FORMAT, 1)],
        photometric=photometric,
        stated_range=tiff_tags.stated_range(structure, page),
        samples=samples,
        colors=colors,
        alpha=alpha,
        premultiplied=alpha is not None and bool(extras) and extras[alpha - colors] == 1,
        compression=one(tiff_tags.COMPRESSION, 1),
        predictor=one(tiff_tags.PREDICTOR, 1),
        planar=planar,
        block=block,
        offsets=tiff_tags.table(
            structure, page, tiff_tags.TILE_OFFSETS if tiled else tiff_tags.STRIP_OFFSETS, blocks
        ),
        counts=tiff_tags.table(
            structure, page, tiff_tags.TILE_COUNTS if tiled else tiff_tags.STRIP_COUNTS, blocks
        ),
        order=structure.order,
    )


def _is_plain(file: InputFile, structure: TiffStructure, page: Directory, bits: set[int]) -> bool:
    """Whether a page is grey, RGB or CIELAB in a form that is read here; others are refused."""

    def one(tag: int, default: int) -> int:
        return tiff_tags.values(structure, page, tag, default)[0]

    kinds = set(tiff_tags.values(structure, page, tiff_tags.FORMAT, 1))
    codes = kinds == {1} and bits in ({8}, {16})
    known = len(kinds) == 1 and len(bits) == 1 and kinds | bits <= {1, 2, 3, 8, 16, 32, 64}
    if kinds - {1} and not (known and max(bits) // 8 in _SIZES.get(max(kinds), ())):
        file.refuse(
            "has samples of an unusual kind (complex, or of a rare size)",
            "Save it with 8 or 16 bits a channel.",
        )
    plain = (
        known
        and one(tiff_tags.PHOTOMETRIC, 1) in ((0, 1, 2, *_LAB) if codes else (0, 1, 2))
        and max(bits) // 8 in _SIZES[max(kinds)]
        and one(tiff_tags.COMPRESSION, 1) in tiff_tags.BYTE_COMPRESSIONS
        and one(tiff_tags.FILL_ORDER, 1) == 1
        and one(tiff_tags.PREDICTOR, 1) in ((1, 2, 3) if kinds == {3} else (1, 2))
    )
    if not plain and (max(bits) > 8 or kinds != {1}):
        file.refuse(
            "is a TIFF with more than 8 bits in an unusual form",
            "Save it as 16-bit grey or RGB, uncompressed or with LZW or deflate.",
        )
    return plain


def _check_blocks(
    file: InputFile,
    block: tuple[int, int],
    shape: tuple[int, int],
    pixel_bytes: int,
    samples: int,
    *,
    planar: bool,
) -> int:
    """Refuses strips or tiles that no program writes; returns how many there are."""
    height, width = shape
    size = math.prod(block)
    largest = _PIXEL_BYTES * max(1, pixel_bytes // 8) * (file.max_pixels + _MAX_TILE_PIXELS)
    if (
        min(block) < 1
        or max(block) > 2 * max(width, height, 512)
        or size > width * height + _MAX_TILE_PIXELS
        or size * pixel_bytes > largest
    ):
        file.fail("its strips make no sense")
    blocks = math.ceil(height / block[0]) * math.ceil(width / block[1])
    blocks *= samples if planar else 1
    if blocks > min(height * samples + _SPARE_BLOCKS, tiff_tags.MAX_BLOCKS):
        file.fail("its strips make no sense")
    return blocks


def _alpha_channel(extras: tuple[int, ...], colors: int, samples: int) -> int | None:
    """Index of the sample that is alpha; a single extra one without a meaning is taken as it."""
    alphas = [colors + i for i, kind in enumerate(extras) if kind in (1, 2)]
    if not extras and samples == colors + 1:
        alphas = [colors]
    return alphas[0] if alphas and alphas[0] < samples else None


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
        found, note = float_range.range_of(colors, layout.dtype, layout.stated_range)
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
    """The strips or tiles of a page, unpacked and without what is beyond its edges.

    Args:
        file: The file.
        layout: Of the page.
        keep: The samples that are wanted; planes of others are left out.
    """
    planes = layout.samples if layout.planar else 1
    depth = 1 if layout.planar else layout.samples
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
    itemsize = layout.dtype.itemsize
    for batch in _batches(layout, planes, keep):
        shape = _block_rows(layout, batch[0][1]), columns, depth
        size = math.prod(shape) * itemsize
        packed = []
        for plane, y, x in batch:
            number = (plane * down + y // rows) * across + x // columns
            offset, count = layout.offsets[number], layout_counts[number]
            # No compression doubles the size; bytes beyond that are not read.
            packed.append(file.data[offset : offset + min(count, 2 * size + _STRIP_HEAD)])
        unpacked = tiff_unpack.unpacked(file, layout.compression, packed, shape, itemsize)
        for place, data in zip(batch, unpacked, strict=True):
            block = _block(file, layout, data, shape)
            yield place, block[: layout.height - place[1], : layout.width - place[2]]


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
    if len(data) < math.prod(shape) * dtype.itemsize:
        file.fail("a strip ends too early")
    if layout.predictor == _FLOAT_PREDICTOR:
        return tiff_samples.undo_float_predictor(data, shape, dtype.itemsize).astype(dtype)
    stored = dtype.newbyteorder(layout.order)  # type: ignore[arg-type]
    block = np.frombuffer(data, stored, math.prod(shape)).reshape(shape).astype(dtype, copy=False)
    if layout.predictor == _HORIZONTAL_PREDICTOR:  # of the bits as an integer, whatever they are
        whole = block.view(f"u{dtype.itemsize}")
        block = np.cumsum(whole, axis=1, dtype=whole.dtype).view(dtype)
    return block


def _sorted_channels(layout: StripLayout, out: Pixels) -> DecodedPage:
    top = int(np.iinfo(out.dtype).max)
    alpha = None if layout.alpha is None else np.ascontiguousarray(out[..., -1])
    colors = out[..., 0] if layout.colors == 1 else out[..., :3]
    colors = np.ascontiguousarray(colors)
    if layout.photometric == 0:  # 0 is white
        np.subtract(top, colors, out=colors)
    if layout.photometric in _LAB:
        colors = tiff_samples.lab_to_srgb(colors, layout.photometric)
    if layout.premultiplied and alpha is not None:
        wide = alpha.astype(np.float64) if layout.colors == 1 else alpha[..., None].astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            plain = np.where(wide > 0, colors * (top / wide), 0)
        colors = np.clip(plain + 0.5, 0, top).astype(colors.dtype)
    if out.dtype == np.uint8 and layout.colors == 3:
        return DecodedPage(Image.fromarray(colors), alpha)
    return DecodedPage(colors, alpha)
