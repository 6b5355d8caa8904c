"""A plan run in several processes."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from jobs.runs import names, run_plan
from tintype.files.temporary import open_temporary
from tintype.jobs import processes
from tintype.jobs.color_files import RunOptions
from tintype.jobs.plan import Plan
from tintype.jobs.run import run

Make = Callable[..., Path]


def test_processes_give_the_same_files_in_the_same_order(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    for number in range(7):
        make_photo(tmp_path / f"in/{number}.png", seed=number)
    make_photo(tmp_path / "in/8.bmp", seed=8)
    (tmp_path / "in/7.png").write_bytes(b"no picture")
    here = run_plan(Plan([str(tmp_path / "in")], into=tmp_path / "one"), options)
    there = run_plan(Plan([str(tmp_path / "in")], into=tmp_path / "two"), options, jobs=2)
    assert [(result.input, result.status, result.sha256) for result in here] == [
        (result.input, result.status, result.sha256) for result in there
    ]
    assert [result.status for result in here] == ["done"] * 7 + ["failed", "done"]
    for name in names(tmp_path / "one"):
        if not name.startswith("."):
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert names(tmp_path / "one") == names(tmp_path / "two")


def test_a_killed_process_is_replaced_and_nothing_is_missing(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    for number in range(20):
        make_photo(tmp_path / f"in/{number:02}.png", seed=number, height=200, width=300)
    plan = Plan([str(tmp_path / "in")], into=tmp_path / "out")
    results = []
    with closing(run(plan, options, items=plan.check().items, jobs=2)) as running:
        for result in running:
            results.append(result)
            if len(results) in {1, 6}:
                # As if it were killed while it writes, which rarely happens by chance.
                _, descriptor = open_temporary(tmp_path / "out")
                os.write(descriptor, b"half")
                os.close(descriptor)
                multiprocessing.active_children()[0].kill()
    assert [
        result.status for result in results if result.status not in {"done", "already_done"}
    ] == []
    assert len(results) == 20
    assert names(tmp_path / "out") == [f"{number:02}.color.png" for number in range(20)]


def test_a_photo_that_kills_every_process_is_a_result(
    tmp_path: Path, make_photo: Make, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        make_photo(tmp_path / f"{number}.png", seed=number)
    context = multiprocessing.get_context("spawn")

    def doomed(count: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(count, mp_context=context, initializer=os._exit, initargs=(9,))

    monkeypatch.setattr(processes.ProcessPool, "_start", staticmethod(doomed))
    results = run_plan(Plan([str(tmp_path)]), options, jobs=2)
    assert [result.status for result in results] == ["failed"] * 3
    assert all("was killed" in str(result.error) for result in results)


def test_closing_a_run_ends_its_processes(
    tmp_path: Path, make_photo: Make, options: RunOptions
) -> None:
    for number in range(12):
        make_photo(tmp_path / f"in/{number:02}.png", seed=number)
    plan = Plan([str(tmp_path / "in")])
    running = run(plan, options, items=plan.check().items, jobs=2)
    next(running)
    running.close()
    assert multiprocessing.active_children() == []
    assert not list((tmp_path / "in").glob(".tintype-*.tmp"))
