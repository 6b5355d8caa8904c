"""What damaged and hostile files have found in our readers, each with the case that found it."""

import contextlib
import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from photo.samples import PROVENANCE, photo, saved, scene, tiled_tiff
from tintype.errors import TintypeError, UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.decode import decode
from tintype.photo.encode import encode
from tintype.photo.formats import jpeg_segments, pillow, png_chunks
from tintype.photo.metadata import exif, ifd, xmp

RGB = Image.fromarray(scene(24, 32))
GREY = RGB.convert("L")


def test_a_tiff_without_a_page_is_damaged() -> None:
    data = bytearray(saved(GREY, "TIFF"))
    data[4:8] = bytes(4)
    with pytest.raises(UnreadablePhotoError, match="no page"):
        decode(bytes(data), name="x")


def test_values_over_each_other_count_once() -> None:
    """Forty tags that each claim the whole block are worth one block, and not forty."""
    rows = [struct.pack("<HHII", 40_000 + n, 7, 4000, 8) for n in range(40)]
    block = ifd.header("<") + struct.pack("<H", 40) + b"".join(rows) + bytes(4000)
    structure = ifd.open_structure(block)
    found = structure.directory(8).entries
    assert 1 <= len(found) <= 2
    assert sum(len(entry.data) for entry in found.values()) <= 2 * len(block)


def test_a_directory_of_absurd_length_is_damage() -> None:
    block = ifd.header("<") + struct.pack("<H", 5000) + bytes(5000 * 12 + 4)
    with pytest.raises(ifd.DamagedTagsError):
        ifd.open_structure(block).directory(8)


def test_a_row_of_directories_in_an_exif_block_has_an_end() -> None:
    count = 3000
    data = bytearray(ifd.header("<") + b"".join(
        struct.pack("<HHII", n, 3, 1, 0) for n in range(1, 30_000)))  # fmt: skip
    for at in range(8, len(data) - 40_000, 48):
        struct.pack_into("<H", data, at, count)
        struct.pack_into("<I", data, at + 2 + 12 * count, at + 48)
    began = time.process_time()
    exif.made_upright(bytes(data), shape=(8, 8), became_srgb=False)
    assert time.process_time() - began < 3


def test_numbers_of_millions_of_channels_are_not_read() -> None:
    entry = ifd.DirectoryEntry(ifd.SHORT, 4_000_000, bytes(8_000_000))
    assert len(entry.integers("<")) < 1000
    assert len(entry.integers("<", most=5000)) == 5000


@pytest.mark.parametrize("rows", [1, 3, 7])
@pytest.mark.parametrize("packing", ["tiff_lzw", "packbits", "zstd", "lzma"])
def test_strips_that_are_unpacked_together_are_the_same(packing: str, rows: int) -> None:
    """Three in a strip leaves one of two rows at the end."""
    picture = Image.fromarray(scene(20, 33))
    data = saved(picture, "TIFF", compression=packing, tiffinfo={278: rows})
    assert Image.open(io.BytesIO(data)).tag_v2[278] == rows
    grey = decode(data, name="x")[0].grey
    assert np.array_equal(grey, np.asarray(picture.convert("L")))


def test_many_small_strips_take_no_time() -> None:
    count = 20_000
    at = 8 + 16 + 2 + 12 * 9 + 4
    tags = {
        256: (3, 1, 1), 257: (4, 1, count), 258: (3, 1, 8), 259: (3, 1, 5), 262: (3, 1, 1),
        273: (4, count, at), 277: (3, 1, 1), 278: (3, 1, 1), 279: (4, count, at + 4 * count),
    }  # fmt: skip
    table = b"".join(struct.pack("<HHII", tag, *row) for tag, row in tags.items())
    place = at + 8 * count
    data = b"II*\0" + struct.pack("<I", 24) + bytes(16) + struct.pack("<H", 9) + table + bytes(4)
    data += struct.pack("<I", place) * count + struct.pack("<I", 4) * count
    data += b"\x80\x0a\xa0\x20"
    began = time.process_time()
    assert decode(data, name="x")[0].shape == (count, 1)
    assert time.process_time() - began < 3


def test_a_tile_far_larger_than_the_picture_is_refused() -> None:
    def tiled(side: int) -> bytes:
        packed = zlib.compress(bytes(min(side, 4000) ** 2))
        tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side,
                324: 8 + 2 + 12 * 10 + 4, 325: len(packed)}  # fmt: skip
        rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
        return ifd.header("<") + struct.pack("<H", 10) + rows + bytes(4) + packed

    assert decode(tiled(64), name="x", max_pixels=256)[0].shape == (16, 16)
    with pytest.raises(UnreadablePhotoError, match="strips"):
        decode(tiled(1100), name="x", max_pixels=256)
    narrow, wide = (struct.pack("<HHII", 256, 4, 1, width) for width in (16, 10_000))
    with pytest.raises(UnreadablePhotoError, match="strips"):
        decode(tiled(20_000).replace(narrow, wide), name="x")


def test_what_only_pillow_reads_is_found_on_every_page_of_a_bigtiff() -> None:
    """JPEG in TIFF, on pages that are not the first, with offsets of 8 bytes."""
    pages = [saved(Image.fromarray(scene(16, 24, seed=n)), "JPEG", quality=95) for n in range(3)]
    rows, body = [], bytearray(b"II+\0\x08\0\0\0" + bytes(8))
    for data in pages:
        at, length = len(body), len(data)
        body += data + bytes(length % 2)
        tags = {256: 24, 257: 16, 258: 8, 259: 7, 262: 6, 273: at, 277: 3, 278: 16, 279: length}
        rows.append(b"".join(struct.pack("<HHQQ", t, 16, 1, v) for t, v in tags.items()))
    link = 8
    for table in rows:
        struct.pack_into("<Q", body, link, len(body))
        body += struct.pack("<Q", 9) + table + bytes(8)
        link = len(body) - 8
    found = decode(bytes(body), name="x")
    assert len(found) == 3
    for data, page in zip(pages, found, strict=True):
        wanted = np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(int)
        assert np.abs(page.grey - wanted).max() <= 2


def test_comments_by_the_thousand_are_joined_once() -> None:
    data = saved(GREY, "JPEG")
    many = data[:2] + b"\xff\xfe\x00\x03x" * 60_000 + data[2:]
    began = time.process_time()
    comment = jpeg_segments.read_header(many).comment
    assert time.process_time() - began < 2
    assert comment is not None
    assert set(comment) == {"x", "\n"}
    two = data[:2] + b"\xff\xfe\x00\x03a\xff\xfe\x00\x03b" + data[2:]
    assert decode(two, name="x")[0].meta.comment == "a\nb"


def test_fill_bytes_are_skipped_at_once() -> None:
    data = saved(GREY, "JPEG")
    filled = data[:2] + b"\xff" * 3_000_000 + data[2:]
    began = time.process_time()
    assert jpeg_segments.read_header(filled).width == 32
    assert time.process_time() - began < 0.5


def test_hexadecimal_of_megabytes_is_no_memory() -> None:
    import tracemalloc

    chunk = png_chunks.write_chunk(
        b"tEXt", b"Raw profile type exif\0\nexif\n 8\n" + b"45\n" * 700_000
    )
    data = saved(GREY, "PNG")
    tracemalloc.start()
    png_chunks.read_chunks(data[:33] + chunk + data[33:])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(chunk)


def test_attributes_are_counted_as_elements_are() -> None:
    inside = b"<rdf:li " + b" ".join(b'a%x="1"' % n for n in range(120_000)) + b"/>"
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/'
        b'22-rdf-syntax-ns#"><rdf:Description rdf:about="">' + inside +
        b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    )  # fmt: skip
    with pytest.raises(xmp.DamagedXmpError, match="too many"):
        xmp.made_upright(packet)


def test_metadata_of_an_absurd_size_is_left_out_and_said() -> None:
    block = b"II*\0\x08\0\0\0" + bytes(17 << 20)
    data = saved(GREY, "PNG")
    found = decode(data[:33] + png_chunks.write_chunk(b"eXIf", block) + data[33:], name="x")[0]
    assert found.meta.exif is None
    assert any("EXIF (17 MB)" in note for note in found.meta.notes)


def test_a_gif_whose_second_frame_is_cut_off_is_one_line() -> None:
    data = saved(RGB, "GIF", save_all=True, append_images=[RGB.rotate(90)])
    at = data.rindex(b"\x00,")
    for length in range(at - 12, at + 14):
        with contextlib.suppress(TintypeError):
            decode(data[:length], name="x")


def test_frames_without_end_are_not_counted() -> None:
    data = saved(Image.new("P", (1, 1)), "GIF")
    at = data.rindex(b",")
    many = data[:at] + data[at:-1] * 200_000 + b";"
    began = time.process_time()
    with pytest.raises(UnsupportedPhotoError, match="animation"):
        decode(many, name="x")
    assert time.process_time() - began < 1


@pytest.mark.parametrize("boxed", [True, False])
def test_tiles_of_jpeg_2000_have_a_number_that_makes_sense(boxed: bool) -> None:
    picture = RGB.resize((256, 256))
    data = bytearray(saved(picture, "JPEG2000", no_jp2=not boxed, tile_size=(64, 64)))
    assert decode(bytes(data), name="x")[0].shape == (256, 256)
    struct.pack_into(">II", data, data.index(b"\xff\x4f\xff\x51") + 24, 1, 2)
    if boxed:  # a box that is longer than the file is as good as none to us, not to the decoder
        struct.pack_into(">I", data, data.index(b"jp2c") - 4, 2 * len(data))
    with pytest.raises(UnreadablePhotoError, match="tiles"):
        decode(bytes(data), name="x")


@pytest.mark.parametrize("palette", [True, False])
def test_a_tile_far_larger_than_its_picture_is_refused(*, palette: bool) -> None:
    assert decode(tiled_tiff(64, tile=256, palette=palette), name="x")[0].shape == (64, 64)
    with pytest.raises(UnreadablePhotoError, match="strips make no sense"):
        decode(tiled_tiff(64, tile=20_000, palette=palette), name="x")


@pytest.mark.parametrize("comment", ["latin \udce9", "x" * 200_000])
def test_any_comment_goes_into_jpeg_2000(comment: str) -> None:
    written = encode([photo(scene(8, 9), comment=comment)], format="JPEG2000", provenance=None)
    assert decode(written.data, name="x")[0].meta.comment == comment[:65_531]
    assert any("cut off" in line for line in written.lost) == (len(comment) > 65_531)


def test_odd_exif_makes_no_writer_print(recwarn: pytest.WarningsRecorder) -> None:
    block = exif.with_tags(None, {270: ifd.text_entry("a description of some length")})
    odd = block.replace(struct.pack("<HHI", 270, 2, 29), struct.pack("<HHI", 270, 2, 2900))
    encode([photo(scene(8, 9), exif=odd)], format="AVIF", provenance=None)
    assert list(recwarn) == []


def test_a_webp_too_large_for_lossy_is_written_lossless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above some two hundred megapixels; here the encoder is made to say so earlier."""
    real = pillow.save

    def save_or_not(image: Image.Image, kind: str, **options: object) -> bytes:
        if "lossless" not in options:
            raise ValueError("encoding error 6")
        return real(image, kind, **options)

    monkeypatch.setattr(pillow, "save", save_or_not)
    given = photo(scene(8, 9))
    written = encode([given], format="WEBP", provenance=PROVENANCE)
    assert any("lossless" in line for line in written.lost)
    assert b"VP8L" in written.data
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(written.data))), given.color)
