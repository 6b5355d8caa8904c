"""Pictures of data sets that are something else, damaged, or made to take too much."""

import io
import os
import shutil
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learn.inputs import colourful_picture, write_photographs
from photo.samples import tiled_tiff
from tintype.errors import LearnError
from tintype.learn.compare.strip import read_originals
from tintype.learn.data.audit import audit
from tintype.learn.data.manifest import find_sources
from tintype.learn.data.photos import decode_small, open_photos
from tintype.learn.data.pictures import MOST_PIXELS, decode_rgb
from tintype.learn.evaluate.protocol import load_squares
from tintype.learn.recipe import DataRecipe
from tintype.photo.formats.pillow import RASTER_FORMATS


def _saved(kind: str, *, size: tuple[int, int] = (40, 32)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 90, 40)).save(out, kind)
    return out.getvalue()


def _png_of(width: int, height: int) -> bytes:
    """The header of a PNG of this size, with pixels for none of it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def test_no_program_is_started_for_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow has an EPS drawn by Ghostscript, whatever the name of the file says."""

    started: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        started.append(arguments)
        raise OSError("no programs here")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
    assert decode_small(_saved("EPS")) is None
    assert not started


@pytest.mark.parametrize("kind", ["EPS", "DDS", "ICO", "PCX", "SGI", "SPIDER", "TGA"])
def test_other_formats_of_pillow_are_no_pictures(kind: str) -> None:
    with pytest.raises(ValueError, match="not a picture of a supported format"):
        decode_rgb(_saved(kind))


@pytest.mark.parametrize("kind", [kind for kind in RASTER_FORMATS if kind != "AVIF"])
def test_formats_that_photographs_have_are_decoded(kind: str) -> None:
    rgb = decode_small(_saved(kind))
    assert rgb is not None
    assert rgb.shape == (32, 40, 3)


@pytest.mark.parametrize(
    "error", [RuntimeError("Failed to decode"), AttributeError("x"), NotImplementedError("DXT7")]
)
def test_whatever_a_decoder_raises_is_true_of_one_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    data = _saved("PNG")
    (tmp_path / "one.png").write_bytes(data)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    assert decode_small(data) is None
    with pytest.raises(LearnError, match=r"one\.png: it cannot be decoded"):
        load_squares([tmp_path], size=32)


def test_a_picture_is_refused_by_its_header_if_it_is_huge(monkeypatch: pytest.MonkeyPatch) -> None:
    side = 13_300
    assert side * side > MOST_PIXELS

    decoded: list[object] = []
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decoded.append)
    with pytest.raises(ValueError, match="more than 64 megapixels"):
        decode_rgb(_png_of(side, side))
    assert decode_small(_png_of(side, side)) is None
    assert not decoded


def test_a_large_jpeg_is_decoded_at_a_smaller_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tintype.learn.data.pictures.MOST_PIXELS", 512 * 600)
    baseline, progressive = io.BytesIO(), io.BytesIO()
    picture = Image.new("RGB", (1200, 1024), (200, 90, 40))
    picture.save(baseline, "JPEG")
    picture.save(progressive, "JPEG", progressive=True)
    rgb = decode_small(baseline.getvalue())
    assert rgb is not None
    assert np.abs(rgb.astype(int) - (200, 90, 40)).max() < 4
    assert decode_small(progressive.getvalue()) is None  # its coefficients are all kept


def test_a_damaged_original_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "half.jpg").write_bytes(_saved("JPEG", size=(400, 320))[:700])
    with pytest.raises(LearnError, match=r"half\.jpg: cannot be read") as caught:
        read_originals(tmp_path)
    assert "--originals" in caught.value.advice


def test_a_pipe_among_the_originals_is_not_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        return  # there are none on Windows
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(LearnError, match=r"pipe\.jpg: cannot be read \(it is not a regular file"):
        read_originals(tmp_path)


def _scans_again_and_again() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 90, 40)).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 5000 + data[-2:]


def _second_header() -> bytes:
    data = _saved("PNG")
    return data[:33] + data[8:33] + data[33:]


def _tiles_of_one_pixel() -> bytes:
    data = bytearray(_saved("JPEG2000", size=(256, 256)))
    struct.pack_into(">II", data, data.index(b"\xff\x4f\xff\x51") + 24, 1, 2)
    return bytes(data)


def _coded_larger_than_stated() -> bytes:
    if "AVIF" not in Image.registered_extensions().values():
        return _second_header()  # a Pillow without AVIF cannot make one
    data = bytearray(_saved("AVIF", size=(8200, 8000)))
    struct.pack_into(">II", data, data.index(b"ispe") + 8, 16, 16)
    return bytes(data)


def _tile_of_400_megapixels() -> bytes:
    return tiled_tiff(64, tile=20_000)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_scans_again_and_again, "it has 5010 progressive scans"),
        (_second_header, "several headers"),
        (_tiles_of_one_pixel, "its tiles make no sense"),
        (_coded_larger_than_stated, "coded picture|several headers"),
        (_tile_of_400_megapixels, "its strips make no sense"),
    ],
)
def test_what_takes_far_longer_than_its_size_suggests_is_refused(
    make: Callable[[], bytes], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make()
    decoded: list[object] = []
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded.append)
    monkeypatch.setattr("PIL.Image.Image.convert", decoded.append)
    with pytest.raises(ValueError, match=why):
        decode_rgb(data)
    assert decode_small(data) is None
    assert not decoded


def test_libtiff_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    out = io.BytesIO()
    Image.fromarray(colourful_picture(1)).save(out, "TIFF", compression="jpeg")
    data = bytearray(out.getvalue())
    data[data.rindex(b"\xff\xc0") + 1] = 1
    assert decode_small(bytes(data)) is None
    assert capfd.readouterr().err == ""


def _flat(side: int, number: int) -> bytes:
    pixels = np.zeros((side, side), np.uint8)
    pixels[0, 0] = number
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("packed", [True, False])
def test_the_pictures_of_a_container_are_bounded_in_total(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    monkeypatch.setattr("tintype.learn.data.pictures._FREE_PIXELS", 4 * 1000 * 1000)
    honest = write_photographs(tmp_path / "a")
    bombs = tmp_path / "bombs.zip" if packed else tmp_path / "bombs"
    if packed:
        with zipfile.ZipFile(bombs, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(30):
                archive.writestr(f"{number:02}.png", _flat(1000, number))
    else:
        bombs.mkdir()
        for number in range(30):
            (bombs / f"{number:02}.png").write_bytes(_flat(1000, number))
    said: list[str] = []
    sources = find_sources([honest, bombs])
    found = audit(sources, (), min_colorfulness=5, dev_share=0, report=said.append)
    broken = [find for find in found.findings if find.kind == "broken"]
    assert 10 < len(broken) <= 26
    assert {find.picture.container for find in broken} == {bombs}
    (line,) = [line for line in said if "pixels per byte" in line]
    assert f"({len(broken)}) count as broken" in line
    photos = open_photos([honest, bombs], DataRecipe(size=32), cache=tmp_path / "cache")
    assert photos.dropped["broken"] == len(broken)
    with pytest.raises(LearnError, match="too many pixels for the size of all"):
        load_squares([bombs], size=32)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Photographs, and a cache of them."""
    photos = write_photographs(tmp_path_factory.mktemp("photos"))
    cache = tmp_path_factory.mktemp("cache")
    open_photos([photos], DataRecipe(size=32), cache=cache)
    return photos, cache


def _truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1000)


def _long(path: Path) -> None:
    table = np.load(path)
    table["height"][3] = 2**30
    np.save(path, table)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("pixels.u8", Path.unlink),
        ("pixels.u8", _truncate),
        ("pixels.u8", lambda path: path.write_bytes(b"")),
        ("index.json", lambda path: path.write_text("{")),
        ("index.json", lambda path: path.write_text('{"groups": []}')),
        ("index.npy", Path.unlink),
        ("index.npy", lambda path: path.write_bytes(b"x")),
        ("index.npy", lambda path: np.save(path, np.zeros(3))),
        ("index.npy", _long),
    ],
    ids=range(9),
)
def test_a_damaged_cache_is_one_line(
    kept: tuple[Path, Path], tmp_path: Path, name: str, spoil: Callable[[Path], object]
) -> None:
    photos, whole = kept
    shutil.copytree(whole, tmp_path / "cache")
    (home,) = (tmp_path / "cache").iterdir()
    spoil(home / name)
    with pytest.raises(
        LearnError, match=f"{home.name}: the decoded photographs in this folder"
    ) as caught:
        open_photos([photos], DataRecipe(size=32), cache=tmp_path / "cache")
    assert "Delete" in caught.value.advice


def test_a_picture_that_was_replaced_in_place_is_decoded_again(tmp_path: Path) -> None:
    photos = write_photographs(tmp_path / "photos")
    before = open_photos([photos], DataRecipe(size=32), cache=tmp_path / "cache")
    Image.fromarray(colourful_picture(900)).save(photos / "beach" / "03.png")
    after = open_photos([photos], DataRecipe(size=32), cache=tmp_path / "cache")
    assert before.data_hash != after.data_hash


def test_what_killed_processes_left_in_a_cache_is_removed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for name in ("building-old", "building-new", "building-photos"):
        (cache / name).mkdir(parents=True)
        (cache / name / "pixels.u8").write_bytes(b"x")
    (cache / "building-photos" / "mine.jpg").write_bytes(b"x")
    for name in ("building-old", "building-photos"):
        for path in (*(cache / name).iterdir(), cache / name):
            os.utime(path, (0, 0))
    photos = write_photographs(tmp_path / "photos")
    open_photos([photos], DataRecipe(size=32), cache=cache)
    left = {path.name for path in cache.glob("building-*")}
    assert left == {"building-new", "building-photos"}
