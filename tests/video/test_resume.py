"""Interruptions and faults: a run continues to the same bytes, and nothing is left behind."""

import errno
import hashlib
import io
import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from tintype.engine.bundle import Bundle
from tintype.errors import FilmError, ModelError, WriteError
from tintype.video import run, segments
from tintype.video.decode import Damage
from tintype.video.frames import Frame
from tintype.video.plan import plan
from tintype.video.render import Renderer
from tintype.video.request import FilmRequest
from tintype.video.run import clean_up, color
from tintype.video.segments import EncodedPacket, SegmentStore, remove_segments
from tintype.video.threads import SegmentEncoder
from video.clips import make_clip, video_of
from video.conftest import LOSSLESS, MILLI, FakeRenderer, colored


class _StoppedError(Exception):
    pass


def stopping(after: int) -> Callable[[int], None]:
    def on_progress(frames: int) -> None:
        if frames >= after:
            raise _StoppedError

    return on_progress


@pytest.mark.parametrize("after", [1, 4, 5, 6, 11, 12])
def test_a_stopped_run_continues_to_the_same_bytes(
    tmp_path: Path, bundle: Bundle, after: int
) -> None:
    path = make_clip(tmp_path / "a.mp4", sound="aac")
    whole = colored(path, bundle, FilmRequest()).target.read_bytes()
    job = plan(path, tmp_path / "b.mp4", FilmRequest(), bundle)
    with pytest.raises(_StoppedError):
        color(job, bundle, renderers=FakeRenderer, segment_frames=5, on_progress=stopping(after))
    assert not job.target.exists()
    progress: list[int] = []
    color(job, bundle, renderers=FakeRenderer, segment_frames=5, on_progress=progress.append)
    assert progress[0] <= after
    assert progress[0] % 5 == 0
    assert job.target.read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.color.mp4", "a.mp4", "b.mp4"]


def test_a_segment_of_which_a_frame_was_discarded_is_not_kept(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the run stops between the last two frames that the encoder takes."""
    job = plan(make_clip(tmp_path / "a.mp4"), None, FilmRequest(), bundle)
    encoders: list[SegmentEncoder] = []
    real = queue.Queue.get

    def get(items: queue.Queue, *args: object, **options: object) -> object:
        item = real(items, *args, **options)
        encodes = threading.current_thread().name == "tintype-encode"
        if encodes and isinstance(item, Frame) and item.number == 4:
            encoders[0]._stop.set()
            return real(items)  # as after close() has discarded the frame
        return item

    class Encoder(SegmentEncoder):
        def __init__(self, *args: object) -> None:
            encoders.append(self)
            super().__init__(*args)

    with monkeypatch.context() as patched:
        patched.setattr(run, "SegmentEncoder", Encoder)
        patched.setattr(queue.Queue, "get", get)
        with pytest.raises(_StoppedError):
            color(job, bundle, renderers=FakeRenderer, segment_frames=5, on_progress=stopping(11))
    progress: list[int] = []
    color(job, bundle, renderers=FakeRenderer, segment_frames=5, on_progress=progress.append)
    assert progress[0] == 0
    assert len(video_of(job.target)) == 12


@pytest.mark.parametrize("name", ["000001.segment", "000000.segment", "job.json"])
def test_a_damaged_segment_is_made_again(tmp_path: Path, bundle: Bundle, name: str) -> None:
    path = make_clip(tmp_path / "a.mp4")
    whole = colored(path, bundle, FilmRequest()).target.read_bytes()
    job = plan(path, tmp_path / "b.mp4", FilmRequest(), bundle)
    with pytest.raises(_StoppedError):
        color(job, bundle, renderers=FakeRenderer, segment_frames=3, on_progress=stopping(11))
    folder = tmp_path / ".tintype-b.part"
    assert (folder / "000001.segment").exists()
    broken = bytearray((folder / name).read_bytes())
    broken[len(broken) // 3] ^= 1
    (folder / name).write_bytes(broken)
    color(job, bundle, renderers=FakeRenderer, segment_frames=5)
    assert job.target.read_bytes() == whole


FORGED: list[Callable[[dict[str, Any]], Any]] = [
    lambda index: {**index, "sizes": [-5, *index["sizes"][1:]]},
    lambda index: {**index, "sizes": [10**30, *index["sizes"][1:]]},
    lambda index: {**index, "pts": index["pts"][1:]},
    lambda index: {**index, "damage": 5},
    lambda index: {**index, "state_size": "x"},
    lambda index: {**index, "more": 1},
    lambda index: [index],
]


@pytest.mark.parametrize("change", FORGED)
def test_a_forged_index_is_made_again(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    target = tmp_path / "b.mp4"
    with closing(SegmentStore(target, "key")) as store:
        writer = store.writer()
        writer.add(EncodedPacket(0, True, b"packet"))
        writer.finish(b"state", duration=1, end=False, damage=Damage(), extradata="")
    path = tmp_path / ".tintype-b.part" / "000000.segment"
    data = path.read_bytes()
    length = int.from_bytes(data[-36:-32], "big")
    with closing(SegmentStore(target, "key")) as store:
        assert store.frames == 1
    text = json.dumps(change(json.loads(data[-36 - length : -36]))).encode()
    forged = data[: -36 - length] + text + len(text).to_bytes(4, "big")
    path.write_bytes(forged + hashlib.sha256(forged).digest())
    with closing(SegmentStore(target, "key")) as store:
        assert store.frames == 0


def test_in_the_place_of_an_unfinished_film_nothing_of_others_is_touched(tmp_path: Path) -> None:
    target, place = tmp_path / "b.mp4", tmp_path / ".tintype-b.part"
    others = tmp_path / "others"
    others.mkdir()
    for name in ("000000.segment", "thesis.tmp", "job.json"):
        (others / name).write_text("precious")
    place.symlink_to(others, target_is_directory=True)
    with pytest.raises(FilmError, match="was not written by Tintype"):
        SegmentStore(target, "key")
    remove_segments(target)
    assert sorted(path.name for path in others.iterdir()) == [
        "000000.segment", "job.json", "thesis.tmp",
    ]  # fmt: skip
    place.unlink()
    place.mkdir()
    for name in ("thesis.tmp", "000000.segment.bak"):
        (place / name).write_text("precious")
        with pytest.raises(FilmError, match=name):
            SegmentStore(target, "key")
        remove_segments(target)
        (place / name).unlink()
    (place / "000000.tmp").symlink_to(others / "thesis.tmp")
    with pytest.raises(FilmError, match=r"000000\.tmp was not written by Tintype"):
        SegmentStore(target, "key")
    assert (others / "thesis.tmp").read_text() == "precious"


def test_a_state_that_was_forged_is_one_line(tmp_path: Path, bundle: Bundle) -> None:
    job = plan(make_clip(tmp_path / "a.mp4"), tmp_path / "b.mp4", FilmRequest(), bundle)

    class Forged(FakeRenderer):
        def restore(self, state: bytes) -> None:
            Renderer.restore(self, state)  # type: ignore[arg-type]

    with pytest.raises(_StoppedError):
        color(job, bundle, renderers=FakeRenderer, segment_frames=5, on_progress=stopping(11))
    with pytest.raises(FilmError, match="cannot be resumed"):
        color(job, bundle, renderers=Forged, segment_frames=5)


def test_a_state_that_would_grow_is_refused() -> None:
    file = io.BytesIO()
    np.savez_compressed(file, counts=np.zeros(1_000_000))
    with pytest.raises(ValueError, match="compressed"):
        Renderer.restore(None, file.getvalue())  # type: ignore[arg-type]


def test_other_settings_start_again(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4")
    target = tmp_path / "b.mp4"
    with pytest.raises(_StoppedError):
        color(
            plan(path, target, FilmRequest(), bundle),
            bundle,
            renderers=FakeRenderer,
            segment_frames=5,
            on_progress=stopping(11),
        )
    progress: list[int] = []
    job = plan(path, target, FilmRequest(crf=30), bundle)
    color(job, bundle, renderers=FakeRenderer, segment_frames=5, on_progress=progress.append)
    assert progress[0] == 0


def test_segments_of_a_complete_film_are_removed(tmp_path: Path, bundle: Bundle) -> None:
    path = make_clip(tmp_path / "a.mp4")
    target = colored(path, bundle).target
    SegmentStore(target, "of a killed run").close()
    job = plan(path, None, LOSSLESS, bundle)
    assert job.done
    clean_up(job)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.color.mp4", "a.mp4"]


def test_two_processes_cannot_write_one_film(tmp_path: Path, bundle: Bundle) -> None:
    job = plan(make_clip(tmp_path / "a.mp4"), None, FilmRequest(), bundle)
    store = SegmentStore(job.target, "held")
    with pytest.raises(FilmError, match="Another Tintype process is writing"):
        color(job, bundle, renderers=FakeRenderer)
    store.remove()
    color(job, bundle, renderers=FakeRenderer)


_RUN = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tintype.engine.bundle import load_bundle
from tintype.video.plan import plan
from tintype.video.request import FilmRequest
from tintype.video.run import clean_up, color
from video.conftest import FakeRenderer

class Slow(FakeRenderer):
    def prepare(self, luma, number, *more):
        time.sleep(0.03)
        return super().prepare(luma, number)

bundle = load_bundle(sys.argv[2])
job = plan(Path(sys.argv[3]), Path(sys.argv[4]), FilmRequest(), bundle)
print("begins", flush=True)
if job.done:
    clean_up(job)
else:
    color(job, bundle, renderers=Slow, segment_frames=3)
"""


def test_killed_at_any_moment_it_continues_to_the_same_bytes(
    tmp_path: Path, bundle: Bundle, tiny_model: Path
) -> None:
    path = make_clip(tmp_path / "a.mkv", count=24, sound="aac", clock=MILLI)
    whole = colored_by_threes(path, bundle)
    target = tmp_path / "b.mkv"
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-c", _RUN, tests, tiny_model, path, target]
    rng = random.Random(11)
    kills = 0
    while True:
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE)
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
    color(job, bundle, renderers=FakeRenderer, segment_frames=3)
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


def test_a_full_disk_is_reported_and_leaves_no_partial_film(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    path = make_clip(tmp_path / "a.mp4", sound="aac")
    job = plan(path, None, FilmRequest(), bundle)
    real = run.write_film

    def full(file: BinaryIO, *args: object, **options: object) -> None:
        real(_Full(file, 3000), *args, **options)

    monkeypatch.setattr(run, "write_film", full)
    with pytest.raises(WriteError, match=r"the disk is full .*with -o") as caught:
        color(job, bundle, renderers=FakeRenderer, segment_frames=5)
    assert caught.value.exit_code == 1
    assert capfd.readouterr().err == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == [".tintype-a.color.part", "a.mp4"]
    monkeypatch.setattr(run, "write_film", real)
    progress: list[int] = []
    color(job, bundle, renderers=FakeRenderer, segment_frames=5, on_progress=progress.append)
    assert progress == []
    same_length = [len(video_of(file)) for file in (path, job.target)]
    assert same_length == [12, 12]


def test_a_disk_that_fills_while_colouring_is_reported(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = plan(make_clip(tmp_path / "a.mp4"), None, FilmRequest(), bundle)

    def full(_file: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(segments, "_sync", full)
        with pytest.raises(WriteError, match="the disk is full"):
            color(job, bundle, renderers=FakeRenderer, segment_frames=5)
    color(job, bundle, renderers=FakeRenderer, segment_frames=5)
    assert len(video_of(job.target)) == 12


def test_a_truncated_film_is_coloured_as_far_as_it_can_be_read(
    tmp_path: Path, bundle: Bundle
) -> None:
    path = make_clip(tmp_path / "a.mkv", count=60, sound="aac", clock=MILLI)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    job = plan(path, None, LOSSLESS, bundle)
    frames, damage = color(job, bundle, renderers=FakeRenderer, segment_frames=5)
    assert 10 < frames < 60
    assert "breaks off" in damage.sentence()
    assert len(video_of(job.target)) == frames


def test_an_error_of_the_renderer_is_raised_and_nothing_hangs(
    tmp_path: Path, bundle: Bundle
) -> None:
    class Broken(FakeRenderer):
        def prepare(self, luma: np.ndarray, number: int, *more: object) -> tuple[int, int]:
            if number == 7:
                raise ModelError("The model does not run.")
            return super().prepare(luma, number)

    job = plan(make_clip(tmp_path / "a.mp4"), None, FilmRequest(), bundle)
    before = threading.active_count()
    with pytest.raises(ModelError, match="does not run"):
        color(job, bundle, renderers=Broken, segment_frames=5)
    began = time.monotonic()
    while threading.active_count() > before and time.monotonic() - began < 5:
        time.sleep(0.01)
    assert threading.active_count() <= before
