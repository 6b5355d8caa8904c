"""Work ends when nobody wants it any more, and who waits when the server stops is told so."""

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from tintype import cancellation
from tintype.cancellation import WorkCancelledError, cancelled_when
from tintype.engine.hints import MOST_PAINTED, Hint
from tintype.engine.layers import forget_painted
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.photo.photo import Metadata, Photo
from tintype.web.errors import MalformedError
from tintype.web.request import Stroke, as_mask, as_scribbles, check_effort
from tintype.web.serve import Listening, serving
from tintype.web.server_options import ServerOptions
from tintype.web.workers import WorkerPool
from web.conftest import TINY
from web.test_guard import connected, ended

Make = Callable[..., bytes]


class Endless:
    """Makes the network go on in slices until it is cancelled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        monkeypatch.setattr(Engine, "predict", self._predict)

    def _predict(self, *_args: object) -> None:
        self.begun.release()
        until = time.monotonic() + 30
        try:
            while time.monotonic() < until:
                cancellation.check()
                time.sleep(0.005)
        finally:
            self.ended.release()


def pending(server: Listening) -> int:
    return int(httpx.get(f"{server.url}v1/status").json()["pending"])


def wait_for(what: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_time_limit_ends_the_work(monkeypatch: pytest.MonkeyPatch, picture: Make) -> None:
    endless = Endless(monkeypatch)
    with serving(ServerOptions(port=0, model=TINY, jobs=1, seconds=0.3)) as server:
        answer = httpx.post(f"{server.url}v1/color", content=picture(), timeout=30)
        assert answer.status_code == 504
        assert endless.ended.acquire(timeout=5)
        wait_for(lambda: pending(server) == 0)


def test_a_closed_connection_ends_the_work(monkeypatch: pytest.MonkeyPatch, picture: Make) -> None:
    endless = Endless(monkeypatch)
    with serving(ServerOptions(port=0, model=TINY, jobs=1)) as server:
        # One at work and one that waits: both go.
        host = server.url.removeprefix("http://").rstrip("/")
        data = picture()
        head = f"POST /v1/color HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(data)}\r\n\r\n"
        first = connected(server.url, head.encode() + data)
        assert endless.begun.acquire(timeout=10)
        second = connected(server.url, head.encode() + data)
        wait_for(lambda: pending(server) == 2)
        second.close()
        wait_for(lambda: pending(server) == 1)
        assert not endless.begun.acquire(timeout=0.2)
        first.close()
        assert endless.ended.acquire(timeout=5)
        wait_for(lambda: pending(server) == 0)


def test_who_waits_when_the_server_stops_is_told(
    monkeypatch: pytest.MonkeyPatch, picture: Make
) -> None:
    endless = Endless(monkeypatch)
    data = picture()
    with ThreadPoolExecutor(31) as pool:
        with serving(ServerOptions(port=0, model=TINY, jobs=1, waiting=32)) as server:

            def post(_: int) -> httpx.Response:
                return httpx.post(f"{server.url}v1/color", content=data, timeout=30)

            jobs = [pool.submit(post, number) for number in range(30)]
            wait_for(lambda: pending(server) == 30)
            host = server.url.removeprefix("http://").rstrip("/")
            slow = connected(server.url, f"POST /v1/color HTTP/1.1\r\nHost: {host}\r\n".encode())
            slow.sendall(f"Content-Length: {len(data)}\r\n\r\n".encode() + data[:50])
            time.sleep(0.1)
            began = time.monotonic()
            server.stop()
            answers = [job.result(timeout=15) for job in jobs]
            said = ended(slow)
        # The one at work too, though it would have gone on for half a minute.
        assert time.monotonic() - began < 10
    assert [answer.status_code for answer in answers] == [503] * 30
    for answer in answers:
        assert answer.json()["error"]["code"] == "busy"
        assert int(answer.headers["retry-after"]) >= 1
    assert said.startswith(b"HTTP/1.1 503")
    assert b'"busy"' in said
    assert endless.ended.acquire(timeout=1)


def test_work_that_ends_in_time_is_still_answered(
    monkeypatch: pytest.MonkeyPatch, picture: Make
) -> None:
    predict = Engine.predict
    begun = threading.Event()

    def slowly(engine: Engine, *args: Any) -> Any:
        begun.set()
        time.sleep(0.5)
        return predict(engine, *args)

    monkeypatch.setattr(Engine, "predict", slowly)
    monkeypatch.setattr(WorkerPool, "grace", 20.0)  # the machine may be busy
    with ThreadPoolExecutor(1) as pool, serving(ServerOptions(port=0, model=TINY)) as server:
        job = pool.submit(httpx.post, f"{server.url}v1/color", content=picture(), timeout=30)
        assert begun.wait(10)
        server.stop()
        assert job.result(timeout=30).status_code == 200


def cancelled_after(calls: int) -> Callable[[], bool]:
    left = [calls]

    def unwanted() -> bool:
        left[0] -= 1
        return left[0] < 0

    return unwanted


PAINTED = as_scribbles((Stroke(((5, 5),), 30, "red"),), (40, 50))  # type: ignore[arg-type]
LINE = Stroke(tuple((n % 50, n % 40) for n in range(500)), 3, "#c04030")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "work",
    [
        lambda engine: as_scribbles((LINE,), (40, 50)),
        lambda engine: as_mask((LINE,), (40, 50)),
        lambda engine: (forget_painted(), PAINTED.fitted((9, 9))),
        lambda engine: engine.colorize(grey(), Settings(quality="fast")),
        lambda engine: engine.colorize(grey(), Settings(quality="fast"), half_chroma=True),
        lambda engine: engine.colorize(grey(np.uint16), Settings(quality="fast")),
        lambda engine: engine.colorize(
            grey(), Settings(quality="fast", hints=tuple(Hint(n, 9, 1, 1) for n in range(30)))
        ),
    ],
    ids=["scribbles", "mask", "layer", "colours", "half chroma", "16 bits", "hints"],
)
def test_long_work_is_in_slices(work: Callable[[Engine], object], tiny_engine: Engine) -> None:
    work(tiny_engine)
    for calls in (0, 1):
        with cancelled_when(cancelled_after(calls)), pytest.raises(WorkCancelledError):
            work(tiny_engine)
    work(tiny_engine)  # and nothing of it is left


@pytest.fixture(scope="module")
def tiny_engine() -> Engine:
    from tintype.engine.bundle import load_bundle

    return Engine(load_bundle(TINY), threads=1)


def grey(kind: type = np.uint8) -> Photo:
    pixels = np.tile(np.arange(300, dtype=kind), (900, 1))
    return Photo(pixels, None, "grey", Metadata("PNG"))


def test_strokes_that_would_hold_a_worker_are_refused(client: httpx.Client, picture: Make) -> None:
    name = client.post("/v1/photos", content=picture()).json()["id"]
    points = [[n % 160, n // 400] for n in range(49_999)]
    for key in ("strokes", "grey_strokes"):
        stroke = {"points": points, "radius": 10_000, "color": "#c04030"}
        began = time.monotonic()
        answer = client.post(f"/v1/photos/{name}/preview", json={key: [stroke]})
        assert time.monotonic() - began < 5
        assert answer.status_code == 400
        assert "million" in answer.json()["error"]["message"]
        small = client.post(f"/v1/photos/{name}/preview", json={key: [stroke | {"radius": 3}]})
        assert small.status_code == 200


@pytest.mark.parametrize(
    ("strokes", "hints"),
    [
        ([Stroke(((0, 0),) * 49_999, 10_000)], ()),  # type: ignore[arg-type]
        ([Stroke(((1 << 20, 1 << 20),) * 49_999, 10_000)], ()),  # type: ignore[arg-type]
        ([Stroke(((0, 0), (1 << 20, 0)) * 5_000, 20)], ()),  # type: ignore[arg-type]
        ([Stroke(((0, 0),) * 500, 10_000)] * 99, ()),  # type: ignore[arg-type]
        ([], (Hint(5, 5, 1, 1, 10**9),) * 1000),
    ],
    ids=["points", "outside", "long lines", "many", "hints"],
)
def test_what_is_painted_is_bounded(strokes: list[Stroke], hints: tuple[Hint, ...]) -> None:
    shape = (3000, 4000)
    with pytest.raises(MalformedError, match="million pixels"):
        check_effort(tuple(strokes), hints, shape)


def test_what_people_paint_is_not() -> None:
    brush = Stroke(tuple((30 * n % 12_000, 20 * n % 8_000) for n in range(2000)), 150)  # type: ignore[arg-type]
    check_effort((brush,), (Hint(9, 9, 1, 1, 500),) * 50, (8_000, 12_000))
    dot = Stroke(((5, 5),), 10_000)  # type: ignore[arg-type]
    check_effort((dot,), (), (8_000, 12_000))
    assert MOST_PAINTED > 10 * 8_000 * 12_000


def test_asking_without_anybody_who_says_so_ends_nothing() -> None:
    cancellation.check()
    with cancelled_when(lambda: False):
        cancellation.check()
        with cancelled_when(lambda: True), pytest.raises(WorkCancelledError):
            cancellation.check()
        cancellation.check()
    with contextlib.suppress(WorkCancelledError), cancelled_when(lambda: True):
        cancellation.check()
    cancellation.check()
