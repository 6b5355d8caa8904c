"""`--sandbox`: a decoder that crashes costs one row, and the pictures are the same."""

from pathlib import Path

import pytest

from jobs.runs import names, run_plan
from photo import hostile_decoders
from photo.hostile_decoders import asking
from photo.samples import saved, scene
from tintype.jobs.color_files import RunOptions
from tintype.jobs.plan import Plan
from tintype.photo.sandbox import sandbox as module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photographs."""
    for number in range(3):
        picture = saved(scene(seed=number)[..., 0], "JPEG")
        (tmp_path / f"{number}.jpg").write_bytes(picture)
    return tmp_path


def colored(folder: Path, options: RunOptions, into: str, *, jobs: int = 1) -> dict[str, bytes]:
    run_plan(Plan([str(folder)], into=folder / into), options, jobs=jobs)
    return {path.name: path.read_bytes() for path in (folder / into).iterdir()}


@pytest.mark.parametrize("action", ["segfault", "exit", "metadata"])
def test_a_crash_costs_one_row_of_the_report(
    folder: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr(module, "OPERATIONS", hostile_decoders.__name__)
    (folder / "1.jpg").write_bytes(asking(action, (folder / "1.jpg").read_bytes()))
    options = RunOptions(model=str(tiny_model), sandbox=True)
    rows = run_plan(Plan([str(folder)], into=folder / "out"), options)
    assert [row.status for row in rows] == ["done", "failed", "done"]
    assert f"{folder / '1.jpg'} cannot be decoded: its decoder" in str(rows[1].error)
    assert names(folder / "out") == ["0.color.jpg", "2.color.jpg"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_outputs_are_the_same(folder: Path, tiny_model: Path, jobs: int) -> None:
    plain = RunOptions(model=str(tiny_model), check_grey=True, thumbnails=True)
    caged = RunOptions(model=str(tiny_model), check_grey=True, thumbnails=True, sandbox=True)
    expected = colored(folder, plain, "plain")
    assert len(expected) == 3
    assert colored(folder, caged, "caged", jobs=jobs) == expected
    rows = run_plan(Plan([str(folder)], into=folder / "caged"), caged)
    assert [row.status for row in rows] == ["already_done"] * 3
    assert all(row.thumbnails for row in rows)
