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
from tintype.photo.formats.av1 import largest_frame, without_gain_maps
from tintype.photo.formats.iso_boxes import read_boxes, write_box

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


def infe(number: int, kind: bytes) -> bytes:
    return write_box(b"infe", struct.pack(">IHH", 2 << 24, number, 0) + kind + b"\0")


def with_item(data: bytes, kind: bytes, extents: list[tuple[int, int]] | None = None) -> bytes:
    """An AVIF with one more item; its parts are those of the first picture, or as given."""
    boxes = {box.kind: box for box in read_boxes(data)}
    meta, rest = boxes[b"meta"], data[boxes[b"meta"].end :]
    grown = len(infe(9, kind)) + 6 + 8 * (1 if extents is None else len(extents))
    if extents is None:
        offset, length = first_extent(data)
        extents = [(offset + grown, length)]
    entry = struct.pack(">HHH", 9, 0, len(extents))
    entry += b"".join(struct.pack(">II", *extent) for extent in extents)
    body = meta.body[:4]
    for box in read_boxes(meta.body, 4):
        inside = bytearray(box.body)
        if box.kind == b"iinf":
            inside = bytearray(box.body + infe(9, kind))
            inside[4:6] = struct.pack(">H", int.from_bytes(inside[4:6], "big") + 1)
        elif box.kind == b"iloc":
            assert inside[4:6] == b"\x44\0"
            (count,) = struct.unpack_from(">H", inside, 6)
            at = 8
            for _ in range(count):
                (parts,) = struct.unpack_from(">H", inside, at + 4)
                for place in range(at + 6, at + 6 + 8 * parts, 8):
                    (offset,) = struct.unpack_from(">I", inside, place)
                    struct.pack_into(">I", inside, place, offset + grown)
                at += 6 + 8 * parts
            inside[6:8] = struct.pack(">H", count + 1)
            inside += entry
        body += write_box(box.kind, bytes(inside))
    return data[: meta.start] + write_box(b"meta", body) + rest


def first_extent(data: bytes) -> tuple[int, int]:
    at = data.index(b"iloc")
    offset, length = struct.unpack_from(">II", data, at + 18)
    return offset, length


def test_pictures_that_share_their_bytes_are_read_once() -> None:
    """Tiles that are alike: their lengths together may be more than the file has."""
    data = saved(scene(40, 56), "AVIF")
    shared = data
    for _ in range(3):
        shared = with_item(shared, b"av01")
    assert 4 * first_extent(data)[1] > len(shared)
    assert largest_frame(shared) == 40 * 56


def test_parts_that_overlap_are_damage() -> None:
    data = saved(scene(40, 56), "AVIF")
    several = with_item(data, b"av01", [(number, 0) for number in range(8, 200)])
    assert largest_frame(several) is None


def test_a_gain_map_that_the_decoder_does_not_know_is_left_out_and_said() -> None:
    data = saved(scene(40, 56), "AVIF")
    mapped = with_item(data, b"tmap")
    mapped = mapped.replace(b"miaf", b"tmap", 1)
    assert mapped.count(b"tmap") == 2
    assert without_gain_maps(mapped).count(b"tmap") == 0
    (photo,) = decode(mapped, name="x")
    assert np.array_equal(photo.grey, decode(data, name="x")[0].grey)
    assert any("tmap" in note for note in photo.meta.notes)


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
