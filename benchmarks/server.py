"""How `tintype serve` stands many clients, and how soon the page shows something.

    python benchmarks/server.py > benchmarks/server.md
    python benchmarks/server.py --page >> benchmarks/server.md   # needs Chromium and Playwright

Load: N clients at once send a photograph of 1 megapixel to ``POST /v1/color``, each one the next as
soon as its answer is there, for some seconds; who is refused waits as long as it is told. The page:
a photograph of 12 megapixels is dropped, and a slider moved, in a real browser on this machine.
"""

import argparse
import os
import shutil
import statistics
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

CLIENTS = (1, 10, 50, 200)
PICTURE = (1155, 866)  # 1 megapixel
LARGE = (4000, 3000)


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

    def __enter__(self) -> "Server":
        words = "from tintype.cli.app import main; raise SystemExit(main())"
        self.process = subprocess.Popen(
            [sys.executable, "-c", words, "serve", "--no-browser", "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def peak_megabytes(self) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


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
        "| clients | coloured a second | p50 | p95 | refused (503) | p95 of refusals "
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
                f"| {server.peak_megabytes():.0f} MB |",
                flush=True,
            )


def quantile(values: list[float], share: float) -> str:
    if not values:
        return ""
    return f"{sorted(values)[min(len(values) - 1, int(share * len(values)))]:.2f} s"


DROP = """file => {
  window.began = performance.now();
  document.querySelector('#after').addEventListener('load', () => {
    window.shown = performance.now() - window.began;
  }, { once: true });
}"""
MOVE = """value => new Promise(done => {
  const image = document.querySelector('#after');
  const began = performance.now();
  image.addEventListener('load', () => requestAnimationFrame(
    () => done(performance.now() - began)), { once: true });
  const slider = document.querySelector('#vividness');
  slider.value = value;
  slider.dispatchEvent(new Event('input'));
})"""


def page() -> None:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, Server() as server, sync_playwright() as started:
        photo = Path(folder) / "photo.jpg"
        photo.write_bytes(jpeg(LARGE))
        httpx.post(f"{server.url}v1/color", content=jpeg((64, 64)), timeout=60)
        switches = ["--disable-gpu", "--disable-background-networking", "--no-sandbox"]
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=switches)
        drops, moves = [], []
        for _ in range(5):
            visit = browser.new_page(viewport={"width": 1280, "height": 800})
            visit.goto(server.url)
            visit.wait_for_selector("body[data-ready]")
            visit.evaluate(DROP)
            visit.set_input_files("#files", str(photo))
            while not visit.evaluate("() => window.shown"):
                visit.wait_for_timeout(20)
            drops.append(visit.evaluate("() => window.shown") / 1000)
            visit.wait_for_timeout(2500)
            for step in range(8):
                moves.append(visit.evaluate(MOVE, 0.4 + step / 10) / 1000)
                visit.wait_for_timeout(700)
            visit.close()
        browser.close()
    print("\n## The page\n")
    print("`python benchmarks/server.py --page`: a real browser (Chromium, headless) beside the")
    print("server on the same cores; medians of 5 drops and of 40 moves, and the slowest.\n")
    print("| what | median | slowest | bar |\n|---|---|---|---|")
    print(
        f"| a photograph of 12 megapixels: from the drop to its first colours "
        f"| {statistics.median(drops):.2f} s | {max(drops):.2f} s | 1.5 s |"
    )
    print(
        f"| a slider moves: until the new picture is drawn "
        f"| {statistics.median(moves) * 1000:.0f} ms | {max(moves) * 1000:.0f} ms | 100 ms |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    page() if options.page else load(options.seconds)


if __name__ == "__main__":
    main()
