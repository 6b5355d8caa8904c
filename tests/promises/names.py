"""Names and files that mean harm: what is in a name never becomes anything but a name.

    PYTHONPATH=tests python -m promises.names [--rounds 20]

The command is run on each in a process that is watched; it ends within seconds, with at most one
line a file, in which no character drives a terminal. A round is a folder that is changed all the
time while it is coloured. POSIX only.
"""

import contextlib
import ctypes
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from conftest import grey_pixels, picture_bytes
from promises.outcome import TINY, Outcome, Words, environment, run_script

_SECONDS = 20
_HARMFUL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f\x9b]")
_LONG = "n" * 251
"""With an ending of three letters the longest name that file systems take."""

GOOD_NAMES = (
    "with space.png", "line\nbreak.png", "\x1b]0;title\x07\x1b[2J.png", "-dash.png", "--into.png",
    "\u202egnp.png", "e\u0301.png", "🎞.png", "$(x) `y` %s {0}.png", "'\".png", "two..png",
    os.fsdecode(b"latin \xe9.png"), "\u2028.png", "con.png", "[a-z]*.png", "tab\t.png", "~.png",
)  # fmt: skip


def picture(seed: int = 0, form: str = "PNG") -> bytes:
    return picture_bytes(grey_pixels(24, 32, seed=seed), form)


def build(folder: Path) -> None:
    """A folder of everything that should not be there."""
    many = folder / "many"
    many.mkdir()
    for seed, name in enumerate(GOOD_NAMES):
        (many / name).write_bytes(picture(seed))
    (many / f"{_LONG}.png").write_bytes(picture())
    strange(many)
    (many / "folder.jpg").mkdir()
    (folder / "photo.png").write_bytes(picture())
    (folder / "photo.bmp").write_bytes(picture(form="BMP"))
    strange(folder)
    (folder / "loop").symlink_to("loop")
    (folder / "into").symlink_to("into")
    locked = folder / "locked"
    locked.mkdir()
    (locked / "x.png").write_bytes(picture())
    locked.chmod(0)
    (folder / "secret.png").write_bytes(picture())
    (folder / "secret.png").chmod(0)
    readonly = folder / "readonly"
    readonly.mkdir()
    (readonly / "x.png").write_bytes(picture())
    readonly.chmod(0o555)
    for name, special in (("taken", "x.color.png"), ("state", ".tintype-state.jsonl")):
        (folder / name).mkdir()
        (folder / name / "x.png").write_bytes(picture())
        (folder / name / "x.bmp").write_bytes(picture(form="BMP"))
        os.mkfifo(folder / name / special)
    (folder / "held").mkdir()
    (folder / "held" / "x.png").write_bytes(picture())
    (folder / "held" / "x.color.png").mkdir()


def strange(folder: Path) -> None:
    """What is no regular file, under the names of pictures."""
    os.mkfifo(folder / "pipe.jpg")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "a.jpg").symlink_to("b.jpg")
    (folder / "b.jpg").symlink_to("a.jpg")
    (folder / "nowhere.jpg").symlink_to("no-such-file.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        before = Path.cwd()
        os.chdir(folder)  # an address of a socket has a hundred bytes at most
        server.bind("sock.png")
        os.chdir(before)


LONG = "x" * 300
DEEP = "/".join(["y" * 200] * 30)

SCENES: dict[str, tuple[list[str], set[int]]] = {
    "a folder of hostile names": (["many", "--into", "out", "--report", "r.jsonl"], {1}),
    "a pipe": (["pipe.jpg"], {3}),
    "a socket": (["sock.png"], {3}),
    "/dev/zero": (["/dev/zero"], {3}),
    "a link to /dev/zero": (["zero.png"], {3}),
    "a loop of links": (["a.jpg"], {3}),
    "a loop of folders": (["loop"], {3}),
    "a link to nowhere": (["nowhere.jpg"], {3}),
    "a name that is too long": ([f"{LONG}.png"], {3}),
    "a path that is too long": ([f"{DEEP}.png"], {3}),
    "an output that is too long": (["photo.png", "-o", f"{LONG}.png"], {1, 2, 3}),
    "an output in a path that is too long": (["photo.png", "-o", f"{DEEP}/x.png"], {1, 2, 3}),
    "a folder that is too long": (["photo.png", "--into", LONG], {1, 2, 3}),
    "a folder that is a loop": (["photo.png", "--into", "into"], {1, 2, 3}),
    "an output that is a pipe": (["photo.png", "-o", "pipe.jpg"], {1, 2, 3}),
    "an output that is a pipe, replaced": (["photo.png", "-o", "pipe.jpg", "--overwrite"], {1, 3}),
    "an output that is a loop": (["photo.png", "-o", "a.jpg"], {1, 2, 3}),
    "a target that is a pipe": (["taken/x.png"], {1, 3}),
    "a target that is a folder": (["held/x.png"], {1, 3}),
    "a state file that is a pipe": (["state"], {1, 3}),
    "a report that is too long": (["photo.png", "--report", LONG, "--into", "o1"], {1, 2, 3}),
    "a report in a loop": (["photo.png", "--report", "loop/r", "--into", "o2"], {1, 2, 3}),
    "nothing": ([""], {2, 3}),
    "a dash": (["-photo.png"], {2}),
    "an option of another program": (["--rm", "photo.png"], {2}),
    "a line break": (["no\nsuch\x1b[31m.png"], {3}),
    "a folder that may not be read": (["locked"], {1, 3}),
    "a file that may not be read": (["secret.png"], {3}),
    "a folder that may not be written": (["readonly"], {1, 3}),
    "settings without end": (["photo.png", "--settings", "/dev/zero", "--into", "o3"], {2, 3}),
    "settings in a loop": (["photo.png", "--settings", "loop", "--into", "o4"], {2, 3}),
    "settings that are too long": (["photo.png", "--settings", LONG, "--into", "o5"], {2, 3}),
    "hints without end": (["photo.png", "--hints", "/dev/zero", "--into", "o6"], {2, 3}),
    "a mask without end": (["photo.png", "--mask", "/dev/zero", "--into", "o7"], {2, 3}),
    "a mask in a loop": (["photo.png", "--mask", "a.jpg", "--into", "o8"], {2, 3}),
    "a reference without end": (["photo.png", "--reference", "/dev/zero", "--into", "o9"], {2, 3}),
    "certainty that is too long": (["photo.png", "--certainty", f"{LONG}.png"], {1, 2, 3}),
    "settings to a name too long": (["photo.png", "--save-settings", LONG], {1, 2, 3}),
    "a model without end": (["photo.png", "--model", "/dev/zero", "--into", "o10"], {2, 3}),
    "a model that is a pipe": (["photo.png", "--model", "./pipe.jpg", "--into", "o11"], {2, 3}),
    "a model in a loop": (["photo.png", "--model", "./a.jpg", "--into", "o12"], {2, 3}),
    "a model with a long name": (["photo.png", "--model", LONG, "--into", "o13"], {2, 3}),
    "a model with a long path": (["photo.png", "--model", f"./{LONG}", "--into", "o14"], {2, 3}),
    "inspecting a pipe": (["inspect", "pipe.jpg"], {1, 3}),
    "inspecting a loop": (["inspect", "a.jpg"], {1, 3}),
    "inspecting without end": (["inspect", "/dev/zero"], {1, 3}),
    "inspecting a long name": (["inspect", LONG], {1, 3}),
}
"""Words, and the exit codes that are right."""


_SEVERAL = {
    "a folder of hostile names",
    "a folder that may not be written",
    "a state file that is a pipe",
}
"""Scenes of several files, and so of several lines."""


def check(words: Words, outcome: Outcome) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        build(folder)
        said = in_a_child(folder)
        for name, (_, codes) in SCENES.items():
            code, text, seconds = said.get(name, (None, "not reached", 0.0))
            line = text.encode("utf-8", "surrogateescape")
            outcome.expect(code in codes, f"{name}: exit code {code}: {text[-300:]!r}")
            outcome.expect(not _HARMFUL.search(line), f"{name}: says {text[-300:]!r}")
            outcome.expect(
                "Traceback" not in text and "fault" not in text, f"{name}: {text[-300:]!r}"
            )
            alone = name not in _SEVERAL
            outcome.expect(line.count(b"\n") <= 1 or not alone, f"{name}: says {text[-300:]!r}")
            outcome.expect(seconds < _SECONDS, f"{name}: {seconds:.0f} s")
        look_at_rows(folder, outcome)
        for path in (folder / "locked", folder / "secret.png", folder / "readonly"):
            path.chmod(0o755)
    changed = sum(changing_folder(words.seed + number, outcome) for number in range(words.rounds))
    outcome.figures = {
        "hostile names and files": f"{len(GOOD_NAMES) + len(SCENES)}",
        "hangs, tracebacks, control characters printed": str(len(outcome.broken)),
        "folders that changed while they were coloured": f"{words.rounds}, {changed:,} changes",
    }


def look_at_rows(folder: Path, outcome: Outcome) -> None:
    """Every picture of the folder has its row, and every good one its output."""
    report = folder / "r.jsonl"
    rows = (
        [json.loads(line) for line in report.read_bytes().splitlines()] if report.exists() else []
    )
    status = {Path(row["input"]).name: row["status"] for row in rows}
    for name in GOOD_NAMES:
        outcome.expect(status.get(name) == "done", f"{name!r} is {status.get(name)}")
        target = folder / "out" / f"{name[:-4]}.color.png"
        outcome.expect(target.is_file(), f"{target.name!r} is not there")
    outcome.expect(status.get(f"{_LONG}.png") == "failed", "the longest name")
    errors = [row["error"] for row in rows if row["input"].endswith(f"{_LONG}.png")]
    outcome.expect(["name is too long" in text for text in errors] == [True], f"{errors}")


def in_a_child(folder: Path) -> dict[str, tuple[int | None, str, float]]:
    """All scenes in one process, each with an alarm; a process that hangs is ended here."""
    answers = folder / "answers.jsonl"
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-m", "promises.names", "--child", str(folder)],
            timeout=_SECONDS * len(SCENES), env=environment(), check=False,
            stdin=subprocess.DEVNULL, preexec_fn=without_privileges,
        )  # fmt: skip
    lines = answers.read_text().splitlines() if answers.exists() else []
    return {name: (code, text, seconds) for name, code, text, seconds in map(json.loads, lines)}


def without_privileges() -> None:
    """Root may read everything, and would see nothing of what is locked."""
    if os.getuid() == 0 and sys.platform == "linux":
        drop_from_bounding_set = 24
        for capability in range(41):
            ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


class HangError(BaseException):
    """Nothing that the program may catch."""


def child(folder: Path) -> None:
    from tintype.cli.app import main

    def alarm(*_: object) -> None:
        raise HangError("it hangs")

    signal.signal(signal.SIGALRM, alarm)
    os.chdir(folder)
    with Path("answers.jsonl").open("w") as answers:
        for name, (words, _) in SCENES.items():
            with tempfile.TemporaryFile() as sink:
                os.dup2(sink.fileno(), 2)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                began = time.monotonic()
                signal.alarm(_SECONDS)
                given = words if "--model" in words else [*words, "--model", str(TINY)]
                try:
                    code = main(words if words[0] == "inspect" else [*given, "--jobs", "1"])
                except BaseException as error:  # noqa: BLE001
                    code = None
                    print(f"Traceback: {error!r}", file=sys.stderr, flush=True)
                signal.alarm(0)
                sink.seek(0)
                text = sink.read().decode("utf-8", "surrogateescape")
            row = name, code, text, time.monotonic() - began
            answers.write(json.dumps(row) + "\n")
            answers.flush()


def changing_folder(seed: int, outcome: Outcome) -> int:
    """Files come, go and change their names while the folder is coloured; how often."""
    rng = random.Random(seed)
    changes = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "in"
        (folder / "below").mkdir(parents=True)
        for number in range(60):
            (folder / f"{'below/' * (number % 2)}{number}.png").write_bytes(picture(number))
        process = subprocess.Popen(
            [sys.executable, "-m", "tintype", "--model", str(TINY), "in", "--recursive", "--into",
             "out", "--jobs", "1", "--report", "r.jsonl"],
            cwd=place, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        done = threading.Event()

        def change() -> None:
            nonlocal changes
            while not done.is_set():
                time.sleep(0.004)
                name = f"{rng.choice(['', 'below/'])}{rng.randrange(80)}.png"
                with contextlib.suppress(OSError):
                    what = rng.randrange(5)
                    if what == 0:
                        (folder / name).unlink()
                    elif what == 1:
                        (folder / name).rename(folder / f"{rng.randrange(80)}.png")
                    elif what == 2:
                        (folder / name).write_bytes(
                            picture(rng.randrange(99))[: rng.choice([9, 9999])]
                        )
                    elif what == 3:
                        (folder / name).mkdir()
                    else:
                        (folder / "below").rename(folder / "moved")
                        (folder / "moved").rename(folder / "below")
                    changes += 1

        thread = threading.Thread(target=change)
        thread.start()
        try:
            _, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
            outcome.expect(False, f"folder {seed}: it hangs")
        done.set()
        thread.join()
        outcome.expect(process.returncode in {0, 1, 3}, f"folder {seed}: {err[-300:]!r}")
        outcome.expect(b"fault" not in err and b"Traceback" not in err, f"folder {seed}: {err!r}")
        out = Path(place) / "out"
        left = [path.name for path in out.rglob("*.tmp")]
        outcome.expect(not left, f"folder {seed}: {left} are left over")
        for path in out.rglob("*.png"):
            outcome.expect(path.read_bytes().endswith(b"IEND\xaeB`\x82"), f"{path.name} is broken")
    return changes


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]))
    else:
        sys.exit(run_script("names", check, rounds=20, quick=1))
