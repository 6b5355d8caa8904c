"""How long a single call into a library is, which nothing can interrupt: Ctrl-C waits for it.

    PYTHONPATH=src:tests python -m promises.calls [--rounds 100] [--quick] [--part=AVIF]

Rounds are megapixels: the size of the picture. A clock interrupts the command every 20 ms; where a
decoder or encoder in C is at work, the interruption waits until it returns. The longest wait is
what Ctrl-C, a time limit or a closed connection can wait for. Time is processor time.
"""

import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from promises.outcome import Outcome, Words, environment, run_parts
from promises.size import benchmark, saved

KINDS = {
    "JPEG": ("jpg", 8, {"quality": 90}),
    "PNG": ("png", 8, {"compress_level": 1}),
    "PNG, 16 bits": ("png", 16, {"compress_level": 1}),
    "TIFF": ("tif", 8, {}),
    "TIFF, 16 bits": ("tif", 16, {}),
    "BMP": ("bmp", 8, {}),
    "PPM": ("ppm", 8, {}),
    "AVIF": ("avif", 8, {"speed": 10, "quality": 80}),
    "JPEG2000": ("jp2", 8, {"quality_mode": "rates", "quality_layers": [10]}),
}
"""Ending, bits and how the source is written."""

_LARGEST = {"AVIF": 24, "JPEG2000": 24}
"""Megapixels of those whose encoders take a minute where others take seconds."""

_MOST = 3.0
"""Seconds that are promised, whatever the size, but for AVIF and JPEG 2000."""

# Runs in the child: the longest time between two interruptions, and the line that it was spent in.
_WATCH = """
import json, os, signal, sys, time, traceback
last, longest, where = time.process_time(), 0.0, ""

def tick(_number, frame):
    global last, longest, where
    took = time.process_time() - last
    if took > longest:
        ours = [s for s in traceback.extract_stack(frame) if "tintype" in s.filename]
    # On a busy machine the clock rings again meanwhile.
    if took > longest:
        longest = took
        where = f"{ours[-1].filename.rpartition('tintype/')[2]}, {ours[-1].name}" if ours else ""
    last = time.process_time()

from tintype.cli.app import main
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
code = main(sys.argv[1:])
tick(0, sys._getframe())  # had the clock stopped, the rest of the work would be one call
signal.setitimer(signal.ITIMER_REAL, 0)
print(json.dumps([longest, where, time.process_time()]))
sys.exit(code)
"""


def longest_call(source: Path, *more: str) -> tuple[float, str, float]:
    """Seconds of the longest call, where it is, and seconds of all the work.

    Raises:
        RuntimeError: The command failed.
    """
    target = source.with_name(f"out{source.suffix}")
    words = [str(source), "-o", str(target), "--overwrite", "--color-photos", "color", *more]
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, *words],
        capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    target.unlink(missing_ok=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    seconds, where, whole = json.loads(done.stdout.splitlines()[-1])
    return seconds, where, whole


def check(title: str, words: Words, outcome: Outcome) -> None:
    """One kind of picture."""
    speed = benchmark("speed")
    Image.init()
    with tempfile.TemporaryDirectory() as place:
        ending, depth, options = KINDS[title]
        size = min(words.rounds, _LARGEST.get(title, words.rounds))
        side = int((size * 1e6) ** 0.5)
        grey = speed.photograph((side, side))
        path = Path(place) / f"in.{ending}"
        pixels = grey.astype(np.uint16) * 257 if depth == 16 else grey
        path.write_bytes(saved(pixels, ending, options))
        seconds, where, whole = longest_call(path)
        path.unlink()
        print(f"{title}: {seconds:.1f} s of {whole:.1f} s in {where}", file=sys.stderr)
        most = float("inf") if title in _LARGEST else _MOST
        outcome.expect(seconds <= most, f"{title}: one call takes {seconds:.1f} s")
        outcome.figures[f"{title}, {size} MP"] = f"{seconds:.1f} s ({where}) of {whole:.1f} s"


PARTS = {title: functools.partial(check, title) for title in KINDS}


if __name__ == "__main__":
    sys.exit(run_parts("calls", PARTS, rounds=100, quick=4))
