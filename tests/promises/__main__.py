"""Runs the scripts here one after the other and writes what they measured.

    PYTHONPATH=tests python -m promises [--quick] [--seed 0] [--only NAME... [--part P...]]
                                         [--write]

With `--write` the figures go to docs/promises.json, from which the tables of docs/promises.md are
made (`python docs/make_reference.py`). Exit code 1 where a promise is broken.
"""

import argparse
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
        return {"kept": False, "broken": [f"it ended with exit code {done.returncode}"]}
    return {**said, "kept": done.returncode == 0}


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
        print(f"{script} ...", file=sys.stderr, flush=True)
        where = machine()
        said = run(script, quick=told.quick, seed=told.seed, parts=told.part)
        broken += not said["kept"]
        print(json.dumps(said, ensure_ascii=False), flush=True)
        if told.write:
            with changed() as results:
                results[script] = (
                    with_parts(results.get(script), said, where)
                    if "parts" in said
                    else row(said, where)
                )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
