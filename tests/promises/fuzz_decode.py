"""A fuzzer at the boundary where bytes become photographs.

    PYTHONPATH=tests python -m promises.fuzz_decode [--seconds 600] [--seed 1]

Atheris (libFuzzer) changes files, watches which lines of Tintype a file reaches and goes on from
those that reach new ones; it starts from the files of `promises.seeds`. Whatever is no
`TintypeError` is a finding, and so is a file that takes more than 20 seconds or 3 GB. It
needs the extra `fuzz`.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from pkgutil import walk_packages

from promises.mutation import mended
from promises.outcome import ROOT, Outcome, environment
from promises.seeds import PICTURES
from tintype import photo

_MOST_PIXELS = 1_000_000
_MODULES = tuple(
    name
    for _, name, is_package in walk_packages(photo.__path__, "tintype.photo.")
    if not is_package
)


def one_input(data: bytes) -> None:
    """A file read, and its metadata written again; only our own errors are expected."""
    from photo.samples import PROVENANCE
    from tintype.errors import TintypeError
    from tintype.photo.decode import decode, read_provenance
    from tintype.photo.encode import encode

    # With right checksums a PNG's damage reaches what stands behind them.
    if data.startswith(b"\x89PNG"):
        data = mended(data)
    read_provenance(data)
    with contextlib.suppress(TintypeError):
        photos = decode(data, name="file", max_pixels=_MOST_PIXELS)
        encode(photos[:1], format="JPEG", provenance=PROVENANCE)


def fuzz(arguments: list[str]) -> None:
    """Runs libFuzzer in this process; it ends it."""
    import atheris

    with atheris.instrument_imports(include=list(_MODULES)):
        pass

    atheris.Setup([sys.argv[0], *arguments], one_input)
    atheris.Fuzz()


def check(seconds: int, seed: int, outcome: Outcome, *, runs: int | None = None) -> None:
    found = ROOT / "build" / "promises" / "fuzz"
    found.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    tried = new = 0
    coverage = "0"
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(place) / "corpus"
        corpus.mkdir()
        for number, make in enumerate(PICTURES.values()):
            (corpus / f"{number:02}").write_bytes(make())
        # libFuzzer ends at the first finding, so it is started again until the time is over.
        while (left := seconds - (time.monotonic() - began)) > 0 and len(outcome.broken) < 20:
            words = [
                f"-max_total_time={max(1, int(left))}", f"-seed={seed + len(outcome.broken)}",
                "-timeout=20", "-rss_limit_mb=3000", "-max_len=20000", "-print_final_stats=1",
                f"-artifact_prefix={found}/", str(corpus),
            ]  # fmt: skip
            words += [] if runs is None else [f"-runs={runs}"]
            done = subprocess.run(
                [sys.executable, "-m", "promises.fuzz_decode", "--fuzz", *words],
                capture_output=True, text=True, errors="replace", check=False, env=environment(),
                cwd=place, timeout=left + 120,
            )  # fmt: skip
            said = done.stderr
            tried += _last(r"stat::number_of_executed_units:\s+(\d+)", said)
            new += _last(r"stat::new_units_added:\s+(\d+)", said)
            coverage = str(_last(r" cov: (\d+)", said)) or coverage
            if done.returncode != 0:
                outcome.broken.append(_finding(said + done.stdout))
            elif runs is not None:
                break
        files = len(list(corpus.iterdir()))
    outcome.rounds = tried
    outcome.figures = {
        "files tried": f"{tried:,} in {seconds / 60:.0f} minutes",
        "files that reached something new": f"{new:,} ({files:,} kept)",
        "edges of our readers reached": coverage,
        "findings": str(len(outcome.broken)),
    }


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def _finding(said: str) -> str:
    """What went wrong, and where the file is that does it."""
    lines = said.splitlines()
    at = next((i for i, line in enumerate(lines) if "exception" in line or "ERROR:" in line), -20)
    where = [line for line in lines if "Test unit written to" in line]
    return "\n".join([*lines[at : at + 30][-30:], *where])[-1500:]


def main() -> int:
    if sys.argv[1:2] == ["--fuzz"]:
        fuzz(sys.argv[2:])
        return 0
    parser = argparse.ArgumentParser(prog="python -m promises.fuzz_decode")
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--rounds", type=int, help="the same, in minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="20 seconds")
    told = parser.parse_args()
    minutes = 60 * told.rounds if told.rounds else (20 if told.quick else 600)
    outcome = Outcome("fuzz_decode", seed=told.seed)
    began = time.monotonic()
    check(told.seconds or minutes, told.seed, outcome)
    outcome.seconds = round(time.monotonic() - began, 1)
    print(json.dumps(json.loads(outcome.to_json())), flush=True)
    return 0 if outcome.kept else 1


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
