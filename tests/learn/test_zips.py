"""Members of a zip that cannot be read are counted; the others are used."""

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.errors import LearnError
from tintype.learn.data import manifest
from tintype.learn.data.audit import audit
from tintype.learn.data.manifest import find_sources, read_sources, refuse_overlap
from tintype.learn.data.photos import open_photos
from tintype.learn.recipe import DataRecipe

Paint = Callable[[int], np.ndarray]


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def packed(tmp_path: Path, colourful: Paint) -> Path:
    """A zip of twelve photographs, stored."""
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(12):
            archive.writestr(f"{number:02d}.png", _png(colourful(number)))
    return path


def _change(path: Path, *, flags: int = 0, method: int | None = None, size: int | None = None):
    """Sets fields of the first member, in both of its headers."""
    data = bytearray(path.read_bytes())
    for start, at in ((0, 6), (data.index(b"PK\x01\x02"), 8)):
        (old,) = struct.unpack_from("<H", data, start + at)
        struct.pack_into("<H", data, start + at, old | flags)
        if method is not None:
            struct.pack_into("<H", data, start + at + 2, method)
        if size is not None:
            struct.pack_into("<I", data, start + at + 16, size)
    path.write_bytes(data)


def _encrypted(path: Path) -> None:
    _change(path, flags=1)


def _unknown_method(path: Path) -> None:
    _change(path, method=97)


def _not_deflated(path: Path) -> None:
    _change(path, method=zipfile.ZIP_DEFLATED)


def _not_lzma(path: Path) -> None:
    _change(path, method=zipfile.ZIP_LZMA)


def _damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[200] ^= 255
    path.write_bytes(data)


def _no_local_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0:4] = b"XXXX"
    path.write_bytes(data)


def _says_it_is_huge(path: Path) -> None:
    _change(path, size=0xFFFFFFF0)


@pytest.mark.parametrize(
    "spoil",
    [
        *(_encrypted, _unknown_method, _not_deflated, _not_lzma),
        *(_damaged, _no_local_header, _says_it_is_huge),
    ],
)
def test_a_member_that_cannot_be_read_is_counted_as_broken(
    packed: Path, tmp_path: Path, spoil: Callable[[Path], None]
):
    spoil(packed)
    found = audit(
        find_sources([packed]), (), min_colorfulness=5, dev_share=0, report=lambda _: None
    )
    assert found.pictures == 12
    assert [(find.kind, find.picture.member) for find in found.findings] == [("broken", "00.png")]
    photos = open_photos([packed], DataRecipe(size=32), cache=tmp_path / "cache")
    assert len(photos) == 11
    assert photos.dropped == {"broken": 1}


def test_two_unreadable_members_are_not_one_picture(packed: Path, tmp_path: Path):
    other = tmp_path / "other.zip"
    other.write_bytes(packed.read_bytes())
    for path in (packed, other):
        _encrypted(path)
    mine = [source for source in find_sources([packed]) if source.member == "00.png"]
    theirs = [source for source in find_sources([other]) if source.member == "00.png"]
    refuse_overlap(mine, theirs)
    with pytest.raises(LearnError, match="evaluation picture"):
        refuse_overlap(find_sources([packed]), find_sources([other]))


def test_a_bomb_is_not_unpacked(tmp_path: Path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.bmp", bytes(64 << 20))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    read = [data for _, data in read_sources(find_sources([path]))]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read == [b""] * 4
    assert peak < 8 << 20


def test_what_compresses_well_and_is_small_is_read(tmp_path: Path):
    path = tmp_path / "flat.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flat.ppm", b"P6 500 500 255\n" + bytes(750_000))
    ((_, data),) = read_sources(find_sources([path]))
    assert len(data) == 750_015


def test_members_that_lie_over_each_other_are_refused(packed: Path):
    data = packed.read_bytes()
    entry = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    length = 46 + len("00.png")
    again = b"".join(
        data[entry : entry + 46] + f"{number:02d}.png".encode() for number in range(20, 60)
    )
    tail = bytearray(data[end:])
    struct.pack_into("<HHI", tail, 8, 52, 52, end - entry + len(again))
    assert len(again) == 40 * length
    packed.write_bytes(data[:end] + again + tail)
    with pytest.raises(LearnError, match="members overlap") as caught:
        find_sources([packed])
    assert "\n" not in str(caught.value)


def test_a_file_that_is_far_too_long_is_broken_and_not_read(tmp_path: Path, colourful: Paint):
    (tmp_path / "b.png").write_bytes(_png(colourful(1)))
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate((256 << 20) + 1)  # takes no room on the disk
    tracemalloc.start()
    found = [data for _, data in read_sources(find_sources([tmp_path]))]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [b"", _png(colourful(1))]
    assert most < 10 << 20


def test_a_list_of_members_that_is_too_long_is_not_read(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "_MOST_LIST", 200)
    with pytest.raises(LearnError, match="its list is longer"):
        find_sources([packed])
    monkeypatch.setattr(manifest, "_MOST_LIST", 12 * 60)
    assert len(find_sources([packed])) == 12
