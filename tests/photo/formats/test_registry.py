"""The table of formats: every cell is what a real file does."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tintype
from photo.samples import (
    MAKER_NOTE,
    PROVENANCE,
    SRGB,
    XMP,
    carried,
    deep,
    exif_block,
    exif_facts,
    grey_of,
    iptc_block,
    opened,
    photo,
    rgb_profile,
    saved,
    scene,
    srgb_curve,
)
from photo.unknown import NAMES, PAYLOAD, UNKNOWN, bmp, gif_with, heic, sub_blocks
from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError, UsageError
from tintype.photo.decode import decode, read_provenance
from tintype.photo.encode import Encoded, encode
from tintype.photo.formats.registry import (
    CODECS,
    COLUMNS,
    FORMATS,
    format_of_suffix,
    sniff,
    table_markdown,
    writable_format,
    writable_formats,
)
from tintype.photo.metadata import exif
from tintype.photo.metadata.exif import made_upright
from tintype.photo.metadata.iptc import without_thumbnails
from tintype.photo.photo import Metadata, Photo

ICC = rgb_profile(SRGB, srgb_curve())
EXIF = made_upright(exif_block(), shape=(40, 56), became_srgb=False)


def written(form: str, given: Photo, *, provenance: bool = False) -> Encoded:
    return encode([given], format=form, provenance=PROVENANCE if provenance else None)


def keeps_grey_8(form: str) -> bool:
    given = photo()
    error = np.abs(grey_of(written(form, given).data).astype(int) - given.grey).mean()
    return bool(error <= FORMATS[form].grey_error)


def keeps_grey_16(form: str) -> bool:
    given = replace(photo(deep()), color=None)
    result = written(form, given)
    (back,) = decode(result.data, name="x")
    assert back.bits == 16 or "8 bits a channel" in " ".join(result.lost)
    return back.bits == 16 and np.array_equal(back.grey, given.grey)


def keeps_rgb_16(form: str) -> bool:
    given = photo(deep())
    result = written(form, given)
    (back,) = decode(result.data, name="x")
    assert back.bits == 16 or "8 bits a channel" in " ".join(result.lost)
    return back.bits == 16 and np.array_equal(back.grey, given.grey)


def keeps_alpha(form: str) -> bool:
    alpha = np.arange(40 * 56, dtype=np.uint32).reshape(40, 56).astype(np.uint8)
    result = written(form, photo(alpha=alpha))
    (back,) = decode(result.data, name="x")
    assert back.alpha is not None or "no transparency" in " ".join(result.lost)
    if back.alpha is None:
        return False
    # AVIF has one quality for colours and transparency.
    return np.abs(back.alpha.astype(int) - alpha).mean() <= (1.5 if form == "AVIF" else 0)


def keeps(form: str, title: str, given: Photo, found: bool) -> bool:
    """Whether something is in the file; if not, that must have been said."""
    lost = " ".join(written(form, given).lost)
    assert found or re.search(rf"cannot carry: .*{title}", lost)
    return found


def keeps_icc(form: str) -> bool:
    given = photo(icc=ICC)
    return keeps(form, "ICC", given, carried(written(form, given).data).icc == ICC)


def keeps_exif(form: str) -> bool:
    given = photo(exif=EXIF)
    facts = exif_facts(carried(written(form, given).data).exif)
    right = {"description": "A street", "make": "Camera works", "gps": "N"}
    found = all(facts.get(key) == value for key, value in right.items())
    assert not found or facts["maker note"] == MAKER_NOTE
    assert facts.get("orientation") in (None, 1)
    assert not facts.get("thumbnail")
    return keeps(form, "EXIF", given, found)


def keeps_xmp(form: str) -> bool:
    given = photo(xmp=XMP)
    packet = carried(written(form, given).data).xmp or b""
    return keeps(form, "XMP", given, "Großmutter &amp; Kind".encode() in packet)


def keeps_dpi(form: str) -> bool:
    given = photo(dpi=(300.0, 200.0))
    found = carried(written(form, given).data).dpi
    return keeps(
        form, "DPI", given, found is not None and np.allclose(found, (300, 200), atol=0.02)
    )


def keeps_comment(form: str) -> bool:
    given = photo(comment="Dans l'été")
    result = written(form, given)
    other = carried(result.data).text.get("Comment") == "Dans l'été"
    found = carried(result.data).comment == "Dans l'été"
    # PNG has no comment but text, where it is kept under that name.
    return found if other else keeps(form, "comment", given, found)


def keeps_text(form: str) -> bool:
    given = photo(text=(("Title", "Old house"), ("Author", "Ænne 木")))
    text = carried(written(form, given).data).text
    return keeps(form, "PNG text", given, text == {"Title": "Old house", "Author": "Ænne 木"})


def keeps_iptc(form: str) -> bool:
    given = photo(iptc=without_thumbnails(iptc_block())[0])
    found = carried(written(form, given).data)
    # WebP and AVIF have no place for IPTC but XMP, where the captions are kept.
    in_xmp = b"A caption</rdf:li>" in (found.xmp or b"")
    return found.iptc if in_xmp else keeps(form, "IPTC", given, found.iptc)


def keeps_unknown(form: str) -> bool:
    (given,) = decode(UNKNOWN[form](), name="x")
    result = written(form, given)
    found = PAYLOAD in result.data
    assert found != (NAMES[form] in " ".join(result.lost))
    return found


def keeps_pages(form: str) -> bool:
    pages = [photo(scene(seed=seed)) for seed in range(3)]
    try:
        data = encode(pages, format=form, provenance=None).data
    except UnsupportedPhotoError as error:
        assert "cannot hold 3 pages" in str(error)  # noqa: PT017 (any other outcome is checked below)
        return False
    back = decode(data, name="x")
    return len(back) == 3 and all(
        np.array_equal(a.grey, b.grey) for a, b in zip(back, pages, strict=True)
    )


def keeps_provenance(form: str) -> bool:
    result = written(form, photo(), provenance=True)
    found = read_provenance(result.data) == PROVENANCE
    assert found or "cannot record that the file was coloured" in " ".join(result.lost)
    if found:
        marks = carried(result.data)
        assert exif_facts(marks.exif)["software"] == PROVENANCE.sentence
        assert b"compositeWithTrainedAlgorithmicMedia" in (marks.xmp or b"")
        assert keeps_text(form) == (marks.text.get("Software") == PROVENANCE.sentence)
    return found


CHECKS = {
    "grey 8": keeps_grey_8,
    "grey 16": keeps_grey_16,
    "RGB 16": keeps_rgb_16,
    "alpha": keeps_alpha,
    "ICC": keeps_icc,
    "EXIF": keeps_exif,
    "XMP": keeps_xmp,
    "DPI": keeps_dpi,
    "comment": keeps_comment,
    "PNG text": keeps_text,
    "IPTC": keeps_iptc,
    "unknown parts": keeps_unknown,
    "pages": keeps_pages,
    "provenance": keeps_provenance,
}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("PNG", "PNG"),
        ("jpg", "JPEG"),
        (".TIF", "TIFF"),
        ("webp", "WEBP"),
        ("heic", None),
        ("", None),
        ("psd", None),
    ],
)
def test_a_format_is_named_by_its_name_or_an_ending(name: str, found: str | None) -> None:
    assert writable_format(name) == found


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("form", writable_formats())
def test_each_cell_of_the_table_is_what_a_file_does(form: str, column: str) -> None:
    assert CHECKS[column](form) == (column in FORMATS[form].carries)


LOSSY = ("JPEG", "WEBP", "AVIF")


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("form", writable_formats())
def test_what_is_written_is_read_and_written_again(
    form: str, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = written

    def twice(form: str, given: Photo, *, provenance: bool = False) -> Encoded:
        first = once(form, given, provenance=provenance)
        found = replace(decode(first.data, name="x")[0], color=given.color)
        if isinstance(given.color, np.ndarray) and found.bits == 8:
            found = replace(found, color=np.asarray(opened(first.data).convert("RGB")))
        again = once(form, found, provenance=provenance)
        return replace(again, lost=(*first.lost, *again.lost))

    if column in ("grey 8", "alpha") and form in LOSSY:
        return  # a second generation of losses is promised nowhere
    check = CHECKS[column]
    monkeypatch.setitem(check.__globals__, "written", twice)
    assert check(form) == (column in FORMATS[form].carries)


HELD = {
    ("GIF", "grey 8"): lambda: saved(scene()[..., 0], "GIF"),
    ("GIF", "alpha"): lambda: saved(scene()[..., 0], "GIF", transparency=128),
    ("GIF", "ICC"): lambda: gif_with(b"ICCRGBG1012", sub_blocks(ICC)),
    ("GIF", "XMP"): lambda: gif_with(b"XMP DataXMP", XMP + bytes([1, *range(255, -1, -1)])),
    ("GIF", "comment"): lambda: saved(scene()[..., 0], "GIF", comment="Dans l'été".encode()),
    ("GIF", "unknown parts"): UNKNOWN["GIF"],
    ("HEIC", "grey 8"): heic,
    ("HEIC", "alpha"): lambda: heic(alpha=True),
    ("HEIC", "ICC"): lambda: heic(icc_profile=ICC),
    ("HEIC", "EXIF"): lambda: heic(exif=b"Exif\0\0" + EXIF),
    ("HEIC", "XMP"): lambda: heic(xmp=XMP),
    ("HEIC", "DPI"): lambda: heic(exif=b"Exif\0\0" + with_dpi()),
    ("HEIC", "unknown parts"): UNKNOWN["HEIC"],
    ("BMP", "ICC"): lambda: bmp(b"DEBM", profile=ICC),
    ("JPEG2000", "grey 16"): lambda: saved(deep(channels=1), "JPEG2000"),
}
"""Files of formats of which more is read than is written."""


def with_dpi() -> bytes:
    return exif.with_tags(None, exif.resolution_tags("<", (300.0, 200.0)))


def is_kept(column: str, given: Photo, result: Encoded) -> bool:
    found = carried(result.data)
    facts = exif_facts(found.exif)
    kept = {
        "grey 8": np.abs(grey_of(result.data).astype(int) - given.grey).mean() <= 1,
        "grey 16": decode(result.data, name="x")[0].bits == 16,
        "alpha": given.alpha is not None and decode(result.data, name="x")[0].alpha is not None,
        "ICC": found.icc == ICC,
        "EXIF": facts.get("make") == "Camera works" and facts.get("maker note") == MAKER_NOTE,
        "XMP": "Großmutter &amp; Kind".encode() in (found.xmp or b""),
        "DPI": found.dpi is not None and np.allclose(found.dpi, (300, 200), atol=0.02),
        "comment": found.text.get("Comment") == "Dans l'été",
        "unknown parts": PAYLOAD in result.data,
    }
    return bool(kept[column])


def table() -> dict[tuple[str, str], str]:
    """The cells of the printed table, by format and column."""
    head, _, *rows = (line[1:-1].split("|") for line in table_markdown().splitlines())
    titles = {codec.title: codec.name for codec in CODECS}
    return {
        (titles[row[0].strip()], column.strip()): cell.strip()
        for row in rows
        for column, cell in zip(head, row, strict=True)
    }


@pytest.mark.parametrize("cell", HELD)
def test_what_is_read_is_kept_or_named_as_the_table_says(cell: tuple[str, str]) -> None:
    form, column = cell
    (given,) = decode(HELD[cell](), name="x")
    result = written(FORMATS[form].writes, given)
    said = table()[cell]
    assert is_kept(column, given, result) == (said in ("yes", "as text"))
    assert bool(result.lost) == (said == "named")


def test_every_cell_is_proven_by_a_file() -> None:
    for (form, column), said in table().items():
        if column not in COLUMNS or not said:
            continue
        codec = FORMATS[form]
        by_writing = codec.writes == form and column in codec.carries
        by_name = codec.writes == form and column == "unknown parts"
        of_target = column == "provenance"
        assert by_writing or by_name or of_target or (form, column) in HELD, (form, column)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_written_as_itself_or_as_one_that_can_be_written(form: str) -> None:
    codec = FORMATS[form]
    assert codec.name == form
    assert codec.writes in writable_formats()
    assert (codec.writes == form) == (codec.write is not None)


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_says_of_itself_only_what_exists(form: str) -> None:
    codec = FORMATS[form]
    assert codec.kept_suffixes <= set(codec.suffixes[1:])
    assert codec.mime.startswith("image/")
    assert ("provenance" in codec.carries) == (
        codec.write is not None and codec.read_xmp is not None
    )
    assert (codec.grey_error > 0) == (not codec.lossless(Metadata(form)))


def test_no_ending_name_or_type_belongs_to_two_formats() -> None:
    endings = [suffix for codec in CODECS for suffix in codec.suffixes]
    assert len(endings) == len(set(endings))
    assert len(FORMATS) == len(CODECS) == len({codec.mime for codec in CODECS})


def names_in(tree: ast.AST) -> set[str]:
    """The names of formats that stand as words of their own in a module."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in FORMATS
    }


def test_a_list_of_formats_is_noticed() -> None:
    assert names_in(ast.parse('TYPES = {"JPEG": 1, "BMP": 2}; x = "a JPEG"')) == {"JPEG", "BMP"}


def test_no_other_module_lists_the_formats() -> None:
    """A new format is a module and a line of the registry, and nothing else."""
    package = Path(tintype.__file__).parent
    for path in package.rglob("*.py"):
        if path.parent != package / "photo" / "formats":
            # JPEG and PNG are what previews and pictures without a file are made as.
            found = names_in(ast.parse(path.read_text(encoding="utf-8"))) - {"JPEG", "PNG"}
            assert not found, f"{path} names {', '.join(sorted(found))}"


def test_what_cannot_be_read_is_told_what_can() -> None:
    with pytest.raises(UnreadablePhotoError) as caught:
        decode(b"no picture", name="x")
    assert all(codec.title in str(caught.value) for codec in CODECS)


@pytest.mark.parametrize("form", FORMATS)
def test_every_ending_leads_to_its_format(form: str) -> None:
    for suffix in FORMATS[form].suffixes:
        assert format_of_suffix(suffix.upper()) == form


def test_an_unknown_ending_leads_nowhere() -> None:
    assert format_of_suffix(".txt") is None


@pytest.mark.parametrize("form", writable_formats())
def test_what_is_written_is_recognised_by_its_content(form: str) -> None:
    assert sniff(written(form, photo()).data) == form


@pytest.mark.parametrize(
    "data", [b"", b"P", b"BM", b"\0\0\0\x18ftypmp42", b"Plain text\n", b"\xff\xd8"]
)
def test_other_contents_are_not_recognised(data: bytes) -> None:
    assert sniff(data) is None


def test_a_format_that_is_only_read_cannot_be_written() -> None:
    with pytest.raises(UsageError, match="Cannot write HEIC"):
        encode([photo()], format="HEIC", provenance=None)


@pytest.mark.parametrize(
    "form", [form for form in writable_formats() if FORMATS[form].max_side < 100_000]
)
def test_a_side_that_is_too_long_is_refused_before_encoding(form: str) -> None:
    wide = photo(np.zeros((1, FORMATS[form].max_side + 1, 3), np.uint8))
    with pytest.raises(UnsupportedPhotoError, match="cannot hold"):
        written(form, wide)


def test_a_webp_stays_lossless_where_it_was() -> None:
    (given,) = decode(saved(scene(), "WEBP", lossless=True), name="x")
    assert given.meta.packing == "lossless"
    assert np.array_equal(grey_of(written("WEBP", given).data), given.grey)


def test_nothing_is_said_when_nothing_is_lost() -> None:
    full = photo(exif=EXIF, xmp=XMP, icc=ICC, dpi=(300.0, 300.0), comment="c")
    assert written("JPEG", full, provenance=True).lost == ()
