"""The helpers of the photo tests notice when something is missing."""

from dataclasses import replace

import numpy as np
import pytest

from photo.formats import test_registry
from photo.samples import PROVENANCE, carried, exif_block, exif_facts, iptc_block, saved, scene
from tintype.photo.formats import jpeg_segments, png_pixels
from tintype.photo.formats.codec import OutputMetadata


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JPEG2000"])
def test_a_file_without_metadata_carries_none(form: str) -> None:
    found = carried(saved(scene(), form))
    assert found.exif is None
    assert found.xmp is None
    assert found.icc is None
    assert found.text == {}
    assert not found.iptc


def test_a_thumbnail_and_a_wrong_orientation_are_noticed() -> None:
    facts = exif_facts(exif_block(orientation=6))
    assert facts["thumbnail"]
    assert facts["orientation"] == 6
    assert not exif_facts(exif_block(thumbnail=False))["thumbnail"]


def test_a_maker_note_that_was_moved_wrongly_is_noticed() -> None:
    block = exif_block()
    assert (
        exif_facts(block)["maker note"]
        != exif_facts(block.replace(b"MAKER", b"MAKES"))["maker note"]
    )


@pytest.mark.parametrize(
    ("column", "field"),
    [("ICC", "icc"), ("EXIF", "exif"), ("XMP", "xmp"), ("DPI", "dpi"), ("comment", "comment")],
)
def test_a_writer_that_drops_metadata_in_silence_fails_the_table(
    monkeypatch: pytest.MonkeyPatch, column: str, field: str
) -> None:
    honest = jpeg_segments.with_metadata

    def forgetful(data: bytes, metadata: OutputMetadata) -> bytes:
        return honest(data, replace(metadata, **{field: None}))

    monkeypatch.setattr(jpeg_segments, "with_metadata", forgetful)
    with pytest.raises(AssertionError):
        test_registry.test_each_cell_of_the_table_is_what_a_file_does("JPEG", column)


def test_a_writer_that_changes_the_grey_fails_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = png_pixels.encode
    monkeypatch.setattr(png_pixels, "encode", lambda pixels: honest(np.clip(pixels, 0, 200)))
    with pytest.raises(AssertionError):
        test_registry.test_each_cell_of_the_table_is_what_a_file_does("PNG", "grey 8")


def test_the_provenance_of_the_samples_is_ours_and_not_the_default() -> None:
    assert PROVENANCE.software == "Tintype"
    assert PROVENANCE.version == "9.9.9"
    assert b"8BIM" in iptc_block()
