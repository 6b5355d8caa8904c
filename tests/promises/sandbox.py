"""A decoder that is taken over costs one row, and a sandbox costs little.

    PYTHONPATH=tests python -m promises.sandbox [--rounds 40]

Rounds are photographs of one megapixel in the folder that is timed. The embedded model colours them
as it does without options; a decoder that crashes is one of `photo.hostile_decoders`.
"""

import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from photo.hostile_decoders import asking
from promises.outcome import TINY, Outcome, Words, command, environment, run_script

_MOST = 0.15  # of a folder's processor time
_ACTIONS = ("segfault", "abort", "exit", "three dimensions", "format", "metadata")
_TAKEN_OVER = (
    "import sys; from tintype.photo.sandbox import sandbox; "
    "sandbox.OPERATIONS = 'photo.hostile_decoders'; "
    "from tintype.cli.app import main; sys.exit(main())"
)


def photograph(number: int) -> bytes:
    """A JPEG of 1224 x 816 pixels: shapes with the noise of a film."""
    rng = np.random.default_rng(number)
    shapes = Image.fromarray(rng.integers(0, 256, (17, 25), np.uint8))
    grain = rng.normal(0, 6, (816, 1224))
    grey = np.asarray(shapes.resize((1224, 816), Image.Resampling.BICUBIC)) + grain
    file = io.BytesIO()
    Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    return file.getvalue()


def times(folder: Path, into: Path, *options: str) -> tuple[float, float]:
    """Seconds of processor time that colouring a folder takes, and on the clock."""
    import resource

    def used() -> float:
        found = resource.getrusage(resource.RUSAGE_CHILDREN)
        return found.ru_utime + found.ru_stime

    before, began = used(), time.monotonic()
    words = command(folder, "--into", into, "--jobs", "1", *options, model=None)
    subprocess.run(words, env=environment(), capture_output=True, check=True)
    return used() - before, time.monotonic() - began


def cost(words: Words, outcome: Outcome, place: Path) -> None:
    """The same folder with and without a sandbox, in turns; the outputs are the same."""
    folder = place / "in"
    folder.mkdir()
    for number in range(words.rounds):
        (folder / f"{number:03}.jpg").write_bytes(photograph(words.seed + number))
    seconds: dict[bool, list[float]] = {False: [], True: []}
    clock: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(1 if words.quick else 2):
        for caged in (False, True):
            into = place / f"out-{turn}-{caged}"
            options = ["--sandbox"] if caged else []
            used, passed = times(folder, into, *options)
            seconds[caged].append(used)
            clock[caged].append(passed)
    for path in sorted((place / "out-0-False").iterdir()):
        same = path.read_bytes() == (place / "out-0-True" / path.name).read_bytes()
        outcome.expect(same, f"{path.name} differs")
    without, within = (sum(seconds[caged]) / len(seconds[caged]) for caged in (False, True))
    # Of a few photographs the start of a process is a large part.
    outcome.expect(words.quick or within <= (1 + _MOST) * without, f"{within} s, not {without} s")
    outcome.figures |= {
        "photographs of one megapixel": str(words.rounds),
        "processor time without and with a sandbox": f"{without:.1f} and {within:.1f} s",
        "cost of the sandbox": f"{within / without - 1:.0%}",
        "time on the clock with a sandbox, by that without": " and ".join(
            f"{with_it / alone:.2f}"
            for alone, with_it in zip(clock[False], clock[True], strict=True)
        ),
    }


def crashes(outcome: Outcome, place: Path) -> None:
    """A folder with a decoder that is taken over in the middle."""
    for action in _ACTIONS:
        folder = place / action
        folder.mkdir()
        for number in range(3):
            data = photograph(number)
            middle = asking(action, data) if number == 1 else data
            (folder / f"{number}.jpg").write_bytes(middle)
        report = place / f"{action}.jsonl"
        words = ["--model", TINY, "--sandbox", folder, "--into", place / "out" / action]
        done = subprocess.run(
            [sys.executable, "-c", _TAKEN_OVER, *words, "--jobs", "1", "--report", report],
            env=environment(),
            capture_output=True,
            check=False,
        )
        rows = [json.loads(line)["status"] for line in report.read_text("utf-8").splitlines()]
        outcome.expect(rows == ["done", "failed", "done"], f"{action}: {rows}")
        outcome.expect(done.returncode == 1, f"{action}: exit code {done.returncode}")
        outcome.expect(b"Traceback" not in done.stderr, f"{action}: {done.stderr[-300:]!r}")
    outcome.figures["decoders that were taken over"] = (
        f"{len(_ACTIONS)}, each one row of its report"
    )


def check(words: Words, outcome: Outcome) -> None:
    with tempfile.TemporaryDirectory() as place:
        cost(words, outcome, Path(place))
        crashes(outcome, Path(place))


if __name__ == "__main__":
    sys.exit(run_script("sandbox", check, rounds=40, quick=2))
