"""Kinds of BMP that the reader does not know are unsupported, never damaged."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from tintype.errors import PhotoTooLargeError, UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.decode import decode

SIZE = (16, 12)


def bmp() -> bytearray:
    """A whole BMP of 24 bits."""
    file = io.BytesIO()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (*SIZE[::-1], 3), np.uint8)).save(file, "BMP")
    return bytearray(file.getvalue())


def with_depth(bits: int) -> bytes:
    data = bmp()
    struct.pack_into("<H", data, 28, bits)
    return bytes(data)


def with_compression(number: int) -> bytes:
    data = bmp()
    struct.pack_into("<I", data, 30, number)
    return bytes(data)


def of_fields(
    pixels: np.ndarray, bits: int, masks: tuple[int, ...], *, header: int = 40, down: bool = False
) -> bytes:
    """A BMP whose pixels are these numbers, with these bit fields."""
    height, width = pixels.shape
    rows = pixels.astype(f"<u{bits // 8}")
    raw = b"".join(row.tobytes() + bytes(-row.nbytes % 4) for row in (rows if down else rows[::-1]))
    size = (header, width, -height if down else height, 1, bits)
    compression = 6 if len(masks) == 4 and header == 40 else 3
    info = struct.pack("<IiiHHIIiiII", *size, compression, len(raw), 11_811, 11_811, 0, 0)
    info = (info + struct.pack(f"<{len(masks)}I", *masks)).ljust(header, b"\0")
    start = 14 + len(info)
    return b"BM" + struct.pack("<IHHI", start + len(raw), 0, 0, start) + info + raw


@pytest.mark.parametrize("header", [40, 56, 124])
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0x0F00, 0x00F0, 0x000F)),
        (16, (0x0F00, 0x00F0, 0x000F, 0xF000)),
        (16, (0x7C00, 0x03E0, 0x001F, 0x8000)),
        (16, (0xE000, 0x1C00, 0x0300)),
        (32, (0x3FF00000, 0x000FFC00, 0x000003FF)),
        (32, (0xFFE00000, 0x1FFC00, 0x3FF)),
        (32, (0xFF, 0xFF00, 0xFF0000)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    ],
)
def test_bit_fields_of_any_layout_are_read(
    bits: int, masks: tuple[int, ...], down: bool, header: int
) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 1 << bits, (12, 15), np.uint64)
    (found,) = decode(of_fields(pixels, bits, masks, header=header, down=down), name="a.bmp")
    wide = any(mask.bit_count() > 8 for mask in masks)
    top = 65_535 if wide else 255
    fields = []
    for mask in masks:
        shift, largest = (mask & -mask).bit_length() - 1, (1 << mask.bit_count()) - 1
        fields.append(((pixels & np.uint64(mask)) >> np.uint64(shift)).astype(float) / largest)
    rgb = np.stack(fields[:3], -1) @ (0.299, 0.587, 0.114)
    # Pillow, which reads the usual layouts, expands five bits by repeating them.
    assert np.abs(found.grey - rgb * top).max() <= (5 if (0x7C00 in masks) else 1)
    if len(masks) == 4 and (header > 40 or 0x7C00 not in masks) and 0x8000 not in masks:
        assert found.alpha is not None
        assert np.abs(found.alpha - fields[3] * top).max() <= 1
    assert found.meta.dpi == pytest.approx((300, 300), abs=0.1)


def test_pixels_that_are_missing_are_damage() -> None:
    data = of_fields(np.zeros((12, 15), np.uint64), 16, (0x0F00, 0x00F0, 0x000F))
    with pytest.raises(UnreadablePhotoError, match="ends too early"):
        decode(data[:-2], name="a.bmp")


def with_masks(*masks: int) -> bytes:
    """32 bits a pixel, with masks that make no sense."""
    return of_fields(np.zeros((12, 16), np.uint64), 32, masks)


@pytest.mark.parametrize(
    "data",
    [
        with_depth(2),
        with_compression(4),  # a JPEG inside
        with_compression(6),
        with_masks(0xFF000000, 0xFF0000, 0x01FE00),
        with_masks(0xFF000000, 0xFF0000, 0),
        with_masks(0xFF000000, 0xFF0000, 0x505),
    ],
    ids=["2 bits", "JPEG inside", "alpha masks", "overlapping", "no blue", "bits apart"],
)
def test_a_kind_that_the_reader_does_not_know_is_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedPhotoError, match=r"cannot be read: unsupported.*Save it as PNG"):
        decode(data, name="a.bmp")


def test_a_cut_one_is_damaged() -> None:
    with pytest.raises(UnreadablePhotoError, match="damaged"):
        decode(bytes(bmp()[:200]), name="a.bmp")


def test_a_reader_that_finds_it_too_large_does_not_call_it_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise Image.DecompressionBombError("Image size (9 pixels) exceeds limit of 3 pixels.")

    monkeypatch.setattr("PIL.BmpImagePlugin.BmpImageFile._open", refuse)
    with pytest.raises(PhotoTooLargeError, match="more pixels than its format's reader takes"):
        decode(bytes(bmp()), name="a.bmp")
