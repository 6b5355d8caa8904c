"""Runs the scripts here one after the other and writes what they measured.

    PYTHONPATH=tests python -m promises [--quick] [--seed 0] [--only NAME... [--part P...]]
                                         [--write]

With `--write` the figures go to docs/promises.json, from which the tables of docs/promises.md are
made (`python docs/make_reference.py`). What has parts is run and written part by part, so that a
run that is stopped loses one of them. Exit code 1 where a promise is broken.
"""

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from promises.outcome import ROOT, environment
from promises.results import SCRIPTS, changed, machine, row, with_parts

NEEDS = {"training": ("torch", "safetensors"), "fuzz": ("atheris", "av", "pi_heif")}
"""What is not among the development packages; the figures of an earlier run stay."""


HAS_PARTS = ("calls", "limits")
"""Those with a table `PARTS`; the fuzzer's are its readers, which it writes itself."""


def run(script: str, *, quick: bool, seed: int, parts: Sequence[str] = ()) -> dict[str, Any]:
    """One script; its line, and what it said where it has none."""
    # As a module: as a file its folder would come first, with a conftest that is not meant.
    words = [sys.executable, "-m", f"promises.{script}", "--seed", str(seed)]
    words += ["--quick"] if quick else []
    words += [f"--part={part}" for part in parts]
    done = subprocess.run(
        words, stdout=subprocess.PIPE, text=True, env=environment(), check=False, cwd=ROOT
    )
    lines = done.stdout.splitlines()
    try:
        said = json.loads(lines[-1])
    except (IndexError, ValueError):
        said = {"kept": False, "broken": [f"it ended with exit code {done.returncode}"]}
        nothing = {"figures": {}, "kept": False, "rounds": 0, "seconds": 0, "length": 0}
        return said | ({"parts": dict.fromkeys(parts, nothing), "seed": seed} if parts else {})
    return {**said, "kept": done.returncode == 0}


def parts_of(script: str) -> tuple[str, ...]:
    """The names of a script's parts, each of which can run alone; none where it has none."""
    if script not in HAS_PARTS:
        return ()
    return tuple(importlib.import_module(f"promises.{script}").PARTS)


def keep(results: dict[str, Any], script: str, said: dict[str, Any], where: str) -> None:
    """Puts what a script said among the figures."""
    if "parts" in said:
        # What was written before there were parts is no part of them.
        earlier = results.get(script)
        earlier = earlier if earlier and "parts" in earlier else None
        results[script] = with_parts(earlier, said, where)
    else:
        results[script] = row(said, where)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m promises")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS)
    parser.add_argument("--part", nargs="+", default=(), help="of calls or limits, with --only")
    parser.add_argument("--write", action="store_true", help="write docs/promises.json")
    told = parser.parse_args()
    broken = 0
    for script in told.only:
        missing = [name for name in NEEDS.get(script, ()) if find_spec(name) is None]
        if missing:
            print(f"{script} is left out: {', '.join(missing)} is not installed", file=sys.stderr)
            continue
        mine = parts_of(script)
        # One at a time; without parts, the whole script is one.
        for part in [name for name in mine if name in told.part] or list(mine) or [None]:
            print(f"{script} {part or ''} ...", file=sys.stderr, flush=True)
            where = machine()
            said = run(script, quick=told.quick, seed=told.seed, parts=[part] if part else ())
            broken += not said["kept"]
            print(json.dumps(said, ensure_ascii=False), flush=True)
            if told.write:
                with changed() as results:
                    keep(results, script, said, where)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
