"""What a process of the cluster does, without a cluster."""

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.hold import POISON
from tintype.cluster import actor
from tintype.cluster.actor import Actor, Task, versions
from tintype.engine.bundle import load_bundle
from tintype.errors import ClusterError, TintypeError
from tintype.jobs.plan import Job
from tintype.jobs.report import Row
from tintype.jobs.work import Options

Make = Callable[..., Path]


@pytest.fixture
def task(tiny_model: Path) -> Task:
    options = Options(model="a name that only the driver's machine knows")
    return Task(options, load_bundle(str(tiny_model)), None, versions())


def do(task: Task, parcel: list[Job | Row], attempt: int = 0) -> list[Row]:
    found = pickle.loads(Actor(task).do(pickle.dumps(parcel), attempt))
    assert isinstance(found, list), found
    return found


def jobs(folder: Path, make_photo: Make, count: int = 3) -> list[Job | Row]:
    return [
        Job(make_photo(folder / f"{number}.png", seed=number), folder / f"{number}.color.png")
        for number in range(count)
    ]


def test_a_parcel_is_done_with_the_model_that_was_sent(
    tmp_path: Path, make_photo: Make, task: Task
) -> None:
    parcel = jobs(tmp_path, make_photo)
    walked = Row("skipped", "x", reason="a link")
    rows = do(task, [*parcel, walked])
    assert [row.status for row in rows] == ["done", "done", "done", "skipped"]
    again = do(task, [*parcel, walked], attempt=9)
    assert [row.status for row in again] == ["already_done"] * 3 + ["skipped"]
    assert [row.sha256 for row in again] == [row.sha256 for row in rows]


def test_after_a_death_one_photo_takes_no_other_along(
    tmp_path: Path, make_photo: Make, task: Task, monkeypatch: pytest.MonkeyPatch
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
    left = tmp_path / ".tintype-0123456789abcdef.tmp"
    left.write_bytes(b"of the process that died")
    rows = do(task, [first, poison, last], attempt=1)
    assert [row.status for row in rows] == ["done", "failed", "done"]
    assert "ended from outside" in str(rows[1].error)
    assert "1.png" in str(rows[1].error)
    assert not left.exists()
    assert os.listdir(tmp_path / "poison") == []  # noqa: PTH208


def test_it_is_not_tried_for_ever(
    tmp_path: Path, make_photo: Make, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    parcel = jobs(tmp_path, make_photo)
    do(task, parcel[:1])
    monkeypatch.setattr(actor, "_Apart", None)
    rows = do(task, parcel, attempt=4)
    assert [row.status for row in rows] == ["already_done", "failed", "failed"]
    assert "lack of memory" in str(rows[2].error)


def test_another_installation_does_nothing(tmp_path: Path, make_photo: Make, task: Task) -> None:
    other = replace(task, versions=("tintype 9.9", *task.versions[1:]))
    parcel = pickle.dumps(jobs(tmp_path, make_photo))
    found = pickle.loads(Actor(other).do(parcel, 0))
    assert isinstance(found, ClusterError)
    assert "tintype 9.9" in str(found)
    assert not list(tmp_path.glob("*.color.png"))


def test_relative_paths_need_their_folder(
    tmp_path: Path, make_photo: Make, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_photo(Path("there/x.png"))
    job = Job(Path("x.png"), Path("x.color.png"))
    (row,) = do(replace(task, folder=str(tmp_path / "there")), [job])
    assert (row.status, row.output) == ("done", "x.color.png")
    gone = replace(task, folder=str(tmp_path / "nowhere"))
    found = pickle.loads(Actor(gone).do(pickle.dumps([job]), 0))
    assert isinstance(found, TintypeError)
    assert "nowhere" in str(found)
