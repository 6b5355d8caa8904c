"""A batch survives being killed: at any moment, in any way, as often as one likes.

    PYTHONPATH=tests python -m promises.kills --rounds 40

Each round colours the same folder into an empty one and is struck one to three times, after a
random time: the whole group of processes as by a power failure, the command alone, or one of its
processes. The same command is then typed again until nothing strikes it. Its outputs, its contact
sheet and what its report says must be those of an undisturbed run, to the byte, and nothing may be
left behind: no temporary file, no process. Linux only, as it looks into /proc.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from promises.outcome import Outcome, Words, run_script

TINY = Path(__file__).parents[1] / "engine" / "tiny.onnx"
ENDINGS = ("jpg", "png", "bmp", "tif", "ppm", "jpg")
STATE = ".tintype-state.jsonl"
WAYS = ("group", "command", "process")


@dataclass(frozen=True)
class Result:
    """What a run has left on the disk.

    Attributes:
        outputs: Every file below the folder of outputs.
        remembered: Lines of the state files, which may tell of a target twice.
        rows: The report, without the times and without which run did what.
    """

    outputs: dict[str, bytes]
    remembered: dict[str, set[bytes]]
    rows: list[dict[str, object]]


def make_inputs(folder: Path, photos: int) -> None:
    """Small photographs in several formats and folders; one is damaged, one is in colour."""
    rng = np.random.default_rng(0)
    for number in range(photos):
        place = folder / f"box-{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        rows, columns = np.mgrid[0:90, 0:120]
        grey = 128 + 90 * np.sin(rows / 20 + number) + rng.normal(0, 4, rows.shape) + columns / 9
        image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
        image.save(place / f"{number:04}.{ENDINGS[number % len(ENDINGS)]}")
    (folder / "damaged.png").write_bytes((folder / "box-1" / "0001.png").read_bytes()[:500])
    color = np.dstack([rows * 2, columns * 2, 255 - rows]).astype(np.uint8)
    Image.fromarray(color).save(folder / "color.png")


def start(home: Path, jobs: int) -> "subprocess.Popen[bytes]":
    """The command, in a group of its own, with its outputs below a folder."""
    words = ["../in", "--recursive", "--into", "out", "--jobs", str(jobs)]
    words += ["--report", "report.jsonl", "--contact-sheet", "out/sheet.html"]
    if find_spec("jpeglib") is not None:
        words += ["--keep-luminance", "exact"]
    temporary = home / "temporary"
    temporary.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "tintype", "--model", str(TINY), *words],
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def finish(home: Path, jobs: int) -> None:
    """Runs to the end; one input is damaged, so the exit code is 1."""
    process = start(home, jobs)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 1, said.decode()
    assert b"Traceback" not in said, said.decode()


def result(home: Path) -> Result:
    files = {
        path.relative_to(home / "out").as_posix(): path.read_bytes()
        for path in sorted((home / "out").rglob("*"))
        if path.is_file()
    }
    states = {name: set(data.splitlines()) for name, data in files.items() if STATE in name}
    rows = []
    for line in (home / "report.jsonl").read_text().splitlines():
        row = json.loads(line)
        row["status"] = row["status"].replace("already_done", "done")
        # Only the run that colours knows what is unusual about a photograph, and how long it took.
        for key in ("seconds", "notes", "grey_check", "tone"):
            del row[key]
        rows.append(row)
    outputs = {name: data for name, data in files.items() if STATE not in name}
    return Result(outputs, states, rows)


def strike(process: "subprocess.Popen[bytes]", way: str, chance: random.Random) -> None:
    """Kills a running command, in one of three ways."""
    if process.poll() is not None:
        return
    if way == "process":
        processes = list(children(process.pid))
        if processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(processes), signal.SIGKILL)
            return
        way = "group"
    if way == "command":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.killpg(process.pid, signal.SIGKILL)


def children(pid: int) -> Iterator[int]:
    """Processes that colour; Python's own, which tidies up behind it, is left out."""
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield int(child)


def group_is_gone(group: int) -> bool:
    """Whether all processes of a group end within some seconds."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def wait(home: Path, process: "subprocess.Popen[bytes]", rows: int) -> None:
    """Until a run has written so many rows of its report, or has ended."""
    report = home / "report.jsonl"
    while process.poll() is None:
        if not rows or (report.exists() and report.read_bytes().count(b"\n") >= rows):
            return
        time.sleep(0.002)


def play(home: Path, jobs: int, rows: int, chance: random.Random) -> str:
    """One round: strikes, and the same command again until it is done."""
    home.mkdir()
    told = []
    for _ in range(chance.randint(1, 3)):
        (home / "report.jsonl").unlink(missing_ok=True)
        process = start(home, jobs)
        # One in four while it starts or plans, one in four when the sheet is about to be published.
        place = min(max(chance.randint(-rows // 2, rows + rows // 2), 0), rows)
        wait(home, process, place)
        time.sleep(chance.uniform(0, 1.0 if place == 0 else 0.05))
        way = chance.choice(WAYS)
        told.append(f"{way} at {place} of {rows}" if process.poll() is None else "ended before")
        strike(process, way, chance)
        _, said = process.communicate(timeout=600)
        assert b"Traceback" not in said, said.decode()
        assert group_is_gone(process.pid), "a process stays"
    finish(home, jobs)
    return ", ".join(told)


def check(home: Path, wanted: Result) -> None:
    found = result(home)
    assert found.rows == wanted.rows
    assert set(found.outputs) == set(wanted.outputs)
    differing = [name for name in wanted.outputs if found.outputs[name] != wanted.outputs[name]]
    assert not differing, f"other bytes: {differing}"
    assert found.remembered == wanted.remembered
    # ONNX Runtime has a file of its own there.
    left = [path.name for path in (home / "temporary").iterdir() if path.name != ".ses"]
    assert not left, f"left behind: {left}"


def kills(folder: Path, *, rounds: int, photos: int, jobs: int, seed: int) -> Iterator[str]:
    """Plays rounds.

    Args:
        folder: Empty.
        rounds: How many.
        photos: Of the folder that is coloured; above 498 the sheet has several pages.
        jobs: Processes.
        seed: Of the moments and the ways.

    Yields:
        What was done in each round, after it was found to have changed nothing.
    """
    chance = random.Random(seed)
    make_inputs(folder / "in", photos)
    (folder / "whole").mkdir()
    finish(folder / "whole", jobs)
    wanted = result(folder / "whole")
    coloured = [name for name in wanted.outputs if ".color." in name]
    assert len(coloured) == photos
    for number in range(rounds):
        home = folder / f"round-{number}"
        told = play(home, jobs, len(wanted.rows), chance)
        check(home, wanted)
        yield told


def kill(words: Words, outcome: Outcome) -> None:
    """A release run of 40 rounds, or a sample."""
    photos = 12 if words.quick else 24
    struck: Counter[str] = Counter()
    finished = 0
    with tempfile.TemporaryDirectory() as folder:
        played = kills(Path(folder), rounds=words.rounds, photos=photos, jobs=2, seed=words.seed)
        try:
            for number, told in enumerate(played, 1):
                print(f"{number}: {told}: nothing lost, nothing left", file=sys.stderr, flush=True)
                struck.update(said.split(" ")[0] for said in told.split(", "))
                finished = number
        except AssertionError as error:
            outcome.expect(False, f"round {finished + 1}: {error}")
    outcome.figures = {
        "batches, each killed one to three times": f"{finished} of {photos} photographs",
        "kills of the whole group, as a power failure does": str(struck["group"]),
        "kills of the command alone": str(struck["command"]),
        "kills of one of its processes": str(struck["process"]),
        "batches whose outputs, report or contact sheet differ": str(len(outcome.broken)),
    }
    done = sum(struck[way] for way in WAYS)
    outcome.expect(done >= words.rounds, f"only {done} kills found a running command")


if __name__ == "__main__":
    sys.exit(run_script("kills", kill, rounds=40, quick=3))
