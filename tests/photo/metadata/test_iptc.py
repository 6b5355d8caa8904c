"""IPTC: found among the resources of other programs and behind the picture, and written again."""

import io
import struct
import zlib

import pytest
from PIL import Image, IptcImagePlugin

from photo.samples import carried, iptc_block, jp2_boxes, opened, photo, png_chunk, png_with, saved
from photo.unknown import RGB, entry, jp2_with, jpeg_with, tiff_with
from tintype.photo.decode import decode
from tintype.photo.encode import encode
from tintype.photo.formats.registry import FORMATS, writable_formats
from tintype.photo.metadata import ifd, iptc
from tintype.photo.photo import Photo

CAPTION = b"Market square, 1908"
RECORD = b"".join(
    b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(value)) + value
    for number, value in ((120, CAPTION), (25, b"market"), (25, b"1908"), (116, b"City Archive"))
)
ODD = (
    RECORD + b"\x1c\x02\x05" + struct.pack(">H", 2 - len(RECORD) % 2) + b"xy"[: 2 - len(RECORD) % 2]
)
HEAD = b"Photoshop 3.0\0"


def resource(signature: bytes, number: int, data: bytes, *, padded: bool = True) -> bytes:
    head = signature + struct.pack(">HH", number, 0) + struct.pack(">I", len(data))
    return head + data + b"\0" * (len(data) % 2 if padded else 0)


STANDARD = resource(b"8BIM", 0x0404, RECORD)
PHUT = resource(b"PHUT", 4000, b"something")
AGHG = resource(b"AgHg", 1000, b"something!")
FOTOSTATION = RECORD + struct.pack(">HII", 1, len(RECORD) + 10, 0xA1B2C3D4)
PREVIEW = b"a picture" + struct.pack(">HII", 4, 19, 0xA1B2C3D4)
PHOTO_MECHANIC = b"\x1c\x02\xd8\0\1\1".ljust(40, b"\0") + struct.pack(">I", 40) + b"cbipcbbl"

PLACES = {
    "after another program's": lambda: jpeg_with((0xED, HEAD + PHUT + STANDARD)),
    "before another program's": lambda: jpeg_with((0xED, HEAD + STANDARD + PHUT)),
    "between others": lambda: jpeg_with((0xED, HEAD + AGHG + STANDARD + PHUT)),
    "after an unknown program's": lambda: jpeg_with(
        (0xED, HEAD + resource(b"XyZ1", 7, b"odd") + STANDARD)
    ),
    "without the filling byte": lambda: jpeg_with(
        (0xED, HEAD + resource(b"8BIM", 1061, bytes(15), padded=False) + STANDARD)
    ),
    "after damage": lambda: jpeg_with((0xED, HEAD + b"8BIM\4\x25\0\0\xff\xff\xff\xff" + STANDARD)),
    "in two segments": lambda: jpeg_with(
        (0xED, HEAD + STANDARD[:50]), (0xED, HEAD + STANDARD[50:])
    ),
    "in the old segment": lambda: jpeg_with((0xED, b"Adobe_Photoshop2.5:" + STANDARD)),
    "in a bare segment": lambda: jpeg_with((0xED, RECORD)),
    "of FotoStation": lambda: jpeg_with(behind=FOTOSTATION),
    "of FotoStation before Photo Mechanic": lambda: jpeg_with(behind=FOTOSTATION + PHOTO_MECHANIC),
    "in a TIFF tag": lambda: tiff_with({33_723: entry(ifd.UNDEFINED, RECORD)}),
    "in a TIFF tag of resources": lambda: tiff_with({34_377: entry(ifd.BYTE, PHUT + STANDARD)}),
    "in a box": lambda: jp2_with(
        b"uuid", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + RECORD
    ),
    "in a box of Photoshop": lambda: jp2_with(
        b"uuid", bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb") + PHUT + STANDARD
    ),
    "in an old box": lambda: jp2_with(
        b"uuid", bytes.fromhex("09a14e97c0b442e0bebf36df6f0ce36f") + RECORD
    ),
    "in hexadecimal": lambda: png_with(saved(RGB, "PNG"), raw_profile(b"iptc", RECORD)),
    "in hexadecimal resources": lambda: png_with(saved(RGB, "PNG"), raw_profile(b"8bim", STANDARD)),
    "in resources called IPTC": lambda: png_with(saved(RGB, "PNG"), raw_profile(b"iptc", STANDARD)),
}


def raw_profile(kind: bytes, block: bytes) -> bytes:
    text = b"\n%s\n%8d\n%s\n" % (kind, len(block), block.hex().encode())
    return png_chunk(b"zTXt", b"Raw profile type " + kind + b"\0\0" + zlib.compress(text))


def one(data: bytes) -> Photo:
    (found,) = decode(data, name="x")
    return found


def record_in_jpeg(data: bytes) -> dict[tuple[int, int], object]:
    """What Pillow, which stops at the first resource that is not of Photoshop, reads."""
    return IptcImagePlugin.getiptcinfo(Image.open(io.BytesIO(data))) or {}


@pytest.mark.parametrize("place", PLACES)
def test_captions_are_found_wherever_programs_put_them(place: str) -> None:
    given = one(PLACES[place]())
    data = encode([given], format="JPEG", provenance=None).data
    found = record_in_jpeg(data)
    assert found[2, 120] == CAPTION
    assert found[2, 25] == [b"market", b"1908"]
    assert found[2, 116] == b"City Archive"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", [form for form in writable_formats() if form != "JPEG"])
def test_they_go_into_every_format_that_has_a_place(form: str, place: str) -> None:
    result = encode([one(PLACES[place]())], format=form, provenance=None)
    if "XMP" not in FORMATS[form].carries:
        assert "IPTC" in " ".join(result.lost)
        return
    if "IPTC" not in FORMATS[form].carries:
        packet = one(result.data).meta.xmp or b""
        assert CAPTION + b"</rdf:li></rdf:Alt></dc:description>" in packet
        assert b"<rdf:li>market</rdf:li><rdf:li>1908</rdf:li></rdf:Bag></dc:subject>" in packet
        return
    again = encode([one(result.data)], format="JPEG", provenance=None).data
    assert record_in_jpeg(again)[2, 120] == CAPTION


def test_resources_of_other_programs_are_kept_behind_those_of_photoshop() -> None:
    given = one(PLACES["between others"]())
    assert given.meta.iptc == STANDARD + AGHG + PHUT
    assert given.meta.notes == ()


def test_bytes_that_are_no_resource_are_said() -> None:
    kept, notes = iptc.without_thumbnails(STANDARD + b"8BIM\4\x25\0\0\xff\xff\xff\xffx")
    assert kept == STANDARD
    assert notes == ("13 damaged bytes of its Photoshop resources (IPTC) are left out.",)
    assert iptc.without_thumbnails(b"") == (None, ())
    assert iptc.without_thumbnails(iptc_block() + bytes(3))[1] == ()


def test_trailers_are_written_behind_the_picture_again_and_previews_named() -> None:
    given = one(jpeg_with(behind=FOTOSTATION + PREVIEW + PHOTO_MECHANIC))
    result = encode([given], format="JPEG", provenance=None)
    assert result.data.endswith(b"\xff\xd9" + FOTOSTATION + PHOTO_MECHANIC)
    assert result.lost == ("Left out: preview of FotoStation.",)
    assert opened(result.data).size == (56, 40)
    assert one(result.data).meta.iptc == given.meta.iptc


def test_captions_in_the_picture_win_over_those_behind_it() -> None:
    other = RECORD.replace(b"1908", b"1909")
    trailer = other + struct.pack(">HII", 1, len(other) + 10, 0xA1B2C3D4)
    given = one(jpeg_with((0xED, HEAD + STANDARD), behind=trailer))
    assert given.meta.iptc == STANDARD


@pytest.mark.parametrize("cut", [1, 11, 40, len(FOTOSTATION) - 1])
def test_a_trailer_that_is_cut_off_is_none(cut: int) -> None:
    assert one(jpeg_with(behind=FOTOSTATION[cut:])).meta.iptc is None


def test_a_jp2_keeps_the_other_resources_beside_the_record() -> None:
    result = encode([photo(iptc=STANDARD + PHUT)], format="JPEG2000", provenance=None)
    uuids = [body for kind, body in jp2_boxes(result.data) if kind == b"uuid"]
    assert [len(body) - 16 for body in uuids] == [len(RECORD), len(PHUT)]
    assert one(result.data).meta.iptc == STANDARD + PHUT
    assert carried(result.data).iptc is False  # another caption


def test_a_record_of_odd_length_is_filled() -> None:
    assert len(ODD) % 2 == 1
    blocks = iptc.with_record(None, ODD)
    assert len(blocks) % 2 == 0
    assert iptc.split_record(blocks) == (ODD, None)
    assert iptc.split_record(None) == (None, None)
