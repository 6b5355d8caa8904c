"""What is held, painted, guessed and replaced stays within its limits.

    PYTHONPATH=tests python -m promises.limits [--rounds 300] [--part=uploads]

Rounds are uploads to a server that may hold 64 MiB.
"""

import contextlib
import io
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import tifffile
from PIL import Image

from promises.outcome import TINY, Outcome, Words, command, environment, run_parts
from tintype.web.attempts import MOST
from tintype.web.serve import listen, serving
from tintype.web.server_options import ServerOptions

_MEMORY, _WORKERS, _BESIDE = 64, 2, 300  # MiB held, workers, MiB for each of them
_LAYERED = ", written with layers"
PER_PIXEL = {"JPEG": 8, f"JPEG{_LAYERED}": 18, "PNG, 16 bits": 36, "TIFF, 16 bits": 36}
"""Bytes that work on a photograph takes for each pixel beside that, at most."""


def picture(number: int, size: tuple[int, int] = (160, 120)) -> bytes:
    """A JPEG of noise."""
    noise = np.random.default_rng(number).integers(0, 256, size[::-1], np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


def held(pid: int) -> int:
    """MB that a process and its children hold in memory; what they share is counted once."""
    found = 0
    with contextlib.suppress(OSError):  # one has just ended
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        found += int(rollup.partition("Pss:")[2].split()[0])
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += held(int(child)) << 10
    return found >> 10


class Peak:
    """The most MB that a process and its children held within the block."""

    def __init__(self, pid: int) -> None:
        self.most = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.most = max(self.most, held(self._pid))

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def uploads(words: Words, outcome: Outcome) -> None:
    """Many photographs, each with a preview: what was held longest goes, and so does its memory."""
    told = command(
        "serve", "--no-browser", "--port", "0", "--memory", str(_MEMORY), "--jobs", str(_WORKERS)
    )
    told = [*told[:3], "serve", *told[3:5], *told[6:]]  # the model is an option of `serve` here
    with subprocess.Popen(
        told, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()

        def upload(client: httpx.Client, number: int) -> None:
            answer = client.post("/v1/photos", content=picture(number))
            outcome.expect(answer.status_code == 201, f"upload {number}: {answer.status_code}")
            client.post(f"/v1/photos/{answer.json()['id']}/preview?side=160", json={})

        with httpx.Client(base_url=url, timeout=120) as client, Peak(process.pid) as peak:
            idle = held(process.pid)
            with ThreadPoolExecutor(_WORKERS) as pool:
                list(pool.map(lambda number: upload(client, number), range(words.rounds)))
            taken = held(process.pid)
        process.terminate()
    bound = idle + _MEMORY + _BESIDE * _WORKERS
    most = max(taken, peak.most)
    outcome.expect(most <= bound, f"{most} MB with {words.rounds} uploads, not {bound}")
    outcome.figures[f"uploads, with --memory {_MEMORY} and {_WORKERS} workers"] = (
        f"{words.rounds}; {idle} MB before, at most {most} MB, {taken} MB afterwards "
        f"({bound} allowed), the sandbox included"
    )


def large_file(kind: str, side: int) -> bytes:
    """An RGB photograph with the detail of one, so that it compresses as one does."""
    rows = np.random.default_rng(0).integers(0, 60, (64, side, 3), np.uint16)
    ramp = np.linspace(20, 190, side).astype(np.uint16)
    pixels = np.tile(rows, (side // 64 + 1, 1, 1))[:side] + ramp[:, None, None]
    file = io.BytesIO()
    if kind == "JPEG":
        Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=90)
    elif kind == "PNG, 16 bits":
        file.write(deep_png_of(pixels * 257))
    else:
        tifffile.imwrite(file, pixels * 257, photometric="rgb", rowsperstrip=64)
    return file.getvalue()


def deep_png_of(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits without filters, row by row: the picture is large."""
    height, width, _ = pixels.shape
    packer = zlib.compressobj(1)
    parts = [packer.compress(b"\0" + row.astype(">u2").tobytes()) for row in pixels]
    data = b"".join([*parts, packer.flush()])
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def serve_patiently(model: str) -> None:
    """A server with one worker, and time limits that a busy machine does not reach."""
    options = ServerOptions(port=0, model=model, jobs=1, seconds=3600.0, body_seconds=3600.0)
    server = listen(options, invite=print)
    print(server.url, flush=True)
    server.run()


def large_photographs(kind: str, words: Words, outcome: Outcome, *, layer: bool = False) -> None:
    """One worker on one large photograph: what its work takes beside what is held."""
    path = "/v1/color?layer=1" if layer else "/v1/color"
    title = f"{kind}{_LAYERED}" if layer else kind
    code = "import sys; from promises.limits import serve_patiently; serve_patiently(sys.argv[1])"
    told = [sys.executable, "-c", code, str(TINY)]
    allowed, sizes = PER_PIXEL[title], (3,) if words.quick else (12, 50)
    most = []
    for size in sizes:
        data = large_file(kind, int((size * 1e6) ** 0.5))
        with subprocess.Popen(
            told, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment(),
        ) as process:  # fmt: skip
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with httpx.Client(base_url=url, timeout=3600) as client:
                client.post("/v1/color", content=picture(0))
                idle = held(process.pid)
                with Peak(process.pid) as peak:
                    answer = client.post(path, content=data)
                taken = peak.most - idle
            process.terminate()
        outcome.expect(answer.status_code == 200, f"{title}, {size} MP: {answer.text[:200]}")
        body = len(data) >> 20  # within --memory
        bound = body + _BESIDE + allowed * size * 10**6 // 2**20
        outcome.expect(taken <= bound, f"{title}, {size} MP: {taken} MB, not {bound}")
        most.append(f"{taken} ({bound} allowed)")
        print(f"{title}, {size} MP: {taken} MB of {bound}", file=sys.stderr, flush=True)
    where = " / ".join(map(str, sizes))
    outcome.figures[f"{title}, {where} MP: MB beside an idle server"] = " / ".join(most)


def strokes(outcome: Outcome) -> None:
    """A stroke that would have held a worker for more than a minute."""
    with (
        serving(ServerOptions(port=0, model=str(TINY))) as server,
        httpx.Client(base_url=server.url, timeout=120) as client,
    ):
        name = client.post("/v1/photos", content=picture(0)).json()["id"]
        points = [[n % 160, n // 420] for n in range(49_999)]
        began = time.monotonic()
        stroke = {"points": points, "radius": 10_000, "color": "#c04030"}
        answer = client.post(f"/v1/photos/{name}/preview", json={"strokes": [stroke]})
        seconds = time.monotonic() - began
    outcome.expect(answer.status_code == 400 and seconds < 5, f"a stroke: {seconds:.1f} s")
    outcome.figures["a stroke of 49,999 points with radius 10,000"] = f"refused in {seconds:.1f} s"


def stopping(outcome: Outcome, waiting: int = 30) -> None:
    """A queue that waits when the server is stopped."""
    data = picture(0, (1600, 1200))
    with (
        ThreadPoolExecutor(waiting) as pool,
        serving(ServerOptions(port=0, model=str(TINY), jobs=1)) as server,
    ):

        def post(_: int) -> int:
            url = f"{server.url}v1/color?format=png"
            return httpx.post(url, content=data, timeout=120).status_code

        jobs = [pool.submit(post, number) for number in range(waiting)]
        while httpx.get(f"{server.url}v1/status").json()["pending"] < waiting // 2:
            time.sleep(0.01)
        began = time.monotonic()
        server.stop()
        codes = [job.result(60) for job in jobs]
        seconds = time.monotonic() - began
    outcome.expect(set(codes) <= {200, 503}, f"stopping: {sorted(set(codes))}")
    outcome.expect(503 in codes, "nobody waited when the server was stopped")
    outcome.figures["requests when the server is stopped"] = (
        f"{waiting}: {codes.count(200)} done, {codes.count(503)} told so with 503, "
        f"all within {seconds:.1f} s"
    )


def codes(outcome: Outcome) -> None:
    """Somebody who guesses."""
    ready = threading.Event()
    options = ServerOptions(host="0.0.0.0", port=0, model=str(TINY))
    server = listen(options, invite=lambda _invitation: None, opened=ready.set)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    ready.wait(30)
    url = re.sub(r"\?.*", "", server.url)
    told = [
        httpx.post(f"{url}v1/entry", json={"code": f"guess{n}"}).status_code
        for n in range(MOST + 5)
    ]
    server.stop()
    thread.join(30)
    wrong = told.count(401)
    outcome.expect(told == [401] * MOST + [429] * 5, f"wrong codes: {told}")
    outcome.figures["wrong codes from one address in a minute"] = f"{wrong}, then 429"


def foreign_files(outcome: Outcome) -> None:
    """Files of somebody else's under the names of outputs, with --overwrite."""
    outputs = {
        "-o": "mine.png",
        "--certainty": "mine.png",
        "--save-settings": "mine.json",
        "--report": "mine.jsonl",
        "--contact-sheet": "mine.html",
    }
    replaced = 0
    for option, name in outputs.items():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "photo.jpg").write_bytes(picture(0))
            (Path(folder) / name).write_bytes(b"somebody's")
            told = command("photo.jpg", option, name, "--overwrite")
            done = subprocess.run(
                told, cwd=folder, env=environment(), capture_output=True, check=False
            )
            kept = (Path(folder) / name).read_bytes() == b"somebody's"
            replaced += not kept
            outcome.expect(kept and done.returncode in {1, 2, 3}, f"{option} replaced a file")
    outcome.figures["foreign files under the names of outputs, with --overwrite"] = (
        f"{len(outputs)}, {replaced} replaced"
    )


PARTS: dict[str, Callable[[Words, Outcome], None]] = {
    "files": lambda _words, outcome: foreign_files(outcome),
    "codes": lambda _words, outcome: codes(outcome),
    "strokes": lambda _words, outcome: strokes(outcome),
    "stopping": lambda _words, outcome: stopping(outcome),
    "uploads": uploads,
    "jpeg": lambda words, outcome: large_photographs("JPEG", words, outcome),
    "png": lambda words, outcome: large_photographs("PNG, 16 bits", words, outcome),
    "tiff": lambda words, outcome: large_photographs("TIFF, 16 bits", words, outcome),
    "layers": lambda words, outcome: large_photographs("JPEG", words, outcome, layer=True),
}


if __name__ == "__main__":
    sys.exit(run_parts("limits", PARTS, rounds=300, quick=40))
