"""The location and form of the samples of a TIFF page that is read strip by strip.

Source: TIFF revision 6.0; compressions registered or adopted since, as listed by libtiff and
tifffile.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tintype.photo.formats import tiff_bits, tiff_pictures, tiff_samples, tiff_tags
from tintype.photo.formats.input_file import InputFile
from tintype.photo.metadata.ifd import Directory, TiffStructure

# Strips or tiles of one page: one per row and channel, and some more for small pictures.
_SPARE_BLOCKS = 65_536
# A tile may be larger than a small picture; a packed tile is unpacked whole.
_MAX_TILE_PIXELS = 1 << 22
_PIXEL_BYTES = 8
_KINDS = {1: "u", 2: "i", 3: "f"}  # by SampleFormat
_UNDEFINED = 4  # SampleFormat for undefined data; read as integers
_SIZES = {1: (*range(1, 17), 24, 32, 64), 2: (8, 16, 32, 64), 3: (16, 32, 64)}  # bits of a sample
_GREY, _RGB, _PALETTE, _CMYK, _YCBCR = (0, 1), 2, 3, 5, 6  # photometric interpretations
_LAB = (tiff_samples.CIELAB, tiff_samples.ICCLAB)
_COLORS = {_RGB: 3, _CMYK: 4, _YCBCR: 3, **dict.fromkeys(_LAB, 3)}
_COLOR_MAP, _COEFFICIENTS, _SUBSAMPLING, _REFERENCE = 320, 529, 530, 532
# Compressions that Pillow's libtiff supports, or reports as unsupported.
_OF_LIBTIFF = frozenset({
    *tiff_tags.BYTE_COMPRESSIONS, 2, 3, 4, 6, 7, 32771, 32809, 34676, 34677
})  # fmt: skip
_COMPRESSIONS = {
    22610: "JPEG XR", 32908: "PixarFilm", 32909: "PixarLog", 33004: "JPEG 2000", 34661: "JBIG",
    34715: "JBIG2", 34887: "LERC", 34892: "lossy JPEG", 34934: "JPEG XR", 50002: "JPEG XL",
    50013: "PIXTIFF", 52546: "JPEG XL",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StripLayout:
    """The layout of the samples of a page.

    Attributes:
        width: Columns.
        height: Rows.
        bits: Per sample as stored: 1 to 16, 24, 32 or 64.
        kind: "u" for integers, "i" for signed ones, "f" for floating point.
        photometric: TIFF number.
        stated_range: Black and white as stated in the file, or None.
        samples: Per pixel.
        colors: 1, 3 or 4; further samples are extra.
        alpha: Index of the sample that is alpha, or None.
        premultiplied: Whether the colours were multiplied by it.
        compression: TIFF number.
        predictor: TIFF number: 1 is none, 2 horizontal, 3 of floating point.
        planar: Whether planes are stored one after the other.
        reversed_bits: Whether the lowest bit of a byte comes first.
        block: (rows, columns) of a strip or tile.
        offsets: Offsets of the strips or tiles.
        counts: Bytes of the strips or tiles.
        order: Byte order of the samples.
        palette: 16-bit red, green and blue of each number, one after the other; empty if not used.
        ycbcr: How YCbCr is converted to RGB, or None.
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
    reversed_bits: bool
    block: tuple[int, int]
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    order: str
    palette: tuple[int, ...]
    ycbcr: tiff_samples.YCbCr | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a sample, in native byte order."""
        return np.dtype(f"{self.kind}{tiff_bits.memory_bits(self.bits) // 8}")

    @property
    def has_codes(self) -> bool:
        """Whether a sample is a code of at most 16 bits, as in every output."""
        return self.kind == "u" and self.bits <= 16

    @property
    def is_packed(self) -> bool:
        """Whether a sample is not a whole number of bytes, or is three bytes."""
        return self.bits not in (8, 16, 32, 64)

    @property
    def depth(self) -> int:
        """Number of samples that are stored together."""
        return 1 if self.planar else self.samples

    def stored_rows(self, rows: int) -> tuple[int, int]:
        """The number of rows of a strip or tile that are stored together, and the bytes of each.

        Args:
            rows: Of the picture; YCbCr may store two or four of them as one.
        """
        if self.ycbcr is not None and not self.planar:
            return self.ycbcr.stored_rows(rows, self.block[1])
        return rows, tiff_bits.row_bytes(self.block[1] * self.depth, self.bits)


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
        UnsupportedPhotoError: It has more than 8 bits in a form that is not supported, or an
            unsupported compression.
    """

    def one(tag: int, default: int) -> int:
        return tiff_tags.values(structure, page, tag, default)[0]

    bits = set(tiff_tags.values(structure, page, tiff_tags.BITS, 1))
    photometric = one(tiff_tags.PHOTOMETRIC, 1)
    colors = _COLORS.get(photometric, 1)
    samples = one(tiff_tags.SAMPLES, colors)
    _refuse_compression(file, one(tiff_tags.COMPRESSION, 1))
    if not _is_plain(file, structure, page, bits, extra=samples > colors):
        return None
    width, height = one(tiff_tags.WIDTH, 0), one(tiff_tags.HEIGHT, 0)
    if not colors <= samples <= 16:
        file.fail("its number of channels makes no sense")
    tiled = tiff_tags.TILE_OFFSETS in page.entries or tiff_tags.TILE_WIDTH in page.entries
    if tiled:
        block = one(tiff_tags.TILE_HEIGHT, 0), one(tiff_tags.TILE_WIDTH, 0)
    else:
        block = min(one(tiff_tags.ROWS_PER_STRIP, height), height), width
    planar = one(tiff_tags.PLANAR, 1) == 2 and samples > 1
    pixel_bytes = math.ceil(max(bits) / 8) * (1 if planar else samples)
    blocks = _check_blocks(file, block, (height, width), pixel_bytes, samples, planar=planar)
    extras = tiff_tags.values(structure, page, tiff_tags.EXTRA)
    alpha = _alpha_channel(extras, colors, samples)

    def places(of_tiles: int, of_strips: int) -> tuple[int, ...]:
        # Some old programs store their tile list in the strip tags.
        named_so = tiled and of_tiles in page.entries
        return tiff_tags.table(structure, page, of_tiles if named_so else of_strips, blocks)

    return StripLayout(
        width=width,
        height=height,
        bits=max(bits),
        kind=_KINDS.get(one(tiff_tags.FORMAT, 1), "u"),
        photometric=photometric,
        stated_range=tiff_tags.stated_range(structure, page),
        samples=samples,
        colors=colors,
        alpha=alpha,
        premultiplied=alpha is not None and bool(extras) and extras[alpha - colors] == 1,
        compression=one(tiff_tags.COMPRESSION, 1),
        predictor=one(tiff_tags.PREDICTOR, 1),
        planar=planar,
        reversed_bits=one(tiff_tags.FILL_ORDER, 1) == 2,
        block=block,
        offsets=places(tiff_tags.TILE_OFFSETS, tiff_tags.STRIP_OFFSETS),
        counts=places(tiff_tags.TILE_COUNTS, tiff_tags.STRIP_COUNTS),
        order=structure.order,
        palette=_palette(file, structure, page, max(bits)) if photometric == _PALETTE else (),
        ycbcr=_ycbcr(structure, page) if photometric == _YCBCR else None,
    )


def _refuse_compression(file: InputFile, compression: int) -> None:
    """Refuses a compression for which neither this package nor libtiff has a decoder."""
    if compression in _OF_LIBTIFF or compression in tiff_pictures.READERS:
        return
    name = _COMPRESSIONS.get(compression, f"method {compression}")
    file.refuse(
        f"is a TIFF compressed with {name}, which cannot be read here",
        "Save it uncompressed, or with LZW or deflate.",
    )


def _is_plain(
    file: InputFile, structure: TiffStructure, page: Directory, bits: set[int], *, extra: bool
) -> bool:
    """Whether a page is in a form that is read here; others are left to Pillow, or refused."""

    def one(tag: int, default: int) -> int:
        return tiff_tags.values(structure, page, tag, default)[0]

    stated = tiff_tags.values(structure, page, tiff_tags.FORMAT, 1)
    kinds = {1 if kind == _UNDEFINED else kind for kind in stated}
    depth, kind = max(bits), max(kinds)
    even = len(kinds) == len(bits) == 1
    if kinds - {1} and not (even and depth in _SIZES.get(kind, ())):
        file.refuse(
            "has samples of an unusual kind (complex, or of a rare size)",
            "Save it with 8 or 16 bits a channel.",
        )
    photometric, compression = one(tiff_tags.PHOTOMETRIC, 1), one(tiff_tags.COMPRESSION, 1)
    is_picture = compression in tiff_pictures.READERS
    plain = (
        even
        and depth in _SIZES[kind]
        and (is_picture or compression in tiff_tags.BYTE_COMPRESSIONS)
        and (not is_picture or (bits == {8} and photometric in (*_GREY, _RGB) and kind == 1))
        and photometric in _photometrics(depth, kind)
        and one(tiff_tags.PREDICTOR, 1) in ((1, 2, 3) if kinds == {3} else (1, 2))
        and (photometric != _YCBCR or _is_plain_ycbcr(structure, page))
    )
    if is_picture and not plain:
        file.refuse(
            f"is a TIFF with {tiff_pictures.READERS[compression].title} pictures in an unusual "
            "form",
            "Save it uncompressed, or with LZW or deflate.",
        )
    planar_ycbcr = photometric == _YCBCR and one(tiff_tags.PLANAR, 1) == 2
    if not plain and planar_ycbcr and compression in tiff_tags.BYTE_COMPRESSIONS:
        file.refuse("is a TIFF with YCbCr in planes of different size", "Save it as RGB.")
    if plain and photometric in (*_GREY, _PALETTE) and not extra and depth in (1, 2, 4):
        return False  # left to Pillow: most are fax and line art
    if plain and photometric in (_CMYK, _PALETTE) and depth == 8 and not extra:
        return False
    if not plain and (depth > 8 or kinds != {1}):
        file.refuse(
            "is a TIFF with more than 8 bits, signed or floating-point samples in an unusual form",
            "Save it as 16-bit grey or RGB, uncompressed or with LZW or deflate.",
        )
    return plain


def _photometrics(depth: int, kind: int) -> tuple[int, ...]:
    """The photometric interpretations that are read here for samples of this kind."""
    if kind != 1 or depth > 16:
        return (*_GREY, _RGB)
    known: tuple[int, ...] = (*_GREY, _RGB, _PALETTE, _CMYK)
    if depth in (8, 16):
        known += _LAB
    return (*known, _YCBCR) if depth == 8 else known


def _is_plain_ycbcr(structure: TiffStructure, page: Directory) -> bool:
    """Whether YCbCr is stored in three planes of the same size, or in one without a predictor."""
    factors = tiff_tags.values(structure, page, _SUBSAMPLING, 2, 2)
    if tiff_tags.values(structure, page, tiff_tags.SAMPLES, 3)[0] != 3 or len(factors) != 2:
        return False
    if tiff_tags.values(structure, page, tiff_tags.PLANAR, 1)[0] == 2:
        return set(factors) == {1}
    predictor = tiff_tags.values(structure, page, tiff_tags.PREDICTOR, 1)[0]
    return predictor == 1 and set(factors) <= {1, 2, 4}


def _ycbcr(structure: TiffStructure, page: Directory) -> tiff_samples.YCbCr:
    entries = page.entries
    across, down = tiff_tags.values(structure, page, _SUBSAMPLING, 2, 2)
    found = {
        tag: tuple(entries[tag].ratios(structure.order)) if tag in entries else ()
        for tag in (_COEFFICIENTS, _REFERENCE)
    }
    return tiff_samples.YCbCr(across, down, found[_COEFFICIENTS], found[_REFERENCE])


def _palette(
    file: InputFile, structure: TiffStructure, page: Directory, bits: int
) -> tuple[int, ...]:
    found = tiff_tags.table(structure, page, _COLOR_MAP, 3 << bits)
    if len(found) != 3 << bits:
        file.fail("its palette is missing or too short")
    return found


def check_tile(file: InputFile, structure: TiffStructure, page: Directory) -> None:
    """Refuses a page whose tiles are far larger than itself: decoders allocate and unpack a whole.

    Raises:
        UnreadablePhotoError: No program writes such tiles.
    """
    width, height, tile_width, tile_height = (
        tiff_tags.values(structure, page, tag, 0)[0]
        for tag in (
            *(tiff_tags.WIDTH, tiff_tags.HEIGHT),
            *(tiff_tags.TILE_WIDTH, tiff_tags.TILE_HEIGHT),
        )
    )
    if _is_far_larger((tile_height, tile_width), (height, width)):
        file.fail("its strips make no sense")


def _is_far_larger(block: tuple[int, int], shape: tuple[int, int]) -> bool:
    """Whether a strip or tile, as (rows, columns), is larger than any program writes it."""
    too_long = max(block) > 2 * max(*shape, 512)
    return too_long or math.prod(block) > math.prod(shape) + _MAX_TILE_PIXELS


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
    if min(block) < 1 or _is_far_larger(block, shape) or size * pixel_bytes > largest:
        file.fail("its strips make no sense")
    blocks = math.ceil(height / block[0]) * math.ceil(width / block[1])
    blocks *= samples if planar else 1
    if blocks > min(height * samples + _SPARE_BLOCKS, tiff_tags.MAX_BLOCKS):
        file.fail("its strips make no sense")
    return blocks


def _alpha_channel(extras: tuple[int, ...], colors: int, samples: int) -> int | None:
    """Index of the alpha sample; a single extra sample without a stated meaning counts as alpha."""
    alphas = [colors + i for i, kind in enumerate(extras) if kind in (1, 2)]
    if not extras and samples == colors + 1:
        alphas = [colors]
    return alphas[0] if alphas and alphas[0] < samples else None
