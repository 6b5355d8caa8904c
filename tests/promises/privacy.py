"""No connection is ever opened: not at import, not while colouring, not by a process of a run.

    PYTHONPATH=tests python -m promises.privacy

Watched twice: Python's own audit events, in every process that a command starts, and, where strace
is installed, every system call that has to do with sockets. A round is all commands once.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from conftest import grey_pixels, picture_bytes
from promises.outcome import TINY, Outcome, Words, environment, run_script

_WATCH = """
import os, sys
def watch(event, args):
    if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"}:
        if event == "socket.connect" and isinstance(args[1], (str, bytes)):
            return  # a pipe between processes of this machine
        with open(os.environ["TINTYPE_WATCHED"], "a") as log:
            log.write(f"{event} {args[1:]}\\n")
sys.addaudithook(watch)
"""
_SOCKET = re.compile(r"socket\((AF_INET6?|AF_PACKET|AF_NETLINK)")

MODEL = ["--model", str(TINY)]
COMMANDS: dict[str, list[str]] = {
    "importing the package": ["-c", "import tintype, tintype.api; tintype.Colorizer"],
    "help": ["-m", "tintype", "--help"],
    "one photograph": ["-m", "tintype", *MODEL, "0.jpg", "--into", "a"],
    "a folder in two processes": ["-m", "tintype", *MODEL, ".", "--into", "b", "--jobs", "2"],
    "the package's own model": ["-m", "tintype", "0.jpg", "--into", "c"],
    # What it runs on may report to its maker after some seconds, long after a command has ended.
    "a program that stays": [
        "-c",
        "import time, numpy, tintype\n"
        f"tintype.Colorizer({str(TINY)!r})(numpy.zeros((64, 64), numpy.uint8))\n"
        "time.sleep(15)",
    ],
    "inspecting": ["-m", "tintype", "inspect", "0.jpg"],
    "listing models": ["-m", "tintype", "models"],
    "a mistake": ["-m", "tintype", "no-such-file.jpg"],
}


def check(words: Words, outcome: Outcome) -> None:
    strace = shutil.which("strace")
    calls = 0
    for _ in range(words.rounds):
        for name, code in COMMANDS.items():
            calls += watched(name, code, strace, outcome)
    outcome.figures = {
        "commands watched": str(words.rounds * len(COMMANDS)),
        "connections and look-ups of names": str(len(outcome.broken)),
        "system calls about sockets": f"{calls:,}, all between processes of a run"
        if strace
        else "not looked at: strace is not installed",
    }


def watched(name: str, code: list[str], strace: str | None, outcome: Outcome) -> int:
    """Runs one command and notes every connection; how many system calls were looked at."""
    with tempfile.TemporaryDirectory() as place:
        folder, hooks = Path(place) / "in", Path(place) / "hooks"
        folder.mkdir()
        hooks.mkdir()
        (hooks / "sitecustomize.py").write_text(_WATCH)
        for number in range(4):
            picture = picture_bytes(grey_pixels(seed=number), "JPEG")
            (folder / f"{number}.jpg").write_bytes(picture)
        log, trace = Path(place) / "audit", Path(place) / "trace"
        around = environment()
        around |= {
            "PYTHONPATH": f"{hooks}{os.pathsep}{around['PYTHONPATH']}",
            "TINTYPE_WATCHED": str(log),
        }
        command = [sys.executable, *code]
        if strace:
            command = [strace, "-f", "-qq", "-e", "trace=%network", "-o", str(trace), *command]
        done = subprocess.run(
            command, cwd=folder, env=around, capture_output=True, check=False, timeout=300
        )
        outcome.expect(
            done.returncode == (3 if name == "a mistake" else 0), f"{name}: {done.stderr!r}"
        )
        if log.exists():
            outcome.expect(False, f"{name}: {log.read_text()[:300]}")
        lines = trace.read_text(errors="replace").splitlines() if trace.exists() else []
        found = [line for line in lines if _SOCKET.search(line)]
        outcome.expect(not found, f"{name}: {found[:3]}")
        return len(lines)


if __name__ == "__main__":
    sys.exit(run_script("privacy", check, rounds=1, quick=1))
