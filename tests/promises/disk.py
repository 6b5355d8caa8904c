"""Nothing is lost: a disk that is full, runs that get in each other's way, signals.

    PYTHONPATH=tests python -m promises.disk [--rounds 12] [--seed 0]

A round is: a folder coloured onto a disk with too little room (a file system of its own where one
may be mounted, otherwise a limit on the length of files), four runs into one folder with readers
that open every output as soon as its name is there, and runs that are told to stop (SIGTERM, SIGINT
and SIGHUP) at a random moment. POSIX only.
"""

import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from promises.outcome import TINY, Outcome, Words, environment, run_script

FORMS = {"jpg": "JPEG", "png": "PNG", "tif": "TIFF", "webp": "WEBP", "bmp": "BMP", "ppm": "PPM"}


def grey(seed: int, height: int = 120, width: int = 160) -> np.ndarray:
    """Noise, so that a file has the length of its pixels."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width), dtype=np.uint8)


def fill(folder: Path, count: int, endings: tuple[str, ...] = tuple(FORMS)) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        ending = endings[number % len(endings)]
        Image.fromarray(grey(number)).save(folder / f"{number:02}.{ending}", FORMS[ending])


def start(*words: str | Path, cwd: Path, before: Callable[[], None] | None = None) -> (
    "subprocess.Popen[bytes]"
):  # fmt: skip
    def begin() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if before is not None:
            before()

    return subprocess.Popen(
        [sys.executable, "-m", "tintype", "--model", str(TINY), *map(str, words)],
        cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=begin, start_new_session=True,  # noqa: PLW1509
    )  # fmt: skip


def whole(data: bytes) -> bool:
    """Whether a picture can be decoded to its last pixel, by somebody else's decoder."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
        return True
    except (OSError, SyntaxError, ValueError, IndexError):
        return False


def outputs(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.color.*") if path.is_file()]


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.tmp")]


# ----- a full disk -----


@contextlib.contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[bool]:
    """A file system with so much room; False where none may be mounted."""
    place.mkdir()
    mounted = os.getuid() == 0 and shutil.which("mount") is not None
    if mounted:
        options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
        done = subprocess.run(["mount", *options], capture_output=True, check=False)
        mounted = done.returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(place)], check=True)


def short_files(most: int) -> Callable[[], None]:
    """A limit on the length of files, which is an error to the program and not its end."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return limit


def full_disk(seed: int, outcome: Outcome, seen: Counter[str]) -> None:
    rng = random.Random(seed)
    room = rng.choice([16, 40, 80, 150, 300, 500])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fill(folder / "in", 12)
        with small_disk(folder / "out", room) as mounted:
            before = None if mounted else short_files(room * 100)
            words = ["in", "--into", "out", "--jobs", str(rng.choice([1, 2]))]
            process = start(*words, cwd=folder, before=before)
            _, err = process.communicate(timeout=300)
            said = err.decode(errors="replace")
            note = f"disk of {room} kB, seed {seed}: "
            outcome.expect(process.returncode == 1, f"{note}exit code {process.returncode}")
            outcome.expect("Traceback" not in said and "fault" not in said, note + said[-300:])
            reason = "the disk is full" if mounted else "too large"
            lines = [line for line in said.splitlines() if "could not be written" in line]
            lines += [line for line in said.splitlines() if "cannot be written" in line]
            outcome.expect(bool(lines), note + said[-300:])
            outcome.expect(
                all(reason in line.lower() or "no space" in line.lower() for line in lines)
                and all("out" in line for line in lines),
                note + "; ".join(lines)[-400:],
            )
            made = outputs(folder / "out")
            broken = [path.name for path in made if not whole(path.read_bytes())]
            outcome.expect(not broken, f"{note}{broken} are not whole")
            outcome.expect(not left_over(folder / "out"), f"{note}{left_over(folder / 'out')}")
            seen["mounted" if mounted else "limited"] += 1
            seen["written"] += len(made)
            seen["refused"] += 12 - len(made)
        sources = sorted((folder / "in").iterdir())
        outcome.expect(len(sources) == 12 and all(whole(p.read_bytes()) for p in sources), note)


# ----- several runs at once -----


def together(seed: int, outcome: Outcome, seen: Counter[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fill(folder / "in", 24)
        out = folder / "out"
        runs = [
            start("in", "--into", "out", "--jobs", "1", "--report", f"{n}.jsonl", cwd=folder)
            for n in range(4)
        ]
        done = threading.Event()
        reads, broken = [0], []

        def read() -> None:
            while not done.is_set():
                for path in outputs(out) if out.is_dir() else ():
                    with contextlib.suppress(FileNotFoundError):
                        data = path.read_bytes()
                        reads[0] += 1
                        if not whole(data):
                            broken.append(f"{path.name}, {len(data)} bytes")
                time.sleep(0.001)

        reader = threading.Thread(target=read)
        reader.start()
        said = [process.communicate(timeout=300)[1] for process in runs]
        done.set()
        reader.join()
        for process, err in zip(runs, said, strict=True):
            outcome.expect(process.returncode == 0, f"together, {seed}: {err[-300:]!r}")
        rows = [
            json.loads(line)
            for n in range(4)
            for line in (folder / f"{n}.jsonl").read_text().splitlines()
        ]
        status = Counter(row["status"] for row in rows)
        outcome.expect(set(status) <= {"done", "already_done"}, f"together, {seed}: {status}")
        outcome.expect(len(outputs(out)) == 24, f"together, {seed}: {len(outputs(out))} outputs")
        outcome.expect(not broken, f"together, {seed}: broken reads: {broken[:3]}")
        outcome.expect(not left_over(out), f"together, {seed}: {left_over(out)}")
        seen["reads"] += reads[0]
        seen["broken reads"] += len(broken)


# ----- signals -----


def stopped(seed: int, outcome: Outcome, seen: Counter[str]) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fill(folder / "in", 30)
        what = rng.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
        words = ["in", "--into", "out", "--jobs", str(rng.choice([1, 2]))]
        process = start(*words, cwd=folder)
        wait_for(folder / "out", rng.randrange(1, 20), process)
        os.killpg(process.pid, what)
        _, err = process.communicate(timeout=300)
        note = f"{what.name}, seed {seed}: "
        outcome.expect(process.returncode in {0, 130}, f"{note}exit code {process.returncode}")
        outcome.expect(b"Traceback" not in err, f"{note}{err[-300:]!r}")
        made = outputs(folder / "out")
        broken = [path.name for path in made if not whole(path.read_bytes())]
        outcome.expect(not broken, f"{note}{broken} are not whole")
        again = start(*words, cwd=folder)
        _, err = again.communicate(timeout=300)
        outcome.expect(again.returncode == 0, f"{note}again: {err[-300:]!r}")
        outcome.expect(len(outputs(folder / "out")) == 30, f"{note}not all are there")
        outcome.expect(not left_over(folder / "out"), f"{note}{left_over(folder / 'out')}")
        seen["signals"] += 1


def wait_for(out: Path, count: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if out.is_dir() and len(outputs(out)) >= count:
            return
        time.sleep(0.002)


def check(words: Words, outcome: Outcome) -> None:
    seen: Counter[str] = Counter()
    for number in range(words.rounds):
        seed = words.seed * 1000 + number
        full_disk(seed, outcome, seen)
        together(seed, outcome, seen)
        stopped(seed, outcome, seen)
    kind = "a file system of its own" if seen["mounted"] else "a limit on the length of files"
    outcome.figures = {
        "full disks": f"{words.rounds} ({kind})",
        "pictures with and without room": f"{seen['written']} whole, {seen['refused']} absent",
        "four runs into one folder": f"{words.rounds}",
        "reads of outputs meanwhile": f"{seen['reads']:,}, {seen['broken reads']} broken",
        "runs stopped by a signal, and continued": str(seen["signals"]),
    }


if __name__ == "__main__":
    sys.exit(run_script("disk", check, rounds=12, quick=1))
