"""A film in, a coloured film out: its pictures, everything else of the file, interruptions."""

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from tintype.engine.bundle import Bundle
from tintype.engine.hints import Hint
from tintype.engine.settings import Settings
from tintype.errors import FilmError, ModelError, TargetExistsError, UsageError, WriteError
from tintype.video import film, segments
from tintype.video.film import FilmRequest, Job, color, plan, tidy
from tintype.video.mark import made_by
from tintype.video.mux import Window
from tintype.video.render import Shot
from tintype.video.segments import Work
from tintype.video.source import Damage
from video.clips import make_clip, packets_of, video_of
from video.conftest import Brush

MILLI = Fraction(1, 1000)
LOSSLESS = FilmRequest(lossless=True)


def colored(
    path: Path, bundle: Bundle, request: FilmRequest = LOSSLESS, target: Path | None = None
) -> Job:
    job = plan(path, target, request, bundle)
    color(job, bundle, colors=Brush, segment=5)
    return job


def same_pictures(one: Path, other: Path) -> None:
    """The same times and the same luminance, bit for bit."""
    before, after = video_of(one), video_of(other)
    assert [when for when, *_ in before] == [when for when, *_ in after]
    for (_, old, _), (_, new, _) in zip(before, after, strict=True):
        assert np.array_equal(old, new)


# ----- pictures -----


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a.mp4", {}),
        ("a.mov", {"form": "yuv422p10le"}),
        ("a.mkv", {"clock": MILLI, "form": "yuv444p"}),
        ("a.mp4", {"form": "yuv420p10le", "color_range": 2}),
        ("a.mkv", {"clock": MILLI, "codec": "ffv1", "size": (91, 117)}),
        ("a.mkv", {"clock": MILLI, "codec": "ffv1", "form": "yuv420p16le"}),
        ("a.mkv", {"clock": MILLI, "codec": "ffv1", "form": "gray10le"}),
        ("a.avi", {"clock": Fraction(1, 25), "codec": "mjpeg", "form": "yuvj422p"}),
        ("a.ts", {"clock": Fraction(1, 25), "codec": "mpeg2video"}),
        ("a.webm", {"clock": MILLI, "codec": "libvpx-vp9"}),
    ],
)
def test_times_and_luminance_are_untouched(
    tmp_path: Path, bundle: Bundle, name: str, more: dict[str, object]
) -> None:
    path = make_clip(tmp_path / name, **more)
    job = colored(path, bundle)
    same_pictures(path, job.target)
    rendered = Brush(job.source.layout)
    with av.open(str(job.target)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.colorspace == job.source.matrix_tag
        full = job.source.layout.full_range
        assert stream.codec_context.color_range == (2 if full else 1)
    for number, (_, luma, chroma) in enumerate(video_of(job.target)):
        cb, cr = rendered.render(rendered.look(luma, number), 0)
        assert np.array_equal(chroma[0], cb)
        assert np.array_equal(chroma[1], cr)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_times_of_a_variable_rate_stay(tmp_path: Path, bundle: Bundle, codec: str) -> None:
    rng = random.Random(3)
    times = [517]
    while len(times) < 23:
        times.append(times[-1] + rng.choice([1, 7, 130, 512, 513, 3000]))
    path = make_clip(tmp_path / "a.mp4", count=23, times=times)
    job = colored(path, bundle, FilmRequest(codec=codec, lossless=True))
    same_pictures(path, job.target)


def test_compressed_pictures_are_close_and_small(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", options={"qp": "0"}, size=(240, 320))
    job = colored(path, bundle, FilmRequest(crf=18), tmp_path / "b.mp4")
    pairs = zip(video_of(path), video_of(job.target), strict=True)
    assert max(np.abs(a.astype(float) - b).mean() for (_, a, _), (_, b, _) in pairs) < 2
    assert job.target.stat().st_size < path.stat().st_size


def test_odd_sizes_keep_their_size(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mkv", codec="ffv1", size=(91, 117), clock=MILLI)
    job = colored(path, bundle, FilmRequest(codec="h264", lossless=True))
    same_pictures(path, job.target)
    assert any("117 x 91 is odd" in warning for warning in job.warnings)


def test_fields_stay_fields(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", options={"x264-params": "tff=1"})
    job = colored(path, bundle)
    same_pictures(path, job.target)
    with av.open(str(job.target)) as container:
        assert next(container.decode(video=0)).interlaced_frame
        assert container.streams.video[0].codec_context.field_order == job.source.field_order


def test_rotation_and_pixel_aspect_stay(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", turned=90, aspect=Fraction(16, 15))
    job = colored(path, bundle)
    assert job.source.layout.turn == 1
    with av.open(str(job.target)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 15)
        assert next(container.decode(video=0)).rotation == 90


def test_seconds_are_counted_from_the_first_picture(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", count=4, times=[6400, 6912, 7424, 9000])
    brushes = []

    def brush(layout: object) -> Brush:
        brushes.append(Brush(layout))
        return brushes[-1]

    color(plan(path, None, LOSSLESS, bundle), bundle, colors=brush)
    assert brushes[0].seconds == pytest.approx([0, 0.04, 0.08, 2600 / 12800])


def test_the_real_painter_colours_a_film(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", count=6)
    job = plan(path, None, LOSSLESS, bundle)
    assert color(job, bundle) == (6, Damage())
    same_pictures(path, job.target)
    assert all(np.ptp(plane) > 0 for _, _, chroma in video_of(job.target) for plane in chroma)


# ----- everything else -----


def streams_of(path: Path) -> list[tuple[str, str | None, str | None, int]]:
    with av.open(str(path)) as container:
        return [
            (s.type, s.name, s.metadata.get("language"), int(s.disposition))
            for s in container.streams
        ]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a.mp4", {"sound": "aac", "texts": "mov_text"}),
        ("a.mkv", {"sound": "libopus", "texts": "subrip", "clock": MILLI}),
        ("a.mkv", {"sound": "flac", "attachment": b"a font", "clock": MILLI}),
        ("a.mov", {"sound": "pcm_s16le"}),
    ],
)
def test_all_other_streams_go_through(
    tmp_path: Path, bundle: Bundle, name: str, more: dict[str, object]
) -> None:
    path = make_clip(tmp_path / name, chapters=True, title="A day", **more)
    job = colored(path, bundle, FilmRequest(crf=20))
    assert job.warnings == ()
    assert streams_of(job.target) == streams_of(path)
    for kind in ("audio", "subtitle"):
        assert packets_of(job.target, kind) == packets_of(path, kind)
    with av.open(str(path)) as old, av.open(str(job.target)) as new:
        assert new.metadata["title"] == "A day"
        told = [
            [(c["start"] * c["time_base"], c["metadata"]) for c in container.chapters()]
            for container in (old, new)
        ]
        assert told[0] == told[1]
        assert len(told[0]) == 2
        if "attachment" in more:
            assert new.streams.attachments[0].data == b"a font"


def test_what_a_container_has_no_room_for_is_said_before(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mkv", texts="subrip", attachment=b"font", clock=MILLI)
    job = plan(path, tmp_path / "b.mp4", LOSSLESS, bundle)
    said = [warning for warning in job.warnings if "has no room for" in warning]
    assert ["subtitles 1 (subrip, deu)" in said[0], "attachment 1" in said[1]] == [True, True]
    assert not job.target.exists()
    color(job, bundle, colors=Brush)
    assert [kind for kind, *_ in streams_of(job.target)] == ["video"]


def test_a_film_in_another_container_becomes_what_can_hold_all(
    tmp_path: Path, bundle: Bundle
) -> None:
    tick = Fraction(1, 25)
    one = make_clip(tmp_path / "a.avi", codec="mpeg4", clock=tick, sound="libmp3lame")
    other = make_clip(tmp_path / "b.avi", codec="mpeg4", clock=tick, sound="wmav2")
    deep = make_clip(tmp_path / "c.nut", codec="ffv1", form="yuv420p16le", clock=tick)
    names = [plan(path, None, FilmRequest(), bundle).target.name for path in (one, other, deep)]
    assert names == ["a.color.mp4", "b.color.mkv", "c.color.mkv"]


def test_a_cover_picture_goes_along(tmp_path: Path, bundle: Bundle) -> None:
    cover = tmp_path / "cover.jpg"
    Image.new("RGB", (60, 40), "red").save(cover)
    path = make_clip(tmp_path / "a.mkv", attachment=cover.read_bytes(), cover=True, clock=MILLI)
    one = colored(path, bundle, FilmRequest(), tmp_path / "b.mkv")
    other = colored(path, bundle, FilmRequest(), tmp_path / "c.mp4")
    back = colored(other.target, bundle, FilmRequest(), tmp_path / "d.mkv")
    for job in (one, other, back):
        with av.open(str(job.target)) as container:
            assert len(container.streams) == 2
            assert container.streams[1].disposition & Disposition.attached_pic
            packets = [p for p in container.demux(container.streams[1]) if p.size]
            assert bytes(packets[0]) == cover.read_bytes()


def test_timecode_is_made_anew(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mov", timecode="10:20:30:04")
    job = colored(path, bundle, FilmRequest())
    assert job.warnings == ()
    assert streams_of(job.target) == streams_of(path)
    with av.open(str(job.target)) as container:
        assert container.streams.data[0].metadata["timecode"] == "10:20:30:04"


def test_further_videos_are_copied(tmp_path: Path, bundle: Bundle) -> None:
    one = make_clip(tmp_path / "one.mp4")
    path = tmp_path / "two.mp4"
    with av.open(str(one)) as old, av.open(str(path), "w") as new:
        streams = [new.add_stream_from_template(old.streams.video[0], opaque=True) for _ in "ab"]
        for packet in old.demux(video=0):
            if packet.size:
                again = av.Packet(bytes(packet))
                again.pts, again.dts, again.time_base = packet.pts, packet.dts, packet.time_base
                again.is_keyframe = packet.is_keyframe
                for each, stream in zip((packet, again), streams, strict=True):
                    each.stream = stream
                    new.mux(each)
    job = colored(path, bundle)
    assert "only one (stream 0) is coloured" in job.warnings[0]
    same_pictures(path, job.target)
    with av.open(str(one)) as old, av.open(str(job.target)) as new:
        wanted = [bytes(packet) for packet in old.demux(video=0) if packet.size]
        assert [bytes(packet) for packet in new.demux(video=1) if packet.size] == wanted


def test_a_comment_stays_and_the_mark_stands_below(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4")
    with av.open(str(path)) as old, av.open(str(tmp_path / "b.mp4"), "w") as new:
        new.metadata["comment"] = "Found in the attic.\nReel 2."
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    first = colored(tmp_path / "b.mp4", bundle)
    second = colored(first.target, bundle)
    for job in (first, second):
        with av.open(str(job.target)) as container:
            comment = container.metadata["comment"]
            assert made_by(container.metadata) == job.made
        assert comment.startswith("Found in the attic.\nReel 2.\nTintype ")
        assert comment.count("tintype:{") == 1


# ----- wishes -----


def test_a_preview_is_a_part_with_its_sound(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", count=50, sound="aac", chapters=True)
    window = Window(Fraction(1, 2), Fraction(1))
    job = colored(path, bundle, replace(LOSSLESS, window=window))
    assert job.target.name == "a.preview.mp4"
    assert job.frames == 25
    old, new = video_of(path), video_of(job.target)
    assert len(new) == 25
    for (when, luma, _), (then, same, _) in zip(old[13:], new, strict=False):
        assert when - old[13][0] == then
        assert np.array_equal(luma, same)
    sound = packets_of(job.target, "audio")
    assert 45 <= len(sound) <= 47
    assert sound[0][1] in [data for _, data in packets_of(path, "audio")[24:28]]
    assert 0 <= sound[0][0] < Fraction(1, 40)
    with av.open(str(job.target)) as container:
        ends = [float(c["end"] * c["time_base"]) for c in container.chapters()]
    assert ends == pytest.approx([0.5 - 0.02, 1.0], abs=0.03)


def test_wishes_are_checked_before_the_work(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", turned=90)

    def refused(
        request: FilmRequest, error: type[Exception], text: str, name: str = "b.mp4"
    ) -> None:
        with pytest.raises(error, match=text):
            plan(path, tmp_path / name, request, bundle)

    refused(FilmRequest(crf=60), UsageError, "--crf 60 is out of range")
    refused(FilmRequest(crf=20, lossless=True), UsageError, "Leave --crf out")
    refused(FilmRequest(steady=2), UsageError, "steadiness")
    refused(FilmRequest(codec="ffv1"), UsageError, r"\.mkv")
    refused(FilmRequest(), UsageError, "ends in .gif", "b.gif")
    refused(FilmRequest(), UsageError, "the film itself", "a.mp4")
    refused(FilmRequest(window=Window(Fraction(9), Fraction(1))), UsageError, "shorter than 9 s")
    # Upright it is 96 wide and 128 high.
    shots = (Shot(1.0, (Hint(100, 20, 9, 9),)),)
    refused(FilmRequest(shots=shots), UsageError, "outside the film of 96 x 128")


def test_a_model_that_knows_no_references_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    from skimage import data

    from tintype.engine.reference import Reference

    reference = Reference("a.png", "0" * 64, data.coffee()[::8, ::8])
    path = make_clip(tmp_path / "a.mp4")
    for request in (
        FilmRequest(settings=Settings(reference=reference)),
        FilmRequest(shots=(Shot(0.0, (), reference),)),
    ):
        with pytest.raises(ModelError, match="features"):
            plan(path, None, request, bundle)


def test_a_codec_that_holds_too_few_bits_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mkv", codec="ffv1", form="yuv420p16le", clock=MILLI)
    with pytest.raises(FilmError, match="16 bits, which"):
        plan(path, None, FilmRequest(codec="h264"), bundle)


def test_a_missing_encoder_is_said(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", {"ffv1"})
    with pytest.raises(FilmError, match="no libx264, which"):
        plan(make_clip(tmp_path / "a.mp4"), None, FilmRequest(), bundle)


def test_an_output_is_replaced_only_when_asked(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4")
    (tmp_path / "a.color.mp4").write_text("somebody's")
    with pytest.raises(TargetExistsError, match="exists already"):
        plan(path, None, LOSSLESS, bundle)
    job = plan(path, None, LOSSLESS, bundle, overwrite=True)
    color(job, bundle, colors=Brush, overwrite=True)
    assert plan(path, None, LOSSLESS, bundle).done
    with pytest.raises(TargetExistsError, match="made with other settings"):
        plan(path, None, replace(LOSSLESS, every=7), bundle)
    assert not plan(path, None, replace(LOSSLESS, every=7), bundle, overwrite=True).done


# ----- interruptions -----


class _StoppedError(Exception):
    pass


def stopping(after: int) -> Callable[[int], None]:
    def told(frames: int) -> None:
        if frames >= after:
            raise _StoppedError

    return told


@pytest.mark.parametrize("after", [1, 4, 5, 6, 11, 12])
def test_what_was_stopped_goes_on_to_the_same_bytes(
    tmp_path: Path, bundle: Bundle, after: int
) -> None:
    path = make_clip(tmp_path / "a.mp4", sound="aac")
    whole = colored(path, bundle, FilmRequest()).target.read_bytes()
    job = plan(path, tmp_path / "b.mp4", FilmRequest(), bundle)
    with pytest.raises(_StoppedError):
        color(job, bundle, colors=Brush, segment=5, told=stopping(after))
    assert not job.target.exists()
    told: list[int] = []
    color(job, bundle, colors=Brush, segment=5, told=told.append)
    assert told[0] <= after
    assert told[0] % 5 == 0
    assert job.target.read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.color.mp4", "a.mp4", "b.mp4"]


@pytest.mark.parametrize("name", ["000001.segment", "000000.segment", "job.json"])
def test_a_damaged_segment_is_made_again(tmp_path: Path, bundle: Bundle, name: str) -> None:
    path = make_clip(tmp_path / "a.mp4")
    whole = colored(path, bundle, FilmRequest()).target.read_bytes()
    job = plan(path, tmp_path / "b.mp4", FilmRequest(), bundle)
    with pytest.raises(_StoppedError):
        color(job, bundle, colors=Brush, segment=3, told=stopping(11))
    folder = tmp_path / ".tintype-b.mp4.part"
    assert (folder / "000001.segment").exists()
    broken = bytearray((folder / name).read_bytes())
    broken[len(broken) // 3] ^= 1
    (folder / name).write_bytes(broken)
    color(job, bundle, colors=Brush, segment=5)
    assert job.target.read_bytes() == whole


def test_other_settings_begin_anew(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4")
    target = tmp_path / "b.mp4"
    with pytest.raises(_StoppedError):
        color(
            plan(path, target, FilmRequest(), bundle),
            bundle,
            colors=Brush,
            segment=5,
            told=stopping(11),
        )
    told: list[int] = []
    job = plan(path, target, FilmRequest(crf=30), bundle)
    color(job, bundle, colors=Brush, segment=5, told=told.append)
    assert told[0] == 0


def test_killed_after_the_film_was_whole_nothing_is_left(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4")
    target = colored(path, bundle).target
    Work(target, "of a run that was killed").close()
    job = plan(path, None, LOSSLESS, bundle)
    assert job.done
    tidy(job)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.color.mp4", "a.mp4"]


def test_two_at_once_do_not_meet(tmp_path: Path, bundle: Bundle) -> None:
    job = plan(make_clip(tmp_path / "a.mp4"), None, FilmRequest(), bundle)
    work = Work(job.target, "held")
    with pytest.raises(FilmError, match="Another Tintype is making"):
        color(job, bundle, colors=Brush)
    work.remove()
    color(job, bundle, colors=Brush)


_RUN = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tintype.engine.bundle import load_bundle
from tintype.video.film import FilmRequest, color, plan, tidy
from video.conftest import Brush

class Slow(Brush):
    def look(self, luma, number):
        time.sleep(0.03)
        return super().look(luma, number)

bundle = load_bundle(sys.argv[2])
job = plan(Path(sys.argv[3]), Path(sys.argv[4]), FilmRequest(), bundle)
print("begins", flush=True)
if job.done:
    tidy(job)
else:
    color(job, bundle, colors=Slow, segment=3)
"""


def test_killed_at_any_moment_it_ends_with_the_same_bytes(
    tmp_path: Path, bundle: Bundle, tiny_model: Path
) -> None:
    path = make_clip(tmp_path / "a.mkv", count=24, sound="aac", clock=MILLI)
    whole = colored_by_threes(path, bundle)
    target = tmp_path / "b.mkv"
    tests = Path(__file__).parents[1]
    words = [sys.executable, "-c", _RUN, tests, tiny_model, path, target]
    rng = random.Random(11)
    kills = 0
    while True:
        process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"begins\n"
        wait = rng.uniform(0.05, 0.4)
        timer = threading.Timer(wait, process.kill) if kills < 3 else None
        if timer is not None:
            timer.start()
        code = process.wait(timeout=60)
        process.stdout.close()
        if timer is not None:
            timer.cancel()
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
    assert kills >= 2
    assert target.read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.color.mkv", "a.mkv", "b.mkv"]


def colored_by_threes(path: Path, bundle: Bundle) -> bytes:
    job = plan(path, None, FilmRequest(), bundle)
    color(job, bundle, colors=Brush, segment=3)
    return job.target.read_bytes()


class _Full:
    """A file on a disk that is full after some bytes."""

    def __init__(self, file: BinaryIO, room: int) -> None:
        self._file, self._room = file, room

    def write(self, data: bytes) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._file.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def test_a_full_disk_is_said_and_leaves_no_half_film(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    path = make_clip(tmp_path / "a.mp4", sound="aac")
    job = plan(path, None, FilmRequest(), bundle)
    real = film.write_film

    def full(file: BinaryIO, *words: object, **more: object) -> None:
        real(_Full(file, 3000), *words, **more)

    monkeypatch.setattr(film, "write_film", full)
    with pytest.raises(WriteError, match=r"the disk is full .*with -o") as caught:
        color(job, bundle, colors=Brush, segment=5)
    assert caught.value.exit_code == 1
    assert capfd.readouterr().err == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == [".tintype-a.color.mp4.part", "a.mp4"]
    monkeypatch.setattr(film, "write_film", real)
    told: list[int] = []
    color(job, bundle, colors=Brush, segment=5, told=told.append)
    assert told == []
    same_length = [len(video_of(file)) for file in (path, job.target)]
    assert same_length == [12, 12]


def test_a_disk_that_is_full_while_colouring_is_said(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = plan(make_clip(tmp_path / "a.mp4"), None, FilmRequest(), bundle)

    def full(_file: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(segments, "_sync", full)
        with pytest.raises(WriteError, match="the disk is full"):
            color(job, bundle, colors=Brush, segment=5)
    color(job, bundle, colors=Brush, segment=5)
    assert len(video_of(job.target)) == 12


def test_a_truncated_film_is_coloured_as_far_as_it_goes(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mkv", count=60, sound="aac", clock=MILLI)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    job = plan(path, None, LOSSLESS, bundle)
    frames, damage = color(job, bundle, colors=Brush, segment=5)
    assert 10 < frames < 60
    assert "breaks off" in damage.sentence()
    assert len(video_of(job.target)) == frames


def test_a_fault_of_the_painter_comes_out_and_nothing_hangs(tmp_path: Path, bundle: Bundle) -> None:
    class Broken(Brush):
        def look(self, luma: np.ndarray, number: int) -> tuple[int, int]:
            if number == 7:
                raise ModelError("The model does not run.")
            return super().look(luma, number)

    job = plan(make_clip(tmp_path / "a.mp4"), None, FilmRequest(), bundle)
    before = threading.active_count()
    with pytest.raises(ModelError, match="does not run"):
        color(job, bundle, colors=Broken, segment=5)
    began = time.monotonic()
    while threading.active_count() > before and time.monotonic() - began < 5:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_a_film_is_looked_at_once_a_frame_unless_it_is_said() -> None:
    assert FilmRequest().settings == Settings(quality="normal")
