"""PNG: 16 bits whole, text and profiles within bounds."""

import struct
import time
import zlib

import numpy as np
import pytest
from PIL import PngImagePlugin

from photo.samples import (
    XMP,
    carried,
    deep,
    deep_png,
    exif_block,
    exif_facts,
    opened,
    photo,
    png_chunk,
    png_with,
    saved,
    scene,
)
from tintype.errors import PhotoTooLargeError, UnreadablePhotoError
from tintype.photo.decode import decode, photo_from_array
from tintype.photo.encode import encode
from tintype.photo.formats import png_pixels
from tintype.photo.photo import Photo


def one(data: bytes) -> Photo:
    (found,) = decode(data, name="x")
    return found


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(13, 9), (1, 1), (8, 33)])
def test_16_bits_of_every_filter_are_read_whole(
    shape: tuple[int, int], channels: int, interlaced: bool
) -> None:
    pixels = deep(*shape, channels)
    found = one(deep_png(pixels, interlaced=interlaced))
    expected = photo_from_array(pixels)
    assert found.bits == 16
    assert np.array_equal(found.grey, expected.grey)
    assert (found.alpha is None) == (channels in (1, 3))
    if found.alpha is not None:
        assert np.array_equal(found.alpha, pixels[..., -1])


def test_the_colour_key_of_16_bits_is_compared_with_all_of_them() -> None:
    pixels = deep()
    pixels[0, 0] = (0x1234, 0x5678, 0x9ABC)
    pixels[0, 1] = (0x1234, 0x5678, 0x9ABD)
    found = one(deep_png(pixels, key=struct.pack(">3H", 0x1234, 0x5678, 0x9ABC)))
    assert found.alpha is not None
    assert found.alpha[0, 0] == 0
    assert (found.alpha.ravel()[1:] == 65_535).all()
    grey = one(deep_png(pixels[..., 0], key=struct.pack(">H", 0x1234)))
    assert grey.alpha is not None
    assert np.array_equal(grey.alpha == 0, pixels[..., 0] == 0x1234)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_written_16_bits_are_what_another_reader_finds(channels: int) -> None:
    pixels = deep(300, 20, channels)
    data = png_pixels.encode(pixels)
    high = np.asarray(opened(data))
    if channels == 1:
        assert np.array_equal(high, pixels)
    else:
        # Pillow shows the high bytes; a grey with alpha becomes RGBA.
        expected = (pixels >> 8).astype(np.uint8)
        assert np.array_equal(high[..., [0, 3]] if channels == 2 else high, expected)
    rows = zlib.decompress(data[data.index(b"IDAT") + 4 : -16])
    lines = np.frombuffer(rows, np.uint8).reshape(300, -1)
    assert set(lines[:, 0]) == {2}
    raw = np.cumsum(lines[:, 1:], axis=0, dtype=np.uint8)
    assert np.array_equal(raw.view(">u2").reshape(pixels.shape), pixels)


def test_text_profiles_and_exif_of_older_programs_are_read() -> None:
    block = b"Exif\0\0" + exif_block(1)
    digits = f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()
    chunk = png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(digits))
    xmp = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))
    found = one(png_with(saved(scene(), "PNG"), chunk, xmp))
    assert exif_facts(found.meta.exif)["make"] == "Camera works"
    assert found.meta.xmp is not None
    assert "Großmutter".encode() in found.meta.xmp
    assert found.meta.text == ()


def test_metadata_stands_before_the_pixels() -> None:
    data = encode([photo(xmp=XMP, dpi=(300.0, 300.0))], format="PNG", provenance=None).data
    assert data.index(b"iTXt") < data.index(b"IDAT")
    assert data.index(b"pHYs") < data.index(b"IDAT")


def flood(kind: bytes) -> bytes:
    """60 MB of zeros in 60 kB."""
    packed = zlib.compress(bytes(60_000_000), 9)
    head = {
        b"zTXt": b"Comment\0\0",
        b"iTXt": b"Comment\0\1\0\0\0",
        b"iCCP": b"profile\0\0",
    }[kind]
    return png_chunk(kind, head + packed)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_floods_are_left_out_and_said(kind: bytes) -> None:
    started = time.process_time()
    found = one(png_with(saved(scene(), "PNG"), *[flood(kind)] * 20))
    assert time.process_time() - started < 2
    assert "far too large" in found.meta.notes[0]
    assert found.meta.text == ()
    assert found.meta.icc is None
    assert np.array_equal(found.grey, one(saved(scene(), "PNG")).grey)


def test_text_beyond_any_use_is_bounded() -> None:
    chunks = [png_chunk(b"tEXt", b"Key\0value %d" % i) for i in range(1000)]
    assert len(one(png_with(saved(scene(), "PNG"), *chunks)).meta.text) == 200


def test_a_small_file_of_many_pixels_is_refused_by_its_header() -> None:
    body = zlib.compress(bytes(13_000 * 13_001), 9)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", 13_000, 13_000, 8, 0, 0, 0, 0)),
            png_chunk(b"IDAT", body),
            png_chunk(b"IEND", b""),
        )
    )
    assert len(data) < 200_000
    started = time.process_time()
    with pytest.raises(PhotoTooLargeError, match=r"169 megapixels.*limit of 100"):
        decode(data, name="bomb.png")
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (2**31, 2**31)])
def test_header_sizes_that_make_no_sense_are_refused(size: tuple[int, int]) -> None:
    data = bytearray(saved(scene(), "PNG"))
    data[16:24] = struct.pack(">II", *size)
    with pytest.raises((UnreadablePhotoError, PhotoTooLargeError)):
        decode(bytes(data), name="x")


def test_a_key_or_text_outside_latin_becomes_international_text() -> None:
    data = encode([photo(text=(("Title", "木"),))], format="PNG", provenance=None).data
    assert carried(data).text == {"Title": "木"}


@pytest.mark.parametrize("length", [13, 232])
@pytest.mark.parametrize("sixteen", [False, True])
def test_a_second_header_is_refused(length: int, *, sixteen: bool) -> None:
    data = deep_png(deep()) if sixteen else saved(scene(), "PNG")
    # Pillow would allocate 2 TB for it, piece by piece.
    body = struct.pack(">IIBBBBB", 65_535, 1 << 25, 8, 2, 0, 0, 0).ljust(length, b"\0")
    with pytest.raises(UnreadablePhotoError, match="it has several headers"):
        decode(png_with(data, png_chunk(b"IHDR", body)), name="x")


def test_the_size_that_pillow_reads_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "size", (65_535, 1 << 25))
    for data in (saved(scene(), "PNG"), deep_png(deep())):
        with pytest.raises(PhotoTooLargeError, match="65535 x 33554432"):
            decode(data, name="x")
