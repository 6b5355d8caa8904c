"""How `tintype serve` stands many clients, and how soon the page shows something.

    python benchmarks/server.py > benchmarks/server.md
    python benchmarks/server.py --page >> benchmarks/server.md   # needs Chromium and Playwright
    python benchmarks/server.py --work >> benchmarks/server.md

Load: N clients at once send a photograph of 1 megapixel to ``POST /v1/color``, each one the next as
soon as its answer is there, for some seconds; who is refused waits as long as it is told. The page
is measured by `page.py`: photographs are dropped and changed in a real browser on this machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import skimage.data
from PIL import Image
from request_work import work_times

from page import page_times

CLIENTS = (1, 10, 50, 200)
PICTURE = (1155, 866)  # 1 megapixel


@dataclass
class Told:
    """What the clients were answered.

    Attributes:
        statuses: How often each status came.
        good: Seconds of each coloured photograph.
        refused: Seconds of each refusal.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    good: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, status: int, seconds: float) -> None:
        with self.lock:
            self.statuses[status] += 1
            (self.good if status == 200 else self.refused).append(seconds)


def jpeg(size: tuple[int, int]) -> bytes:
    with tempfile.SpooledTemporaryFile() as file:
        Image.fromarray(skimage.data.camera()).resize(size, Image.Resampling.BICUBIC).save(
            file, "JPEG", quality=90
        )
        file.seek(0)
        return bytes(file.read())


class Server:
    """A `tintype serve` in a process of its own."""

    def __init__(self, *options: str) -> None:
        self.options = options

    def __enter__(self) -> "Server":
        words = "from tintype.cli.app import main; raise SystemExit(main())"
        self.process = subprocess.Popen(
            [sys.executable, "-c", words, "serve", "--no-browser", "--port", "0", *self.options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def megabytes(self, what: str) -> float:
        """Of memory: VmRSS is what is resident now, VmHWM the most that ever was."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def client(url: str, data: bytes, until: float, told: Told) -> None:
    with httpx.Client(timeout=200) as one:
        while time.monotonic() < until:
            began = time.monotonic()
            answer = one.post(f"{url}v1/color", content=data)
            told.add(answer.status_code, time.monotonic() - began)
            if answer.status_code == 503:
                time.sleep(float(answer.headers["Retry-After"]))


def load(seconds: float) -> None:
    data = jpeg(PICTURE)
    cores = len(os.sched_getaffinity(0))
    print("# The server under load, and the page\n")
    print(f"`python benchmarks/server.py --seconds {seconds:g}`, clients and server together on")
    print(f"{cores} cores; photographs of 1 megapixel, {len(data) // 1024} KiB.\n")
    print(
        "| clients | coloured per second | p50 | p95 | refused (503) | p95 of refusals "
        "| other answers | peak memory |\n|---|---|---|---|---|---|---|---|"
    )
    for count in CLIENTS:
        with Server() as server:
            httpx.post(f"{server.url}v1/color", content=data, timeout=60)  # the model is loaded
            told = Told()
            until = time.monotonic() + seconds
            with ThreadPoolExecutor(count) as pool:
                for _ in range(count):
                    pool.submit(client, server.url, data, until, told)
            others = {k: v for k, v in told.statuses.items() if k not in {200, 503}}
            print(
                f"| {count} | {len(told.good) / seconds:.1f} | {quantile(told.good, 0.5)} "
                f"| {quantile(told.good, 0.95)} | {told.statuses[503]} "
                f"| {quantile(told.refused, 0.95)} | {others or 'none'} "
                f"| {server.megabytes('VmHWM'):.0f} MB |",
                flush=True,
            )


def quantile(values: list[float], share: float) -> str:
    if not values:
        return ""
    return f"{sorted(values)[min(len(values) - 1, int(share * len(values)))]:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--work", action="store_true")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    if options.page:
        page_times(Server)
    elif options.work:
        work_times(jpeg((4000, 3000)))
    else:
        load(options.seconds)


if __name__ == "__main__":
    main()
