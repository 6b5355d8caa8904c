"""Whatever a reader does not recognise is carried, or named in a note; of every format."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from photo.samples import (
    PROVENANCE,
    SRGB,
    XMP,
    carried,
    deep,
    opened,
    png_chunk,
    png_with,
    rgb_profile,
    saved,
    srgb_curve,
)
from photo.unknown import (
    NAMES,
    PAYLOAD,
    RGB,
    UNKNOWN,
    entry,
    gif_with,
    heic,
    jp2_with,
    jpeg_with,
    sub_blocks,
    tiff_with,
    webp_with,
)
from tintype.photo.decode import decode
from tintype.photo.encode import Encoded, encode
from tintype.photo.formats.iso_boxes import write_box
from tintype.photo.formats.registry import FORMATS
from tintype.photo.metadata import ifd
from tintype.photo.parts import NamedText, UnknownParts
from tintype.photo.photo import Photo

SRGB_PROFILE = rgb_profile(SRGB, srgb_curve())


def one(data: bytes) -> Photo:
    (found,) = decode(data, name="x")
    return found


def again(data: bytes, form: str | None = None) -> Encoded:
    """The file coloured by nothing, in the format that is written by default."""
    given = one(data)
    return encode([given], format=form or FORMATS[given.meta.format].writes, provenance=PROVENANCE)


def test_every_format_has_its_file() -> None:
    assert set(UNKNOWN) == set(NAMES) == set(FORMATS)


@pytest.mark.parametrize("form", FORMATS)
def test_what_nobody_knows_is_carried_or_named(form: str) -> None:
    result = again(UNKNOWN[form]())
    assert (PAYLOAD in result.data) != (NAMES[form] in " ".join(result.lost))
    assert opened(result.data).size == (56, 40)
    assert ("unknown parts" in FORMATS[form].carries) == (PAYLOAD in result.data)


@pytest.mark.parametrize("form", FORMATS)
def test_another_format_names_what_it_cannot_carry(form: str) -> None:
    result = again(UNKNOWN[form](), "PNG" if form != "PNG" else "TIFF")
    assert NAMES[form] in " ".join(result.lost)
    assert PAYLOAD not in result.data


@pytest.mark.parametrize("form", FORMATS)
def test_a_stripped_file_carries_nothing(form: str) -> None:
    given = one(UNKNOWN[form]())
    form = FORMATS[form].writes
    result = encode([given], format=form, provenance=PROVENANCE, strip_metadata=True)
    assert PAYLOAD not in result.data


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (lambda: png_with(saved(RGB, "PNG"), png_chunk(b"sBIT", b"\6\6\6")), "chunk sBIT"),
        (lambda: png_with(saved(RGB, "PNG"), png_chunk(b"pHYs", b"\0\0\0\2\0\0\0\1\0")), "pHYs"),
        (lambda: saved(RGB, "PNG") + PAYLOAD, "after its end"),
        (lambda: tiff_with({330: entry(ifd.LONG, struct.pack("<I", 8))}), "SubIFD"),
        (lambda: tiff_with({65_002: entry(ifd.IFD, struct.pack("<I", 8))}), "tag 65002"),
        (lambda: tiff_with({37_724: entry(ifd.UNDEFINED, PAYLOAD)}), "layers"),
        (lambda: jpeg_with((0xE8, b"SPIFF\0" + PAYLOAD)), "SPIFF"),
        (lambda: jpeg_with((0xE1, b"Exif\0\0II*\0"), (0xE1, b"Exif\0\0II*\0")), "second EXIF"),
        (lambda: jp2_with(b"jpch", PAYLOAD), "box jpch"),
        (lambda: gif_with(b"", b"") + PAYLOAD, "after its end"),
        (lambda: avif_with_property(b"udes"), "property udes"),
        (lambda: heic() + write_box(b"uuid", PAYLOAD), "box uuid"),
    ],
)
def test_what_would_not_be_true_is_named(data: object, name: str) -> None:
    assert name in " ".join(again(data()).lost)


def avif_with_property(kind: bytes) -> bytes:
    """An AVIF in which a property has another kind."""
    return saved(RGB, "AVIF").replace(b"pixi", kind)


def test_channels_beside_the_colours_are_named() -> None:
    for channels, title in ((4, "an extra channel"), (5, "2 extra channels")):
        stream = io.BytesIO()
        extras = [0] * (channels - 3)
        tifffile.imwrite(stream, deep(channels=channels), photometric="rgb", extrasamples=extras)
        assert title in " ".join(one(stream.getvalue()).meta.notes)


def test_a_private_directory_is_named_and_its_number_not_copied() -> None:
    data = tiff_with({65_003: entry(ifd.LONG, struct.pack("<I", 0))})
    structure = ifd.open_structure(data)
    place = structure.directory(structure.first).places[65_003]
    inner = ifd.serialize({1: entry(ifd.ASCII, b"x\0")}, order="<", base=len(data))
    pointing = data[:place] + struct.pack("<I", len(data)) + data[place + 4 :] + inner
    assert "tag 65003" in " ".join(again(pointing).lost)
    assert "tag 65003" not in " ".join(again(data).lost)


GEO = {
    33_550: entry(12, struct.pack("<3d", 0.5, 0.5, 0)),
    33_922: entry(12, struct.pack("<6d", 0, 0, 0, 396_000, 5_820_000, 0)),
    34_735: entry(ifd.SHORT, struct.pack("<8H", 1, 1, 0, 1, 3072, 0, 1, 25_833)),
}


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_georeference_is_carried_in_either_byte_order(order: str) -> None:
    given = one(tiff_with({**GEO, 274: entry(ifd.SHORT, b"\1\0")}))
    block = {"<": None, ">": b"MM\0*\0\0\0\x08\0\0\0\0\0\0"}[order]
    given = replace(given, meta=replace(given.meta, exif=block))
    data = encode([given], format="TIFF", provenance=None).data
    assert data[:2] == (b"MM" if order == ">" else b"II")
    tags = opened(data).tag_v2
    assert tags[33_550] == (0.5, 0.5, 0)
    assert tags[34_735][-1] == 25_833


def test_a_georeference_of_a_turned_picture_is_named() -> None:
    result = again(tiff_with({**GEO, 274: entry(ifd.SHORT, b"\6\0")}))
    assert "turned upright: ModelPixelScale" in " ".join(result.lost)
    assert 33_550 not in opened(result.data).tag_v2


def test_dates_and_backgrounds_of_a_png_are_carried() -> None:
    chunks = (png_chunk(b"tIME", b"\7\x8b\5\6\1\2\3"), png_chunk(b"bKGD", b"\0\xff"))
    grey = png_with(saved(RGB[..., 0], "PNG"), *chunks)
    colored = replace(one(grey), color=RGB, grey=np.asarray(Image.fromarray(RGB).convert("L")))
    data = encode([colored], format="PNG", provenance=None).data
    assert chunks[0] in data
    assert png_chunk(b"bKGD", b"\0\xff" * 3) in data
    assert png_chunk(b"bKGD", b"\0\xff") in again(grey).data
    assert opened(data).mode == "RGB"


@pytest.mark.parametrize("shape", [(1, 1), (0, 1), (72, 72)])
def test_square_pixels_without_a_unit_are_nothing_to_tell(shape: tuple[int, int]) -> None:
    chunk = png_chunk(b"pHYs", struct.pack(">IIB", *shape, 0))
    assert one(png_with(saved(RGB, "PNG"), chunk)).meta.notes == ()


def test_significant_bits_are_told_where_they_are_fewer() -> None:
    whole = one(png_with(saved(RGB, "PNG"), png_chunk(b"sBIT", b"\x08\x08\x08")))
    assert whole.meta.notes == ()
    fewer = one(png_with(saved(RGB, "PNG"), png_chunk(b"sBIT", b"\x08\x08\5")))
    assert "sBIT" in fewer.meta.notes[0]


def test_texts_of_a_png_keep_their_language_and_program() -> None:
    title = "Köln".encode()
    chunks = (
        png_chunk(b"tEXt", b"Software\0VueScan 9"),
        png_chunk(b"iTXt", b"Title\0\0\0de\0Titel\0" + title),
        png_chunk(b"zTXt", b"Raw profile type other\0\0" + zlib.compress(b"x")),
    )
    data = again(png_with(saved(RGB, "PNG"), *chunks)).data
    assert chunks[1] in data
    text = opened(data).text
    assert text["Software"] == f"{PROVENANCE.sentence}; VueScan 9"
    assert text["Raw profile type other"] == "x"
    assert (text["Title"].lang, text["Title"].tkey) == ("de", "Titel")
    twice = again(data).data
    assert opened(twice).text["Software"] == f"{PROVENANCE.sentence}; VueScan 9"
    assert NamedText("Title", "Köln", "de", "Titel") in one(twice).meta.text


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"icc_profile": SRGB_PROFILE}])
def test_an_extended_webp_is_what_other_readers_open(options: dict[str, object]) -> None:
    given = one(webp_with(b"NOBY", PAYLOAD + b"!", **options))
    result = encode([given], format="WEBP", provenance=None)
    assert PAYLOAD + b"!" in result.data
    assert len(result.data) == 8 + struct.unpack_from("<I", result.data, 4)[0]
    # Unknown chunks belong to the extended form, which states the size of the picture again.
    assert result.data[12:16] == b"VP8X"
    assert result.data[24:30] == struct.pack("<HBHB", 55, 0, 39, 0)
    assert opened(result.data).size == (56, 40)
    assert one(result.data).meta.parts == given.meta.parts


@pytest.mark.parametrize("lossless", [True, False])
def test_an_extended_webp_keeps_its_transparency(lossless: bool) -> None:
    rgba = np.dstack([RGB, np.arange(56 * 40, dtype=np.uint32).reshape(40, 56) % 256])
    data = saved(rgba.astype(np.uint8), "WEBP", lossless=lossless, exact=True)
    more = b"NOBY" + struct.pack("<I", 4) + b"more"
    given = one(data[:4] + struct.pack("<I", len(data) - 8 + len(more)) + data[8:] + more)
    result = encode([given], format="WEBP", provenance=None)
    assert b"NOBY" in result.data
    assert result.data[12:16] == b"VP8X"
    assert result.data[20] & 0x10
    back = one(result.data)
    assert back.alpha is not None
    assert np.array_equal(back.alpha, given.alpha)


def test_a_gif_gives_its_packet_its_profile_and_its_comment() -> None:
    icc = SRGB_PROFILE
    packet = gif_with(b"XMP DataXMP", XMP + bytes([1, *range(255, -1, -1)]))
    result = again(packet)
    assert "Großmutter &amp; Kind".encode() in (carried(result.data).xmp or b"")
    assert again(gif_with(b"ICCRGBG1012", sub_blocks(icc))).lost == ()
    assert one(gif_with(b"ICCRGBG1012", sub_blocks(icc))).meta.icc == icc
    assert again(gif_with(b"NETSCAPE2.0", b"\3\1\0\0")).lost == ()
    assert again(gif_with(b"ImageMagick", sub_blocks(b"gamma=0.454545"))).lost == ()
    assert again(gif_with(b"ImageMagick", sub_blocks(b"gamma=0"))).lost == ()
    assert "ImageMagick" in again(gif_with(b"ImageMagick", sub_blocks(b"gamma=1.0"))).lost[0]
    commented = saved(RGB[..., 0], "GIF", comment=b"A caption")
    assert carried(again(commented).data).text["Comment"] == "A caption"


def test_segments_of_cameras_are_carried_in_their_order() -> None:
    first, second = b"FLIR\0\1\0\1" + PAYLOAD, b"FLIR\0\1\1\1" + PAYLOAD[::-1]
    result = again(jpeg_with((0xE1, first), (0xEC, b"OLYMPUS\0[picture info]"), (0xE1, second)))
    assert result.lost == ()
    places = [result.data.index(part) for part in (first, b"[picture info]", second)]
    assert places == sorted(places)


def test_more_parts_than_any_file_has_are_counted() -> None:
    chunks = [png_chunk(b"noBy", b"%d" % i) for i in range(3000)]
    kinds = [png_chunk(b"n%c%cY" % (65 + i % 26, 97 + i // 26 % 26), b"") for i in range(676)]
    found = one(png_with(saved(RGB, "PNG"), *chunks, *kinds))
    assert len(found.meta.parts) == 500
    assert "chunk noBy (2500 times)" in found.meta.notes[0]
    assert found.meta.notes[0].endswith(" more.")
    assert len(found.meta.notes[0]) < 200


def test_parts_of_an_absurd_size_are_named() -> None:
    unknown = UnknownParts()
    unknown.carry("small", b"", b"x")
    unknown.carry("large", b"", bytes(17 << 20))
    assert [part.name for part in unknown.carried] == ["small"]
    assert unknown.notes() == ("Left out: large.",)


def test_names_from_a_file_are_printable() -> None:
    result = again(jpeg_with((0xE6, b"\x1b[31m\nred\0" + PAYLOAD)), "PNG")
    assert 'APP6 ".[31m.red"' in " ".join(result.lost)
