"""How the cost of colouring grows with pictures, pixels and workers, and what that makes of a
hundred million.

    python benchmarks/scaling.py --measure    measures again, into benchmarks/scaling.json
    python benchmarks/scaling.py              writes the tables on the two pages from that file

Processor time is counted, of all processes together, since a busy machine stretches it less than
the clock; what is measured is seen next to Pillow decoding and encoding the same files in the same
minute. The tables between ``<!-- generated: ... -->`` in `benchmarks/scaling.md` and in
`docs/explanation/a-hundred-million.md` are this program's; a test computes them again.
"""

import argparse
import io
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

ROOT = Path(__file__).parents[1]
FILE = Path(__file__).with_suffix(".json")
PAGES = (
    Path(__file__).with_suffix(".md"),
    ROOT / "docs" / "explanation" / "a-hundred-million.md",
)
BLOCK = re.compile(r"(<!-- generated: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)

COUNTS = (10, 40, 160)
MEGAPIXELS = (1, 4, 12, 24)
EACH = 6
ON_CLUSTER = (16, 176)
NORMAL = ("--quality", "normal")  # of a hundred million, each is looked at once
LISTED = 20_000
HANDED_THROUGH = 48_000


# ----- what is assumed -----


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is not measured here. Prices are those of a large provider, rounded.

    Attributes:
        photographs: How many.
        megapixels: Of the mean photograph.
        commands: Runs that the archive is cut into, a part of its folders each.
        at_a_time: Of them.
        cores: Of all machines.
        busy: Share of the time that a core colours; the rest is waiting for the store.
        core_hour: Dollars.
        put: Dollars for a thousand requests that write or list.
        get: Dollars for a thousand that read.
        gigabyte_month: Dollars for storage.
        kills_a_day: How often each core is taken away, as cheap machines are.
    """

    photographs: int = 100_000_000
    megapixels: float = 4.0
    commands: int = 100
    at_a_time: int = 10
    cores: int = 1000
    busy: float = 0.85
    core_hour: float = 0.04
    put: float = 0.005
    get: float = 0.0004
    gigabyte_month: float = 0.023
    kills_a_day: float = 2.0


# ----- measuring -----


def photographs(folder: Path, count: int, megapixels: float) -> None:
    """Grey JPEGs with grain, each different, as a scanner writes them."""
    folder.mkdir(parents=True)
    height, width = round((megapixels * 1e6 * 0.75) ** 0.5), round((megapixels * 1e6 / 0.75) ** 0.5)
    image = Image.fromarray(skimage.data.astronaut()).convert("L")
    grey = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    for number in range(count):
        grain = np.random.default_rng(number).normal(0, 4, grey.shape).astype(np.int16)
        pixels = np.clip(np.roll(grey, 31 * number, axis=1) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:06}.jpg", quality=90)


def pillow(folder: Path) -> float:
    """Processor seconds for one file of a folder: decode and encode, nothing between."""
    files = sorted(folder.glob("*.jpg"))[:6]
    start = time.process_time()
    for file in files:
        with Image.open(file) as image:
            image.load()
            image.save(io.BytesIO(), "JPEG", quality=90)
    return (time.process_time() - start) / len(files)


class Tree:
    """Processor time of a process and all below it, those that end meanwhile included."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._spent: dict[tuple[int, str], float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def now(self) -> float:
        """Seconds so far."""
        return sum(list(self._spent.values()))

    def stop(self) -> float:
        """Seconds until now, the last time."""
        self._ended.set()
        self._thread.join()
        return self.now()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self._look()

    def _look(self) -> None:
        tick = os.sysconf("SC_CLK_TCK")
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                found[int(entry.name)] = fields
        waiting = [self._pid]
        below: dict[int, list[int]] = {}
        for pid, fields in found.items():
            below.setdefault(int(fields[1]), []).append(pid)
        while waiting:
            pid = waiting.pop()
            waiting += below.get(pid, [])
            if pid in found:
                fields = found[pid]
                seconds = (int(fields[11]) + int(fields[12])) / tick
                self._spent[pid, fields[19]] = seconds  # with its start: numbers come again


def spent(*words: str | Path) -> tuple[float, float]:
    """Processor seconds and seconds on the clock of the command."""
    command = [sys.executable, "-m", "tintype", *map(str, words)]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    tree = Tree(process.pid)
    _, said = process.communicate()
    seconds = time.monotonic() - start
    counted = tree.stop()
    if process.returncode != 0:
        raise SystemExit(said.decode())
    return counted, seconds


def measure(home: Path) -> dict[str, Any]:
    """Everything, in some minutes."""
    found: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"Python {platform.python_version()}",
        "load": os.getloadavg()[0],
    }
    spent("--version")
    found["pictures"] = []
    for count in COUNTS:
        folder = home / f"count-{count}"
        photographs(folder, count, 1)
        base = pillow(folder)
        report = home / f"count-{count}.jsonl"
        out = home / f"out-{count}"
        words = (folder, "--into", out, "--report", report, "--jobs", "1", *NORMAL)
        seconds, _ = spent(*words)
        found["pictures"].append({"count": count, "seconds": seconds, "pillow": base})
        print(found["pictures"][-1], flush=True)
    seconds, _ = spent(*words)
    found["again"] = {"count": count, "seconds": seconds}
    found["row_bytes"] = report.stat().st_size / count
    found["pixels"] = []
    for megapixels in MEGAPIXELS:
        folder = home / f"pixels-{megapixels}"
        photographs(folder, EACH, megapixels)
        base = pillow(folder)
        into = home / f"out-pixels-{megapixels}"
        seconds, _ = spent(folder, "--into", into, "--jobs", "1", *NORMAL)
        row = {
            "megapixels": megapixels,
            "seconds": seconds,
            "pillow": base,
            "input": sum(file.stat().st_size for file in folder.iterdir()) / EACH,
            "output": sum(file.stat().st_size for file in into.iterdir()) / EACH,
        }
        found["pixels"].append(row)
        print(row, flush=True)
    found["workers"] = by_workers(home)
    found |= listing(home)
    found["parcel"] = chunks()
    return found


def by_workers(home: Path) -> list[dict[str, Any]]:
    """Both engines with one and two workers, on two counts of pictures of a megapixel."""
    rows = []
    for engine in ("processes", "ray"):
        for jobs in (1, 2):
            for count in ON_CLUSTER:
                folder = home / f"workers-{count}"
                if not folder.exists():
                    photographs(folder, count, 1)
                base = pillow(folder)
                into = home / f"out-{engine}-{jobs}-{count}"
                options = ("--executor", engine, "--jobs", str(jobs))
                seconds, clock = spent(folder, "--into", into, *options, *NORMAL)
                row = {
                    "engine": engine,
                    "jobs": jobs,
                    "count": count,
                    "seconds": seconds,
                    "clock": clock,
                    "pillow": base,
                }
                rows.append(row)
                print(row, flush=True)
    return rows


def listing(home: Path) -> dict[str, float]:
    """Time and memory of walking a folder before anything is coloured, for each picture."""
    folder = home / "many"
    folder.mkdir()
    for number in range(LISTED):
        (folder / f"{number:07}.jpg").touch()
    program = (
        "import sys, time, tracemalloc\n"
        "from tintype.jobs.plan import Plan\n"
        "start = time.process_time()\n"
        "items = Plan([sys.argv[1]]).check().items\n"
        "seconds = time.process_time() - start\n"
        "tracemalloc.start()\n"
        "Plan([sys.argv[1]]).check()\n"
        "print(items, seconds / items, tracemalloc.get_traced_memory()[1] / items)\n"
    )
    command = [sys.executable, "-c", program, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    items, seconds, size = map(float, done.stdout.split())
    if items != LISTED:
        raise SystemExit(f"{items} of {LISTED} were listed")
    return {"plan_seconds": seconds, "plan_bytes": size}


def chunks() -> dict[str, float]:
    """The cost of a chunk in Ray: in the process that distributes, in all, and in its memory.

    The chunks hold only results, which are passed through; the second half of them is counted.
    """
    program = (
        "import os, sys, time\n"
        "from tintype.cluster.run import run\n"
        "from tintype.cluster.ray_data import CHUNK_ITEMS\n"
        "from tintype.cluster.session import session\n"
        "from tintype.jobs.plan import Plan\n"
        "from tintype.jobs.color_files import RunOptions\n"
        "count = int(sys.argv[1])\n"
        "plan = Plan([f'/nowhere/{number}.jpg' for number in range(count)])\n"
        "with session(2):\n"
        "    for number, row in enumerate(run(plan, RunOptions(), items=count)):\n"
        "        if number in (count // 2, count - 1):\n"
        "            pages = int(open('/proc/self/statm').read().split()[1])\n"
        "            kept = pages * os.sysconf('SC_PAGE_SIZE')\n"
        "            print(CHUNK_ITEMS, time.process_time(), kept, flush=True)\n"
    )
    command = [sys.executable, "-c", program, str(HANDED_THROUGH)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        tree = Tree(process.pid)
        if process.stdout is None:
            raise SystemExit("no output to read")
        seen = [(*map(float, said.split()), tree.now()) for said in process.stdout]
        tree.stop()
    (size, *before), (_, *after) = seen
    seconds, kept, everywhere = np.subtract(after, before) * size / (HANDED_THROUGH / 2)
    return {"size": size, "seconds": seconds, "bytes": kept, "everywhere": everywhere}


# ----- what follows -----


def line(xs: list[float], ys: list[float]) -> tuple[float, float]:
    """Where a straight line begins and how it grows, by least squares."""
    slope, start = np.polyfit(xs, ys, 1)
    return float(start), float(slope)


def of_pictures(found: Mapping[str, Any]) -> tuple[float, float]:
    """Processor seconds of a run: for the start, and for each picture of a megapixel."""
    rows = found["pictures"]
    return line([row["count"] for row in rows], [row["seconds"] for row in rows])


def of_pixels(found: Mapping[str, Any]) -> tuple[float, float]:
    """Processor seconds for a picture: without its pixels, and for each megapixel."""
    start, _ = of_pictures(found)
    rows = found["pixels"]
    each = [(row["seconds"] - start) / EACH for row in rows]
    return line([row["megapixels"] for row in rows], each)


def of_workers(found: Mapping[str, Any], engine: str, jobs: int) -> tuple[float, float]:
    """As `of_pictures`, by one engine with so many workers."""
    rows = [row for row in found["workers"] if (row["engine"], row["jobs"]) == (engine, jobs)]
    return line([row["count"] for row in rows], [row["seconds"] for row in rows])


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def machine(found: Mapping[str, Any]) -> str:
    return f"{found['machine']}; {found['load']:.0f} other processes wanted a core meanwhile.\n"


def pictures(found: Mapping[str, Any]) -> str:
    start, each = of_pictures(found)
    rows = [
        (
            str(row["count"]),
            f"{row['seconds']:.1f}",
            f"{1000 * row['seconds'] / row['count']:.0f}",
            f"{1000 * (start + each * row['count']) / row['count']:.0f}",
            f"{row['seconds'] / row['count'] / row['pillow']:.1f}",
        )
        for row in found["pictures"]
    ]
    again = found["again"]
    head = ("pictures of 1 MP", "seconds", "ms each", "by the line", "Pillow = 1, each")
    return table(head, rows) + (
        f"\nThe line: {start:.2f} s to start and {1000 * each:.0f} ms for each picture. "
        f"The same command once more, which finds all done: "
        f"{1000 * again['seconds'] / again['count']:.0f} ms for each, the start included.\n"
    )


def pixels(found: Mapping[str, Any]) -> str:
    start, _ = of_pictures(found)
    fixed, each = of_pixels(found)
    rows = [
        (
            str(row["megapixels"]),
            f"{1000 * (row['seconds'] - start) / EACH:.0f}",
            f"{1000 * (fixed + each * row['megapixels']):.0f}",
            f"{(row['seconds'] - start) / EACH / row['pillow']:.1f}",
            f"{row['input'] / 1e6:.2f}",
            f"{row['output'] / row['input']:.2f}",
        )
        for row in found["pixels"]
    ]
    head = ("megapixels", "ms", "by the line", "Pillow = 1", "MB in", "out / in")
    return table(head, rows) + (
        f"\nThe line: {1000 * fixed:.0f} ms for a picture and {1000 * each:.0f} ms for each "
        "megapixel of it.\n"
    )


def workers(found: Mapping[str, Any]) -> str:
    _, alone = of_workers(found, "processes", 1)
    rows = []
    for engine, name in (("processes", "plain"), ("ray", "`--executor ray`")):
        for jobs in (1, 2):
            start, each = of_workers(found, engine, jobs)
            rows.append(
                (name, str(jobs), f"{start:.1f}", f"{1000 * each:.0f}", f"{each / alone:.2f}")
            )
    head = ("engine", "workers", "seconds to start", "ms each", "to one plain worker")
    return table(head, rows)


def sharing(found: Mapping[str, Any]) -> str:
    parcel = found["parcel"]
    rows = [
        (
            "walking the plan once, before anything is coloured",
            f"{1e6 * found['plan_seconds']:.0f} µs a picture",
        ),
        ("its memory", f"{found['plan_bytes']:.0f} bytes a picture"),
        (
            f"distributing a chunk of {parcel['size']:.0f} by Ray, in all processes",
            f"{1000 * parcel['everywhere']:.1f} ms",
        ),
        ("of which in the process of the command", f"{1000 * parcel['seconds']:.1f} ms"),
        ("what that process keeps of it", f"{parcel['bytes'] / 1000:.1f} kB"),
        ("a row of the report", f"{found['row_bytes']:.0f} bytes"),
    ]
    return table(("what", "cost"), rows)


def assumed(_found: Mapping[str, Any]) -> str:
    a = Assumed()
    rows = [
        ("photographs", f"{a.photographs:,}"),
        ("the mean photograph", f"a grey JPEG of {a.megapixels:g} megapixels"),
        ("commands, each for a part of the folders", f"{a.commands}, {a.at_a_time} at a time"),
        ("processor cores", f"{a.cores:,}, busy {a.busy:.0%} of the time"),
        ("a core for an hour", f"${a.core_hour:g}"),
        ("a thousand requests that write or list", f"${a.put:g}"),
        ("a thousand requests that read", f"${a.get:g}"),
        ("a gigabyte for a month", f"${a.gigabyte_month:g}"),
        ("each core is taken away", f"{a.kills_a_day:g} times a day"),
    ]
    return table(("assumed", ""), rows)


def hundred_million(found: Mapping[str, Any]) -> str:
    """Each row with its arithmetic."""
    a = Assumed()
    n = a.photographs
    fixed, each = of_pixels(found)
    start, _ = of_workers(found, "ray", 1)
    extra = found["parcel"]["everywhere"] / found["parcel"]["size"]
    seconds = fixed + each * a.megapixels + extra
    hours = n * seconds / 3600
    days = hours / a.cores / a.busy / 24
    sizes = line([r["megapixels"] for r in found["pixels"]], [r["input"] for r in found["pixels"]])
    ratio = float(np.mean([row["output"] / row["input"] for row in found["pixels"]]))
    size_in = sizes[0] + sizes[1] * a.megapixels
    gigabytes = n * size_in * ratio / 1e9
    lists = 2 * n / 1000
    reads, writes = 3 * n, n
    requests = (lists + writes) / 1000 * a.put + reads / 1000 * a.get
    part = n // a.commands
    parcel = found["parcel"]
    most = parcel["size"] / parcel["seconds"] * seconds
    command_cores = a.cores // a.at_a_time
    tail = command_cores * parcel["size"] * seconds / 2
    again = found["again"]["seconds"] / found["again"]["count"]
    kills = a.cores * a.kills_a_day * days
    rows = [
        (
            "one photograph",
            f"{fixed:.3f} s + {a.megapixels:g} x {each:.3f} s + {extra:.3f} s for Ray",
            f"{seconds:.2f} core-seconds",
        ),
        ("all", f"{n:,} x {seconds:.2f} s / 3600", f"{hours:,.0f} core-hours"),
        (
            "time",
            f"{hours:,.0f} h / {a.cores:,} cores / {a.busy:g} / 24",
            f"{days:.1f} days",
        ),
        (
            "processors",
            f"{hours:,.0f} h / {a.busy:g} x ${a.core_hour:g}",
            f"${hours / a.busy * a.core_hour:,.0f}",
        ),
        (
            "results",
            f"{n:,} x {size_in / 1e6:.2f} MB x {ratio:.2f}",
            f"{gigabytes / 1000:,.0f} TB",
        ),
        (
            "keeping them",
            f"{gigabytes:,.0f} GB x ${a.gigabyte_month:g}",
            f"${gigabytes * a.gigabyte_month:,.0f} a month",
        ),
        (
            "requests",
            f"({lists:,.0f} lists + {writes:,} writes) x ${a.put:g} / 1000 "
            f"+ {reads:,} reads x ${a.get:g} / 1000",
            f"${requests:,.0f}",
        ),
        (
            "walking the plans",
            f"2 x {n:,} x {1e6 * found['plan_seconds']:.0f} µs",
            f"{2 * n * found['plan_seconds'] / 3600:.1f} core-hours",
        ),
        (
            "memory of a command",
            f"{part:,} x {found['plan_bytes']:.0f} B + {part / parcel['size']:,.0f} chunks x "
            f"{parcel['bytes'] / 1000:.1f} kB",
            f"{part * (found['plan_bytes'] + parcel['bytes'] / parcel['size']) / 1e9:.1f} GB",
        ),
        (
            "reports",
            f"{n:,} x {found['row_bytes']:.0f} B",
            f"{n * found['row_bytes'] / 1e9:,.0f} GB",
        ),
        (
            "cores that one command can feed",
            f"{parcel['size']:.0f} / {parcel['seconds']:.4f} s x {seconds:.2f} s",
            f"{most:,.0f}",
        ),
        (
            "stragglers: idle at a command's end",
            f"{command_cores} cores x {parcel['size']:.0f} x {seconds:.2f} s / 2 "
            f"x {a.commands} commands",
            f"{tail * a.commands / 3600:.1f} core-hours",
        ),
        (
            "cores taken away",
            f"{kills:,.0f} times x ({start:.0f} s to start + {seconds:.2f} s of work lost)",
            f"{kills * (start + seconds) / 3600:,.0f} core-hours",
        ),
        (
            "all once more, finding all done",
            f"{n:,} x {1000 * again:.0f} ms",
            f"{n * again / 3600:,.0f} core-hours",
        ),
    ]
    return table(("what", "arithmetic", "result"), rows)


TABLES = {
    "machine": machine,
    "pictures": pictures,
    "pixels": pixels,
    "workers": workers,
    "sharing": sharing,
    "assumed": assumed,
    "a hundred million": hundred_million,
}


def rewritten(page: str, found: Mapping[str, Any]) -> str:
    """A page with its generated parts as the measurements say them."""
    return BLOCK.sub(lambda at: f"{at[1]}\n{TABLES[at[2]](found)}\n{at[3]}", page)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures how the cost of colouring grows.")
    parser.add_argument("--measure", action="store_true", help="measure again, in some minutes")
    if parser.parse_args().measure:
        with tempfile.TemporaryDirectory() as home:
            FILE.write_text(json.dumps(measure(Path(home)), indent=1) + "\n", encoding="utf-8")
    found = json.loads(FILE.read_text(encoding="utf-8"))
    for page in PAGES:
        page.write_text(rewritten(page.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
