"""A fuzzer at every reader, guided by which lines of Tintype an input reaches.

    PYTHONPATH=src:tests python -m promises.fuzz [READER...] [--minutes 10] [--seed 1] [--write]
    PYTHONPATH=src:tests python -m promises.fuzz READER --input FILE

Without a name every reader has its turn. Atheris (libFuzzer; the extra `fuzz`) changes files,
watches the lines of our own readers and goes on from files that reach new ones; decoders in C are
not watched, they meet what gets that far. Half of the changes are libFuzzer's, the others move,
double and resize parts of containers (`promises.mutation`). An input that fails is kept in
build/fuzz, with the command that reads it again; so is one that takes more than 20 seconds or 3 GB.
Minutes and seconds are of processor time, so that it does not matter what else the machine does.
With `--write` what was run is added to docs/promises.json every two minutes, and the minutes are
those that a reader is to have had in all: the command can be stopped and given again. The inputs
that reached something new are kept in build/fuzz/corpus, and the next run goes on from them.
"""

import argparse
import importlib
import inspect
import json
import os
import pkgutil
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from promises.mutation import mutant
from promises.outcome import ROOT, Outcome, environment
from promises.readers import READERS, reader
from promises.results import changed, machine, with_parts

FOUND = ROOT / "build" / "fuzz"
CORPUS = FOUND / "corpus"
_MOST_FINDINGS = 5  # of one reader; the same fault comes again and again
_SECONDS, _MEGABYTES = 20, 3000
_HANG = (
    7200  # seconds on the clock for one input: a busy machine may give a process 0.5 % of itself
)
_OVER = 72  # exit code of libFuzzer when SIGTERM ends it
_SLICE = 120.0  # seconds after which what was run is written


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


class Timed:
    """A reader for which slowness is a fault.

    A machine that stood still charges that time to the process that was running, so what was slow
    is read once more, and the second time counts.

    Args:
        read: The reader.
        most: Seconds of processor time.
    """

    def __init__(self, read: Callable[[bytes], None], most: float) -> None:
        self._read, self._most = read, most
        self._began = float("inf")

    def __call__(self, data: bytes) -> None:
        """Reads."""
        self._begin(data)
        if self._took() > self._most:
            self._begin(data)
        self.check()
        self._began = float("inf")

    def check(self) -> None:
        """Raises AssertionError if what is being read takes longer."""
        if (took := self._took()) > self._most:
            raise AssertionError(f"{took:.0f} seconds for one input")

    def _begin(self, data: bytes) -> None:
        self._began = time.process_time()
        self._read(data)

    def _took(self) -> float:
        return time.process_time() - self._began


def fuzz(name: str, seconds: float, arguments: list[str]) -> None:
    """Runs libFuzzer in this process; it ends it.

    Args:
        name: Of the reader.
        seconds: Of processor time, from the first input on.
        arguments: Of libFuzzer.
    """
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

    timed = Timed(read, _SECONDS)

    def over(*_: object) -> None:
        timed.check()  # a reader that never ends would be an ordinary end otherwise
        signal.raise_signal(signal.SIGTERM)

    atheris.Setup([sys.argv[0], *arguments], timed, custom_mutator=changed)
    # What libFuzzer limits itself is time on the clock. SIGTERM ends it with its figures.
    signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    print(f"started after {time.process_time():.2f} s", file=sys.stderr)
    atheris.Fuzz()


# ----- the process that watches -----


def check(
    name: str, seconds: float, seed: int, outcome: Outcome, *, runs: int | None = None
) -> dict[str, float]:
    """Fuzzes one reader.

    Args:
        name: Of the reader.
        seconds: Of processor time; the start of a process is not counted.
        seed: Of libFuzzer.
        outcome: Gets what went wrong.
        runs: Inputs, instead of the time.

    Returns:
        Numbers of inputs, of those kept because they reached something new, of places in our
        readers that were reached, of findings, and of seconds.
    """
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    tried = reached = findings = 0
    used = 0.0
    with tempfile.TemporaryDirectory() as place:
        for number, data in enumerate(reader(name).seeds()):
            (corpus / f"{number:02}").write_bytes(data)
        before = len(list(corpus.iterdir()))
        # libFuzzer ends at the first finding, so it is started again until the time is over.
        # The clock of a process is not exact, and a start takes seconds.
        while seconds - used > (1 if used else 0) and findings < _MOST_FINDINGS:
            # A child counts as its own what its parent had in memory when it began.
            inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            limit = _MEGABYTES + inherited
            words = [
                f"-seed={seed + findings}", f"-timeout={_HANG}", f"-rss_limit_mb={limit}",
                f"-max_len={reader(name).longest}", f"-artifact_prefix={place}/found-",
                "-print_final_stats=1", "-detect_leaks=0", str(corpus),
            ]  # fmt: skip
            words += [] if runs is None else [f"-runs={runs}"]
            with (Path(place) / "said").open("w+b") as said_file:
                earlier = _children_seconds()
                done = subprocess.run(
                    [sys.executable, "-m", "promises.fuzz", "--run", name, f"{seconds - used:.2f}",
                     *words],
                    stdout=said_file, stderr=said_file, check=False, env=environment(), cwd=place,
                )  # fmt: skip
                said_file.seek(0)
                said = said_file.read().decode("utf-8", "replace")
            start = re.search(r"^started after ([\d.]+) s", said, re.MULTILINE)
            took = _children_seconds() - earlier - (float(start[1]) if start else 0.0)
            used += max(took, 0.01)
            tried += _last(r"stat::number_of_executed_units:\s+(\d+)", said)
            reached = max(reached, _last(r" cov: (\d+)", said))
            if done.returncode not in (0, _OVER):
                findings += 1
                outcome.expect(False, f"{name}: {_finding(said, name, Path(place))}")
            elif runs is not None:
                break
    outcome.expect(tried > 0, f"{name}: no input was read")
    new = len(list(corpus.iterdir())) - before
    return {
        "inputs": tried, "new": new, "reached": reached, "findings": findings,
        "seconds": round(used, 1),
    }  # fmt: skip


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


def part_of(name: str, found: dict[str, float], earlier: dict[str, Any] | None) -> dict[str, Any]:
    """What is kept of the runs of a reader: of all of them since something was found.

    Args:
        name: Of the reader.
        found: What `check` returned.
        earlier: What was kept before, None where nothing was.
    """
    before = (earlier or {}).get("found", {}) if (earlier or {}).get("kept") else {}
    whole = {what: before.get(what, 0) + number for what, number in found.items()}
    whole["reached"] = max(before.get("reached", 0), found["reached"])
    whole["seconds"] = round(whole["seconds"], 1)
    return {
        "figures": {
            READERS[name].title: f"{whole['seconds'] / 60:.1f} min: {whole['inputs']:,} inputs, "
            f"{whole['new']:,} reached something new, {whole['reached']:,} places, "
            f"{whole['findings']} findings"
        },
        "kept": whole["findings"] == 0 and whole["inputs"] > 0,
        "rounds": whole["inputs"],
        "seconds": whole["seconds"],
        "length": whole["seconds"],
        "found": whole,
    }


def run(name: str, seconds: float, seed: int, outcome: Outcome, *, write: bool) -> dict[str, Any]:
    """One reader, for its time; every two minutes what was run is written, where that is asked for.

    Args:
        name: Of the reader.
        seconds: Of processor time. With `write` those that it is to have had in all.
        seed: Of the first two minutes ever; those after them count on from it.
        outcome: Gets what went wrong.
        write: Into docs/promises.json.

    Returns:
        What is kept of it.
    """
    part: dict[str, Any] | None = None
    if write:
        with changed() as results:
            part = results.get("fuzz", {}).get("parts", {}).get(name)
        part = part if part and "found" in part and part["kept"] else None
    where = machine()
    while (left := seconds - (part["seconds"] if part else 0.0)) > 1 or part is None:
        number = int(part["seconds"] // _SLICE) if part else 0
        found = check(name, min(left, _SLICE), seed + number, outcome)
        print(f"{name}: {found}", file=sys.stderr, flush=True)
        part = part_of(name, found, part)
        if write:
            one = {"parts": {name: part}, "seed": seed}
            with changed() as results:
                results["fuzz"] = with_parts(results.get("fuzz"), one, where)
        if not part["kept"]:
            break
    print(f"{name}: {' '.join(part['figures'].values())}", file=sys.stderr, flush=True)
    return part


def main() -> int:
    """The command."""
    if sys.argv[1:2] == ["--run"]:
        fuzz(sys.argv[2], float(sys.argv[3]), sys.argv[4:])
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and libFuzzer with it
    parser = argparse.ArgumentParser(prog="python -m promises.fuzz")
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--minutes", type=float, help="of processor time; default 1")
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
    parts = {
        name: run(name, seconds, told.seed, outcome, write=told.write)
        for name in told.readers or READERS
    }
    outcome.rounds = sum(part["rounds"] for part in parts.values())
    for part in parts.values():
        outcome.figures |= part["figures"]
    outcome.seconds = round(time.monotonic() - began, 1)
    print(json.dumps({**json.loads(outcome.to_json()), "parts": parts}), flush=True)
    return 0 if outcome.kept else 1


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
