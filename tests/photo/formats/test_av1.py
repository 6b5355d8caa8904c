"""What an AVIF is coded with is known before it is decoded."""

import io
import struct
import time

import numpy as np
import pytest
from PIL import Image

from photo.samples import saved, scene
from tintype.errors import PhotoTooLargeError, UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.decode import decode
from tintype.photo.formats.av1 import largest_frame
from tintype.photo.formats.iso_boxes import write_box

RGBA = Image.fromarray(np.dstack([scene(40, 56), scene(40, 56, seed=1)[..., 0]]))


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (56, 40), (257, 33), (4097, 3)])
@pytest.mark.parametrize("subsampling", ["4:0:0", "4:2:0", "4:4:4"])
def test_the_size_of_the_coded_picture_is_read(size: tuple[int, int], subsampling: str) -> None:
    image = Image.new("RGB", size, (90, 120, 30))
    data = saved(image, "AVIF", subsampling=subsampling, speed=10)
    assert largest_frame(data) == size[0] * size[1]


def test_transparency_and_metadata_do_not_hide_it() -> None:
    data = saved(RGBA, "AVIF", xmp=b"<x/>" * 50, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    assert largest_frame(data) == 40 * 56
    assert decode(data, name="x")[0].shape == (40, 56)


def test_a_container_that_lies_about_the_size_is_refused_before_decoding() -> None:
    data = bytearray(saved(Image.new("L", (3000, 2000)), "AVIF", speed=10))
    struct.pack_into(">II", data, data.index(b"ispe") + 8, 16, 16)
    assert largest_frame(bytes(data)) == 6_000_000
    with pytest.raises(PhotoTooLargeError, match="--max-megapixels 6"):
        decode(bytes(data), name="x", max_pixels=1_000_000)


def test_a_way_that_cannot_be_followed_is_damage() -> None:
    data = saved(RGBA, "AVIF")
    assert largest_frame(b"") is None
    assert largest_frame(data[:60]) is None
    moved = bytearray(data)
    at = data.index(b"iloc")
    moved[at + 8 : at + 10] = b"\xff\xff"
    assert largest_frame(bytes(moved)) is None
    with pytest.raises(UnreadablePhotoError):
        decode(bytes(moved), name="x")


def test_a_sequence_is_an_animation_even_with_one_picture() -> None:
    stream = io.BytesIO()
    RGBA.save(stream, "AVIF", save_all=True, append_images=[RGBA.rotate(90)], speed=10)
    data = stream.getvalue()
    assert data[8:12] == b"avis"
    with pytest.raises(UnsupportedPhotoError, match="animation"):
        decode(data, name="x")


def test_headers_that_are_not_reduced_are_read_too() -> None:
    """A video's sequence header says more before it says the size (section 5.5.1)."""
    from tintype.photo.formats.av1 import _frame_pixels

    def header(*fields: tuple[int, int]) -> bytes:
        bits = "".join(f"{value:0{count}b}" for value, count in fields)
        bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
        return int(bits, 2).to_bytes(len(bits) // 8, "big")

    size = ((10, 4), (9, 4), (1279, 11), (719, 10))
    plain = ((0, 3), (0, 1), (0, 1), (0, 1), (0, 1), (0, 5), (0, 12), (8, 5), (0, 1))
    assert _frame_pixels(header(*plain, *size)) == 1280 * 720
    timing = ((0, 3), (0, 1), (0, 1), (1, 1), (1, 32), (25, 32), (1, 1), (0b00101, 5), (1, 1))
    model = ((9, 5), (1, 32), (9, 5), (9, 5))
    points = ((1, 1), (0, 5), (0, 12), (4, 5), (1, 1), (0, 10), (0, 10), (0, 1), (1, 1), (3, 4))
    assert _frame_pixels(header(*timing, *model, *points, *size)) == 1280 * 720
    with pytest.raises(IndexError):
        _frame_pixels(b"\0")


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("sizes", [b"\0\0", b"\0\1"], ids=["none", "of numbers"])
def test_parts_that_take_no_room_are_bounded(version: int, sizes: bytes) -> None:
    """Some hundred bytes that state millions of empty parts; they took minutes."""
    wide = 4 if version == 2 else 2
    item = b"\1".rjust(wide, b"\0") + (b"\0\1" if version else b"") + b"\0\0" + b"\xff\xff"
    iloc = bytes([version, 0, 0, 0]) + sizes + (200).to_bytes(wide, "big") + item * 200
    meta = write_box(b"iloc", iloc) + write_box(b"iinf", bytes(8)) + write_box(b"idat", b"")
    data = write_box(b"ftyp", b"avif") + write_box(b"meta", bytes(4) + meta)
    began = time.process_time()
    assert largest_frame(data) is None
    assert time.process_time() - began < 2
