"""Where a photograph was taken does not leave the machine unasked."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from tintype.photo.decode import decode
from tintype.photo.encode import encode
from tintype.photo.metadata.ifd import DirectoryEntry, header, open_structure, serialize
from tintype.photo.metadata.iptc import datasets, read_resources
from tintype.photo.metadata.location import without_location
from tintype.photo.parts import NamedText, Part
from tintype.photo.photo import Metadata, Photo

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,51.29N"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><exif:GPSLongitude>2,17.40E</exif:GPSLongitude>
 <dc:source>album 7</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>"""


def placed_jpeg() -> bytes:
    exif = Image.Exif()
    exif[271] = "Maker of cameras"
    exif[34853] = {
        1: "N",
        2: tuple(TiffImagePlugin.IFDRational(v, 7) for v in (336, 357, 1234)),
        3: "E",
        29: "1931:05:06",
    }
    file = io.BytesIO()
    grey = np.random.default_rng(0).integers(0, 256, (30, 40), dtype=np.uint8)
    Image.fromarray(grey).save(file, "JPEG", exif=exif, xmp=XMP)
    return file.getvalue()


def test_coordinates_are_wiped_and_the_rest_stays() -> None:
    data = placed_jpeg()
    photo = decode(data, name="x")[0]
    assert photo.meta.exif is not None
    assert struct.pack("<II", 336, 7) in photo.meta.exif or b"1931:05:06" in photo.meta.exif
    cleaned = without_location(photo)
    written = encode([cleaned], format="JPEG", provenance=None).data
    for trace in (b"1931:05:06", b"48,51.29N", b"2,17.40E", struct.pack("<II", 336, 7)):
        assert trace not in written
    with Image.open(io.BytesIO(written)) as image:
        tags = image.getexif()
        assert tags[271] == "Maker of cameras"
        assert 34853 not in tags
        assert not tags.get_ifd(34853)
    assert b"album 7" in written
    assert cleaned.grey is photo.grey


def test_a_photo_without_a_place_stays_as_it_is() -> None:
    exif = Image.Exif()
    exif[271] = "Maker"
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(file, "JPEG", exif=exif)
    photo = decode(file.getvalue(), name="x")[0]
    assert without_location(photo).meta == photo.meta


def test_what_cannot_be_followed_is_left_out_and_said() -> None:
    damaged = Metadata("JPEG", exif=b"II*\0\xff\xff\xff\x7f", xmp=b"<no xmp")
    text = (NamedText("Raw profile type exif", "00"), NamedText("Title", "Mother"))
    photo = Photo(np.zeros((4, 4), np.uint8), None, "grey", damaged)
    cleaned = without_location(photo).meta
    assert cleaned.exif is None
    assert cleaned.xmp is None
    assert len(cleaned.notes) == 2
    assert all("left out" in note for note in cleaned.notes)
    png = Photo(photo.grey, None, "grey", Metadata("PNG", text=text))
    assert without_location(png).meta.text == (NamedText("Title", "Mother"),)
    unknown = Part("GeoDoubleParamsTag (tag 34736)", b"", b"where it is")
    placed = without_location(Photo(photo.grey, None, "grey", Metadata("TIFF", parts=(unknown,))))
    assert placed.meta.parts == ()
    assert "GeoDoubleParamsTag" in placed.meta.notes[0]


def dataset(number: int, text: bytes, record: int = 2) -> bytes:
    return bytes([0x1C, record, number]) + struct.pack(">H", len(text)) + text


def resource(number: int, data: bytes, signature: bytes = b"8BIM") -> bytes:
    head = signature + struct.pack(">H", number) + b"\0\0" + struct.pack(">I", len(data))
    return head + data + b"\0" * (len(data) % 2)


def plain(**meta: Any) -> Photo:
    return Photo(np.zeros((8, 8), np.uint8), None, "grey", Metadata("JPEG", **meta))


PLACES = {26: b"FRA", 27: b"Whereland", 90: b"Wherecity", 92: b"Wherestreet", 95: b"Whereshire"}
PLACES |= {100: b"WHR", 101: b"Wherecountry"}
CAPTIONS = {5: b"Title", 25: b"wedding", 105: b"Headline", 120: b"Mother in Wherecity"}


def test_the_places_of_iptc_go_and_its_captions_stay() -> None:
    record = dataset(90, b"\x1b%G", 1) + dataset(0, b"\0\4")
    record += b"".join(dataset(number, text) for number, text in (PLACES | CAPTIONS).items())
    long = bytes([0x1C, 2, 120]) + b"\x80\x04" + struct.pack(">I", 40_000) + b"x" * 40_000
    blocks = resource(1005, b"\0" * 16) + resource(0x0404, record + long)
    blocks += resource(1061, b"digest of before")
    cleaned = without_location(plain(iptc=blocks)).meta
    assert cleaned.iptc is not None
    found = [item for item in read_resources(cleaned.iptc).items if item.is_iptc]
    kept = {(one.record, one.number) for one in datasets(found[0].data)[0]}
    assert kept == {(1, 90), (2, 0), *((2, number) for number in CAPTIONS)}
    assert b"x" * 40_000 in cleaned.iptc
    assert b"digest of before" not in cleaned.iptc
    assert resource(1005, b"\0" * 16) in cleaned.iptc
    for text in PLACES.values():
        assert text not in cleaned.iptc.replace(CAPTIONS[120], b"")
    assert cleaned.notes == ()
    # A format without IPTC gets them as XMP: the places do not come back there.
    written = encode([without_location(plain(iptc=blocks))], format="WEBP", provenance=None)
    assert b"Mother in Wherecity" in written.data
    assert b"Whereshire" not in written.data
    assert b"photoshop:City" not in written.data


def test_captions_without_a_place_stay_as_they_are() -> None:
    blocks = resource(0x0404, dataset(120, b"Mother")) + resource(1061, b"digest")
    assert without_location(plain(iptc=blocks)).meta.iptc == blocks
    nothing = resource(0x0404, dataset(90, b"Wherecity"))
    assert without_location(plain(iptc=nothing)).meta.iptc is None


def test_what_may_hold_a_place_in_resources_is_left_out_and_said() -> None:
    blocks = resource(0x0404, dataset(120, b"Mother") + b"\x1c\2\x5a\x7f\xffWherecity")
    blocks += resource(1058, b"EXIF of Wherecity") + resource(1060, b"XMP of Wherecity")
    cleaned = without_location(plain(iptc=blocks)).meta
    assert cleaned.iptc is not None
    assert b"Wherecity" not in cleaned.iptc
    assert b"Mother" in cleaned.iptc
    assert len(cleaned.notes) == 2
    assert any("damaged bytes of its IPTC" in note for note in cleaned.notes)
    assert any("Copies of its EXIF and XMP" in note for note in cleaned.notes)


NAMESPACES = {
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "core": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "drone": "http://www.dji.com/drone-dji/1.0/",
    "geo": "http://www.w3.org/2003/01/geo/wgs84_pos#",
    "mm": "http://ns.adobe.com/xap/1.0/mm/",
}
FIELDS = ["photoshop:City", "photoshop:State", "photoshop:Country", "core:Location"]
FIELDS += ["core:CountryCode", "exif:GPSLatitude", "dc:coverage", "drone:GpsLongitude", "geo:lat"]


def packet(attributes: str = "", properties: str = "") -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in NAMESPACES.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        f'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" {spaces}>'
        f'<rdf:Description rdf:about="" photoshop:Headline="Mother" {attributes}>'
        f"<dc:source>album 7</dc:source>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


@pytest.mark.parametrize("field", FIELDS)
def test_the_places_of_xmp_go_however_they_are_written(field: str) -> None:
    nested = f'<rdf:Bag><rdf:li><rdf:Description {field}="Where"/></rdf:li></rdf:Bag>'
    for written in (
        packet(f'{field}="Where"'),
        packet("", f"<{field}>Where</{field}>"),
        packet("", f"<{field}><rdf:Bag><rdf:li>Where</rdf:li></rdf:Bag></{field}>"),
        packet("", f"<mm:Pantry>{nested}</mm:Pantry>"),
    ):
        cleaned = without_location(plain(xmp=written)).meta.xmp
        assert cleaned is not None
        assert b"Where" not in cleaned
        assert b"Mother" in cleaned
        assert b"album 7" in cleaned


def test_the_structures_of_iptc_go_and_the_address_of_the_author_stays() -> None:
    place = (
        '<rdf:Bag><rdf:li rdf:parseType="Resource"><ext:City>Where</ext:City></rdf:li></rdf:Bag>'
    )
    author = (
        '<core:CreatorContactInfo rdf:parseType="Resource"><core:CiAdrCity>Hometown'
        "</core:CiAdrCity></core:CreatorContactInfo>"
    )
    written = packet(
        "", f"<ext:LocationCreated>{place}</ext:LocationCreated>"
        f"<ext:LocationShown>{place}</ext:LocationShown>{author}"
    )  # fmt: skip
    cleaned = without_location(plain(xmp=written)).meta.xmp
    assert cleaned is not None
    assert b"Where" not in cleaned
    assert b"Hometown" in cleaned
    untouched = packet("", author)
    assert without_location(plain(xmp=untouched)).meta.xmp == untouched


@pytest.mark.parametrize("order", ["<", ">"])
def test_maker_notes_packets_and_every_gps_directory_go(order: str) -> None:
    def text(value: bytes) -> DirectoryEntry:
        return DirectoryEntry(7, len(value), value)

    gps = {1: text(b"N\0"), 29: text(b"Where on that day")}
    details = {36867: text(b"1931:05:06 10:00:00"), 37500: text(b"Where by Panasonic"), 34853: gps}
    tags = {
        271: text(b"Maker of cameras"),
        700: text(b"XMP about Where"),
        33723: text(b"IPTC about Where"),
        34665: details,
        34853: gps,
    }
    block = header(order) + serialize(tags, order=order, base=8)
    cleaned = without_location(plain(exif=block)).meta
    assert cleaned.exif is not None
    assert b"Where" not in cleaned.exif
    assert b"Maker of cameras" in cleaned.exif
    assert b"1931:05:06 10:00:00" in cleaned.exif
    assert len(cleaned.exif) == len(block)  # nothing moves
    structure = open_structure(cleaned.exif)
    first = structure.directory(structure.first)
    below = structure.sub_directory(first, 34665)
    assert below is not None
    assert (set(first.entries), set(below.entries)) == ({271, 34665}, {36867})
    assert [note for note in cleaned.notes if "maker note" in note]
    assert without_location(plain(exif=cleaned.exif)).meta.exif == cleaned.exif


def test_texts_of_a_png_that_name_a_place_go() -> None:
    keys = ["exif:GPSLatitude", "photoshop:City", "Location", "Country Code", "sub-location"]
    text = tuple(NamedText(key, "Where") for key in [*keys, "Title", "Cityscape"])
    kept = without_location(plain(text=text)).meta.text
    assert [one.keyword for one in kept] == ["Title", "Cityscape"]
