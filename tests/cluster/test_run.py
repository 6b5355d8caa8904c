"""Runs on one local cluster, as few as possible."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cluster.hold import PASSED_ON, POISON
from cluster.sockets import descendants, environment_of, sockets_of
from tintype.jobs.color_files import RunOptions
from tintype.jobs.plan import Plan
from tintype.jobs.report import JobResult
from tintype.jobs.run import run

pytest.importorskip("ray")
pytest.importorskip("fsspec")

HOLD = Path(__file__).with_name("hold.py")


@dataclass(frozen=True, slots=True)
class Cluster:
    pid: int
    environment: dict[str, str]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("cluster")
    (home / "sitecustomize.py").write_text(POISON)
    before = set(Path("/tmp").glob("tintype-ray-*"))
    path = os.pathsep.join([str(home), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, str(HOLD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        environment = dict(zip(PASSED_ON, process.stdout.readline().split(), strict=True))
        yield Cluster(process.pid, os.environ | environment)
        started = descendants(process.pid)
        process.stdin.close()
        assert process.wait(60) == 0
    # It is stopped, and leaves nothing behind.
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}/cmdline").is_file() for pid in started):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert set(Path("/tmp").glob("tintype-ray-*")) <= before


@pytest.fixture(scope="module")
def here(tiny_model: Path) -> Callable[..., list[JobResult]]:
    """The same in this process, without a cluster."""

    def do(*inputs: str, into: Path) -> list[JobResult]:
        plan = Plan(inputs, into=into, recursive=True)
        items = plan.check().items
        with closing(run(plan, RunOptions(model=str(tiny_model)), items=items, jobs=1)) as results:
            return list(results)

    return do


@dataclass(frozen=True, slots=True)
class Command:
    """A command on the cluster that is running, or has ended."""

    process: subprocess.Popen[str]
    report: Path

    def results(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.report.read_text().splitlines()]


@pytest.fixture
def start(cluster: Cluster, tiny_model: Path, tmp_path: Path) -> Callable[..., Command]:
    def begin(*arguments: object) -> Command:
        report = tmp_path / "there.jsonl"
        command = [sys.executable, "-m", "tintype", "--executor", "ray", "--model", str(tiny_model)]
        process = subprocess.Popen(
            [*command, "--jobs", "2", "--recursive", "--report", str(report), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=cluster.environment,
            start_new_session=True,
        )
        return Command(process, report)

    return begin


def files(root: Path) -> dict[str, bytes]:
    """Everything below a folder; of a state file, whose lines come as they are done, the lines."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.name == ".tintype-state.jsonl":
                data = b"\n".join(sorted(data.splitlines()))
            found[path.relative_to(root).as_posix()] = data
    return found


def wait_for_outputs(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    while len(list(folder.rglob("*.color.*"))) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_the_same_files_and_results_in_the_same_order(
    tmp_path: Path,
    make_photo: Callable[..., Path],
    here: Callable[..., list[JobResult]],
    start: Callable[..., Command],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    endings = ("png", "jpg", "bmp", "tif")
    for number in range(12):
        make_photo(tmp_path / f"album/{number % 3}/{number:02}.{endings[number % 4]}", seed=number)
    (tmp_path / "album/bad.jpg").write_bytes(b"no picture")
    rows, columns = np.mgrid[0:48, 0:64] * 4.0
    Image.fromarray(np.dstack([rows, columns, 255 - rows]).astype(np.uint8)).save("album/c.png")
    make_photo(tmp_path / "more/odd name\n.png", seed=20)
    # Relative paths, a URL, and a missing file.
    inputs = ("album", f"local://{(tmp_path / 'more').as_posix()}", "missing.jpg")
    expected = here(*inputs, into=Path("one"))

    command = start(*inputs, "--into", "two")
    out, err = command.process.communicate(timeout=200)
    assert command.process.returncode == 1
    assert files(tmp_path / "two") == files(tmp_path / "one")
    assert len(files(tmp_path / "two")) > 12
    wanted = [json.loads(replace(result, seconds=0.0).to_json()) for result in expected]
    for result in wanted:
        result["output"] = result["output"] and result["output"].replace("one/", "two/", 1)
    assert [result | {"seconds": 0.0} for result in command.results()] == wanted
    assert {result["status"] for result in wanted} == {"done", "failed", "skipped"}
    done = [result["output"] for result in wanted if result["status"] == "done"]
    assert out == "".join(f"{path}\n" for path in done)
    assert [line for line in err.splitlines() if not line.startswith("tintype: ")] == []


def test_a_killed_process_and_a_photo_that_kills(
    tmp_path: Path,
    make_photo: Callable[..., Path],
    here: Callable[..., list[JobResult]],
    start: Callable[..., Command],
    cluster: Cluster,
) -> None:
    for number in range(24):
        make_photo(tmp_path / f"in/{number:02}.png", seed=number, height=900, width=1200)
    make_photo(tmp_path / "in/poison/x.png", seed=99)
    here(str(tmp_path / "in"), into=tmp_path / "one")

    command = start(tmp_path / "in", "--into", tmp_path / "two")
    wait_for_outputs(tmp_path / "two", 2, command.process)
    members = descendants(cluster.pid) | {cluster.pid, command.process.pid}
    workers = [pid for pid in members if "MapWorker" in title_of(pid)]
    assert len(workers) == 2
    refuse_foreign_sockets(members)
    reporting = {environment_of(pid, "RAY_USAGE_STATS_ENABLED") for pid in descendants(cluster.pid)}
    assert "0" in reporting
    assert reporting <= {"0", None}  # None for a process that has just ended
    os.kill(workers[0], signal.SIGKILL)
    out, err = command.process.communicate(timeout=200)

    assert command.process.returncode == 1, err
    results = command.results()
    failed = [result for result in results if result["status"] == "failed"]
    assert [str(result["input"]) for result in failed] == [str(tmp_path / "in/poison/x.png")]
    assert "was killed" in str(failed[0]["error"])
    assert {result["status"] for result in results} <= {"done", "already_done", "failed"}
    assert [result["input"] for result in results] == sorted(
        str(result["input"]) for result in results
    )
    assert len(results) == 25
    expected = files(tmp_path / "one")
    del expected["poison/x.color.png"]
    assert files(tmp_path / "two") == expected
    assert len(out.splitlines()) == sum(result["status"] == "done" for result in results)


def test_ctrl_c_ends_it_and_the_same_command_continues(
    tmp_path: Path,
    make_photo: Callable[..., Path],
    here: Callable[..., list[JobResult]],
    start: Callable[..., Command],
) -> None:
    for number in range(40):
        make_photo(tmp_path / f"in/{number:02}.png", seed=number, height=900, width=1200)
    command = start(tmp_path / "in", "--into", tmp_path / "out")
    wait_for_outputs(tmp_path / "out", 2, command.process)
    os.killpg(command.process.pid, signal.SIGINT)
    _, err = command.process.communicate(timeout=120)
    assert command.process.returncode == 130, err
    assert err.splitlines() == [
        "tintype: Interrupted. The same command continues where this one stopped."
    ]
    found = set(files(tmp_path / "out"))
    assert 2 <= len(found) < 40
    assert all(name.endswith(".color.png") for name in found)
    results = here(str(tmp_path / "in"), into=tmp_path / "out")
    assert {result.status for result in results[:40]} == {"done", "already_done"}
    assert sum(result.status == "already_done" for result in results) == len(found)


def test_a_signal_to_the_process_group_ends_it_and_its_folder_is_private() -> None:
    """As `timeout` and supervisors send it; Ray aborts a process whose cluster ends first."""
    before = set(Path("/tmp").glob("tintype-ray-*"))
    with subprocess.Popen(
        [sys.executable, str(HOLD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if name not in PASSED_ON},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        started = descendants(process.pid)
        assert len(started) > 1
        for pid in started:
            with suppress(ProcessLookupError):  # it has just ended
                assert os.getsid(pid) != process.pid
        own = {
            folder
            for folder in set(Path("/tmp").glob("tintype-ray-*")) - before
            if any(str(folder) in title_of(pid) for pid in started)
        }
        assert [folder.stat().st_mode & 0o777 for folder in own] == [0o700]
        os.killpg(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "")
    assert not any(folder.exists() for folder in own)


def title_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def refuse_foreign_sockets(pids: set[int]) -> None:
    sockets = sockets_of(pids)
    assert sockets, "a cluster has sockets"
    foreign = [
        place for pair in sockets for place in pair if not place.startswith(("127.", "::1", "none"))
    ]
    assert foreign == []
