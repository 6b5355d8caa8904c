"""What was measured last: docs/promises.json, from which the tables of docs/promises.md are made.

Nothing writes that file but `python -m promises --write` and `python -m promises.fuzz --write`.
"""

import datetime
import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from promises.outcome import ROOT

RESULTS = ROOT / "docs" / "promises.json"

SCRIPTS = (
    "mutants", "bombs", "size", "calls", "names", "disk", "kills", "training", "load", "limits",
    "models", "privacy", "sandbox", "fuzz",
)  # fmt: skip
"""In the order of the page. A whole run takes about an hour and a half on two cores."""


def machine() -> str:
    """The machine in words, without its name."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # Others may be at work on it, and then times are theirs as well.
    busy = f", {os.getloadavg()[0]:.0f} programs waiting or at work" if os.name == "posix" else ""
    return (
        f"{cores} cores, {platform.machine()}, {platform.system()}, Python "
        f"{platform.python_version()}{busy}"
    )


def today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


@contextmanager
def changed(path: Path = RESULTS) -> Iterator[dict[str, Any]]:
    """The figures of every script, to be changed; written again at the end, in their order.

    After each script, so that an hour is not lost to its last minute. Two commands may write at
    once: one waits for the other.
    """
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        results = json.loads(file.read() or "{}")
        yield results
        order = {script: results[script] for script in SCRIPTS if script in results}
        text = json.dumps(order, indent=1, ensure_ascii=False) + "\n"
        file.seek(0)
        file.truncate()
        file.write(text)


def row(said: dict[str, Any], where: str) -> dict[str, Any]:
    """What is kept of the line that a script printed.

    Args:
        said: The line.
        where: The machine, as it was before.
    """
    names = ("kept", "figures", "rounds", "seed", "seconds")
    return {**{name: said.get(name) for name in names}, "date": today(), "machine": where}


def with_parts(earlier: dict[str, Any] | None, said: dict[str, Any], where: str) -> dict[str, Any]:
    """The row of a script that can run in parts, each where there is time for it.

    A part is replaced by a run that was meant to be at least as long or found something wrong, and
    one that found something by any run.

    Args:
        earlier: The row as it is, None where there is none.
        said: The line that the script printed; its `parts` have `figures`, `kept`, `rounds`,
            `seconds`, and as `length` how long they were meant to be.
        where: The machine, as it was before.
    """
    parts = dict((earlier or {}).get("parts", {}))
    for name, part in said["parts"].items():
        old = parts.get(name)
        if old and old["kept"] and part["kept"] and old["length"] > part["length"]:
            continue
        parts[name] = {**part, "date": today(), "machine": where}
    return {
        "kept": all(part["kept"] for part in parts.values()),
        "figures": {
            what: f"{found}; {part['date']}"
            for part in parts.values()
            for what, found in part["figures"].items()
        },
        "rounds": sum(part["rounds"] for part in parts.values()),
        "seed": said["seed"],
        "seconds": round(sum(part["seconds"] for part in parts.values()), 1),
        "date": max(part["date"] for part in parts.values()),
        "machine": where,
        "parts": parts,
    }
