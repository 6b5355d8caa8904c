"""Archives: the cost of a folder of many photographs, and how it grows with their number.

    python benchmarks/archive.py memory --photos 1000 10000 50000 --model tests/engine/tiny.onnx
    python benchmarks/archive.py plan --photos 10000 50000 200000
    python benchmarks/archive.py speed --photos 120
    python benchmarks/archive.py sheet --rounds 20
    python benchmarks/archive.py exact --rounds 3

`memory` colours tiny pictures (8 x 8, sixteen contents with many names) by the command in two
processes, and then repeats the command, when everything is already done. The peak memory of each
process is read from the system while it runs. A tiny model makes the run short; the shipped one
adds a fixed amount to each process. `plan` walks the same folders without colouring. `speed`
colours photographs of a megapixel, with and without a contact sheet, in comparison with reading and
writing the same files with Pillow. `exact` keeps the luminance coefficients of a JPEG of 12
megapixels. Linux only.
"""

import argparse
import contextlib
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

PER_FOLDER = 500
CONTENTS = 16
HERE = Path(__file__).parent


# ----- pictures -----


def tiny(folder: Path, photos: int, *, flat: bool = False) -> Path:
    """Many names of sixteen tiny pictures, in folders of five hundred."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    contents = []
    for number in range(CONTENTS):
        form = ("JPEG", "PNG")[number % 2]
        path = folder.parent / f"content-{number}.{form.lower()}"
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(path, form)
        contents.append(path)
    for number in range(photos):
        box = folder if flat else folder / f"box-{number // PER_FOLDER:04}"
        box.mkdir(exist_ok=True)
        content = contents[number % CONTENTS]
        ending = ".jpg" if content.suffix == ".jpeg" else content.suffix
        (box / f"scan-{number:07}{ending}").hardlink_to(content)
    return folder


def photographs(folder: Path, photos: int, *, shape: tuple[int, int] = (1000, 1000)) -> Path:
    """Grey JPEGs cut from scikit-image's photographs, enlarged to a megapixel."""
    from skimage import data

    folder.mkdir(parents=True)
    rng = np.random.default_rng(2)
    images = [Image.fromarray(make()).convert("L") for make in (data.astronaut, data.coffee)]
    for number in range(photos):
        image = images[number % 2]
        side = min(image.size) - 40
        left, top = (int(rng.integers(0, length - side)) for length in image.size)
        cut = image.crop((left, top, left + side, top + side)).resize(shape[::-1])
        grain = np.asarray(cut) + rng.normal(0, 3, shape)
        Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8)).save(
            folder / f"{number:04}.jpg", quality=90
        )
    return folder


# ----- measuring a run -----


def largest_memory(process: "subprocess.Popen[bytes]") -> tuple[float, float]:
    """Peak memory of a command, and of the largest of its processes, in MB."""
    own, others = 0.0, 0.0
    while process.poll() is None:
        for pid in [process.pid, *children(process.pid)]:
            # A process that has just ended has no memory.
            with contextlib.suppress(OSError, StopIteration):
                text = Path(f"/proc/{pid}/status").read_text()
                peak = next(line for line in text.splitlines() if line.startswith("VmHWM"))
                size = int(peak.split()[1]) * 1024 / 1e6
                if pid == process.pid:
                    own = max(own, size)
                else:
                    others = max(others, size)
        time.sleep(0.05)
    return own, others


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "tintype", *map(str, arguments)]


def timed_run(*arguments: str | Path) -> tuple[float, float, float, float]:
    """Seconds, processor seconds, peak memory of the command and of its largest process."""
    began, before = time.monotonic(), processor()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=errors)
        own, others = largest_memory(process)
        seconds = time.monotonic() - began
        errors.seek(0)
        last = errors.read().decode().strip().splitlines()[-1]
    if process.returncode:
        raise SystemExit(f"{arguments}: {last}")
    return seconds, processor() - before, own, others


def processor() -> float:
    """Processor seconds of child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def scratch(where: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=where) as folder:
        yield Path(folder)


# ----- the tables -----


def memory(options: argparse.Namespace) -> None:
    print("| photographs | run | s | photographs/s | command, MB | per worker, MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for photos in options.photos:
        with scratch(options.where) as folder:
            source = tiny(folder / "in", photos, flat=options.flat)
            more = ["--report", folder / "report.jsonl"]
            if options.model:
                more += ["--model", options.model.resolve()]
            if options.sheet:
                more += ["--contact-sheet", folder / "sheets" / "sheet.html"]
            for run in ("colour", "again, all done"):
                seconds, _, own, others = timed_run(
                    source, "--recursive", "--into", folder / "out", "--jobs", "2", *more
                )
                print(
                    f"| {photos:,} | {run} | {seconds:.0f} | {photos / seconds:.0f} | "
                    f"{own:.1f} | {others:.1f} |",
                    flush=True,
                )


def isolated(work: Callable[..., object], *arguments: object) -> object:
    """Calls a function in a process of its own, so that its memory can be measured."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def walk(source: str, into: str) -> tuple[float, float, float]:
    """Processor seconds of checking and of walking a plan, and growth of the memory in MB."""
    from tintype.jobs.plan import Plan

    # What every plan needs, of any length, is not measured.
    first = source
    while os.path.isdir(first):  # noqa: PTH112 (a list of all names would be the larger memory)
        with os.scandir(first) as found:
            first = next(found).path
    Plan([first], into=Path(into)).check()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    plan = Plan([source], into=Path(into), recursive=True)
    began = time.process_time()
    plan.check()
    checked = time.process_time()
    for _ in plan:
        pass
    walked = time.process_time()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return checked - began, walked - checked, grown * 1024 / 1e6


def plan(options: argparse.Namespace) -> None:
    print("| photographs | folders | check, s | walk, s | growth, MB | bytes per photograph |")
    print("| --- | --- | --- | --- | --- | --- |")
    for photos in options.photos:
        for flat in (False, True):
            with scratch(options.where) as folder:
                source = tiny(folder / "in", photos, flat=flat)
                found = isolated(walk, str(source), str(folder / "out"))
                assert isinstance(found, tuple)
                check, walked, grown = found
                folders = 1 if flat else -(-photos // PER_FOLDER)
                print(
                    f"| {photos:,} | {folders:,} | {check:.2f} | {walked:.2f} | {grown:.1f} | "
                    f"{grown * 1e6 / photos:.0f} |",
                    flush=True,
                )


def pillow(source: Path) -> float:
    """Processor seconds to decode every file and encode it again as a JPEG in colour."""
    began = time.process_time()
    for path in sorted(source.iterdir()):
        image = Image.open(path).convert("RGB")
        image.save(io.BytesIO(), "JPEG", quality=95)
    return time.process_time() - began


def speed(options: argparse.Namespace) -> None:
    print("| run | photographs/s | CPU ms per photograph | times Pillow's |")
    print("| --- | --- | --- | --- |")
    with scratch(options.where) as folder:
        (photos,) = options.photos
        source = photographs(folder / "in", photos)
        each = min(pillow(source) for _ in range(3)) / photos
        print(f"| Pillow decodes and encodes, one core | | {each * 1000:.1f} | 1 |")
        for turn in range(options.rounds):
            for name, more in (
                ("two processes", []),
                ("normal quality", ["--quality", "normal"]),
                ("with a contact sheet", ["--contact-sheet", folder / f"{turn}.html"]),
                ("with exact luminance", ["--keep-luminance", "exact"]),
            ):
                out = folder / f"{turn}-{name}"
                seconds, used, _, _ = timed_run(source, "--into", out, "--jobs", "2", *more)
                cost = used / photos
                rate = photos / seconds
                print(
                    f"| {name} | {rate:.1f} | {cost * 1000:.1f} | {cost / each:.1f} |", flush=True
                )


def sheet(options: argparse.Namespace) -> None:
    """The cost of a contact sheet for each photograph: the same one with and without, in turns."""
    from dataclasses import replace

    from tintype.engine.bundle import load_bundle
    from tintype.jobs.color_files import RunOptions, Worker
    from tintype.jobs.contact_sheet import open_sheet
    from tintype.jobs.plan import Job

    print("| megapixels | format | without, ms | added by it, ms | share | bytes per photograph |")
    print("| --- | --- | --- | --- | --- | --- |")
    plain = RunOptions(overwrite=True)
    workers = [
        Worker(o, load_bundle(), threads=1) for o in (plain, replace(plain, thumbnails=True))
    ]
    with scratch(options.where) as folder:
        for shape in ((1000, 1000), (3000, 4000)):
            (source,) = photographs(folder / str(shape[0]), 1, shape=shape).iterdir()
            for ending in options.endings:
                job = Job(source, folder / f"{shape[0]}.{ending}", alone=True)
                used: list[list[float]] = [[], []]
                page = folder / f"{shape[0]}-{ending}.html"
                with open_sheet(page, items=options.rounds) as made:
                    assert made is not None
                    for _ in range(options.rounds + 1):
                        for worker, times in zip(workers, used, strict=True):
                            job.target.unlink(missing_ok=True)
                            began = time.process_time()
                            result = worker.run(job)
                            if result.thumbnails is not None:
                                made.add(result)
                            times.append(time.process_time() - began)
                            assert result.status == "done", result
                # The first of each loads the network; the minimum is the least disturbed one.
                without, more = (min(times[1:]) * 1000 for times in used)
                size = page.stat().st_size / (options.rounds + 1)
                print(
                    f"| {shape[0] * shape[1] // 10**6} | {ending} | {without:.0f} | "
                    f"{more - without:.1f} | {more / without - 1:.1%} | {size:,.0f} |",
                    flush=True,
                )


def exact(options: argparse.Namespace) -> None:
    print("| 12 megapixels | s | CPU, s | MB | output size / input size |")
    print("| --- | --- | --- | --- | --- |")
    with scratch(options.where) as folder:
        source = next(photographs(folder / "in", 1, shape=(3000, 4000)).iterdir())
        for turn in range(options.rounds):
            for how in ("usual", "exact"):
                out = folder / f"{turn}-{how}.jpg"
                seconds, used, own, _ = timed_run(source, "-o", out, "--keep-luminance", how)
                share = out.stat().st_size / source.stat().st_size
                print(
                    f"| {how} | {seconds:.2f} | {used:.2f} | {own:.0f} | {share:.2f} |", flush=True
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tables = {"memory": memory, "plan": plan, "speed": speed, "sheet": sheet, "exact": exact}
    parser.add_argument("table", choices=tables)
    parser.add_argument("--photos", type=int, nargs="+", default=[120])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--flat", action="store_true", help="one folder for all")
    parser.add_argument("--sheet", action="store_true", help="with a contact sheet")
    parser.add_argument("--endings", nargs="+", default=["jpg", "png", "tif"])
    parser.add_argument("--model", type=Path, help="colour with this one")
    parser.add_argument("--where", type=Path, help="folder to work in")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    tables[options.table](options)


if __name__ == "__main__":
    main()
