"""A fuzzer at every reader, guided by which lines of Tintype an input reaches.

    PYTHONPATH=src:tests python -m promises.fuzz [READER...] [--minutes 10] [--seed 1] [--write]
    PYTHONPATH=src:tests python -m promises.fuzz READER --input FILE

Without a name every reader has its turn. Atheris (libFuzzer; the extra `fuzz`) changes files,
watches the lines of our own readers and goes on from files that reach new ones; decoders in C are
not watched, they meet what gets that far. Half of the changes are libFuzzer's, the others move,
double and resize parts of containers (`promises.mutation`). An input that fails is kept in
build/fuzz, with the command that reads it again; so is one that takes more than 20 seconds or 3 GB.
With `--write` what was run goes to docs/promises.json, where the longest run of each reader stays.
"""

import argparse
import importlib
import inspect
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from promises.mutation import mutant
from promises.outcome import ROOT, Outcome, environment
from promises.readers import READERS, reader
from promises.results import changed, machine, with_parts

FOUND = ROOT / "build" / "fuzz"
_MOST_FINDINGS = 5  # of one reader; the same fault comes again and again
_SECONDS, _MEGABYTES = 20, 3000


# ----- the process that libFuzzer runs in -----


def modules_of(name: str) -> Iterator[ModuleType]:
    """The modules that a reader names, imported."""
    for given in reader(name).modules:
        if not given.endswith(".*"):
            yield importlib.import_module(given)
            continue
        package = importlib.import_module(given.removesuffix(".*"))
        for _, module, is_package in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            if not is_package:
                yield importlib.import_module(module)


def functions_of(module: ModuleType) -> Iterator[FunctionType]:
    """The functions and methods that a module defines."""
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        owned = list(vars(value).values()) if inspect.isclass(value) else [value]
        for part in owned:
            given = part.fget if isinstance(part, property) else getattr(part, "__func__", part)
            function = inspect.unwrap(given) if callable(given) else given
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield function


def fuzz(name: str, arguments: list[str]) -> None:
    """Runs libFuzzer in this process; it ends it."""
    import atheris

    read = reader(name).read
    seeds = reader(name).seeds()
    for data in seeds:
        read(data)  # libraries are loaded and caches filled before anything is watched
    seen: set[Any] = set()
    for module in modules_of(name):
        for function in functions_of(module):
            if function.__code__ not in seen:
                atheris.instrument_func(function)
                seen.add(function.__code__)
    print(f"functions watched: {len(seen)}", file=sys.stderr)

    def changed(data: bytes, most: int, seed: int) -> bytes:
        if seed % 2 or not data:
            return bytes(atheris.Mutate(data, most))
        return mutant(bytes(data), np.random.default_rng(seed), seeds)[:most]

    atheris.Setup([sys.argv[0], *arguments], read, custom_mutator=changed)
    atheris.Fuzz()


# ----- the process that watches -----


def check(
    name: str, seconds: float, seed: int, outcome: Outcome, *, runs: int | None = None
) -> dict[str, int]:
    """Fuzzes one reader.

    Args:
        name: Of the reader.
        seconds: On the clock.
        seed: Of libFuzzer.
        outcome: Gets what went wrong.
        runs: Inputs, instead of the time.

    Returns:
        Numbers of inputs, of those kept because they reached something new, of places in our
        readers that were reached, of findings, and of seconds of processor time.
    """
    FOUND.mkdir(parents=True, exist_ok=True)
    tried = reached = findings = 0
    used = _children_seconds()
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(place) / "corpus"
        corpus.mkdir()
        for number, data in enumerate(reader(name).seeds()):
            (corpus / f"{number:02}").write_bytes(data)
        seeds = len(list(corpus.iterdir()))
        began = time.monotonic()  # on a busy machine making the seeds can take as long as that
        # libFuzzer ends at the first finding, so it is started again until the time is over.
        while (left := seconds - (time.monotonic() - began)) > 0 and findings < _MOST_FINDINGS:
            words = [
                f"-max_total_time={max(1, int(left))}", f"-seed={seed + findings}",
                f"-timeout={_SECONDS}", f"-rss_limit_mb={_MEGABYTES}", "-print_final_stats=1",
                f"-max_len={reader(name).longest}", f"-artifact_prefix={place}/found-",
                "-detect_leaks=0", str(corpus),
            ]  # fmt: skip
            words += [] if runs is None else [f"-runs={runs}"]
            with (Path(place) / "said").open("w+b") as said_file:
                done = subprocess.run(
                    [sys.executable, "-m", "promises.fuzz", "--run", name, *words],
                    stdout=said_file, stderr=said_file, check=False, env=environment(),
                    cwd=place, timeout=left + 300,
                )  # fmt: skip
                said_file.seek(0)
                said = said_file.read().decode("utf-8", "replace")
            tried += _last(r"stat::number_of_executed_units:\s+(\d+)", said)
            reached = max(reached, _last(r" cov: (\d+)", said))
            if done.returncode != 0:
                findings += 1
                outcome.expect(False, f"{name}: {_finding(said, name, Path(place))}")
            elif runs is not None:
                break
        kept = len(list(corpus.iterdir())) - seeds
    outcome.expect(tried > 0, f"{name}: no input was read")
    used = round(_children_seconds() - used)
    return {"inputs": tried, "new": kept, "reached": reached, "findings": findings, "used": used}


def _children_seconds() -> float:
    """Processor time of the processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def _finding(said: str, name: str, place: Path) -> str:
    """What went wrong; the input that does it is kept, with the command to repeat it."""
    lines = [line[:300] for line in said.splitlines()]
    marks = ("Python exception", "ERROR:", "Traceback")
    at = next((i for i, line in enumerate(lines) if any(m in line for m in marks)), -20)
    to = next((i for i, line in enumerate(lines) if line.startswith("SUMMARY:")), len(lines))
    command = "(no input was left)"
    for path in place.glob("found-*"):
        target = FOUND / f"{name}-{path.name.removeprefix('found-')}"
        shutil.move(path, target)
        command = f"python -m promises.fuzz {name} --input {target.relative_to(ROOT)}"
    return "\n".join([*lines[at:to][-30:], command])[-2500:]


def part_of(name: str, found: dict[str, int], seconds: float) -> dict[str, Any]:
    """What is kept of the run of a reader."""
    return {
        "figures": {
            READERS[name].title: f"{seconds / 60:g} min ({found['used'] / 60:.1f} of processor "
            f"time): {found['inputs']:,} inputs, {found['new']:,} reached something new, "
            f"{found['reached']:,} places, {found['findings']} findings"
        },
        "kept": found["findings"] == 0 and found["inputs"] > 0,
        "rounds": found["inputs"],
        "seconds": seconds,
        "length": seconds,
    }


def main() -> int:
    """The command."""
    if sys.argv[1:2] == ["--run"]:
        fuzz(sys.argv[2], sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(prog="python -m promises.fuzz")
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--minutes", type=float, help="for each reader; default 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="three seconds for each reader")
    parser.add_argument("--write", action="store_true", help="write docs/promises.json")
    parser.add_argument("--input", type=Path, help="read this one file and nothing else")
    told = parser.parse_args()
    if unknown := sorted(set(told.readers) - set(READERS)):
        parser.error(f"no such reader: {', '.join(unknown)}; there are {', '.join(READERS)}")
    if told.input is not None:
        if len(told.readers) != 1:
            parser.error("--input needs one reader")
        READERS[told.readers[0]].read(told.input.read_bytes())
        return 0
    seconds = told.minutes * 60 if told.minutes is not None else 3 if told.quick else 60
    outcome = Outcome("fuzz", seed=told.seed)
    began = time.monotonic()
    parts = {}
    where = machine()
    for name in told.readers or READERS:
        found = check(name, seconds, told.seed, outcome)
        parts[name] = part_of(name, found, seconds)
        print(f"{name}: {found}", file=sys.stderr, flush=True)
        if told.write:
            one = {"parts": {name: parts[name]}, "seed": told.seed}
            with changed() as results:
                results["fuzz"] = with_parts(results.get("fuzz"), one, where)
    outcome.rounds = sum(part["rounds"] for part in parts.values())
    for part in parts.values():
        outcome.figures |= part["figures"]
    outcome.seconds = round(time.monotonic() - began, 1)
    print(json.dumps({**json.loads(outcome.to_json()), "parts": parts}), flush=True)
    return 0 if outcome.kept else 1


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
