"""Clocks that begin late, jump or stumble: corrected for all streams, before the first frame."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from tintype.engine.bundle import Bundle
from tintype.video.packet_times import _repaired, read_clock
from tintype.video.plan import plan
from tintype.video.request import FilmRequest, Window
from tintype.video.run import clean_up, color
from video.clips import change_times, make_clip, packets_of, video_of
from video.conftest import LOSSLESS, MILLI, FakeRenderer, assert_same_luma, colored
from video.test_resume import _StoppedError, stopping

TICK = Fraction(1, 25)


def broadcast(path: Path, count: int = 10, **more: object) -> Path:
    """A small recording of a broadcast, each packet of its sound with its own time."""
    return make_clip(
        path,
        count=count,
        size=(48, 64),
        codec="mpeg2video",
        clock=TICK,
        sound="mp2",
        muxing={"pes_payload_size": "0"},
        **more,
    )


def sound_times(path: Path) -> list[float]:
    return [float(time) for time, _ in packets_of(path, "audio")]


# ----- times that stumble -----


@pytest.mark.parametrize("wrong", [0, -200, 6000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_one_wrong_time_of_the_sound_is_corrected(
    tmp_path: Path, bundle: Bundle, wrong: int, suffix: str
) -> None:
    right = colored(broadcast(tmp_path / "good.ts"), bundle, target=tmp_path / f"good{suffix}")
    path = broadcast(tmp_path / "a.ts")
    times: list[int] = []

    def stumble(kind: str, number: int, time: int) -> int:
        if kind == "audio":
            times.append(time)
            return times[-2] + wrong if number == 6 else time
        return time

    change_times(path, stumble)
    job = plan(path, tmp_path / f"b{suffix}", LOSSLESS, bundle)
    assert any("times of 1 packet" in warning for warning in job.warnings)
    _, damage = color(job, bundle, renderers=FakeRenderer)
    assert damage.sentence() == ""
    assert sound_times(job.target) == pytest.approx(sound_times(right.target), abs=0.0011)
    assert_same_luma(right.target, job.target)


def test_a_film_without_faults_is_left_alone(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", sound="aac", texts="mov_text")
    clock = read_clock(path, 0)
    assert (clock.begin, clock.joins, dict(clock.streams)) == (0, (), {})
    assert clock.seekable
    assert plan(path, None, FilmRequest(), bundle).warnings == ()


# ----- a clock that begins late -----


def test_a_late_clock_begins_at_0(tmp_path: Path, bundle: Bundle) -> None:
    early = colored(broadcast(tmp_path / "a.ts"), bundle)
    path = broadcast(tmp_path / "b.ts")
    change_times(path, lambda _kind, _number, time: time + 1200 * 90_000)
    late = colored(path, bundle)
    assert any("begins at 1200" in warning for warning in late.warnings)
    assert not any("begins at" in warning for warning in early.warnings)
    assert sound_times(late.target) == sound_times(early.target)
    assert min(sound_times(late.target)) == 0
    assert_same_luma(early.target, late.target)


def test_a_part_of_a_late_film_is_found(tmp_path: Path, bundle: Bundle) -> None:
    path = broadcast(tmp_path / "a.ts", count=30)
    change_times(path, lambda _kind, _number, time: time + 1200 * 90_000)
    request = FilmRequest(lossless=True, window=Window(Fraction(4, 5), Fraction(1, 5)))
    job = colored(path, bundle, request)
    wanted = [luma for _, luma, _ in video_of(path)[20:25]]
    found = video_of(job.target)
    assert [time for time, *_ in found] == [n * TICK for n in range(5)]
    assert all((luma == old).all() for (_, luma, _), old in zip(found, wanted, strict=True))
    assert 8 <= len(packets_of(job.target, "audio")) <= 10


def test_matroska_that_begins_late_begins_at_0(tmp_path: Path, bundle: Bundle) -> None:
    times = [90_000 + 40 * number for number in range(6)]
    path = make_clip(
        tmp_path / "a.mkv", count=6, size=(48, 64), codec="ffv1", clock=MILLI, times=times
    )
    job = colored(path, bundle, target=tmp_path / "b.mp4")
    assert [time for time, *_ in video_of(job.target)] == [n * TICK for n in range(6)]


def test_a_start_that_is_meant_stays(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", count=4, times=[6400, 6912, 7424, 7936])
    assert_same_luma(path, colored(path, bundle).target)


# ----- a clock that jumps -----


@pytest.mark.parametrize("jump", [0, 36_000, -2])
def test_two_recordings_become_one_film(tmp_path: Path, bundle: Bundle, jump: int) -> None:
    one = broadcast(tmp_path / "one.ts")
    two = broadcast(tmp_path / "two.ts")
    change_times(one, lambda _kind, _number, time: time + 10 * 90_000)
    change_times(two, lambda _kind, _number, time: time + (10 + jump) * 90_000)
    path = tmp_path / "a.ts"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    job = plan(path, None, LOSSLESS, bundle)
    assert len(job.source.clock.joins) == 1
    assert any("jumps at 0.4 s" in warning for warning in job.warnings)
    frames, damage = color(job, bundle, renderers=FakeRenderer)
    assert (frames, damage.sentence()) == (20, "")
    pictures = [float(time) for time, *_ in video_of(job.target)]
    sound = sound_times(job.target)
    assert all(0.02 < later - time < 0.08 for time, later in pairwise(pictures))
    assert all(0.02 < later - time < 0.06 for time, later in pairwise(sound))
    # Sound and pictures of the second recording are as far apart as those of the first.
    half = len(sound) // 2
    assert sound[half] - pictures[10] == pytest.approx(sound[0] - pictures[0], abs=1e-3)
    # And its packets are those of the file.
    assert [data for _, data in packets_of(job.target, "audio")] == [
        data for part in (one, two) for _, data in packets_of(part, "audio")
    ]


def test_missing_pictures_are_no_jump_if_the_sound_goes_on(tmp_path: Path, bundle: Bundle) -> None:
    times = [*range(5), *range(305, 310)]
    path = broadcast(tmp_path / "a.ts", times=times)
    job = colored(path, bundle)
    assert job.source.clock.joins == ()
    found = [time for time, *_ in video_of(job.target)]
    assert [time - found[0] for time in found] == [number * TICK for number in times]


# ----- times that the container does not store -----


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_an_avi_with_frames_out_of_order_is_no_damage(
    tmp_path: Path, bundle: Bundle, codec: str
) -> None:
    path = make_clip(
        tmp_path / "a.avi",
        count=30,
        size=(48, 64),
        codec=codec,
        clock=TICK,
        sound="libmp3lame",
        options={"bf": "2"},
    )
    job = plan(path, None, LOSSLESS, bundle)
    frames, damage = color(job, bundle, renderers=FakeRenderer)
    assert (frames, damage.sentence()) == (30, "")
    assert all(b - a == TICK for (a, *_), (b, *_) in pairwise(video_of(job.target)))


# ----- the folder of an unfinished film -----


def test_finished_segments_serve_another_container(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", size=(48, 64), sound="aac")
    request = FilmRequest()
    with pytest.raises(_StoppedError):
        color(
            plan(path, tmp_path / "b.mp4", request, bundle),
            bundle,
            renderers=FakeRenderer,
            segment_frames=5,
            on_progress=stopping(11),
        )
    progress: list[int] = []
    job = plan(path, tmp_path / "b.mkv", request, bundle)
    color(job, bundle, renderers=FakeRenderer, segment_frames=5, on_progress=progress.append)
    assert progress[0] in (5, 10)
    assert len(video_of(job.target)) == 12
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.mkv"]


def test_a_finished_film_leaves_the_segments_of_another(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4", size=(48, 64))
    colored(path, bundle, target=tmp_path / "b.mp4")
    with pytest.raises(_StoppedError):
        color(
            plan(path, tmp_path / "b.mkv", FilmRequest(crf=30), bundle),
            bundle,
            renderers=FakeRenderer,
            segment_frames=5,
            on_progress=stopping(11),
        )
    job = plan(path, tmp_path / "b.mp4", LOSSLESS, bundle)
    assert job.done
    clean_up(job)
    assert (tmp_path / ".tintype-b.part" / "000000.segment").exists()


@pytest.mark.parametrize("step", [0, 1, 57_876, 88_199, 88_200, 10**6])
@pytest.mark.parametrize("back", [0, 5, 90])
def test_packets_too_near_to_each_other_are_moved_apart(step: int, back: int) -> None:
    """With less than 1/8000 s between two of them this went on for ever."""
    times: list[int | None] = [number * step for number in range(200)]
    times[back] = None if back == 5 else 10**8
    found = _repaired(times, step)
    assert all(value is not None for value in found.values())
    ends = [found.get(number, time) for number, time in enumerate(times)]
    known = [time for time in ends if time is not None]
    assert len(known) == 200
    assert all(later > time for time, later in pairwise(known[back + 1 :]))
