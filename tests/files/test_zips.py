"""Archives of others: a list that is too long is refused before it takes ten times its room."""

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from tintype.files.zips import ListedZip
from tintype.photo.formats import open_raster


def _archive(entries: int, *, first: bytes = b"") -> bytes:
    """An archive of which the list is all that there is, beside one small entry."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", first)
        archive.writestr("a" * 200, b"x")
    data = file.getvalue()
    start = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", start + 1)
    end = data.index(b"PK\x05\x06")
    listed = data[start:second] + data[second:end] * entries
    tail = bytearray(data[end:])
    tail[8:16] = b"\xff" * 4 + len(listed).to_bytes(4, "little")
    return data[:start] + listed + bytes(tail)


def test_an_archive_by_its_path_and_by_its_bytes(tmp_path: Path) -> None:
    data = _archive(1, first=b"text")
    (tmp_path / "a.zip").write_bytes(data)
    for source in (data, tmp_path / "a.zip"):
        with ListedZip(source, most=400) as archive:
            assert archive.read("mimetype") == b"text"
        with pytest.raises(zipfile.BadZipFile, match="its list is longer than 0 MiB"):
            ListedZip(source, most=200)


def test_neither_a_missing_file_nor_one_that_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ListedZip(tmp_path / "a.zip", most=400)
    with pytest.raises(zipfile.BadZipFile):
        ListedZip(b"PK", most=400)
    with pytest.raises(zipfile.BadZipFile, match="not a regular file"):
        ListedZip(Path(os.devnull), most=400)


def test_an_open_raster_file_with_a_list_without_end_takes_no_memory() -> None:
    data = _archive(8_000, first=open_raster.MIME.encode())
    assert len(data) > 1_900_000
    tracemalloc.start()
    try:
        assert open_raster.merged_picture(data) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
