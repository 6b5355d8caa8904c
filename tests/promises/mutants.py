"""Damaged files of every kind: each gives a picture or one line, quickly, in little memory.

    PYTHONPATH=tests python -m promises.mutants [--rounds 12000] [--seed 0]

A round is one damaged file, read and written in a process that is watched: photographs of every
format, and the other files that Tintype reads (models, settings, hints, states, reports, layers).
One in twelve goes through the whole command as well, in folders of a hundred.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from promises.mutation import mutant
from promises.outcome import ROOT, Outcome, Words, command, environment, one_line, run_script
from promises.seeds import OTHERS, PICTURES
from promises.watched import Answer, Watched

_PICTURES = 0.8  # of the rounds; the others are files that are no photographs
_COMMAND_EVERY = 12
_FOLDER = 100
_SECONDS = 5.0  # of processor time, for files of a few kilobytes
_MEGABYTES = 300.0  # for at most a megapixel
_LINE = 420


def check(words: Words, outcome: Outcome) -> None:
    rng = np.random.default_rng(words.seed)
    kept: list[tuple[str, bytes]] = []
    kinds: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    slowest = largest = 0.0
    pictures = {kind: data for kind, make in PICTURES.items() if (data := make())}
    others = {kind: make() for kind, make in OTHERS.items()}
    with Watched(seconds=60) as watched:
        for number in range(words.rounds):
            if rng.random() < _PICTURES:
                kind = list(pictures)[number % len(pictures)]
                data = mutant(pictures[kind], rng, relatives_of(kind, pictures))
                task = "colors" if rng.random() < 0.1 else "picture"
                if number % _COMMAND_EVERY == 0:
                    kept.append((kind, data))
            else:
                kind = task = list(others)[number % len(others)]
                data = mutant(others[kind], rng, (others[kind],))
            answer = watched.ask(task, data)
            kinds[kind] += 1
            answers[answer.kind] += 1
            slowest = max(slowest, answer.seconds)
            largest = max(largest, answer.megabytes)
            fault = fault_of(answer, task)
            if fault:
                outcome.expect(False, f"{kind}, mutant {number}: {fault}")
                keep(f"{kind}-{words.seed}-{number}", data)
    tried = through_the_command(kept, outcome)
    wrong = {kind: count for kind, count in answers.items() if kind not in {"picture", "refused"}}
    outcome.figures = {
        "damaged files read": f"{words.rounds:,} of {len(kinds)} kinds",
        "crashes": str(answers["crash"]),
        "hangs": str(answers["hang"]),
        "other faults": str(sum(wrong.values()) - answers["crash"] - answers["hang"]),
        "read all the same": f"{answers['picture']:,}",
        "refused in one line": f"{answers['refused']:,}",
        "slowest": f"{slowest:.1f} s of processor time",
        "most memory for one": f"{largest:.0f} MB",
        "through the whole command": f"{tried:,}",
    }


def relatives_of(kind: str, pictures: dict[str, bytes]) -> list[bytes]:
    """Files of the same format."""
    first = kind.replace(",", " ").split()[0]
    return [data for name, data in pictures.items() if name.startswith(first)]


def fault_of(answer: Answer, task: str) -> str:
    """What is wrong with an answer; empty where nothing is."""
    if answer.kind not in {"picture", "refused"}:
        return f"{answer.kind}: {answer.line}"
    if task == "model" and answer.kind == "picture":
        return "a model that was changed is taken"
    if "memory of this machine" in answer.line or answer.megabytes > _MEGABYTES:
        return f"{answer.megabytes:.0f} MB: {answer.line}"
    if answer.seconds > _SECONDS:
        return f"{answer.seconds:.1f} s of processor time"
    if "\n" in answer.line or len(answer.line) > _LINE:
        return f"not one short line: {answer.line!r}"
    return ""


def keep(name: str, data: bytes) -> None:
    """Leaves a file that broke a promise for whoever mends it."""
    folder = ROOT / "build" / "promises"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name.replace(" ", "_").replace(",", "")).write_bytes(data)


def through_the_command(given: list[tuple[str, bytes]], outcome: Outcome) -> int:
    """Folders of damaged files under names that promise any format, coloured by the command."""
    endings = ("jpg", "png", "tif", "webp", "avif", "jp2", "bmp", "ppm", "gif", "heic")
    for first in range(0, len(given), _FOLDER):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "in"
            folder.mkdir()
            part = given[first : first + _FOLDER]
            for number, (_, data) in enumerate(part):
                (folder / f"{number:03}.{endings[number % len(endings)]}").write_bytes(data)
            words = command(
                "in", "--into", "out", "--report", "r.jsonl", "--jobs", "1", "--color-photos",
                "color", "--max-megapixels", "1",
            )  # fmt: skip
            done = subprocess.run(
                words, cwd=place, capture_output=True, timeout=600, check=False, env=environment()
            )
            text = (Path(place) / "r.jsonl").read_text()
            rows = [json.loads(line) for line in text.splitlines()]
            outcome.expect(done.returncode in {0, 1, 3}, f"exit code {done.returncode}")
            outcome.expect(len(rows) == len(part), f"{len(rows)} rows for {len(part)} files")
            said = done.stderr.splitlines()
            outcome.expect(
                all(line.startswith(b"tintype: ") for line in said) and b"fault" not in done.stderr,
                f"said: {done.stderr[-500:]!r}",
            )
            failed = [row for row in rows if row["status"] == "failed"]
            for row in failed:
                outcome.expect(one_line(row["error"].encode()), f"said: {row['error']!r}")
            outputs = list((Path(place) / "out").glob("*"))
            outcome.expect(
                not [path for path in outputs if path.name.endswith(".tmp")], "a file is left over"
            )
    return len(given)


if __name__ == "__main__":
    sys.exit(run_script("mutants", check, rounds=12_000, quick=300))
