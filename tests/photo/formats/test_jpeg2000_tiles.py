"""JPEG 2000 whose tiles state too few parts is read; what is whole is never called damaged."""

import struct

import numpy as np
import pytest

from photo.samples import saved, scene
from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.decode import decode

PLAIN = saved(scene(48, 64), "JPEG2000", tile_size=(32, 32), no_jp2=True)


def parts(data: bytes) -> tuple[bytes, list[bytes]]:
    """The main header, and the tile-parts."""
    at = first = data.index(b"\xff\x90")
    found = []
    while data[at : at + 2] != b"\xff\xd9":
        (length,) = struct.unpack_from(">I", data, at + 6)
        found.append(data[at : at + length])
        at += length
    return data[:first], found


def in_two_parts(data: bytes, stated: int) -> bytes:
    """Every tile in two parts, all the second ones behind all the first."""
    head, tiles = parts(data)
    first = [tile[:10] + bytes([0, stated]) + tile[12:] for tile in tiles]
    second = [tile[:6] + struct.pack(">IBB", 14, 1, stated) + b"\xff\x93" for tile in tiles]
    return b"".join([head, *first, *second, b"\xff\xd9"])


@pytest.mark.parametrize("stated", [0, 1, 2, 3])
def test_tiles_that_state_another_number_of_parts_are_read(stated: int) -> None:
    assert len(parts(PLAIN)[1]) == 4
    (plain,) = decode(PLAIN, name="x")
    (found,) = decode(in_two_parts(PLAIN, stated), name="x")
    assert np.array_equal(found.grey, plain.grey)
    assert bool(found.meta.notes) == (stated == 1)


def test_a_missing_part_is_damage() -> None:
    data = in_two_parts(PLAIN, 1)
    with pytest.raises(UnreadablePhotoError, match="damaged"):
        decode(data[: len(data) // 2], name="x")


def test_a_whole_file_that_is_not_decoded_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("broken data stream when reading image file")

    monkeypatch.setattr("PIL.Jpeg2KImagePlugin.Jpeg2KImageFile.load", fail)
    for data in (PLAIN, in_two_parts(PLAIN, 1)):
        with pytest.raises(UnsupportedPhotoError, match="cannot be decoded here"):
            decode(data, name="x")
