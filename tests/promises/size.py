"""Memory and time against size, of the whole command in a process of its own.

    PYTHONPATH=tests python -m promises.size [--rounds 100] [--quick]

Rounds are megapixels here: the largest picture. JPEG, PNG and TIFF may take 400 MB and 8 bytes a
pixel, with 16 bits a channel 24; the other formats are measured. Time is processor time of all
threads, and above 12 megapixels it may grow no faster than the pixels, half of it again allowed.
"""

import importlib.util
import io
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from promises.outcome import ROOT, Outcome, Words, environment, run_script

SIZES = (1, 4, 12, 24, 50, 100)

PROBE = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Stands between this process and the measured one, whose peak would begin with ours otherwise."""

_BOUND = {8: 8, 16: 24}
_MEASURED = {
    "webp": {"quality": 60, "method": 2},
    "avif": {"speed": 10, "quality": 80},
    "jp2": {"quality_mode": "rates", "quality_layers": [10]},
    "bmp": {},
    "ppm": {},
}


def benchmark(name: str) -> ModuleType:
    """A program of benchmarks/, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def measured(source: Path, *more: str) -> tuple[float, float, str]:
    """Megabytes at the peak, seconds of processor time, and what was said."""
    target = source.with_name(f"out{source.suffix}")
    words = [sys.executable, "-m", "tintype", str(source), "-o", str(target), "--overwrite", *more]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROBE, *words],
        capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    target.unlink(missing_ok=True)
    peak, seconds = done.stdout.split()
    return int(peak) / 1000, float(seconds), done.stderr if done.returncode else ""


def saved(pixels: np.ndarray, ending: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    form = Image.registered_extensions()[f".{ending}"]
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def check(words: Words, outcome: Outcome) -> None:
    speed = benchmark("speed")
    Image.init()
    sizes = [size for size in SIZES if size <= words.rounds]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for ending, depth in (("jpg", 8), ("png", 8), ("tif", 8), ("png", 16), ("tif", 16)):
            row(speed, folder, sizes, outcome, ending=ending, depth=depth)
        for ending in _MEASURED:
            # These encoders take a minute where others take seconds.
            most = 24 if ending in {"webp", "avif", "jp2"} else 50
            row(speed, folder, [s for s in sizes if s <= most], outcome, ending=ending)
        refusal(folder, outcome)


def row(
    speed: ModuleType,
    folder: Path,
    sizes: list[int],
    outcome: Outcome,
    *,
    ending: str,
    depth: int = 0,
) -> None:
    """One format at all sizes; without a depth it is measured only."""
    peaks, times = [], []
    for size in sizes:
        side = int((size * 1e6) ** 0.5)
        grey = speed.photograph((side, side))
        pixels = grey.astype(np.uint16) * 257 if depth == 16 else grey
        options = _MEASURED.get(ending, {"jpg": {"quality": 90}, "png": {"compress_level": 1}}.get(
            ending, {}))  # fmt: skip
        path = folder / f"in.{ending}"
        path.write_bytes(saved(pixels, ending, options))
        del pixels, grey
        peak, seconds, said = measured(path)
        name = f"{ending}, {depth or 8} bits, {size} MP"
        outcome.expect(not said, f"{name}: {said}")
        if depth:
            allowed = 400 + _BOUND[depth] * size
            outcome.expect(peak <= allowed, f"{name}: {peak:.0f} of {allowed} MB")
        print(f"{name}: {peak:.0f} MB, {seconds:.1f} s", file=sys.stderr, flush=True)
        peaks.append(f"{peak:.0f}")
        times.append((size, seconds))
        path.unlink()
    for (small, before), (large, after) in itertools.pairwise(times):
        if small >= 12:
            outcome.expect(
                after <= 1.5 * before * large / small,
                f"{ending}, {depth} bits: {before:.1f} s at {small} MP, {after:.1f} s at {large}",
            )
    title = f"{Image.registered_extensions()[f'.{ending}']}, {depth or 8} bits"
    where = " / ".join(str(size) for size in sizes)
    outcome.figures[f"{title}: MB at {where} MP"] = " / ".join(peaks)
    seconds_text = " / ".join(f"{seconds:.1f}" for _, seconds in times)
    outcome.figures[f"{title}: s of processor time"] = seconds_text


def refusal(folder: Path, outcome: Outcome) -> None:
    """Above the limit: refused unread, and the message says what to type."""
    path = folder / "huge.png"
    worker = Image.new("1", (13_000, 13_000))
    worker.save(path)
    peak, seconds, said = measured(path)
    outcome.expect("--max-megapixels 169" in said, f"says {said!r}")
    outcome.expect(peak < 150, f"{peak:.0f} MB to refuse a file")
    outcome.figures["169 MP refused"] = f"{peak:.0f} MB, {seconds:.1f} s, names --max-megapixels"


if __name__ == "__main__":
    sys.exit(run_script("size", check, rounds=100, quick=1))
