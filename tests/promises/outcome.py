"""What every script here has in common: its words, and the one line it prints."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tintype.cli.app import FAULT

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "engine" / "tiny.onnx"


@dataclass(frozen=True, slots=True)
class Words:
    """How much is to be done.

    Attributes:
        rounds: How often; what a round is, each script says.
        seed: Everything random follows from it.
        quick: A sample that takes seconds.
    """

    rounds: int
    seed: int = 0
    quick: bool = False


@dataclass(slots=True)
class Outcome:
    """Whether a promise was kept, and the figures.

    Attributes:
        promise: Its name, that of the script.
        figures: What was measured, by what it is called on the page, in plain words.
        broken: What did not hold; empty where the promise was kept.
        rounds: As asked for.
        seed: As asked for.
        seconds: How long it took.
        parts: What each part found, of a script that has some.
    """

    promise: str
    figures: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    rounds: int = 0
    seed: int = 0
    seconds: float = 0.0
    parts: dict[str, dict[str, object]] | None = None

    @property
    def kept(self) -> bool:
        return not self.broken

    def expect(self, holds: bool, otherwise: str) -> None:
        """Notes what does not hold; the first two dozen are enough to work with."""
        if not holds and len(self.broken) < 24:
            self.broken.append(otherwise)

    def to_json(self) -> str:
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps({"kept": self.kept, **said}, ensure_ascii=False)


def environment() -> dict[str, str]:
    """For child processes: this tree and no other, one thread, no models of the person's own."""
    paths = [str(ROOT / "src"), str(ROOT / "tests")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "TINTYPE_HOME": str(ROOT / "no-such-folder"),
    }


def command(*words: str | bytes | Path, model: Path | None = TINY) -> list[str | bytes | Path]:
    """The command as a list, with the tiny model unless told otherwise."""
    named = [] if model is None else ["--model", str(model)]
    return [sys.executable, "-m", "tintype", *named, *words]


def one_line(said: bytes) -> bool:
    """Whether stderr is at most one line, and tells of no error in the program."""
    faults = (b"Traceback", FAULT.encode())
    return said.count(b"\n") <= 1 and not any(word in said for word in faults)


def run_parts(
    promise: str,
    parts: Mapping[str, Callable[[Words, Outcome], None]],
    *,
    rounds: int,
    quick: int,
) -> int:
    """Runs a check that has parts as a program: all of them, or those after `--part`.

    Args:
        promise: Name of the script.
        parts: What is done, by name.
        rounds: Of a release run.
        quick: Of `--quick`.

    Returns:
        0 where the promise was kept, 1 where it was broken.
    """
    asked = [word.removeprefix("--part=") for word in sys.argv[1:] if word.startswith("--part=")]
    if unknown := [name for name in asked if name not in parts]:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}", file=sys.stderr)
        return 2
    names = asked or list(parts)
    words = [word for word in sys.argv[1:] if not word.startswith("--part=")]
    found: dict[str, dict[str, object]] = {}

    def check(told: Words, outcome: Outcome) -> None:
        for name in names:
            one = Outcome(promise, rounds=told.rounds, seed=told.seed)
            began = time.monotonic()
            parts[name](told, one)
            one.seconds = round(time.monotonic() - began, 1)
            outcome.figures |= one.figures
            outcome.broken += one.broken
            found[name] = {
                "figures": one.figures, "kept": one.kept, "rounds": told.rounds,
                "seconds": one.seconds, "length": 0,
            }  # fmt: skip
        outcome.parts = found

    return run_script(promise, check, rounds=rounds, quick=quick, words=words)


def run_script(
    promise: str,
    check: Callable[[Words, Outcome], None],
    *,
    rounds: int,
    quick: int,
    words: Sequence[str] | None = None,
) -> int:
    """Runs a check as a program.

    Args:
        promise: Name of the script.
        check: Does the work and notes what it finds.
        rounds: Of a release run.
        quick: Of `--quick`.
        words: Of the command line; None takes this process's.

    Returns:
        0 where the promise was kept, 1 where it was broken.
    """
    parser = argparse.ArgumentParser(prog=f"python -m promises.{promise}")
    parser.add_argument("--rounds", type=int, help=f"default {rounds}, with --quick {quick}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a sample that takes seconds")
    told = parser.parse_args(words)
    given = told.rounds if told.rounds is not None else (quick if told.quick else rounds)
    outcome = Outcome(promise, rounds=given, seed=told.seed)
    began = time.monotonic()
    check(Words(given, told.seed, told.quick), outcome)
    outcome.seconds = round(time.monotonic() - began, 1)
    print(outcome.to_json(), flush=True)
    return 0 if outcome.kept else 1
