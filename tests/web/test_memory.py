"""What the server holds is counted, all of it, and stays within ``--memory``."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tintype.engine.bundle import load_bundle
from tintype.engine.cache import held_bytes
from tintype.engine.layers import forget_painted, painted_bytes
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.heap import return_large_blocks
from tintype.web.errors import TooLargeError
from tintype.web.photos import PhotoStore
from tintype.web.request import ColorRequest, Stroke
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions
from web.conftest import TINY

Make = Callable[..., bytes]
_MIB = 1 << 20


@pytest.fixture(autouse=True)
def nothing_painted() -> None:
    forget_painted()


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_bundle(TINY), threads=1)


def store(engine: Engine, budget: int = 1 << 30) -> PhotoStore:
    return PhotoStore(engine, max_pixels=10**8, budget=budget)


def test_everything_that_is_made_of_a_photograph_is_counted(engine: Engine, picture: Make) -> None:
    photos = store(engine)
    held = photos.add(picture("PNG", (1200, 900)), owner="me")
    plain = ColorRequest(Settings())
    before = photos._total()
    assert before >= len(held.data) + 1200 * 900
    photos.grey(held, side=1000)  # a smaller copy
    assert 0 <= photos._total() - before - 1000 * 750 < 100
    before = photos._total()
    strokes = (Stroke(((5, 5), (900, 700)), 20, "#c04030"),)  # type: ignore[arg-type]
    photos.preview(held, ColorRequest(Settings(), strokes), side=1000)
    # The layer, where it is painted, and another prediction with it.
    assert photos._total() - before >= 4 * 1200 * 900 + painted_bytes()
    assert painted_bytes() > 0
    before = photos._total()
    photos.preview(held, ColorRequest(Settings(), (), strokes), side=1000)
    assert 0 <= photos._total() - before - 1200 * 900 < 100
    photos.preview(held, plain, side=64)
    photos.remove(held.id, owner="me")
    assert photos._total() <= painted_bytes() + photos.predictions.size


def test_metadata_is_counted(engine: Engine, picture: Make) -> None:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Comment", "x" * 400_000, zip=True)  # four hundred bytes in the file
    photos = store(engine)
    plain = photos.add(picture("PNG"), owner="")
    before = photos._total()
    photos.add(picture("PNG", pnginfo=text), owner="")
    assert photos._total() - before > plain.size + 350_000


def test_layers_and_bodies_are_counted(engine: Engine, picture: Make) -> None:
    photos = store(engine, 4 * _MIB)
    photos.add_layer("mask", picture("PNG", (1000, 1000)), owner="")
    assert photos._total() == 1000 * 1000
    assert photos.reserve(2 * _MIB)
    assert photos._total() == 1000 * 1000 + 2 * _MIB
    assert photos.reserve(2 * _MIB - 1)  # and the layer goes
    assert photos._total() == 4 * _MIB - 1
    assert not photos.reserve(2)
    assert photos._total() == 4 * _MIB - 1
    photos.release(4 * _MIB - 1)
    assert photos._total() == 0


def test_a_photograph_that_alone_is_too_large_is_refused(engine: Engine, picture: Make) -> None:
    photos = store(engine, 2 * _MIB)
    with pytest.raises(TooLargeError, match="MiB of memory") as error:
        photos.add(picture("PNG", (2000, 1500)), owner="")
    assert "--memory" in str(error.value)
    with pytest.raises(TooLargeError):
        photos.add_layer("mask", picture("PNG", (2000, 1500)), owner="")
    assert photos._total() <= 2 * _MIB
    photos.add(picture("PNG"), owner="")


def test_what_is_held_never_exceeds_the_budget(engine: Engine, picture: Make) -> None:
    budget = 12 * _MIB
    photos = store(engine, budget)
    strokes = (Stroke(((5, 5), (300, 200)), 20, "#c04030"),)  # type: ignore[arg-type]
    for number in range(12):
        held = photos.add(picture("JPEG", (700 + number, 500)), owner="")
        photos.preview(held, ColorRequest(Settings(), strokes), side=300)
        photos.grey(held, side=600)
        photos.add_layer("mask", picture("PNG", (400, 400)), owner="")
        with photos._lock:
            assert photos._let_go() <= budget


def test_of_a_view_all_that_it_keeps_is_counted() -> None:
    whole = np.zeros((100, 100, 3), np.uint8)
    assert held_bytes(whole) == held_bytes(whole[..., 0]) == held_bytes(whole[::2, :, 1]) == 30_000
    assert held_bytes(np.frombuffer(bytes(500), np.uint8)[:10]) == 500
    assert held_bytes(whole[..., 0].copy()) == 10_000


def test_bodies_that_wait_are_held(picture: Make) -> None:
    data = picture("BMP", (1500, 1500))
    with (
        serving(ServerOptions(port=0, model=TINY, memory=16)) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        long = client.post("/v1/color", content=bytes(17 * _MIB))
        assert long.status_code == 413  # more than may be held
        assert 10 * len(data) > 16 * _MIB
        with ThreadPoolExecutor(10) as pool:
            fast = "/v1/color?quality=fast"
            jobs = [pool.submit(client.post, fast, content=data) for _ in range(10)]
            codes = {job.result().status_code for job in jobs}
        assert 200 in codes
        assert codes <= {200, 503}
        # And all of them are forgotten.
        assert client.post("/v1/color", content=data).status_code == 200


@pytest.fixture
def child(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, with 64 MiB and two workers."""
    words = ["serve", "--no-browser", "--port", "0", "--model", TINY, "--memory", "64"]
    command = "from tintype.cli.app import main; raise SystemExit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", command, *words, "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.terminate()


def test_three_hundred_uploads_stay_within_the_memory(
    child: tuple[subprocess.Popen[str], str],
) -> None:
    if sys.platform != "linux":
        return  # resident memory is read from /proc
    process, url = child

    def resident() -> float:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def upload(client: httpx.Client, number: int) -> None:
        noise = np.random.default_rng(number).integers(0, 256, (120, 160), np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).save(file, "JPEG")
        name = client.post("/v1/photos", content=file.getvalue()).json()["id"]
        if number % 10:
            return
        stroke = {"points": [[9, 9], [150, 100]], "radius": 9, "color": "#c04030"}
        answer = client.post(f"/v1/photos/{name}/preview?side=100", json={"strokes": [stroke]})
        assert answer.status_code in {200, 404}

    with httpx.Client(base_url=url, timeout=60) as client:
        upload(client, 0)
        idle = resident()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda number: upload(client, number), range(1, 301)))
        taken = resident()
    # Promised are 300 MiB for each worker; this is what small pictures need.
    assert taken <= idle + 64 + 2 * 50, (idle, taken)


def test_the_allocator_is_told() -> None:
    code = "from tintype.heap import return_large_blocks as f; print(f(1 << 18))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() in {"True", "False"}
    if sys.platform == "linux":
        assert said.stdout.strip() == "True"
    assert callable(return_large_blocks)
