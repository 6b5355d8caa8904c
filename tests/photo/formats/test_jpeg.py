"""JPEG: the luminance as it is, the segments around it, and files made to take long."""

import io
import struct
import time
from dataclasses import replace

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from photo.lossless_jpeg import lossless_jpeg
from photo.samples import (
    ADOBE_RGB,
    PROVENANCE,
    SRGB,
    XMP,
    carried,
    gamma_curve,
    iptc_block,
    opened,
    photo,
    rgb_profile,
    saved,
    scene,
    srgb_curve,
)
from photo.unknown import jpeg_with
from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError, UsageError
from tintype.photo.decode import decode, read_provenance
from tintype.photo.encode import encode
from tintype.photo.formats import jpeg_pixels
from tintype.photo.formats.jpeg_segments import read_header
from tintype.photo.formats.registry import FORMATS
from tintype.photo.metadata import ifd
from tintype.photo.photo import HalfChroma, Photo, rgb_to_grey


def one(data: bytes) -> Photo:
    (found,) = decode(data, name="x")
    return found


def half_chroma(height: int, width: int, *, seed: int = 0) -> HalfChroma:
    """Smooth planes with plenty of colour."""
    y, x = np.mgrid[0 : (height + 1) // 2, 0 : (width + 1) // 2]
    cb = 128 + 90 * np.sin(x / 9 + seed)
    cr = 128 + 90 * np.cos(y / 7 - seed)
    return HalfChroma(cb.astype(np.uint8), cr.astype(np.uint8))


def noisy_grey(height: int, width: int, noise: float) -> np.ndarray:
    rng = np.random.default_rng(3)
    smooth = np.asarray(Image.fromarray(scene(height, width)).convert("L")).astype(float)
    return np.clip(smooth + rng.normal(0, noise, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_grey_is_the_luminance_plane_itself(subsampling: str, progressive: bool) -> None:
    data = saved(scene(), "JPEG", subsampling=subsampling, progressive=progressive, quality=90)
    luminance = simplejpeg.decode_jpeg(data, colorspace="GRAY")[..., 0]
    assert np.array_equal(one(data).grey, luminance)


def test_a_neutral_jpeg_with_three_channels_is_grey_like_its_rgb() -> None:
    grey = Image.fromarray(noisy_grey(64, 80, 5)).convert("RGB")
    data = saved(grey, "JPEG", quality=85)
    assert one(data).tone == "grey"
    assert np.array_equal(one(data).grey, np.asarray(opened(data).convert("L")))


@pytest.mark.parametrize("noise", [0, 4, 12, 30])
@pytest.mark.parametrize("shape", [(200, 312), (33, 47), (1, 1), (7, 500)])
def test_the_grey_of_a_written_jpeg_is_within_half_a_step(
    shape: tuple[int, int], noise: float
) -> None:
    grey = noisy_grey(*shape, noise)
    colored = replace(photo(), grey=grey, color=half_chroma(*shape))
    result = encode([colored], format="JPEG", provenance=None)
    back = np.asarray(opened(result.data).convert("YCbCr"))[..., 0].astype(int)
    luminance = simplejpeg.decode_jpeg(result.data, colorspace="GRAY")[..., 0].astype(int)
    assert np.abs(luminance - grey).mean() <= 0.5
    assert back.shape == shape


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (8, 3), (33, 47), (200, 31)])
def test_odd_sides_are_filled_with_the_edge_and_nothing_else(shape: tuple[int, int]) -> None:
    grey = np.full(shape, 200, np.uint8)
    colored = replace(photo(), grey=grey, color=half_chroma(*shape))
    files = []
    for other in range(5):
        memory = np.full((shape[0] + 2, shape[1] + 2), other * 50, np.uint8)
        memory[: shape[0], : shape[1]] = grey
        files.append(encode([replace(colored, grey=grey.copy())], format="JPEG", provenance=None))
        view = replace(colored, grey=memory[: shape[0], : shape[1]])
        files.append(encode([view], format="JPEG", provenance=None))
    assert len({file.data for file in files}) == 1
    assert np.array_equal(one(files[0].data).grey, grey)


def test_a_jpeg_that_was_one_before_needs_no_more_than_quality_95() -> None:
    before = simplejpeg.decode_jpeg(saved(noisy_grey(200, 300, 6), "JPEG", quality=80), "GRAY")
    assert jpeg_pixels.quality_for(before[..., 0]) == 95
    assert jpeg_pixels.quality_for(noisy_grey(200, 300, 30)) > 95


def test_half_chroma_is_stored_as_it_is() -> None:
    chroma = half_chroma(160, 200)
    colored = replace(photo(), grey=noisy_grey(160, 200, 0), color=chroma)
    image = Image.open(io.BytesIO(encode([colored], format="JPEG", provenance=None).data))
    assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]
    image.draft("YCbCr", image.size)
    planes = np.asarray(image.resize((100, 80), Image.Resampling.BOX))
    for plane, expected in ((planes[..., 1], chroma.cb), (planes[..., 2], chroma.cr)):
        assert np.abs(plane.astype(int) - expected).mean() < 1


def test_only_jpeg_takes_half_chroma() -> None:
    assert FORMATS["JPEG"].half_chroma
    assert not FORMATS["PNG"].half_chroma


def test_half_chroma_is_also_written_to_other_formats() -> None:
    colored = replace(photo(), grey=noisy_grey(40, 56, 0), color=half_chroma(40, 56))
    result = encode([colored], format="PNG", provenance=None)
    through_jpeg = opened(encode([colored], format="JPEG", provenance=None).data)
    assert np.array_equal(np.asarray(opened(result.data)), np.asarray(through_jpeg))


def test_a_long_profile_takes_several_segments() -> None:
    profile = rgb_profile(SRGB, srgb_curve(20_000))
    assert len(profile) > 65_535
    result = encode([photo(icc=profile)], format="JPEG", provenance=None)
    assert carried(result.data).icc == profile
    assert one(result.data).meta.icc == profile


@pytest.mark.parametrize("more", [0, 200_000])
def test_captions_survive_and_their_thumbnail_goes(more: int) -> None:
    paths = b"8BIM" + struct.pack(">HHI", 2000, 0, more) + bytes(more)
    block = iptc_block() + paths
    given = encode([photo(iptc=block)], format="JPEG", provenance=None).data
    found = one(given).meta.iptc
    assert found is not None
    assert b"A caption" in found
    assert paths in found
    assert b"thumbnail" in block
    assert b"thumbnail" not in found


def test_of_a_long_packet_the_largest_property_goes() -> None:
    padding = XMP.replace("Großmutter".encode(), b"long " * 20_000)
    result = encode([photo(xmp=padding)], format="JPEG", provenance=PROVENANCE)
    assert result.lost == ("A JPEG has 64 kB for XMP; left out of it: dc:title.",)
    assert read_provenance(result.data) == PROVENANCE
    assert b"xmp:Label=" in (carried(result.data).xmp or b"")


def test_what_cannot_be_made_smaller_is_said_and_the_provenance_is_written() -> None:
    padding = XMP.replace(b"first&#xA;second", b"long " * 20_000)
    result = encode([photo(xmp=padding)], format="JPEG", provenance=PROVENANCE)
    assert result.lost == ("The XMP of the source (101 kB) does not fit into a JPEG.",)
    assert read_provenance(result.data) == PROVENANCE
    broken = encode([photo(xmp=b"<" * 70_000)], format="JPEG", provenance=None)
    assert broken.lost == ("The XMP of the source (70 kB) does not fit into a JPEG.",)


@pytest.mark.parametrize("packet", [None, XMP, b"<" * 70_000])
def test_settings_too_long_for_a_jpeg_are_refused(packet: bytes | None) -> None:
    settings = '{"hints":[' + ",".join(["[60,40,67.1,53.3,100]"] * 3_000) + "]}"
    long = replace(PROVENANCE, settings=settings)
    with pytest.raises(UsageError, match=r"6\d kB of XMP, and a JPEG has 64 kB"):
        encode([photo(xmp=packet)], format="JPEG", provenance=long)
    written = encode([photo(xmp=packet)], format="PNG", provenance=long)
    assert read_provenance(written.data) == long


def camera_block(note: int, comment: int = 0, order: str = "<") -> bytes:
    """EXIF with a maker note and a comment of so many bytes behind what must stay."""
    details = {36_867: ifd.text_entry("2019:05:06 07:08:09")}
    for tag, size in ((37_500, note), (37_510, comment)):
        if size:
            details[tag] = ifd.DirectoryEntry(ifd.UNDEFINED, size, b"NIKON".ljust(size, b"\0"))
    tags = {
        315: ifd.text_entry("Jane Doe"),
        33_432: ifd.text_entry("Copyright Jane Doe"),
        34_665: details,
    }
    return ifd.header(order) + ifd.serialize(tags, order=order, base=8)


def in_segments(block: bytes, size: int = 65_527) -> bytes:
    parts = [block[at : at + size] for at in range(0, len(block), size)]
    return jpeg_with(*[(0xE1, b"Exif\0\0" + part) for part in parts])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("note", "comment", "left_out"),
    [
        (64_000, 0, None),
        (65_300, 0, "maker note (65 kB)"),
        (120_000, 0, "maker note (120 kB)"),
        (30_000, 40_000, "maker note (30 kB)"),
        (30_000, 70_000, "maker note (30 kB), UserComment (70 kB)"),
        (0, 65_400, "UserComment (65 kB)"),
    ],
)
def test_of_a_long_exif_block_the_maker_note_goes_first(
    note: int, comment: int, left_out: str | None, order: str
) -> None:
    found = one(in_segments(camera_block(note, comment, order)))
    result = encode([found], format="JPEG", provenance=PROVENANCE)
    said = () if left_out is None else (f"A JPEG has 64 kB for EXIF; left out of it: {left_out}.",)
    assert result.lost == said
    tags = opened(result.data).getexif()
    assert tags[315] == "Jane Doe"
    assert tags[33_432] == "Copyright Jane Doe"
    assert tags[305] == PROVENANCE.sentence
    details = tags.get_ifd(0x8769)
    assert details[36_867] == "2019:05:06 07:08:09"
    assert (37_500 in details) == (bool(note) and left_out is None)
    assert (37_510 in details) == (bool(comment) and "UserComment" not in (left_out or ""))
    # Other formats have no such limit.
    whole = encode([found], format="PNG", provenance=PROVENANCE)
    assert whole.lost == ()
    assert len(opened(whole.data).getexif().get_ifd(0x8769).get(37_500, b"")) == note


def test_exif_in_many_segments_is_joined_once() -> None:
    block = camera_block(8_000_000)
    started = time.process_time()
    found = one(in_segments(block, 2000))
    assert found.meta.exif is not None
    assert len(found.meta.exif) == len(block)
    assert time.process_time() - started < 1


def test_thousands_of_values_are_sorted_once() -> None:
    tags = {n: ifd.DirectoryEntry(ifd.UNDEFINED, 3000, bytes(3000)) for n in range(300, 4300)}
    block = ifd.header("<") + ifd.serialize(tags, order="<", base=8)
    started = time.process_time()
    result = encode([photo(exif=block)], format="JPEG", provenance=PROVENANCE)
    assert time.process_time() - started < 2
    assert "left out of it" in result.lost[0]
    assert len(result.lost[0]) < 300


def test_a_long_block_that_is_damaged_is_said() -> None:
    result = encode([photo(exif=b"II*\0" + bytes(70_000))], format="JPEG", provenance=None)
    assert result.lost == ("The EXIF of the source (70 kB) does not fit into a JPEG.",)


def test_a_comment_in_another_alphabet_is_kept_byte_for_byte() -> None:
    data = saved(scene(), "JPEG", comment="Dans l'été".encode("latin-1"))
    again = encode([one(data)], format="JPEG", provenance=None).data
    assert opened(again).info["comment"] == "Dans l'été".encode("latin-1")


def test_resolution_in_centimetres_is_read_as_inches() -> None:
    data = bytearray(saved(scene(), "JPEG", dpi=(100, 50)))
    data[13] = 2
    assert one(bytes(data)).meta.dpi == pytest.approx((254, 127))


def test_an_adobe_rgb_jpeg_is_converted_and_its_photo_is_still_in_colour() -> None:
    data = saved(scene(), "JPEG", icc_profile=rgb_profile(ADOBE_RGB, gamma_curve(2.2)))
    assert one(data).tone == "color"


def test_the_decoder_shrinks_and_leaves_what_is_asked_for() -> None:
    data = saved(scene(161, 240), "JPEG")
    assert jpeg_pixels.decode(data, "RGB", least=1).shape == (21, 30, 3)
    assert jpeg_pixels.decode(data, "RGB", least=96).shape == (101, 150, 3)
    assert jpeg_pixels.decode(data, "RGB", least=161).shape == (161, 240, 3)
    assert jpeg_pixels.decode(data, "GRAY").shape == (161, 240, 1)


def scan_bomb(scans: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = saved(scene(64, 64), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * scans + data[-2:]


def test_repeated_scans_are_refused_without_decoding_them() -> None:
    data = scan_bomb(5000)
    started = time.process_time()
    with pytest.raises(UnsupportedPhotoError, match="progressive scans"):
        decode(data, name="x")
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("stray", [b"\0\0", b"\xff\0\0\2", b"\xff\0\0\x09abcdefg", b"\xff\1"])
def test_stray_bytes_between_segments_do_no_harm(stray: bytes) -> None:
    data = saved(scene(), "JPEG")
    at = data.index(b"\xff\xdb")
    assert np.array_equal(one(data[:at] + stray + data[at:]).grey, one(data).grey)


@pytest.mark.parametrize("stray", [b"\0", bytes(255), bytes(range(255)) * 2, b"\xff\0\xff\1"])
def test_stray_bytes_behind_the_start_do_no_harm(stray: bytes) -> None:
    data = saved(scene(), "JPEG")
    assert np.array_equal(one(data[:2] + stray + data[2:]).grey, one(data).grey)


@pytest.mark.parametrize("rest", [b"", bytes(600), b"\0\xff\0" * 200, b"\0\xff\xd9\0"])
def test_a_start_marker_alone_is_no_jpeg(rest: bytes) -> None:
    with pytest.raises(UnreadablePhotoError, match="not a picture"):
        decode(b"\xff\xd8" + rest, name="x")


def test_damage_inside_the_coded_part_is_noticed() -> None:
    data = bytearray(saved(scene(200, 200), "JPEG"))
    start = data.index(b"\xff\xda") + 400
    data[start : start + 40] = bytes(range(100, 140))
    with pytest.raises(UnreadablePhotoError):
        decode(bytes(data), name="x")


def test_lossless_grey_and_colours_are_read_as_they_were_coded() -> None:
    grey, rgb = scene(24, 40)[..., 0], scene(24, 40)
    assert np.array_equal(one(lossless_jpeg(grey)).grey, grey)
    assert np.array_equal(one(lossless_jpeg(rgb)).grey, rgb_to_grey(rgb))
    assert not read_header(lossless_jpeg(grey)).has_luminance


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_lossless_picture_that_is_cut_off_is_damaged(cut: int) -> None:
    data = lossless_jpeg(scene(24, 40))
    with pytest.raises(UnreadablePhotoError):
        decode(data[: -2 - cut] + data[-2:], name="x")


def test_lossless_of_16_bits_is_refused_by_name() -> None:
    data = lossless_jpeg(scene(24, 40)[..., 0].astype(np.uint16) * 16, bits=12)
    with pytest.raises(UnsupportedPhotoError, match="not 8 bits"):
        decode(data, name="x")


@pytest.mark.parametrize("marker", [0xC9, 0xCA, 0xCB])
def test_rare_kinds_are_refused_by_name(marker: int) -> None:
    data = bytearray(saved(scene(), "JPEG"))
    data[data.index(b"\xff\xc0") + 1] = marker
    with pytest.raises(UnsupportedPhotoError, match="rare kind"):
        decode(bytes(data), name="x")


def test_12_bits_are_refused_by_name() -> None:
    data = bytearray(saved(scene(), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedPhotoError, match="not 8 bits"):
        decode(bytes(data), name="x")


def test_c2pa_is_left_out_and_that_is_said() -> None:
    data = saved(scene(), "JPEG")
    block = b"\xff\xeb" + (12).to_bytes(2, "big") + b"JP\0\1\0\0\0\1ab"
    found = one(data[:2] + block + data[2:])
    assert "C2PA" in found.meta.notes[0]
    lost = encode([found], format="JPEG", provenance=None).lost
    assert lost == found.meta.notes
