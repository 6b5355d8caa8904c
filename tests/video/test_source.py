"""What a film file is: found before a frame is coloured, and its frames one after the other."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tintype.errors import FilmError
from tintype.video.layout import Layout
from tintype.video.source import Damage, complete, look_at, pictures
from video.clips import grey_frames, make_clip, planes_of

MILLI = Fraction(1, 1000)


def test_an_ordinary_film_is_known(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", sound="aac", aspect=Fraction(4, 3), turned=90)
    found = look_at(path)
    assert found.layout == Layout((96, 128), matrix="bt601", turn=1)
    assert (found.codec, found.frames, found.rate) == ("h264", 12, 25)
    assert (found.seconds, found.aspect) == (Fraction(12, 25), Fraction(4, 3))
    assert found.time_base == Fraction(1, 12800)
    assert [copied.what for copied in found.copied] == ["sound 1 (aac, eng)"]
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
def test_the_matrix_is_the_stream_s_own_or_that_of_its_size(
    tmp_path: Path, size: tuple[int, int], tags: dict[str, int], matrix: str, full: bool
) -> None:
    layout = look_at(make_clip(tmp_path / "a.mp4", count=2, size=size, **tags)).layout
    assert (layout.matrix, layout.full_range) == (matrix, full)


@pytest.mark.parametrize(
    ("codec", "form", "bits", "halved"),
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
def test_the_luminance_is_the_stored_one(
    tmp_path: Path, codec: str, form: str, bits: int, halved: tuple[bool, bool]
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
    source = look_at(path)
    assert (source.layout.bits, source.layout.halved) == (bits, halved)
    got = list(pictures(source, Damage()))
    assert len(got) == len(wanted) == 3
    for picture, luma in zip(got, wanted, strict=True):
        assert np.array_equal(picture.luma, luma)
        cb = np.full(source.layout.chroma_shape, 3, luma.dtype)
        made = complete(picture, source, cb, cb + np.array(1, luma.dtype))
        planes = planes_of(made)
        assert np.array_equal(planes[0], luma)
        assert [int(plane.max()) for plane in planes[1]] == [3, 4]


def _packed(folder: Path, form: str) -> tuple[Path, list[np.ndarray]]:
    """Raw video whose luminance does not lie in a plane of its own kind."""
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


def test_a_grey_film_that_does_not_say_uses_the_full_range(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", count=2, codec="ffv1", form="gray", clock=MILLI)
    assert look_at(path).layout.full_range


def test_pictures_of_rgb_become_luminance_and_that_is_said(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", count=2, codec="ffv1", form="bgr0", clock=MILLI)
    source = look_at(path)
    assert any("RGB" in warning for warning in source.warnings)
    for picture, grey in zip(pictures(source, Damage()), grey_frames(2, 96, 128), strict=True):
        wanted = 16 + grey.astype(float) * 219 / 255
        assert np.abs(picture.luma - wanted).max() <= 1.5


@pytest.mark.parametrize(
    ("tags", "word"), [({"color_trc": 16, "colorspace": 9}, "PQ"), ({"color_trc": 18}, "HLG")]
)
def test_hdr_is_said(tmp_path: Path, tags: dict[str, int], word: str) -> None:
    path = make_clip(tmp_path / "a.mp4", count=2, form="yuv420p10le", **tags)
    assert any(f"HDR ({word})" in warning for warning in look_at(path).warnings)


def test_interlaced_film_is_said(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", count=2, options={"x264-params": "tff=1"})
    source = look_at(path)
    assert source.interlaced
    assert any("interlaced" in warning for warning in source.warnings)


def test_transparency_is_said(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", count=2, codec="ffv1", form="yuva420p", clock=MILLI)
    assert any("transparen" in warning for warning in look_at(path).warnings)


def test_times_of_a_variable_rate_and_numbers(tmp_path: Path) -> None:
    times = [0, 512, 600, 2000, 2001, 9000]
    source = look_at(make_clip(tmp_path / "a.mp4", count=6, times=times))
    got = list(pictures(source, Damage()))
    assert [picture.pts for picture in got] == times
    assert [picture.number for picture in got] == list(range(6))


def test_reading_goes_on_after_what_is_done_and_from_a_time(tmp_path: Path) -> None:
    source = look_at(make_clip(tmp_path / "a.mp4", options={"g": "4", "preset": "ultrafast"}))
    whole = list(pictures(source, Damage()))
    rest = list(pictures(source, Damage(), skip=7))
    assert [picture.number for picture in rest] == [7, 8, 9, 10, 11]
    later = list(pictures(source, Damage(), start=Fraction(1, 5)))
    assert [picture.pts for picture in later] == [picture.pts for picture in whole[5:]]
    assert np.array_equal(later[0].luma, whole[5].luma)
    assert np.array_equal(rest[0].luma, whole[7].luma)


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", count=60, clock=MILLI)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    source = look_at(path)
    damage = Damage()
    got = list(pictures(source, damage))
    assert 10 < len(got) < 50
    assert "breaks off after 0:0" in damage.sentence()


def test_sound_that_is_longer_than_the_pictures_is_no_damage(tmp_path: Path) -> None:
    tick = Fraction(1, 25)
    path = make_clip(tmp_path / "a.ts", codec="mpeg2video", clock=tick, sound="mp2", longer=2)
    source = look_at(path)
    assert not source.sure
    damage = Damage()
    assert len(list(pictures(source, damage))) == 12
    assert damage.sentence() == ""


def test_a_last_frame_that_stays_long_is_no_damage(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", count=4, times=[0, 512, 1024, 40_000])
    damage = Damage()
    assert len(list(pictures(look_at(path), damage))) == 4
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
    got = list(pictures(look_at(path), damage))
    assert len(got) >= 10
    assert damage.packets > 0
    assert "damaged piece" in damage.sentence()


def test_nothing_wrong_says_nothing(tmp_path: Path) -> None:
    damage = Damage()
    assert len(list(pictures(look_at(make_clip(tmp_path / "a.mp4")), damage))) == 12
    assert damage.sentence() == ""


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty", "sound", "picture"])
def test_what_is_no_film_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
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
        look_at(path)
    assert "a.mp4" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_playlist_leads_nowhere(tmp_path: Path) -> None:
    """A file that only names others would read them, or ask the network for them."""
    make_clip(tmp_path / "secret.ts", codec="mpeg2video", clock=Fraction(1, 25))
    (tmp_path / "a.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n"
    )
    (tmp_path / "b.ffconcat").write_text("ffconcat version 1.0\nfile secret.ts\n")
    for name in ("a.m3u8", "b.ffconcat"):
        with pytest.raises(FilmError):
            look_at(tmp_path / name)


def test_a_name_that_looks_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FilmError, match="No such file"):
        look_at(Path("http://localhost:1/a.mp4"))


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
    with pytest.raises(FilmError, match="no film"):
        look_at(path)
