"""How long colouring takes, as ratios to Pillow decoding and encoding the same file, and how much
memory.

    python benchmarks/speed.py [--model NAME_OR_FILE] [--quick] [--rounds N] [--tables NAMES]

Pictures are made on the spot: a photograph of scikit-image enlarged, with grain. Each measurement
is paired with one of Pillow right before it, and medians of the ratios are printed, so that a busy
machine changes little; processor time, all threads together, changes least. Peak memory is that of
a child process (not on Windows). `--quick` leaves out the large pictures.
"""

import argparse
import io
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from tintype.engine.bundle import load_bundle
from tintype.engine.geometry import luma_down
from tintype.engine.predict import Engine
from tintype.engine.settings import Quality, Settings
from tintype.photo.decode import decode
from tintype.photo.encode import encode

ROUNDS = 9
MEGAPIXELS = {1: (1000, 1000), 12: (3000, 4000), 50: (5800, 8620), 100: (8660, 11540)}
FORMATS = {"jpg": "JPEG", "png": "PNG", "tif": "TIFF"}
FOLDER = 40

Image.MAX_IMAGE_PIXELS = None


def photograph(shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A grey photograph of any size with the grain of an old one."""
    height, width = shape
    image = Image.fromarray(skimage.data.astronaut()).convert("L")
    grey = np.array(image.resize((width, height), Image.Resampling.BICUBIC))
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 4, (512, width)).astype(np.int16)
    for top in range(0, height, 512):
        rows = grey[top : top + 512]
        rows[:] = np.clip(rows + grain[: rows.shape[0]], 0, 255)
    return grey


def save(grey: NDArray[np.unsignedinteger], form: str) -> bytes:
    buffer = io.BytesIO()
    options = {"JPEG": {"quality": 90}, "PNG": {"compress_level": 1}, "TIFF": {}}[form]
    Image.fromarray(grey).save(buffer, form, **options)
    return buffer.getvalue()


def pillow(data: bytes) -> None:
    """What the ratios are measured by: decode and encode, nothing between."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        image.save(io.BytesIO(), "JPEG", quality=90)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def spent(work: Callable[[], object]) -> NDArray[np.float64]:
    """Seconds on the clock, and of processor time with that of finished children."""

    def now() -> NDArray[np.float64]:
        times = os.times()
        children = times.children_user + times.children_system
        return np.array([time.perf_counter(), time.process_time() + children])

    start = now()
    work()
    return now() - start


def ratio(work: Callable[[], object], data: bytes, *, rounds: int) -> str:
    """Median and middle half of paired ratios, and the median ratio of processor time."""
    work()
    ratios = np.empty((rounds, 2))
    for turn in range(rounds):
        base = spent(lambda: pillow(data))
        ratios[turn] = spent(work) / base
    low, middle, high = statistics.quantiles(ratios[:, 0], n=4)
    return f"{middle:.2f} | {low:.2f}-{high:.2f} | {np.median(ratios[:, 1]):.2f}"


def command(model: str, *words: str | Path) -> list[str]:
    return [sys.executable, "-m", "tintype", "--model", model, *map(str, words)]


def run(words: list[str]) -> None:
    # As where it is installed: Python keeps what it has compiled.
    kept = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(words, check=True, capture_output=True, env=kept)


# A process counts what it held before it became another program, so that the child of a large one
# starts with a large peak: a small Python stands between.
PROBE = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak_megabytes(words: list[str]) -> float:
    """Largest resident set of a child process."""
    probe = [sys.executable, "-I", "-S", "-c", PROBE, *words]
    done = subprocess.run(probe, check=True, capture_output=True)
    return int(done.stdout) / (1e6 if sys.platform == "darwin" else 1e3)


def inference_row(engine: Engine, rounds: int) -> None:
    """One run of the network on one core, the best of some."""
    L = np.random.default_rng(0).uniform(0, 100, (1, 1, 256, 256)).astype(np.float32)
    network = Engine(engine.bundle, threads=1).network("cpu")
    network.run(L)
    clock, processor = np.min([spent(lambda: network.run(L)) for _ in range(rounds)], axis=0)
    print(f"\nOne inference of 256 x 256 pixels on one core: {clock * 1e3:.0f} ms,", end=" ")
    print(f"{processor * 1e3:.0f} ms of CPU time; the goal is 25.")


def speed_table(model: str, folder: Path, rounds: int) -> None:
    data = save(photograph(MEGAPIXELS[12]), "JPEG")
    engine = Engine(load_bundle(model))
    photo = decode(data, name="photo.jpg")[0]
    colored = engine.colorize(photo, half_chroma=True)
    fit = engine.predict(photo).fit
    small = replace(photo, grey=np.rint(luma_down(photo.grey, fit)).astype(np.uint8))
    settings = Settings()

    def library(quality: Quality) -> None:
        page = decode(data, name="photo.jpg")[0]
        colored = engine.colorize(page, Settings(quality=quality), half_chroma=True)
        encode([colored], format="JPEG", provenance=None)

    source = folder / "photo.jpg"
    source.write_bytes(data)
    base = statistics.median(seconds(lambda: pillow(data)) for _ in range(rounds))
    print(f"Pillow decodes and encodes the 12-megapixel JPEG in {base * 1e3:.0f} ms,", end=" ")
    print("the unit of the ratios.\n")
    print("| 12 megapixels, JPEG to JPEG | ratio | interquartile range | CPU ratio | goal |")
    print("|---|---|---|---|---|")

    def row(name: str, work: Callable[[], object], goal: str = "") -> None:
        print(f"| {name} | {ratio(work, data, rounds=rounds)} | {goal} |", flush=True)

    row("**library call**: decode, colour, encode", lambda: library("high"), "3.3")
    row("the same at normal quality", lambda: library("normal"), "2.2")
    row("- decode", lambda: decode(data, name="photo.jpg"))
    row("- colour, half-size chroma", lambda: engine.colorize(photo, half_chroma=True))
    row("  - including network and palette", lambda: engine.chroma(engine.predict(small), settings))
    row("- encode", lambda: encode([colored], format="JPEG", provenance=None))
    row("colour at full size (PNG, TIFF, arrays)", lambda: engine.colorize(photo))
    target = folder / "photo.color.jpg"
    words = command(model, source, "-o", target)

    def whole() -> None:
        target.unlink(missing_ok=True)  # one that is there is already done, and nothing is coloured
        run(words)

    row("**whole command**, start-up included", whole, "4.2")
    row("- output already exists", lambda: run(words))
    row("- Python start-up alone", lambda: run([sys.executable, "-c", ""]))
    row("- with NumPy, Pillow and ONNX Runtime imported", lambda: run(
        [sys.executable, "-c", "import numpy, PIL.Image, onnxruntime"]))  # fmt: skip
    inference_row(engine, rounds)


def folder_table(model: str, folder: Path) -> None:
    source = folder / "in"
    source.mkdir()
    data = save(photograph(MEGAPIXELS[1]), "JPEG")
    for number in range(FOLDER):
        (source / f"{number:03}.jpg").write_bytes(data)
    print(f"\n| {FOLDER} JPEGs of 1 megapixel, start-up included | photographs per second ", end="")
    print("| CPU ms each | goal on 2 cores |\n|---|---|---|---|")
    for quality, goal in (("high", "18"), ("normal", "15")):
        taken = []
        for number in range(3):
            target = folder / f"{quality}{number}"
            words = command(model, source, "--into", target, "--quality", quality)
            taken.append(spent(lambda words=words: run(words)) / FOLDER)
        clock, processor = np.median(taken, axis=0)
        print(f"| `--quality {quality}` | {1 / clock:.1f} | {processor * 1e3:.0f} | {goal} |")


def memory_table(model: str, folder: Path, sizes: list[int]) -> None:
    if not hasattr(os, "wait4"):
        print("\nPeak memory is not measured on this system.")
        return
    print("\n| peak memory, MB | size | used | allowed |")
    print("|---|---|---|---|")
    for megapixels in sizes:
        grey = photograph(MEGAPIXELS[megapixels])
        for depth in (8, 16):
            for ending, form in FORMATS.items():
                if depth == 16 and form == "JPEG":
                    continue
                pixels = grey if depth == 8 else grey.astype(np.uint16) * 257
                path = folder / f"{megapixels}mp{depth}.{ending}"
                path.write_bytes(save(pixels, form))
                del pixels
                target = path.with_suffix(f".color.{ending}")
                used = peak_megabytes(command(model, path, "-o", target, "--overwrite"))
                allowed = 400 + megapixels * (8 if depth == 8 else 24)
                mark = "" if used <= allowed else " **over**"
                print(
                    f"| {form}, {depth}-bit | {megapixels} MP | {used:.0f}{mark} | {allowed} |",
                    flush=True,
                )
                path.unlink()
                target.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tintype-own", help="name or file")
    parser.add_argument("--quick", action="store_true", help="leave out the large pictures")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each row of the first table")
    parser.add_argument("--tables", default="speed,folder,memory", help="which, by commas")
    options = parser.parse_args()
    bundle = load_bundle(options.model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{cores} cores, {platform.machine()}, {platform.system()}, Python", end=" ")
    print(f"{platform.python_version()}; model {bundle.name} {bundle.card.version}.\n")
    folder = Path(tempfile.mkdtemp(prefix="tintype-speed-"))
    try:
        wanted = options.tables.split(",")
        if "speed" in wanted:
            speed_table(options.model, folder, options.rounds)
        if "folder" in wanted:
            folder_table(options.model, folder)
        if "memory" in wanted:
            memory_table(options.model, folder, [1, 12] if options.quick else list(MEGAPIXELS))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
