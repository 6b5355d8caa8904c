"""The work of a process of the cluster, without a cluster."""

import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.hold import POISON
from tintype.cluster import actor
from tintype.cluster.actor import Actor, WorkerSpec, versions
from tintype.engine.bundle import load_bundle
from tintype.engine.devices import DeviceName
from tintype.engine.settings import Settings
from tintype.errors import ClusterError, TintypeError
from tintype.files.temporary import open_temporary
from tintype.jobs.color_files import RunOptions
from tintype.jobs.plan import Job
from tintype.jobs.report import JobResult

Make = Callable[..., Path]


@pytest.fixture
def spec(tiny_model: Path) -> WorkerSpec:
    options = RunOptions(model="a name that only the driver's machine knows")
    return WorkerSpec(options, load_bundle(str(tiny_model)), None, versions("auto"))


def do(spec: WorkerSpec, chunk: list[Job | JobResult], attempt: int = 0) -> list[JobResult]:
    found = pickle.loads(Actor(spec).run_chunk(pickle.dumps(chunk), attempt))
    assert isinstance(found, list), found
    return found


def jobs(folder: Path, make_photo: Make, count: int = 3) -> list[Job | JobResult]:
    return [
        Job(make_photo(folder / f"{number}.png", seed=number), folder / f"{number}.color.png")
        for number in range(count)
    ]


def test_a_chunk_is_done_with_the_model_that_was_sent(
    tmp_path: Path, make_photo: Make, spec: WorkerSpec
) -> None:
    chunk = jobs(tmp_path, make_photo)
    skipped = JobResult("skipped", "x", reason="a link")
    results = do(spec, [*chunk, skipped])
    assert [result.status for result in results] == ["done", "done", "done", "skipped"]
    again = do(spec, [*chunk, skipped], attempt=9)
    assert [result.status for result in again] == ["already_done"] * 3 + ["skipped"]
    assert [result.sha256 for result in again] == [result.sha256 for result in results]


def test_after_a_death_only_the_photo_that_kills_fails(
    tmp_path: Path, make_photo: Make, spec: WorkerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(POISON)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)
    first, poison, last = jobs(tmp_path, make_photo)
    assert isinstance(poison, Job)
    (tmp_path / "poison").mkdir()
    poison = replace(poison, target=tmp_path / "poison/1.color.png")
    left, descriptor = open_temporary(tmp_path)
    os.write(descriptor, b"of the process that died")
    os.close(descriptor)
    results = do(spec, [first, poison, last], attempt=1)
    assert [result.status for result in results] == ["done", "failed", "done"]
    assert "was killed" in str(results[1].error)
    assert "1.png" in str(results[1].error)
    assert not left.exists()
    assert os.listdir(tmp_path / "poison") == []  # noqa: PTH208


def test_attempts_are_limited(
    tmp_path: Path, make_photo: Make, spec: WorkerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = jobs(tmp_path, make_photo)
    do(spec, chunk[:1])
    monkeypatch.setattr(actor, "_IsolatedWorker", None)
    results = do(spec, chunk, attempt=4)
    assert [result.status for result in results] == ["already_done", "failed", "failed"]
    assert "lack of memory" in str(results[2].error)


def test_another_installation_does_nothing(
    tmp_path: Path, make_photo: Make, spec: WorkerSpec
) -> None:
    other = replace(spec, versions=("tintype 9.9", *spec.versions[1:]))
    chunk = pickle.dumps(jobs(tmp_path, make_photo))
    found = pickle.loads(Actor(other).run_chunk(chunk, 0))
    assert isinstance(found, ClusterError)
    assert "tintype 9.9" in str(found)
    assert not list(tmp_path.glob("*.color.png"))


def test_a_machine_without_the_device_does_nothing(
    tmp_path: Path, make_photo: Make, spec: WorkerSpec
) -> None:
    device: DeviceName = "directml" if sys.platform != "win32" else "coreml"
    other = replace(spec, options=replace(spec.options, settings=Settings(device=device)))
    found = pickle.loads(Actor(other).run_chunk(pickle.dumps(jobs(tmp_path, make_photo)), 0))
    assert isinstance(found, ClusterError)
    assert f"The device {device} is not available" in str(found)
    assert not list(tmp_path.glob("*.color.png"))


def test_relative_paths_need_their_folder(
    tmp_path: Path, make_photo: Make, spec: WorkerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_photo(Path("there/x.png"))
    job = Job(Path("x.png"), Path("x.color.png"))
    (result,) = do(replace(spec, folder=str(tmp_path / "there")), [job])
    assert (result.status, result.output) == ("done", "x.color.png")
    gone = replace(spec, folder=str(tmp_path / "nowhere"))
    found = pickle.loads(Actor(gone).run_chunk(pickle.dumps([job]), 0))
    assert isinstance(found, TintypeError)
    assert "nowhere" in str(found)
