"""Captions of IPTC as XMP."""

import struct
from xml.etree import ElementTree as ET

import pytest

from photo.samples import PROVENANCE, XMP, photo
from tintype.photo.decode import decode, read_provenance
from tintype.photo.encode import encode
from tintype.photo.metadata import captions, iptc, xmp

DC = "{http://purl.org/dc/elements/1.1/}"
PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
UTF_8 = b"\x1c\x01\x5a\0\3\x1b%G"


def dataset(number: int, data: bytes, record: int = 2) -> bytes:
    return b"\x1c" + bytes([record, number]) + struct.pack(">H", len(data)) + data


def found(packet: bytes) -> dict[str, list[str]]:
    """The texts of every property."""
    root = ET.fromstring(packet.decode().split("?>", 1)[1].rsplit("<?", 1)[0])
    (description,) = root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    return {child.tag: [text for text in child.itertext() if text] for child in description}


def test_every_caption_has_its_property() -> None:
    record = b"".join(
        dataset(number, data)
        for number, data in (
            (0, b"\0\2"), (120, b"Fish & <chips>"), (25, b"a"), (25, b"b"), (80, b"J. Doe"),
            (116, b"(c) Archive"), (105, b"Headline"), (90, b"Hull"), (55, b"19080506"),
        )
    )  # fmt: skip
    packet, unmapped = captions.with_captions(None, record)
    assert unmapped == []
    assert found(packet) == {
        f"{DC}description": ["Fish & <chips>"],
        f"{DC}subject": ["a", "b"],
        f"{DC}creator": ["J. Doe"],
        f"{DC}rights": ["(c) Archive"],
        f"{PHOTOSHOP}Headline": ["Headline"],
        f"{PHOTOSHOP}City": ["Hull"],
        f"{PHOTOSHOP}DateCreated": ["1908-05-06"],
    }


def test_what_the_packet_has_already_wins() -> None:
    packet, _ = captions.with_captions(XMP, dataset(5, b"Another title") + dataset(90, b"Hull"))
    assert found(packet)[f"{DC}title"] == ["Großmutter & Kind"]
    assert found(packet)[f"{PHOTOSHOP}City"] == ["Hull"]


@pytest.mark.parametrize(
    ("date", "iso"),
    [
        (b"19080506", "1908-05-06"),
        (b"19080500", "1908-05"),
        (b"19080000", "1908"),
        (b"19080006", "1908"),
        (b"about 1908", "about 1908"),
    ],
)
def test_dates_keep_what_is_known(date: bytes, iso: str) -> None:
    packet, _ = captions.with_captions(None, dataset(55, date))
    assert found(packet)[f"{PHOTOSHOP}DateCreated"] == [iso]


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (UTF_8 + dataset(120, "Köln".encode()), "Köln"),
        (dataset(120, "Köln".encode()), "Köln"),
        (dataset(120, "Köln".encode("latin-1")), "Köln"),
        (UTF_8 + dataset(120, b"K\xf6ln"), "K\ufffdln"),
        (dataset(120, b"a\0b\x0bc\nd"), "abc\nd"),
        (b"\x1c\x02\x78\x80\4\0\1\0\0" + b"x" * 65_536, "x" * 65_536),
    ],
)
def test_texts_are_read_in_their_encoding(record: bytes, text: str) -> None:
    packet, _ = captions.with_captions(None, record)
    assert found(packet)[f"{DC}description"] == [text]


@pytest.mark.parametrize("rest", [b"\x1c\2", b"\x1c\2\x78\xff\xff", b"\x1c\2\x78\0\xff", b"x" * 9])
def test_a_record_that_is_cut_off_gives_what_comes_before(rest: bytes) -> None:
    packet, _ = captions.with_captions(None, dataset(90, b"Hull") + rest)
    assert found(packet) == {f"{PHOTOSHOP}City": ["Hull"]}


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_what_has_no_property_is_named(form: str) -> None:
    blocks = iptc.with_record(None, dataset(120, b"A caption") + dataset(200, b"x"))
    blocks += b"8BIM\7\xd0\0\0\0\0\0\2ab"
    result = encode([photo(iptc=blocks)], format=form, provenance=PROVENANCE)
    assert "cannot carry: Photoshop resources, IPTC 2:200." in result.lost[0]
    assert len(result.lost) == 1
    assert read_provenance(result.data) == PROVENANCE
    assert b"A caption" in (decode(result.data, name="x")[0].meta.xmp or b"")


def test_a_damaged_packet_leaves_the_captions_named() -> None:
    blocks = iptc.with_record(None, dataset(120, b"A caption"))
    result = encode([photo(iptc=blocks, xmp=b"<no")], format="WEBP", provenance=None)
    assert result.lost == ("WebP cannot carry: IPTC.",)
    with pytest.raises(xmp.DamagedXmpError):
        captions.with_captions(b"<no", blocks)
