"""Metadata of which a part is far too large: that part is left out and named, the rest stays."""

import struct
import time

import pytest

from photo.samples import XMP, photo, saved, scene
from tintype.photo.decode import decode
from tintype.photo.encode import encode
from tintype.photo.formats import png_chunks
from tintype.photo.metadata import exif, ifd, iptc, xmp, xmp_bounds

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
HEAD = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}><rdf:Description rdf:about="" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:big="urn:big" {attributes}>'
    "<dc:creator><rdf:Seq><rdf:li>A. Photographer</rdf:li></rdf:Seq></dc:creator>"
)
TAIL = "</rdf:Description></rdf:RDF></x:xmpmeta>"
MEGABYTES = 9 << 20


def packet(inside: str = "", attributes: str = "") -> bytes:
    return (HEAD.replace("{attributes}", attributes) + inside + TAIL).encode()


OVERSIZED = {
    "an attribute": packet(attributes=f'big:data="{"A" * MEGABYTES}" dc:format="image/png"'),
    "a text": packet(f"<big:data>{'A' * MEGABYTES}</big:data>"),
    "elements": packet(f"<big:data><rdf:Bag>{'<rdf:li>x</rdf:li>' * 55_000}</rdf:Bag></big:data>"),
    "empty elements": packet("<big:data>" + "<big:a/>" * 101_000 + "</big:data>"),
    "attributes of an element": packet(
        "<big:data " + " ".join(f'big:a{n}="1"' for n in range(101_000)) + "/>"
    ),
    "signs that look like attributes": packet(f"<big:data>{'=' * 101_000}</big:data>"),
    "depth": packet("<big:data>" + "<big:a>" * 120 + "</big:a>" * 120 + "</big:data>"),
    "an odd order": packet(
        f"<!-- <big:a> --><big:data><![CDATA[</rdf:RDF>{'A' * MEGABYTES}]]></big:data>"
    ),
}


def with_xmp(block: bytes) -> bytes:
    """A PNG, which has room for any packet."""
    data = saved(scene(), "PNG")
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + block
    return data[:33] + png_chunks.write_chunk(b"iTXt", text) + data[33:]


@pytest.mark.parametrize("kind", OVERSIZED)
def test_an_oversized_property_costs_no_other(kind: str) -> None:
    with pytest.raises(xmp.DamagedXmpError):
        xmp.made_upright(OVERSIZED[kind])
    kept, names = xmp_bounds.fitting(OVERSIZED[kind])
    assert names == ("big:data",)
    upright = xmp.made_upright(kept)
    assert b"A. Photographer" in upright
    assert b"big:data" not in upright
    if kind == "an attribute":
        assert b'dc:format="image/png"' in upright


def test_it_is_named_and_the_rest_is_written() -> None:
    block = OVERSIZED["elements"]
    (found,) = decode(with_xmp(block), name="x")
    assert "Left out of its XMP for being far too large: big:data." in found.meta.notes
    written = encode([found], format="PNG", provenance=None)
    (again,) = decode(written.data, name="x")
    assert b"A. Photographer" in (again.meta.xmp or b"")
    assert again.meta.notes == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-be"])
def test_it_is_found_in_every_encoding(encoding: str) -> None:
    kept, names = xmp_bounds.fitting(OVERSIZED["elements"].decode().encode(encoding))
    assert names == ("big:data",)
    assert b"A. Photographer" in xmp.made_upright(kept)


def test_the_orientation_beside_it_counts() -> None:
    turned = packet(
        f"<big:data>{'=' * 101_000}</big:data>"
        '<tiff:Orientation xmlns:tiff="http://ns.adobe.com/tiff/1.0/">6</tiff:Orientation>'
    )
    (found,) = decode(with_xmp(turned), name="x")
    assert found.meta.turned == 6


def test_an_ordinary_packet_stays_as_it_is() -> None:
    assert xmp_bounds.fitting(XMP) == (XMP, ())
    many = packet("".join(f"<big:a{n}>x</big:a{n}>" for n in range(2_000)))
    assert xmp_bounds.fitting(many) == (many, ())


@pytest.mark.parametrize(
    "text",
    [
        "<!--" * 500_000,
        "<![CDATA[" * 300_000,
        "<?x " * 500_000,
        "<a '" * 500_000,
        "<a b=\"'" * 500_000,
        "<a>" * 600_000,
        "</a>" * 600_000,
        "< " * 1_000_000,
        "\udce9".join("<a>" for _ in range(10)),
    ],
)
def test_what_is_no_xml_takes_no_time(text: str) -> None:
    block = (HEAD + text).encode("utf-8", "surrogateescape")
    began = time.process_time()
    kept, names = xmp_bounds.fitting(block)
    assert time.process_time() - began < 3
    assert names == () or len(kept) < len(block)


# ----- EXIF and IPTC -----


def test_an_oversized_tag_costs_no_other() -> None:
    huge = ifd.DirectoryEntry(ifd.UNDEFINED, 17 << 20, bytes(17 << 20))
    block = exif.with_tags(
        None, {315: ifd.text_entry("A. Photographer"), 40_092: huge, 700: ifd.text_entry("x" * 9)}
    )
    data = saved(scene(), "PNG")
    (found,) = decode(data[:33] + png_chunks.write_chunk(b"eXIf", block) + data[33:], name="x")
    assert exif.text_of(found.meta.exif, 315) == "A. Photographer"
    (note,) = [note for note in found.meta.notes if "EXIF" in note]
    assert note == "Left out of its EXIF for being far too large: XPComment (17825 kB)."


def record(*values: tuple[int, bytes]) -> bytes:
    return b"".join(
        b"\x1c\x02" + bytes([number]) + struct.pack(">HI", 0x8004, len(data)) + data
        for number, data in values
    )


@pytest.mark.parametrize(
    ("blocks", "named"),
    [
        (
            iptc.with_record(None, record((120, b"A caption"), (202, b"x" * (17 << 20)))),
            "IPTC 2:202",
        ),
        (
            iptc.with_record(None, record((120, b"A caption")))
            + b"8BIM\x04\x22\0\0"
            + struct.pack(">I", 17 << 20)
            + bytes(17 << 20),
            "Photoshop resource 1058",
        ),
    ],
)
def test_an_oversized_record_costs_no_caption(blocks: bytes, named: str) -> None:
    (found,) = decode(
        encode([photo(scene(), iptc=blocks)], format="TIFF", provenance=None).data, name="x"
    )
    assert f"Left out of its IPTC for being far too large: {named}." in found.meta.notes
    kept, _ = iptc.split_record(found.meta.iptc)
    assert kept is not None
    assert (2, 120, b"A caption") in [one[:3] for one in iptc.datasets(kept)[0]]


def test_what_follows_the_datasets_of_a_record_is_named() -> None:
    blocks = iptc.with_record(None, record((120, b"A caption")) + b"not a dataset")
    written = encode([photo(scene(), iptc=blocks)], format="WEBP", provenance=None)
    assert any("13 bytes of IPTC that are not datasets" in line for line in written.lost)
