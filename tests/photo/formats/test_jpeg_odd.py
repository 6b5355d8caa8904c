"""JPEGs that deviate from the standard without losing a pixel, and those that did lose some."""

import io
import re
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from photo.jpeg_writer import jpeg
from photo.samples import ADOBE_RGB, XMP, gamma_curve, opened, rgb_profile, saved, scene
from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.decode import decode, decode_colors
from tintype.photo.encode import encode
from tintype.photo.formats import jpeg_mend, jpeg_pixels
from tintype.photo.photo import Photo

RGB = Image.fromarray(scene(70, 93))
YCC = [np.asarray(RGB.convert("YCbCr"))[..., i] for i in range(3)]
PROFILE = rgb_profile(ADOBE_RGB, gamma_curve(2.2))
SOUND = {
    "grey": saved(RGB.convert("L"), "JPEG", quality=90),
    "colour": saved(RGB, "JPEG", quality=90),
    "progressive": saved(RGB, "JPEG", quality=90, progressive=True),
    "restarts": saved(RGB, "JPEG", restart_marker_blocks=4),
    "a scan for each component": jpeg(YCC, [(1, 1)] * 3, interleaved=False),
    "unusual sampling": jpeg(YCC, [(3, 1), (1, 1), (1, 1)]),
}


def one(data: bytes) -> Photo:
    (found,) = decode(data, name="x")
    return found


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segments(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def without_scan_parameters(data: bytes) -> bytes:
    """As phones write it: the last three bytes of every scan header are zero."""
    out = bytearray(data)
    at = out.find(b"\xff\xda")
    while at >= 0:
        end = at + 2 + int.from_bytes(out[at + 2 : at + 4], "big")
        out[end - 3 : end] = bytes(3)
        at = out.find(b"\xff\xda", end)
    return bytes(out)


# --- what harms no pixel ------------------------------------------------------------------------

ODD = {
    "the end marker is missing": (lambda d: d[:-2], "end marker is missing"),
    "half of the end marker": (lambda d: d[:-1], "end marker is missing"),
    "no end marker, and zeros": (lambda d: d[:-2] + bytes(900), "end marker is missing"),
    "zeros before the end": (lambda d: d[:-2] + bytes(512) + d[-2:], "bytes of padding"),
    "0x55 before the end": (lambda d: d[:-2] + b"U" * 300 + d[-2:], "bytes of padding"),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("picture", ["grey", "colour", "progressive", "restarts"])
def test_an_odd_end_costs_no_pixel_and_is_said(picture: str, kind: str) -> None:
    change, said = ODD[kind]
    found = one(change(SOUND[picture]))
    assert np.array_equal(found.grey, one(SOUND[picture]).grey)
    assert any(said in note for note in found.meta.notes)


def padded(data: bytes, value: bytes, room: Callable[[int], int]) -> bytes:
    """The file with bytes of one value before each restart marker: `room` says how many."""
    parts = re.split(rb"(?=\xff[\xd0-\xd7])", data)
    return b"".join(part + value * room(i) for i, part in enumerate(parts[:-1])) + parts[-1]


ROOM: dict[str, Callable[[int], int]] = {
    "the same everywhere": lambda _: 1300,
    "up to a border": lambda i: 1200 + 97 * (i % 5),
    "only once": lambda i: 1214 if i == 1 else 0,
    "nearly none here and there": lambda i: 900 if i % 2 else 0,
}


@pytest.mark.parametrize("room", ROOM)
@pytest.mark.parametrize("value", [b"\0", b"U"])
@pytest.mark.parametrize("at_end", [False, True])
def test_padding_before_restart_markers_costs_no_pixel(
    at_end: bool, value: bytes, room: str
) -> None:
    data = padded(SOUND["restarts"], value, ROOM[room])
    if at_end:
        data = data[:-2] + value * 700 + data[-2:]
    found = one(data)
    assert np.array_equal(found.grey, one(SOUND["restarts"]).grey)
    said = [note for note in found.meta.notes if "bytes of padding before its" in note]
    assert len(said) == 1 + at_end
    assert "restart markers" in said[0]


def test_a_stuffed_zero_before_padding_stays() -> None:
    data = padded(SOUND["restarts"], b"\0", lambda _: 40)
    inside = data.replace(b"\0" * 40 + b"\xff\xd1", b"\xff\0" + b"\0" * 40 + b"\xff\xd1")
    shorter, _ = jpeg_mend.without_padding(inside, "40 extraneous bytes before marker 0xd0") or (
        b"",
        "",
    )
    assert b"\xff\0\xff\xd1" in shorter
    assert b"\0" * 17 not in shorter[shorter.index(b"\xff\xda") :]


def test_other_bytes_before_a_restart_marker_are_damage() -> None:
    noise = np.random.default_rng(0).integers(1, 255, 1214, np.uint8).tobytes()
    data = padded(SOUND["restarts"], noise, lambda i: int(i == 1))
    with pytest.raises(UnreadablePhotoError, match="1214 extraneous bytes"):
        decode(data, name="x")


def test_padding_in_place_of_coded_data_is_damage() -> None:
    parts = re.split(rb"(?=\xff[\xd0-\xd7])", SOUND["restarts"])
    parts[2] = parts[2][: len(parts[2]) // 2] + b"U" * 400
    with pytest.raises(UnreadablePhotoError, match="damaged"):
        decode(b"".join(parts), name="x")


def test_a_transfer_as_text_is_damage() -> None:
    large = saved(Image.fromarray(scene(200, 300)), "JPEG", restart_marker_blocks=8, quality=95)
    start = large.index(b"\xff\xda")
    assert large.count(b"\r", start) > 10
    with pytest.raises(UnreadablePhotoError, match="damaged"):
        decode(large[:start] + large[start:].replace(b"\r", b""), name="x")


@pytest.mark.parametrize("transform", [2, 7, 255])
@pytest.mark.parametrize("channels", [3, 4])
def test_a_conversion_that_does_not_fit_costs_no_pixel(channels: int, transform: int) -> None:
    transform += channels == 4 and transform == 2
    usual = 1 if channels == 3 else 2
    plain = SOUND["colour"] if channels == 3 else saved(RGB.convert("CMYK"), "JPEG")
    plain = plain[:2] + plain[plain.index(b"\xff\xdb") :]  # JFIF would settle it

    def with_transform(number: int) -> bytes:
        adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([number]))
        return with_segments(plain, adobe)

    found = one(with_transform(transform))
    assert np.array_equal(found.grey, one(with_transform(usual)).grey)
    assert any("Adobe segment" in note for note in found.meta.notes)


@pytest.mark.parametrize("picture", ["grey", "colour", "restarts", "a scan for each component"])
def test_empty_scan_parameters_cost_no_pixel_and_are_said(picture: str) -> None:
    found = one(without_scan_parameters(SOUND[picture]))
    assert np.array_equal(found.grey, one(SOUND[picture]).grey)
    assert any("scan header" in note for note in found.meta.notes)


def test_all_oddities_at_once() -> None:
    data = without_scan_parameters(SOUND["colour"])[:-2] + bytes(400)
    found = one(with_segments(data, segment(0xE2, b"ICC_PROFILE\0\0\0" + PROFILE)))
    clean = one(with_segments(SOUND["colour"], segment(0xE2, b"ICC_PROFILE\0\1\1" + PROFILE)))
    assert np.array_equal(found.grey, clean.grey)
    assert len(found.meta.notes) == 4


def test_a_sound_file_has_no_notes() -> None:
    for data in SOUND.values():
        assert one(data).meta.notes == ()


def test_a_height_behind_the_scan_is_found() -> None:
    data = bytearray(SOUND["colour"])
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 7] = bytes(2)
    lines = segment(0xDC, struct.pack(">H", 70))
    found = one(bytes(data[:-2]) + lines + bytes(data[-2:]))
    assert np.array_equal(found.grey, one(SOUND["colour"]).grey)


# --- profiles -----------------------------------------------------------------------------------


def chunk(number: int, of: int, data: bytes) -> bytes:
    return segment(0xE2, b"ICC_PROFILE\0" + bytes([number, of]) + data)


HALF = len(PROFILE) // 2
NUMBERED_WRONGLY = {
    "0 of 0": [chunk(0, 0, PROFILE)],
    "1 of 2, and whole": [chunk(1, 2, PROFILE)],
    "twice": [chunk(1, 1, PROFILE), chunk(1, 1, PROFILE)],
    "all are number 1": [chunk(1, 1, PROFILE[:HALF]), chunk(1, 1, PROFILE[HALF:])],
    "counted from 0": [chunk(0, 2, PROFILE[:HALF]), chunk(1, 2, PROFILE[HALF:])],
}


@pytest.mark.parametrize("kind", NUMBERED_WRONGLY)
def test_a_profile_with_wrong_numbers_is_used_where_it_is_whole(kind: str) -> None:
    found = one(with_segments(SOUND["colour"], *NUMBERED_WRONGLY[kind]))
    right = one(with_segments(SOUND["colour"], chunk(1, 1, PROFILE)))
    assert np.array_equal(found.grey, right.grey)
    assert not np.array_equal(found.grey, one(SOUND["colour"]).grey)
    assert found.meta.notes == (
        "The chunks of its colour profile are numbered wrongly; the profile is whole.",
    )


def test_chunks_in_the_wrong_order_are_sorted_by_their_numbers() -> None:
    chunks = chunk(2, 2, PROFILE[HALF:]), chunk(1, 2, PROFILE[:HALF])
    found = one(with_segments(SOUND["colour"], *chunks))
    assert found.meta.notes == ()
    assert found.meta.converted


@pytest.mark.parametrize("chunks", [[chunk(1, 2, PROFILE[:HALF])], [chunk(2, 2, PROFILE[HALF:])]])
def test_a_profile_with_a_missing_chunk_is_left_out_and_said(chunks: list[bytes]) -> None:
    found = one(with_segments(SOUND["colour"], *chunks))
    assert np.array_equal(found.grey, one(SOUND["colour"]).grey)
    assert found.meta.icc is None
    assert "profile is incomplete" in found.meta.notes[0]


# --- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", SOUND)
@pytest.mark.parametrize("ending", [b"", b"\xff\xd9", bytes(600), bytes(600) + b"\xff\xd9"])
def test_missing_data_is_damage_whatever_stands_in_its_place(picture: str, ending: bytes) -> None:
    data = SOUND[picture]
    with pytest.raises(UnreadablePhotoError):
        decode(data[: len(data) * 3 // 4] + ending, name="x")


@pytest.mark.parametrize("picture", ["progressive", "a scan for each component"])
def test_a_file_that_ends_before_its_last_scan_is_damaged(picture: str) -> None:
    data = SOUND[picture]
    with pytest.raises(UnreadablePhotoError):
        decode(data[: data.rindex(b"\xff\xda")], name="x")


@pytest.mark.parametrize("picture", ["grey", "colour", "a scan for each component"])
def test_coded_data_that_is_left_over_is_damage(picture: str) -> None:
    rng = np.random.default_rng(5)
    rest = rng.integers(1, 255, 300, dtype=np.uint8).tobytes()
    data = SOUND[picture]
    with pytest.raises(UnreadablePhotoError):
        decode(data[:-2] + rest + data[-2:], name="x")


def test_damage_hides_behind_no_trifle() -> None:
    """Only the first warning of a file is heard: one about a trifle must not be the only one."""
    data = bytearray(saved(scene(200, 200), "JPEG"))
    start = data.index(b"\xff\xda") + 400
    data[start : start + 40] = bytes(range(100, 140))
    odd = with_segments(without_scan_parameters(bytes(data)), chunk(0, 0, PROFILE))
    for damaged in (odd, odd[:-2]):
        with pytest.raises(UnreadablePhotoError):
            decode(damaged, name="x")


def test_damage_in_a_cmyk_picture_is_noticed() -> None:
    data = saved(RGB.convert("CMYK"), "JPEG")
    with pytest.raises(UnreadablePhotoError):
        decode(data[: len(data) // 2] + b"\xff\xd9", name="x")


# --- sampling factors ---------------------------------------------------------------------------

FACTORS = [
    [(1, 1), (1, 1), (1, 1)],
    [(2, 1), (1, 1), (1, 1)],
    [(2, 2), (1, 1), (1, 1)],
    [(1, 2), (1, 1), (1, 1)],
    [(4, 1), (1, 1), (1, 1)],
    [(1, 4), (1, 1), (1, 1)],
    [(3, 1), (1, 1), (1, 1)],
    [(1, 3), (1, 1), (1, 1)],
    [(4, 2), (1, 1), (1, 1)],
    [(2, 4), (1, 1), (1, 1)],
    [(2, 2), (2, 1), (2, 1)],
    [(2, 2), (1, 2), (1, 2)],
    [(2, 2), (2, 1), (1, 1)],
    [(2, 1), (1, 1), (2, 1)],
    [(4, 1), (2, 1), (2, 1)],
    [(1, 1), (2, 1), (2, 1)],
    [(1, 1), (2, 2), (2, 2)],
    [(2, 1), (1, 2), (1, 2)],
    [(1, 2), (2, 1), (1, 1)],
]
names = [" ".join(f"{h}x{v}" for h, v in factors) for factors in FACTORS]


@pytest.mark.parametrize("interleaved", [True, False])
@pytest.mark.parametrize("factors", FACTORS, ids=names)
def test_every_sampling_factor_is_read(factors: list[tuple[int, int]], interleaved: bool) -> None:
    found = one(jpeg(YCC, factors, interleaved=interleaved))
    assert found.tone == "color"
    difference = np.abs(found.grey.astype(int) - YCC[0])
    # Where the luminance is stored at less than full size, it is enlarged.
    most = max(h for h, _ in factors), max(v for _, v in factors)
    assert difference.mean() < (1.0 if factors[0] == most else 2.5)


@pytest.mark.parametrize("factors", [[(2, 2)] * 3, [(3, 3), (1, 1), (1, 1)]])
def test_factors_too_large_for_one_scan_are_read_from_several(
    factors: list[tuple[int, int]],
) -> None:
    found = one(jpeg(YCC, factors, interleaved=False))
    assert np.abs(found.grey.astype(int) - YCC[0]).mean() < 1


def test_the_second_decoder_gives_the_same_colours() -> None:
    rgb, tone = decode_colors(jpeg(YCC, [(3, 1), (1, 1), (1, 1)]), name="x")
    assert tone == "color"
    assert np.abs(rgb.astype(int) - np.asarray(RGB)).mean() < 4


@pytest.mark.parametrize("factors", [[(3, 1), (2, 1), (2, 1)], [(2, 1), (3, 1), (3, 1)]])
def test_a_fraction_is_called_unsupported_and_not_damaged(
    factors: list[tuple[int, int]],
) -> None:
    listed = ", ".join(f"{h}x{v}" for h, v in factors)
    with pytest.raises(UnsupportedPhotoError, match=f"sampling factors {listed}"):
        decode(jpeg(YCC, factors), name="x")


def test_two_channels_are_called_unsupported_and_not_damaged() -> None:
    with pytest.raises(UnsupportedPhotoError, match="2 channels"):
        decode(jpeg(YCC[:2], [(1, 1), (1, 1)]), name="x")


@pytest.mark.parametrize("small", [False, True])
def test_the_second_decoder_can_shrink(small: bool) -> None:
    data = jpeg(YCC, [(3, 1), (1, 1), (1, 1)])
    pixels = jpeg_pixels.decode(data, "RGB", least=8 if small else 0)
    assert pixels.shape == ((9, 12, 3) if small else (70, 93, 3))


# --- behind the picture -------------------------------------------------------------------------

GOOGLE = "http://ns.google.com/photos/1.0/"
VIDEO = struct.pack(">I", 24) + b"ftypmp42" + bytes(12) + bytes(range(256)) * 8
SECOND = saved(RGB.convert("L").resize((30, 20)), "JPEG")


def packet(attributes: str, inside: str = "") -> bytes:
    """A packet with a caption, and what is given."""
    head, tail = XMP.decode().split(' tiff:Orientation="6"')
    tail = tail.replace("<dc:title>", inside + "<dc:title>", 1)
    return (head + " " + attributes + tail).encode()


def directory(*semantics: str) -> str:
    items = "".join(
        f'<rdf:li rdf:parseType="Resource"><C:Item I:Semantic="{name}" I:Length="99"/></rdf:li>'
        for name in semantics
    )
    spaces = f'xmlns:C="{GOOGLE}container/" xmlns:I="{GOOGLE}container/item/"'
    return f"<C:Directory {spaces}><rdf:Seq>{items}</rdf:Seq></C:Directory>"


MOTION = (
    f'xmlns:G="{GOOGLE}camera/" G:MotionPhoto="1" G:MotionPhotoVersion="1"'
    ' G:MicroVideo="1" G:MicroVideoOffset="99" G:SpecialTypeID="x"'
)
GAIN = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
DEPTH = f'xmlns:D="{GOOGLE}depthmap/" D:Near="1" D:Mime="image/jpeg"'
COMPANIONS = {
    "motion photo": (MOTION, directory("Primary", "MotionPhoto"), VIDEO, "a video"),
    "gain map": (GAIN, directory("Primary", "GainMap"), SECOND, "a gain map"),
    "depth map": (DEPTH, "", SECOND, "a depth map"),
}


@pytest.mark.parametrize("kind", COMPANIONS)
def test_what_points_behind_the_picture_goes_with_it_and_is_said(kind: str) -> None:
    attributes, inside, behind, named = COMPANIONS[kind]
    block = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet(attributes, inside))
    found = one(with_segments(SOUND["grey"], block) + behind)
    assert found.meta.xmp is not None
    for gone in (b"Motion", b"MicroVideo", b"Directory", b"hdrgm:V", b"Near", b"Semantic"):
        assert gone not in found.meta.xmp
    assert "Großmutter".encode() in found.meta.xmp
    assert (b"SpecialTypeID" in found.meta.xmp) == (kind == "motion photo")
    notes = " ".join(found.meta.notes)
    assert f"References in its XMP to {named} " in notes
    assert ("a video (motion photo)" if behind is VIDEO else "a second picture") in notes
    written = encode([found], format="JPEG", provenance=None)
    assert written.data.endswith(b"\xff\xd9")
    assert set(found.meta.notes) <= set(written.lost)
    assert one(written.data).meta.notes == ()


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (VIDEO, "a video (motion photo)"),
        (SECOND, "a second picture"),
        (SECOND + VIDEO, "a second picture and a video (motion photo)"),
        (bytes(range(1, 200)), "199 bytes of unknown data"),
        (bytes(9000), None),
        (b"", None),
    ],
)
def test_what_lies_behind_the_end_is_named(behind: bytes, said: str | None) -> None:
    notes = one(SOUND["progressive"] + behind).meta.notes
    assert len(notes) == (said is not None)
    assert said is None or said in notes[0]


def test_an_mpo_is_named_once() -> None:
    notes = one(saved(RGB, "MPO", save_all=True, append_images=[RGB])).meta.notes
    assert len(notes) == 1
    assert "2 pictures" in notes[0]


def test_the_samples_of_this_file_are_what_other_readers_show() -> None:
    for factors in FACTORS:
        image = Image.open(io.BytesIO(jpeg(YCC, factors)))
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - np.asarray(RGB)).mean() < 6
    assert opened(SOUND["a scan for each component"]).size == RGB.size
