"""TIFF: every layout of 16 bits, and what is written, checked by tifffile."""

import io
import os
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from photo.samples import (
    MAKER_NOTE,
    PROVENANCE,
    SRGB,
    XMP,
    deep,
    exif_block,
    exif_facts,
    iptc_block,
    lzw,
    opened,
    photo,
    rgb_profile,
    saved,
    scene,
    srgb_curve,
)
from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.decode import decode, photo_from_array
from tintype.photo.encode import encode
from tintype.photo.formats import tiff_pages, tiff_write
from tintype.photo.formats.codec import OutputMetadata
from tintype.photo.metadata import exif, ifd
from tintype.photo.photo import Photo


def one(data: bytes) -> Photo:
    (found,) = decode(data, name="x")
    return found


def by_tifffile(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 7},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True, "rowsperstrip": 9},
        {"tile": (32, 16)},
        {"tile": (16, 48), "compression": "zlib", "predictor": True},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "compression": "zlib", "rowsperstrip": 5},
        {"planarconfig": "separate", "tile": (16, 32)},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_of_every_layout_are_read_whole(
    dtype: type, options: dict[str, Any], bigtiff: bool, byteorder: str
) -> None:
    pixels = deep(40, 56).astype(dtype)
    stored = np.moveaxis(pixels, -1, 0) if "planarconfig" in options else pixels
    data = by_tifffile(stored, photometric="rgb", bigtiff=bigtiff, byteorder=byteorder, **options)
    found = one(data)
    assert found.grey.dtype == dtype
    assert np.array_equal(found.grey, photo_from_array(pixels).grey)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_greys_of_16_bits_keep_their_sign(byteorder: str, inverted: bool) -> None:
    pixels = deep(channels=1)
    photometric = "miniswhite" if inverted else "minisblack"
    found = one(by_tifffile(pixels, photometric=photometric, byteorder=byteorder))
    assert np.array_equal(found.grey, 65_535 - pixels if inverted else pixels)


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha", "unspecified"])
@pytest.mark.parametrize("channels", [2, 4])
def test_the_extra_channel_is_alpha_where_the_file_says_so(channels: int, kind: str) -> None:
    pixels = deep(channels=channels)
    if kind == "assocalpha":
        pixels[..., -1] |= 0x8000
        pixels[..., :-1] >>= 1
    photometric = "rgb" if channels == 4 else "minisblack"
    data = by_tifffile(pixels, photometric=photometric, extrasamples=[kind], planarconfig="contig")
    found = one(data)
    if kind == "unspecified":
        assert found.alpha is None
        assert np.array_equal(found.grey, photo_from_array(pixels[..., :-1].squeeze()).grey)
        return
    assert np.array_equal(found.alpha, pixels[..., -1])
    plain = pixels[..., :-1].astype(float)
    if kind == "assocalpha":
        plain = np.round(plain * 65_535 / pixels[..., -1:])
    expected = photo_from_array(plain.astype(np.uint16).squeeze()).grey
    assert np.abs(found.grey.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("width", [20, 21])
@pytest.mark.parametrize("order", ["<", ">"])
def test_lzw_of_16_bit_colours_is_read_whole(order: str, width: int, predictor: bool) -> None:
    pixels = deep(15, width)
    strips = []
    for top in range(0, 15, 4):
        strip = pixels[top : top + 4]
        stored = np.diff(strip, axis=1, prepend=np.uint16(0)) if predictor else strip
        strips.append(lzw(stored.astype(f"{order}u2").tobytes()))
    found = one(tiff_of_strips(strips, order=order, width=width, predictor=predictor))
    assert np.array_equal(found.grey, photo_from_array(pixels).grey)


def tiff_of_strips(strips: list[bytes], *, order: str, width: int, predictor: bool) -> bytes:
    """A 15-row RGB TIFF of 16 bits with LZW strips of four rows."""
    body, offsets = b"", []
    for strip in strips:
        offsets.append(8 + len(body))
        body += strip + b"\0" * (len(strip) % 2)
    rows: dict[int, Any] = {
        256: (4, [width]),
        257: (4, [15]),
        258: (3, [16] * 3),
        259: (3, [5]),
        262: (3, [2]),
        273: (4, offsets),
        277: (3, [3]),
        278: (4, [4]),
        279: (4, [len(strip) for strip in strips]),
        317: (3, [2 if predictor else 1]),
    }
    tags = {tag: ifd.integer_entry(order, kind, *values) for tag, (kind, values) in rows.items()}
    directory = ifd.serialize(tags, order=order, base=8 + len(body))
    head = ifd.header(order)[:4] + struct.pack(order + "I", 8 + len(body))
    return head + body + directory


@pytest.mark.parametrize("packing", ["none", "deflate"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_written_is_what_tifffile_reads(dtype: type, channels: int, packing: str) -> None:
    pixels = deep(700, 600, channels).astype(dtype)
    page = tiff_write.TiffPage(np.atleast_3d(pixels), channels in (2, 4), packing, OutputMetadata())
    data = tiff_write.write([page, page])
    assert data is not None
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert len(file.pages) == 2
        for number in range(2):
            assert np.array_equal(file.pages[number].asarray(), pixels)
        assert len(file.pages[0].dataoffsets) == -(-pixels.nbytes // 2**20)


def test_the_tags_of_each_page_are_its_own() -> None:
    pages = [
        photo(
            scene(seed=i), form="TIFF", exif=exif_block(1, thumbnail=False), dpi=(100.0 + i, 50.0)
        )
        for i in range(3)
    ]
    result = encode(pages, format="TIFF", provenance=PROVENANCE)
    back = decode(result.data, name="x")
    assert [page.meta.dpi for page in back] == [(100.0, 50.0), (101.0, 50.0), (102.0, 50.0)]
    for page in back:
        facts = exif_facts(page.meta.exif)
        assert facts["description"] == "A street"
        assert facts["maker note"] == MAKER_NOTE
        assert facts["gps"] == "N"
        assert facts["software"] == f"{PROVENANCE.sentence}; Scanner 3"


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_page_carries_all_its_metadata_for_pillow(order: str) -> None:
    icc = rgb_profile(SRGB, srgb_curve())
    given = photo(
        deep(), form="TIFF", exif=exif_block(1, order=order, thumbnail=False), xmp=XMP, icc=icc,
        iptc=iptc_block(), dpi=(300.0, 300.0),
    )  # fmt: skip
    image = opened(encode([given], format="TIFF", provenance=None).data)
    assert image.info["icc_profile"] == icc
    assert "Großmutter".encode() in image.tag_v2[700]
    assert image.info["dpi"] == (300, 300)
    assert image.getexif().get_ifd(34853)[1] == "N"
    assert b"A caption" in image.tag_v2[34377]


def test_pages_of_different_byte_orders_meet_in_one_file() -> None:
    pages = [photo(form="TIFF", exif=exif_block(1, order=order, thumbnail=False)) for order in "<>"]
    for page in decode(encode(pages, format="TIFF", provenance=None).data, name="x"):
        facts = exif_facts(page.meta.exif)
        assert (facts["description"], facts["gps"]) == ("A street", "N")
        assert facts["size"] == (40, 56)
        assert facts["maker note"] == MAKER_NOTE


def test_captions_in_the_old_tag_are_kept() -> None:
    record = b"\x1c\x02\x78\0\x09A caption"
    found = one(
        by_tifffile(scene(), photometric="rgb", extratags=[(33723, 7, None, record, False)])
    )
    again = encode([found], format="TIFF", provenance=None).data
    assert b"A caption" in opened(again).tag_v2[34377]


def test_small_copies_of_a_page_are_left_out() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(scene(), photometric="rgb")
        writer.write(scene(10, 14), photometric="rgb", subfiletype=1)
        writer.write(scene(seed=2), photometric="rgb")
    assert [page.shape for page in decode(stream.getvalue(), name="x")] == [(40, 56), (40, 56)]


def test_pages_may_differ_in_kind() -> None:
    images = [
        Image.fromarray(scene()),
        Image.fromarray(scene(seed=1)).convert("1"),
        Image.fromarray(deep(channels=1)),
    ]
    data = saved(images[0], "TIFF", save_all=True, append_images=images[1:])
    pages = decode(data, name="x")
    assert [page.bits for page in pages] == [8, 8, 16]
    assert [page.tone for page in pages] == ["color", "grey", "grey"]
    again = decode(encode(pages, format="TIFF", provenance=None).data, name="x")
    for before, after in zip(pages, again, strict=True):
        assert np.array_equal(before.grey, after.grey)


def test_too_many_pages_are_refused() -> None:
    first = photo(np.zeros((1, 1, 3), np.uint8), form="TIFF")
    data = encode([first] * (tiff_pages.MAX_PAGES + 1), format="TIFF", provenance=None).data
    with pytest.raises(UnsupportedPhotoError, match="more than 1000 pages"):
        decode(data, name="x")


def test_directories_that_go_in_a_circle_end() -> None:
    data = bytearray(by_tifffile(scene(), photometric="rgb", metadata=None))
    structure = ifd.open_structure(bytes(data))
    page = structure.directory(structure.first)
    at = page.offset + page.size - 4
    data[at : at + 4] = struct.pack("<I", page.offset)
    assert len(decode(bytes(data), name="x")) == 1


def test_a_second_page_that_is_cut_off_does_not_vanish() -> None:
    pages = [Image.fromarray(scene(seed=i)) for i in range(2)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    structure = ifd.open_structure(data)
    second = structure.directory(structure.first).next_offset
    with pytest.raises(UnreadablePhotoError, match="page 2 is cut off"):
        decode(data[: second + 1], name="x")


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        (np.zeros((8, 8), np.complex64), {}),
        (np.zeros((8, 8, 4), np.float32), {"photometric": "separated"}),
        (np.zeros((8, 8, 3), np.float32), {"photometric": "cielab"}),
    ],
)
def test_other_samples_are_refused_and_never_cut_to_8_bits(
    pixels: np.ndarray, options: dict[str, str]
) -> None:
    with pytest.raises(UnsupportedPhotoError, match=r"^x (has|is a TIFF with)"):
        decode(by_tifffile(pixels, **options), name="x")


def test_what_libtiff_prints_is_caught_and_told(capfd: pytest.CaptureFixture[str]) -> None:
    image = Image.fromarray(scene(200, 300)).convert("1")
    data = bytearray(saved(image, "TIFF", compression="group4"))
    data[400:404] = b"\x55\xaa\x55\xaa"
    found = one(bytes(data))
    assert "Parts of it may be damaged (libtiff: Fax4Decode" in found.meta.notes[0]
    assert capfd.readouterr().err == ""


def test_a_file_beyond_four_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_write, "_MAX_BYTES", 500)
    with pytest.raises(UnsupportedPhotoError, match="4 GB"):
        encode([photo(form="TIFF")], format="TIFF", provenance=None)


def test_an_exif_directory_that_points_to_itself_ends() -> None:
    block = bytearray(exif_block(1, thumbnail=False))
    structure = ifd.open_structure(bytes(block))
    page = structure.directory(structure.first)
    block[page.places[exif.EXIF_IFD] : page.places[exif.EXIF_IFD] + 4] = struct.pack("<I", 8)
    data = encode([photo(form="TIFF", exif=bytes(block))], format="TIFF", provenance=None).data
    assert exif_facts(one(data).meta.exif)["make"] == "Camera works"


def pages_that_share(count: int, *tags: tuple[int, int], size: int) -> bytes:
    """Pages of one pixel, each of which has tags of the same bytes."""
    shared = bytes(range(256)) * (size // 256)
    data = b"II*\0" + struct.pack("<I", 12 + size) + b"\x80\0\0\0" + shared
    for number in range(count):
        rows = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
        rows += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 1)]
        rows += [(tag, kind, size, 12) for tag, kind in tags]
        table = struct.pack("<H", len(rows))
        table += b"".join(struct.pack("<HHII", *row) for row in sorted(rows))
        last = number + 1 == count
        data += table + struct.pack("<I", 0 if last else len(data) + len(table) + 4)
    return data


def test_pages_that_claim_the_same_bytes_over_and_over_go_without() -> None:
    few = decode(pages_that_share(3, (65_001, 7), size=2048), name="x")
    assert [len(page.meta.parts) for page in few] == [1, 1, 1]
    many = decode(pages_that_share(40, (65_001, 7), size=1 << 18), name="x")
    assert sum(len(part.data) for page in many for part in page.meta.parts) < 2 << 20
    assert "far too large" in many[-1].meta.notes[0]


def test_equal_blocks_of_many_pages_are_kept_once() -> None:
    pages = decode(pages_that_share(40, (34_377, 1), (34_675, 7), size=1 << 18), name="x")
    assert len({id(page.meta.icc) for page in pages}) == 1
    profile = rgb_profile(SRGB, srgb_curve())
    given = [photo(form="TIFF", icc=profile)] * 30
    again = decode(encode(given, format="TIFF", provenance=None).data, name="x")
    assert all(page.meta.icc == profile for page in again)
    assert len({id(page.meta.icc) for page in again}) == 1


def test_a_compression_that_libtiff_lacks_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> None:
        os.write(2, b"x.tif: WEBP compression support is not configured.\n")
        raise UnreadablePhotoError("x is damaged or incomplete: decoder error -2.")

    monkeypatch.setattr("tintype.photo.formats.tiff._read_with_pillow", lacking)
    data = saved(scene(), "TIFF", compression="jpeg")
    with pytest.raises(UnsupportedPhotoError, match=r"compression that cannot be read here\. Save"):
        decode(data, name="x")
