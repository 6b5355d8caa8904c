"""Where a photograph was taken does not leave the machine unasked."""

import io
import struct

import numpy as np
from PIL import Image, TiffImagePlugin

from tintype.photo.decode import decode
from tintype.photo.encode import encode
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
