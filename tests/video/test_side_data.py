"""What is attached to frames and streams: carried, used up, or named. Nothing goes unsaid."""

import io
import re
import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.packet import Packet, packet_sidedata_type_to_literal
from av.sidedata.sidedata import Type
from PIL import Image

from tintype.engine.bundle import Bundle
from tintype.video.plan import plan
from tintype.video.probe import probe
from tintype.video.request import FilmRequest
from tintype.video.side_data import (
    FRAME_KINDS,
    STREAM_KINDS,
    describe,
    frame_side_data,
    lost_side_data,
    read_description,
)
from video.clips import add_message, grey_frames, make_clip
from video.conftest import LOSSLESS, MILLI, assert_same_luma, colored

TICK = Fraction(1, 25)
CROP = {"left": 0x54CC, "right": 0x54DD, "top": 0x54BB, "bottom": 0x54AA}  # PixelCrop of Matroska


# ----- the tables -----


def test_every_kind_that_ffmpeg_attaches_to_frames_is_in_the_table() -> None:
    missing = {kind.name for kind in Type} - set(FRAME_KINDS)
    assert missing == set()


def test_every_kind_that_ffmpeg_attaches_to_streams_is_in_the_table() -> None:
    names, number = [], 0
    while True:
        try:
            literal = packet_sidedata_type_to_literal(number)
        except IndexError:
            break
        names.append(Packet(b"x").get_sidedata(literal).data_desc)
        number += 1
    assert len(names) >= 40
    assert set(names) - set(STREAM_KINDS) == set()


def test_a_kind_that_nobody_knows_yet_is_named() -> None:
    named = list(lost_side_data(["NEW_KIND"], {"Newer kind": "12"}, "h264", in_place=True))
    assert named == [
        "Its data called NEW_KIND is lost.",
        "Its data called Newer kind is lost.",
    ]


def test_what_means_the_same_is_named_once() -> None:
    both = lost_side_data(["SPHERICAL"], {"Spherical Mapping": ""}, "h264", in_place=True)
    assert list(both) == ["Its data on its spherical projection is lost."]


# ----- edges that containers hide -----


def clap_clip(folder: Path, **more: object) -> Path:
    """A QuickTime film of 128 x 96 whose clean aperture is 120 x 90."""
    path = make_clip(folder / "clap.mov", count=3, **more)
    data = bytearray(path.read_bytes())
    box = struct.pack(">I4s8I", 40, b"clap", 120, 1, 90, 1, 0, 1, 0, 1)
    entry = data.index(b"avc1", data.index(b"stsd")) - 4
    data[entry + 86 : entry + 86] = box
    at = data.index(b"moov")
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        at = data.index(name, at)
        size = int.from_bytes(data[at - 4 : at], "big")
        data[at - 4 : at] = (size + len(box)).to_bytes(4, "big")
    path.write_bytes(data)
    return path


def cropped_clip(folder: Path, **edges: int) -> Path:
    """A Matroska film with PixelCrop; FFmpeg copies it from a clean aperture."""
    path = folder / "crop.mkv"
    with av.open(str(clap_clip(folder))) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    data = bytearray(path.read_bytes())
    for side, pixels in edges.items():
        at = data.index(CROP[side].to_bytes(2, "big") + b"\x81")
        data[at + 3] = pixels
    path.write_bytes(data)
    return path


def test_cropping_of_matroska_is_named_side_by_side(tmp_path: Path, bundle: Bundle) -> None:
    path = cropped_clip(tmp_path, left=2, right=6, top=1, bottom=5)
    job = colored(path, bundle, target=tmp_path / "b.mkv")
    assert job.warnings == (
        "Its container hides edges of the frames (left 2, right 6, top 1, bottom 5 pixels); they "
        "are coloured and kept, and players will show them.",
    )
    assert_same_luma(path, job.target)


def test_a_clean_aperture_is_named(tmp_path: Path, bundle: Bundle) -> None:
    path = clap_clip(tmp_path)
    (warning,) = plan(path, None, FilmRequest(), bundle).warnings
    assert "left 4, right 4, top 3, bottom 3 pixels" in warning
    assert colored(path, bundle, LOSSLESS).target.exists()


def test_a_clean_aperture_that_ffmpeg_does_not_read_is_named(tmp_path: Path) -> None:
    path = clap_clip(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"clap\0\0\0\x78", b"clap\0\0\0\0"))
    with av.open(str(path)) as container:
        assert "Frame Cropping" not in describe(container).streams[0]
    assert "CLEAN_APERTURE" in probe(path).side_data


def test_reading_the_description_leaves_logging_as_it_was(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", count=2, clock=MILLI)
    before = av.logging.get_level(), av.logging.get_skip_repeated()
    with av.open(str(path)) as container:
        assert describe(container).streams == {0: {}}
    assert (av.logging.get_level(), av.logging.get_skip_repeated()) == before


def test_tags_that_look_like_side_data_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    make_clip(path, count=2, clock=MILLI, title="x\n    Side data:\n      Spherical Mapping: y")
    with av.open(str(path)) as container:
        assert describe(container).streams == {0: {}}


def test_programmes_and_groups_are_read_from_the_description() -> None:
    text = """Input #0, mpegts, from '':
  Duration: 00:00:01.00, start: 1.400000, bitrate: 100 kb/s
  Program 1
    Metadata:
      service_name    : Regional
      service_provider: FFmpeg
  Stream #0:0[0x100]: Video: h264
    Metadata:
      title           : x
                      : y
    Side data:
      unknown side data type 99 (4 bytes)
      Frame Cropping: 1/2/3/4
  Stream group #0:0[0x1]: LCEVC: stream #0:1
"""
    found = read_description(text)
    assert found.programs == [(1, "service_name")]
    assert found.streams == {
        0: {"unknown side data type 99 (4 bytes)": "", "Frame Cropping": "1/2/3/4"}
    }
    assert found.groups == ["LCEVC"]


# ----- frames -----


def exif_clip(folder: Path) -> Path:
    """Motion JPEG whose frames have EXIF data, a kind that PyAV has no name for."""
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a harbour", 6
    path = folder / "a.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25, width=128, height=96)
        stream.pix_fmt = "yuvj420p"
        for number, grey in enumerate(grey_frames(3, 96, 128)):
            file = io.BytesIO()
            Image.fromarray(grey).convert("RGB").save(file, "JPEG", exif=exif.tobytes())
            packet = av.Packet(file.getvalue())
            packet.stream, packet.time_base, packet.is_keyframe = stream, TICK, True
            packet.pts = packet.dts = number
            out.mux(packet)
    return path


def test_frames_with_exif_data_are_coloured_upright_and_it_is_named(
    tmp_path: Path, bundle: Bundle
) -> None:
    path = exif_clip(tmp_path)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        with pytest.raises(ValueError, match="is not a valid Type"):
            list(frame.side_data)
        assert set(frame_side_data(frame)) == {"DISPLAYMATRIX", "EXIF"}
    job = colored(path, bundle, target=tmp_path / "b.mkv")
    assert "Its EXIF data of frames is lost." in job.warnings
    assert job.source.layout.turn == 3
    with av.open(str(job.target)) as container:
        assert next(container.decode(video=0)).rotation == -90


def test_a_pan_scan_window_is_named_and_an_empty_one_is_not(tmp_path: Path) -> None:
    more = {"codec": "mpeg2video", "clock": TICK, "count": 5}
    path = make_clip(tmp_path / "a.mpg", options={"seq_disp_ext": "always"}, **more)
    assert "PANSCAN" not in probe(path).side_data
    data = path.read_bytes()
    # A sequence display extension: display_horizontal_size follows its first byte.
    wide, narrow = (bytes([size >> 6, size << 2 & 0xFF | 2]) for size in (128, 96))
    changed, count = re.subn(
        rb"(\x00\x00\x01\xb5[\x20-\x2f](?:...)?)" + re.escape(wide),
        rb"\g<1>" + narrow,
        data,
        flags=re.S,
    )
    assert count > 0
    path.write_bytes(changed)
    source = probe(path)
    named = list(lost_side_data(source.side_data, {}, "h264", in_place=True))
    assert named == ["Its pan-scan window is lost."]


@pytest.mark.parametrize(
    ("uuid", "named"),
    [
        (bytes(range(16)), True),
        (bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef"), False),  # x264 writes its settings
    ],
)
def test_messages_of_cameras_are_named_and_those_of_encoders_are_not(
    tmp_path: Path, bundle: Bundle, uuid: bytes, named: bool
) -> None:
    path = add_message(make_clip(tmp_path / "a.ts", count=4, clock=TICK), 5, uuid + b"lens 50 mm")
    warnings = plan(path, tmp_path / "b.mkv", FilmRequest(), bundle).warnings
    assert any("unregistered SEI" in warning for warning in warnings) is named


def test_transparency_beside_the_frames_is_named(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", count=3, codec="libvpx-vp9", clock=MILLI)
    assert not any("transparency" in warning for warning in probe(path).warnings)
    marked = tmp_path / "b.mkv"
    with av.open(str(path)) as old, av.open(str(marked), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        stream.metadata["alpha_mode"] = "1"  # as of WebM; here it becomes a tag in capitals
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    assert "The film has transparency, which is lost." in probe(marked).warnings
