"""EXIF, XMP and provenance: made true, joined, read back; nothing else changes."""

import json
import struct
import time
from xml.etree import ElementTree as ET

import pytest

from photo.samples import (
    MAKER_NOTE,
    PROVENANCE,
    THUMBNAIL,
    XMP,
    carried,
    exif_block,
    exif_facts,
    photo,
    saved,
    scene,
)
from tintype.photo.decode import decode, read_provenance
from tintype.photo.encode import encode
from tintype.photo.formats.registry import FORMATS, writable_formats
from tintype.photo.metadata import exif, ifd, xmp
from tintype.photo.metadata.ifd import DamagedTagsError
from tintype.photo.metadata.provenance import Provenance, provenance_from_json

MARKED = [form for form in writable_formats() if "provenance" in FORMATS[form].carries]


@pytest.mark.parametrize("order", ["<", ">"])
def test_an_upright_block_differs_only_where_it_must(order: str) -> None:
    block = exif_block(6, order=order)
    after = exif.made_upright(block, shape=(56, 40), became_srgb=False)
    facts = exif_facts(after)
    assert facts == exif_facts(block) | {"orientation": 1, "size": (56, 40), "thumbnail": False}
    assert THUMBNAIL not in after
    assert block.index(MAKER_NOTE) == after.index(MAKER_NOTE)


def test_a_thumbnail_in_the_middle_is_blanked_and_nothing_moves() -> None:
    block = exif_block(6)
    at = block.index(THUMBNAIL)
    moved = block + b"something behind"
    after = exif.made_upright(moved, shape=(40, 56), became_srgb=False)
    assert len(after) == len(moved)
    assert after[at : at + len(THUMBNAIL)] == bytes(len(THUMBNAIL))
    assert after.endswith(b"something behind")


def test_a_thumbnail_that_claims_the_directories_wipes_nothing() -> None:
    block = bytearray(exif_block(6))
    structure = ifd.open_structure(bytes(block))
    second = structure.directory(structure.directory(structure.first).next_offset)
    block[second.places[513] : second.places[513] + 4] = struct.pack("<I", 0)
    block[second.places[514] : second.places[514] + 4] = struct.pack("<I", 2**31)
    facts = exif_facts(exif.made_upright(bytes(block), shape=(40, 56), became_srgb=False))
    assert facts["make"] == "Camera works"
    assert not facts["thumbnail"]


@pytest.mark.parametrize("order", ["<", ">"])
def test_software_is_added_without_moving_the_maker_note(order: str) -> None:
    block = exif_block(1, order=order, thumbnail=False)
    assert exif.byte_order(block) == order
    after = exif.with_tags(block, {exif.SOFTWARE: ifd.text_entry("A much longer name than before")})
    assert exif_facts(after) == exif_facts(block) | {"software": "A much longer name than before"}
    assert block.index(MAKER_NOTE) == after.index(MAKER_NOTE)


def test_a_new_block_has_what_it_was_given() -> None:
    block = exif.with_tags(None, exif.resolution_tags("<", (299.9994, 72.0)))
    assert exif.resolution(block) == pytest.approx((299.9994, 72.0), abs=1e-3)
    assert exif.orientation(block) is None


def test_resolution_in_centimetres_is_read_as_inches() -> None:
    tags = exif.resolution_tags("<", (100.0, 50.0))
    tags[exif.RESOLUTION_UNIT] = ifd.integer_entry("<", ifd.SHORT, 3)
    assert exif.resolution(exif.with_tags(None, tags)) == pytest.approx((254.0, 127.0))
    tags[exif.RESOLUTION_UNIT] = ifd.integer_entry("<", ifd.SHORT, 1)
    assert exif.resolution(exif.with_tags(None, tags)) is None


@pytest.mark.parametrize(
    "block", [b"", b"II", b"II*\0\x08\0\0\0", b"MM\0*\xff\xff\xff\xff", b"x" * 40]
)
def test_damaged_blocks_say_so_and_tell_nothing(block: bytes) -> None:
    assert exif.orientation(block) is None
    assert exif.resolution(block) is None
    assert exif.text_of(block, exif.SOFTWARE) == ""
    with pytest.raises(DamagedTagsError):
        exif.made_upright(block, shape=(1, 1), became_srgb=False)


def test_damaged_metadata_is_left_out_with_a_note() -> None:
    (found,) = decode(saved(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\0\0\0", xmp=b"<x"), name="x")
    assert found.meta.exif is None
    assert found.meta.xmp is None
    assert len(found.meta.notes) == 2
    assert encode([found], format="JPEG", provenance=PROVENANCE).lost == found.meta.notes


def test_the_colour_space_tag_follows_the_pixels() -> None:
    inner = {40961: ifd.integer_entry("<", ifd.SHORT, 65_535)}
    block = ifd.header("<") + ifd.serialize({exif.EXIF_IFD: inner}, order="<", base=8)
    for became, value in ((True, 1), (False, 65_535)):
        after = exif.made_upright(block, shape=(1, 1), became_srgb=became)
        structure = ifd.open_structure(after)
        details = structure.sub_directory(structure.directory(structure.first), exif.EXIF_IFD)
        assert details is not None
        assert details.entries[40961].integers("<") == (value,)


def test_an_orientation_that_makes_no_sense_means_upright() -> None:
    assert exif.orientation(exif_block(9)) is None
    (found,) = decode(saved(scene(), "JPEG", exif=b"Exif\0\0" + exif_block(9)), name="x")
    assert found.shape == (40, 56)


def test_swapping_the_byte_order_twice_changes_nothing() -> None:
    tags = exif.resolution_tags("<", (300.0, 200.0)) | {271: ifd.text_entry("Maker")}
    once = ifd.swapped(tags)
    assert once != tags
    assert ifd.swapped(once) == tags


# --- XMP ----------------------------------------------------------------------------------------


def properties(packet: bytes) -> dict[str, str | None]:
    """Every property of every description, by its full name."""
    root = ET.fromstring(packet.decode("utf-8").split("?>", 1)[1].rsplit("<?", 1)[0])
    rdf = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
    found: dict[str, str | None] = {}
    for description in root.iter(f"{rdf}Description"):
        found |= {name: value for name, value in description.items() if name != f"{rdf}about"}
        for child in description:
            assert child.tag not in found, "a property stands twice"
            found[child.tag] = "".join(child.itertext())
    return found


LABEL = "{http://ns.adobe.com/xap/1.0/}Label"
TITLE = "{http://purl.org/dc/elements/1.1/}title"
ORIENTATION = "{http://ns.adobe.com/tiff/1.0/}Orientation"
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"


def test_a_packet_is_joined_with_the_provenance_and_keeps_the_rest() -> None:
    packet = xmp.with_provenance(xmp.made_upright(XMP), PROVENANCE)
    found = properties(packet)
    assert found[LABEL] == "first\nsecond"
    assert found[TITLE] == "Großmutter & Kind"
    assert found[ORIENTATION] == "1"
    assert found[SOURCE_TYPE] is not None
    assert found[SOURCE_TYPE].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert xmp.provenance_json(packet) == PROVENANCE.to_json()


def test_a_second_colouring_replaces_what_the_first_said() -> None:
    once = xmp.with_provenance(XMP, PROVENANCE)
    other = Provenance("Tintype", "10", "b", "c", "{}", "d")
    twice = xmp.with_provenance(once, other)
    assert xmp.provenance_json(twice) == other.to_json()
    assert len(properties(twice)) == len(properties(once))


def test_the_source_type_of_a_camera_is_replaced_even_as_an_attribute() -> None:
    camera = XMP.replace(
        b' tiff:Orientation="6"',
        b' xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" e:DigitalSourceType="old"',
    )
    assert camera != XMP
    assert b"old" not in xmp.with_provenance(camera, PROVENANCE)


def test_thumbnails_and_pointers_to_lost_parts_go() -> None:
    with_both = XMP.replace(
        b"<dc:title>",
        b"<xmp:Thumbnails><rdf:Alt><rdf:li>/9j/4AAQ</rdf:li></rdf:Alt></xmp:Thumbnails>"
        b'<n:HasExtendedXMP xmlns:n="http://ns.adobe.com/xmp/note/">ABC</n:HasExtendedXMP>'
        b"<dc:title>",
    )
    after = xmp.made_upright(with_both)
    assert b"/9j/4AAQ" not in after
    assert b"HasExtendedXMP" not in after
    assert b"Label" in after


def test_prefixes_stay_as_they_were() -> None:
    after = xmp.made_upright(XMP.replace(b"dc:", b"dublin:").replace(b"xmlns:dc", b"xmlns:dublin"))
    assert b"<dublin:title>" in after


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">&b;</x:xmpmeta>'
)


@pytest.mark.parametrize(
    "packet",
    [
        BOMB,
        b"<a>" * 50_000 + b"</a>" * 50_000,
        b"<a>" + b"<b/>" * 300_000 + b"</a>",
        b"<a",
        b"<a xmlns='x'/>",
        b"\xff\xfe\xfd",
        b"<p:a/>",
        bytes(9 << 20),
    ],
)
def test_packets_that_are_none_are_refused_quickly(packet: bytes) -> None:
    with pytest.raises(xmp.DamagedXmpError):
        xmp.made_upright(packet)
    assert xmp.orientation(packet + b"Orientation") is None
    assert xmp.provenance_json(packet + b"urn:tintype:ns:1") is None


WIDE = [f"utf-{bits}{order}" for bits in (16, 32) for order in ("", "-le", "-be")]
ENCODINGS = ("utf-8", "utf-8-sig", *WIDE)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("declared", ["", '<?xml version="1.0" encoding="UTF-16"?>'])
def test_every_encoding_of_a_packet_is_read(encoding: str, declared: str) -> None:
    text = declared + XMP.decode().split("?>", 1)[1].rsplit("<?", 1)[0]
    packet = text.encode(encoding)
    assert xmp.orientation(packet) == 6
    found = properties(xmp.with_provenance(packet, PROVENANCE))
    assert found[TITLE] == "Großmutter & Kind"
    again = xmp.with_provenance(packet, PROVENANCE).decode().encode(encoding)
    assert xmp.provenance_json(again) == PROVENANCE.to_json()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "document_type",
    [
        '<!DOCTYPE x [<!ENTITY e "' + "<a/>" * 300 + '">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">',
    ],
)
def test_a_document_type_is_refused_in_every_encoding(document_type: str, encoding: str) -> None:
    body = XMP.decode().split("?>", 1)[1].rsplit("<?", 1)[0]
    bomb = document_type + body.replace("Kind", "&e;" * 20_000)
    started = time.process_time()
    with pytest.raises(xmp.DamagedXmpError, match="DTDForbidden"):
        xmp.made_upright(bomb.encode(encoding))
    assert time.process_time() - started < 1


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_elements_are_counted_in_every_encoding(encoding: str) -> None:
    body = XMP.decode().split("?>", 1)[1].rsplit("<?", 1)[0]
    flood = body.replace("Großmutter", "<b/>" * 110_000)
    with pytest.raises(xmp.DamagedXmpError, match="too many"):
        xmp.made_upright(flood.encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Smith & Sons", "Smith & Sons"),
        ("A &&amp; B&", "A && B&"),
        ("19\x0b31\x00", "1931"),
        ("R&D; &#65;&#x42;", None),
    ],
)
def test_what_programs_forget_to_escape_costs_no_caption(
    written: str, read: str | None, encoding: str
) -> None:
    packet = XMP.decode().replace("Großmutter &amp; Kind", written).encode(encoding)
    if read is None:
        with pytest.raises(xmp.DamagedXmpError):
            xmp.made_upright(packet)
    else:
        assert properties(xmp.made_upright(packet))[TITLE] == read


def test_an_empty_description_list_can_be_joined() -> None:
    empty = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
    )
    assert xmp.provenance_json(xmp.with_provenance(empty, PROVENANCE)) == PROVENANCE.to_json()


# --- provenance ---------------------------------------------------------------------------------


def test_the_settings_may_hold_anything() -> None:
    odd = Provenance("Tintype", "1", "Größe <&> \"'", "x", '{"a":"]]>"}', "\u6728")
    for form in MARKED:
        assert read_provenance(encode([photo()], format=form, provenance=odd).data) == odd


@pytest.mark.parametrize("form", MARKED)
def test_an_output_that_is_coloured_again_names_the_later_one(form: str) -> None:
    first = encode([photo()], format=form, provenance=PROVENANCE).data
    later = Provenance("Tintype", "10.0", "other", "e", "{}", "f")
    (again,) = decode(first, name="x")
    second = encode([again], format=form, provenance=later).data
    assert read_provenance(second) == later
    assert exif_facts(carried(second).exif)["software"] == later.sentence


@pytest.mark.parametrize("form", MARKED)
def test_what_was_there_before_is_named_behind(form: str) -> None:
    given = photo(exif=exif_block(1, thumbnail=False))
    software = exif_facts(carried(encode([given], format=form, provenance=PROVENANCE).data).exif)
    assert software["software"] == f"{PROVENANCE.sentence}; Scanner 3"


@pytest.mark.parametrize("form", MARKED)
def test_stripping_leaves_the_profile_and_the_provenance(form: str) -> None:
    given = photo(
        exif=exif_block(1), xmp=XMP, dpi=(300.0, 300.0), comment="secret", text=(("A", "secret"),)
    )
    result = encode([given], format=form, provenance=PROVENANCE, strip_metadata=True)
    found = carried(result.data)
    assert read_provenance(result.data) == PROVENANCE
    facts = exif_facts(found.exif)
    assert facts["gps"] is None
    assert facts["make"] is None
    assert "Großmutter".encode() not in result.data
    assert b"secret" not in result.data
    assert result.lost == ()


@pytest.mark.parametrize("form", [*MARKED, "BMP", "PPM"])
def test_an_untouched_picture_tells_of_no_colouring(form: str) -> None:
    assert read_provenance(saved(scene(), form)) is None
    assert read_provenance(encode([photo()], format=form, provenance=None).data) is None


@pytest.mark.parametrize("form", MARKED)
def test_a_cut_file_tells_nothing_or_the_truth(form: str) -> None:
    data = encode([photo()], format=form, provenance=PROVENANCE).data
    for end in range(0, len(data), max(1, len(data) // 60)):
        assert read_provenance(data[:end]) in (None, PROVENANCE)


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"software": 1}', "[" * 100_000])
def test_other_json_is_no_provenance(text: str) -> None:
    assert provenance_from_json(text) is None


def test_provenance_survives_its_own_text() -> None:
    assert provenance_from_json(PROVENANCE.to_json()) == PROVENANCE
    assert json.loads(PROVENANCE.to_json())["model"] == "test-model"
    assert "\n" not in PROVENANCE.to_json()
    assert provenance_from_json('{"more": 1, ' + PROVENANCE.to_json()[1:]) == PROVENANCE
