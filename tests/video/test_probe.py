"""The properties of a film file, and its frames one after the other."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tintype.errors import FilmError
from tintype.video.decode import Damage, read_frames
from tintype.video.frames import with_chroma
from tintype.video.layout import PlaneLayout
from tintype.video.probe import probe
from video.clips import grey_frames, make_clip, planes_of

MILLI = Fraction(1, 1000)


def test_an_ordinary_film(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", sound="aac", aspect=Fraction(4, 3), turned=90)
    found = probe(path)
    assert found.layout == PlaneLayout((96, 128), matrix="bt601", turn=1)
    assert (found.codec, found.frames, found.rate) == ("h264", 12, 25)
    assert (found.seconds, found.aspect) == (Fraction(12, 25), Fraction(4, 3))
    assert found.time_base == Fraction(1, 12800)
    assert [stream.label for stream in found.other_streams] == ["sound 1 (aac, eng)"]
    assert found.warnings == ()
    assert found.display_matrix is not None


@pytest.mark.parametrize(
    ("size", "tags", "matrix", "full"),
    [
        ((96, 128), {}, "bt601", False),
        ((720, 960), {}, "bt709", False),
        ((96, 128), {"colorspace": 1, "color_range": 1}, "bt709", False),
        ((720, 960), {"colorspace": 5}, "bt601", False),
        ((96, 128), {"colorspace": 9, "color_range": 2}, "bt2020", True),
    ],
)
def test_the_matrix_is_tagged_or_follows_from_the_size(
    tmp_path: Path, size: tuple[int, int], tags: dict[str, int], matrix: str, full: bool
) -> None:
    layout = probe(make_clip(tmp_path / "a.mp4", count=2, size=size, **tags)).layout
    assert (layout.matrix, layout.full_range) == (matrix, full)


@pytest.mark.parametrize(
    ("codec", "form", "bits", "subsampled"),
    [
        ("libx264", "yuv420p10le", 10, (True, True)),
        ("libx264", "yuv422p", 8, (False, True)),
        ("libx264", "yuv444p10le", 10, (False, False)),
        ("ffv1", "yuv420p16le", 16, (True, True)),
        ("ffv1", "gray", 8, (True, True)),
        ("ffv1", "gray10le", 10, (True, True)),
        ("ffv1", "yuv411p", 8, (False, True)),
        ("rawvideo", "nv12", 8, (True, True)),
        ("rawvideo", "yuyv422", 8, (False, True)),
    ],
)
def test_luma_is_read_as_it_is_stored(
    tmp_path: Path, codec: str, form: str, bits: int, subsampled: tuple[bool, bool]
) -> None:
    options = {"qp": "0"} if codec == "libx264" else {}
    if form in ("nv12", "yuyv422"):
        path, wanted = _packed(tmp_path, form)
    else:
        path = make_clip(
            tmp_path / "a.mkv", count=3, codec=codec, form=form, clock=MILLI, options=options
        )
        with av.open(str(path)) as container:
            wanted = [planes_of(frame)[0] for frame in container.decode(video=0)]
    source = probe(path)
    assert (source.layout.bits, source.layout.subsampled) == (bits, subsampled)
    got = list(read_frames(source, Damage()))
    assert len(got) == len(wanted) == 3
    for frame, luma in zip(got, wanted, strict=True):
        assert np.array_equal(frame.luma, luma)
        cb = np.full(source.layout.chroma_shape, 3, luma.dtype)
        made = with_chroma(frame, source, cb, cb + np.array(1, luma.dtype))
        planes = planes_of(made)
        assert np.array_equal(planes[0], luma)
        assert [int(plane.max()) for plane in planes[1]] == [3, 4]


def _packed(folder: Path, form: str) -> tuple[Path, list[np.ndarray]]:
    """Raw video whose luma is not stored in a plane of its own."""
    path = folder / "a.nut"
    greys = grey_frames(3, 96, 128)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("rawvideo", rate=25, width=128, height=96)
        stream.pix_fmt = form
        for number, grey in enumerate(greys):
            frame = av.VideoFrame(128, 96, form)
            lines = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
            if form == "nv12":
                lines[:, :128] = grey
            else:
                lines[:, 0:256:2] = grey
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path, greys


def test_an_untagged_grey_film_uses_the_full_range(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", count=2, codec="ffv1", form="gray", clock=MILLI)
    assert probe(path).layout.full_range


def test_rgb_is_converted_to_luma_and_reported(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", count=2, codec="ffv1", form="bgr0", clock=MILLI)
    source = probe(path)
    assert any("RGB" in warning for warning in source.warnings)
    for frame, grey in zip(read_frames(source, Damage()), grey_frames(2, 96, 128), strict=True):
        wanted = 16 + grey.astype(float) * 219 / 255
        assert np.abs(frame.luma - wanted).max() <= 1.5


@pytest.mark.parametrize(
    ("tags", "word"), [({"color_trc": 16, "colorspace": 9}, "PQ"), ({"color_trc": 18}, "HLG")]
)
def test_hdr_is_reported(tmp_path: Path, tags: dict[str, int], word: str) -> None:
    path = make_clip(tmp_path / "a.mp4", count=2, form="yuv420p10le", **tags)
    assert any(f"HDR ({word})" in warning for warning in probe(path).warnings)


def test_interlaced_film_is_reported(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", count=2, options={"x264-params": "tff=1"})
    source = probe(path)
    assert source.interlaced
    assert any("interlaced" in warning for warning in source.warnings)


def test_transparency_is_reported(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", count=2, codec="ffv1", form="yuva420p", clock=MILLI)
    assert any("transparen" in warning for warning in probe(path).warnings)


def test_times_and_numbers_of_a_variable_rate(tmp_path: Path) -> None:
    times = [0, 512, 600, 2000, 2001, 9000]
    source = probe(make_clip(tmp_path / "a.mp4", count=6, times=times))
    got = list(read_frames(source, Damage()))
    assert [frame.pts for frame in got] == times
    assert [frame.number for frame in got] == list(range(6))


def test_reading_skips_finished_frames_and_starts_at_a_time(tmp_path: Path) -> None:
    source = probe(make_clip(tmp_path / "a.mp4", options={"g": "4", "preset": "ultrafast"}))
    whole = list(read_frames(source, Damage()))
    rest = list(read_frames(source, Damage(), skip=7))
    assert [frame.number for frame in rest] == [7, 8, 9, 10, 11]
    later = list(read_frames(source, Damage(), start=Fraction(1, 5)))
    assert [frame.pts for frame in later] == [frame.pts for frame in whole[5:]]
    assert np.array_equal(later[0].luma, whole[5].luma)
    assert np.array_equal(rest[0].luma, whole[7].luma)


def test_a_truncated_file_is_read_as_far_as_possible(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", count=60, clock=MILLI)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    source = probe(path)
    damage = Damage()
    got = list(read_frames(source, damage))
    assert 10 < len(got) < 50
    assert "breaks off after 0:0" in damage.sentence()


def test_sound_that_is_longer_than_the_video_is_no_damage(tmp_path: Path) -> None:
    tick = Fraction(1, 25)
    path = make_clip(tmp_path / "a.ts", codec="mpeg2video", clock=tick, sound="mp2", longer=2)
    source = probe(path)
    assert not source.exact_duration
    damage = Damage()
    assert len(list(read_frames(source, damage))) == 12
    assert damage.sentence() == ""


def test_a_long_last_frame_is_no_damage(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", count=4, times=[0, 512, 1024, 40_000])
    damage = Damage()
    assert len(list(read_frames(probe(path), damage))) == 4
    assert damage.sentence() == ""


def test_damaged_packets_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mov", codec="mjpeg", form="yuvj420p", count=20)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for start, size in packets[8:10]:
        data[start : start + size] = bytes(range(256)) * (size // 256) + bytes(size % 256)
    path.write_bytes(data)
    damage = Damage()
    got = list(read_frames(probe(path), damage))
    assert len(got) >= 10
    assert damage.packets > 0
    assert "damaged packet" in damage.sentence()


def test_without_damage_there_is_no_message(tmp_path: Path) -> None:
    damage = Damage()
    assert len(list(read_frames(probe(make_clip(tmp_path / "a.mp4")), damage))) == 12
    assert damage.sentence() == ""


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty", "sound", "picture"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mp4"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("a film, honestly\n" * 100)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "sound":
        with av.open(str(path), "w") as out:
            stream = out.add_stream("aac", rate=48000)
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            frame.sample_rate = 48000
            out.mux(stream.encode(frame))
            out.mux(stream.encode())
    elif kind == "picture":
        path.write_bytes(make_clip(tmp_path / "b.mp4").read_bytes()[:900])
    with pytest.raises(FilmError) as caught:
        probe(path)
    assert "a.mp4" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_in_a_playlist_are_not_read(tmp_path: Path) -> None:
    """A file that only names others would read them, or ask the network for them."""
    make_clip(tmp_path / "secret.ts", codec="mpeg2video", clock=Fraction(1, 25))
    (tmp_path / "a.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n"
    )
    (tmp_path / "b.ffconcat").write_text("ffconcat version 1.0\nfile secret.ts\n")
    for name in ("a.m3u8", "b.ffconcat"):
        with pytest.raises(FilmError):
            probe(tmp_path / name)


def test_a_name_that_looks_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FilmError, match="No such file"):
        probe(Path("http://localhost:1/a.mp4"))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("letter.mp4", b"Dear aunt, here is the film.\n" * 40),
        ("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n"),
        ("list.mp4", b"ffconcat version 1.0\nfile other.mp4\n"),
        ("one.mp4", None),
    ],
)
def test_texts_lists_and_single_pictures_are_no_films(
    tmp_path: Path, name: str, data: bytes | None
) -> None:
    path = tmp_path / name
    if data is None:
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(path, "PNG")
    else:
        path.write_bytes(data)
    with pytest.raises(FilmError, match="not a film"):
        probe(path)


@pytest.mark.parametrize("form", ["gif", "png", "avif"])
def test_animations_are_films(tmp_path: Path, form: str) -> None:
    frames = [Image.fromarray(grey) for grey in grey_frames(4, 48, 64)]
    path = tmp_path / f"a.{form}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    found = list(read_frames(probe(path), Damage()))
    assert len(found) == 4
    for frame, picture in zip(found, frames, strict=True):
        assert np.abs(frame.luma.astype(float) - np.asarray(picture)).mean() < 25
