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


def with_masks(*masks: int) -> bytes:
    """32 bits a pixel, with masks that no program of today writes."""
    data = bmp()
    struct.pack_into("<HI", data, 28, 32, 3)
    data[54:54] = struct.pack("<3I", *masks)
    return bytes(data) + bytes(4 * SIZE[0] * SIZE[1])


@pytest.mark.parametrize(
    "data",
    [
        with_depth(2),
        with_compression(4),  # a JPEG inside
        with_compression(6),
        with_masks(0xFFE00000, 0x1FFC00, 0x3FF),
    ],
    ids=["2 bits", "JPEG inside", "alpha masks", "11 11 10 bits"],
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
