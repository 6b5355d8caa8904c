"""What clients send is decoded in a sandbox: a crash costs one request."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image

from photo import hostile_decoders
from photo.hostile_decoders import asking
from tintype.photo.sandbox import sandbox as module
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions
from tintype.web.workers import WorkerPool
from web.conftest import TINY

Make = Callable[..., bytes]


@pytest.fixture(scope="module")
def caged() -> Iterator[httpx.Client]:
    """A client of a server whose decoders can be taken over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "OPERATIONS", hostile_decoders.__name__)
        with (
            serving(ServerOptions(port=0, model=TINY, jobs=1)) as server,
            httpx.Client(base_url=server.url, timeout=60) as client,
        ):
            yield client


@pytest.mark.parametrize("action", ["segfault", "abort", "format", "forbidden"])
@pytest.mark.parametrize("path", ["/v1/color", "/v1/photos?name=bad.jpg"])
def test_a_crash_costs_one_request(
    caged: httpx.Client, picture: Make, action: str, path: str
) -> None:
    answer = caged.post(path, content=asking(action, picture()))
    assert answer.status_code == 422
    said = answer.json()
    assert "Traceback" not in str(said)
    if action == "forbidden":
        assert "It could: nothing." in str(said) or not module.FORKS
    else:
        assert "cannot be decoded: its decoder" in str(said)
    assert caged.post("/v1/photos", content=picture()).status_code == 201


@pytest.mark.parametrize("kind", ["mask", "scribbles", "reference", "colors"])
def test_layers_are_decoded_there_too(caged: httpx.Client, picture: Make, kind: str) -> None:
    answer = caged.post(f"/v1/layers?kind={kind}", content=asking("segfault", picture("PNG")))
    assert answer.status_code == 400
    assert len(answer.text.splitlines()) == 1
    assert caged.post("/v1/color?quality=fast", content=picture()).status_code == 200


def test_a_decoder_that_hangs_ends_with_its_client(caged: httpx.Client, picture: Make) -> None:
    with pytest.raises(httpx.ReadTimeout):
        caged.post("/v1/color", content=asking("sleep", picture()), timeout=1)
    assert caged.post("/v1/color?quality=fast", content=picture()).status_code == 200


def slow_to_encode() -> bytes:
    """A JPEG whose JPEG 2000 is never done: its comment is the last that the encoder is given."""
    file = io.BytesIO()
    Image.new("L", (40, 30), 90).save(file, "JPEG", comment=asking("sleep"))
    return file.getvalue()


def test_an_encoder_ends_with_its_client(caged: httpx.Client, picture: Make) -> None:
    with pytest.raises(httpx.ReadTimeout):
        caged.post("/v1/color?format=jpeg2000&quality=fast", content=slow_to_encode(), timeout=1.5)
    assert caged.post("/v1/color?quality=fast", content=picture()).status_code == 200


def test_an_encoder_ends_with_the_time_limit_and_with_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OPERATIONS", hostile_decoders.__name__)
    monkeypatch.setattr(WorkerPool, "grace", 0.2)
    options = ServerOptions(port=0, model=TINY, jobs=1, seconds=2)
    before = set(threading.enumerate())
    with serving(options) as server, ThreadPoolExecutor(1) as pool:

        def post() -> int:
            url = f"{server.url}v1/color?format=jpeg2000&quality=fast"
            return httpx.post(url, content=slow_to_encode(), timeout=60).status_code

        assert post() == 504
        while httpx.get(f"{server.url}v1/status").json()["pending"]:
            time.sleep(0.05)  # the worker is free again
        again = pool.submit(post)
        while not httpx.get(f"{server.url}v1/status").json()["pending"]:
            time.sleep(0.05)
        server.stop()
        assert again.result(30) == 503
    assert set(threading.enumerate()) <= before  # the worker has ended too


def test_without_a_sandbox_there_is_no_child(
    picture: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPERATIONS", "no.such.module")
    with (
        serving(ServerOptions(port=0, model=TINY, sandbox=False)) as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        assert client.post("/v1/photos", content=picture()).status_code == 201
