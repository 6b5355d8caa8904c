"""Who may ask, and how much at once."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tintype.engine.colorizer import Engine
from tintype.errors import UsageError
from tintype.web.guard import Tokens
from tintype.web.serve import Options, listen, serving
from web.conftest import TINY

Make = Callable[..., bytes]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7839", "", "192.168.1.7", "[::1"])
def test_foreign_hosts_are_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/v1/status", headers={"Host": host})
    assert answer.status_code in {400, 403}  # an empty one is refused before it reaches us


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80", "LOCALHOST"])
def test_own_hosts_are_not(client: httpx.Client, host: str) -> None:
    assert client.get("/v1/status", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_may_not_send(
    client: httpx.Client, picture: Make, headers: dict[str, str]
) -> None:
    answer = client.post("/v1/color", content=picture(), headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    preflight = client.options("/v1/color", headers=headers)
    assert preflight.status_code in {403, 405}


def test_the_page_itself_may(client: httpx.Client, picture: Make) -> None:
    own = str(client.base_url).rstrip("/")
    headers = {"Origin": own, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/color", content=picture(), headers=headers).status_code == 200


@pytest.fixture
def at_home() -> Iterator[tuple[str, list[str]]]:
    """A server that is open to the network, and the lines it printed."""
    lines: list[str] = []
    ready = threading.Event()
    server = listen(
        Options(host="0.0.0.0", port=0, model=TINY),
        said=lines.append,
        opened=ready.set,
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(20)
    yield server.url, lines
    server.stop()
    thread.join(20)


def token_of(line: str) -> str:
    found = re.search(r"token=([\w-]+)", line)
    assert found
    return found[1]


def test_a_token_opens_once(at_home: tuple[str, list[str]], picture: Make) -> None:
    url, lines = at_home
    with httpx.Client(base_url=url) as browser, httpx.Client(base_url=url) as other:
        assert browser.get("/").status_code == 401
        assert browser.post("/v1/color", content=picture()).status_code == 401
        assert browser.get("/?token=guess").status_code == 401
        token = token_of(lines[0])
        opened = browser.get(f"/?token={token}")
        assert opened.status_code == 303
        assert "HttpOnly" in opened.headers["set-cookie"]
        assert "SameSite=strict" in opened.headers["set-cookie"]
        assert browser.get("/").status_code == 200
        assert browser.post("/v1/color", content=picture()).status_code == 200
        assert other.get(f"/?token={token}").status_code == 401
        # A program takes the next one, and shows its key as a bearer.
        key = other.get(f"/?token={token_of(lines[1])}").headers["x-tintype-key"]
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as program:
            assert program.get("/v1/status").status_code == 200
        assert browser.get("/v1/status", headers={"Host": "evil.example"}).status_code == 403


def test_tokens_differ() -> None:
    said: list[str] = []
    tokens = Tokens(said.append)
    assert tokens.open("") is None
    key = tokens.open(said[0])
    assert key is not None
    assert tokens.knows(key)
    assert not tokens.knows("")
    assert len(set(said)) == 2


class Slow:
    """Makes the network wait until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        ask = Engine.ask

        def waiting(engine: Engine, *args: object) -> object:
            self.begun.release()
            self.gate.wait(20)
            return ask(engine, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(Engine, "ask", waiting)


def test_a_full_queue_refuses_at_once(monkeypatch: pytest.MonkeyPatch, picture: Make) -> None:
    slow = Slow(monkeypatch)
    data = picture()
    with (
        serving(Options(port=0, model=TINY, jobs=1, waiting=1)) as server,
        ThreadPoolExecutor(2) as pool,
    ):

        def post() -> httpx.Response:
            return httpx.post(f"{server.url}v1/color", content=data, timeout=30)

        patient = [pool.submit(post) for _ in range(2)]
        assert slow.begun.acquire(timeout=10)
        deadline = time.monotonic() + 10
        while httpx.get(f"{server.url}v1/status").json()["pending"] < 2:
            assert time.monotonic() < deadline
        began = time.monotonic()
        refused = post()
        assert time.monotonic() - began < 5  # those in line wait for twenty
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        slow.gate.set()
        assert [job.result().status_code for job in patient] == [200, 200]
        assert post().status_code == 200


def test_work_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch, picture: Make
) -> None:
    slow = Slow(monkeypatch)
    with serving(Options(port=0, model=TINY, jobs=1, seconds=0.3)) as server:
        answer = httpx.post(f"{server.url}v1/color", content=picture(), timeout=30)
        assert answer.status_code == 504
        assert httpx.get(f"{server.url}v1/status").json()["pending"] == 1  # it still runs
        slow.gate.set()
        deadline = time.monotonic() + 10
        while httpx.get(f"{server.url}v1/status").json()["pending"]:
            assert time.monotonic() < deadline


def test_slow_clients_do_not_block_others(picture: Make) -> None:
    data = picture()
    options = Options(port=0, model=TINY, jobs=1, waiting=0, body_seconds=1.5)
    with serving(options) as server:
        host, port = server.url.removeprefix("http://").rstrip("/").split(":")
        head = (
            f"POST /v1/color HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        slow = []
        for _ in range(20):
            one = socket.create_connection((host, int(port)), timeout=10)
            one.sendall(head.encode() + data[:100])
            slow.append(one)
        answer = httpx.post(f"{server.url}v1/color", content=data, timeout=10)
        assert answer.status_code == 200
        for one in slow:
            assert one.recv(200).startswith(b"HTTP/1.1 408")
            one.close()


def test_a_client_that_goes_away_harms_nobody(picture: Make) -> None:
    with serving(Options(port=0, model=TINY)) as server:
        host, port = server.url.removeprefix("http://").rstrip("/").split(":")
        for _ in range(5):
            one = socket.create_connection((host, int(port)))
            one.sendall(
                f"POST /v1/color HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9999\r\n\r\nx".encode()
            )
            one.close()
        answer = httpx.post(f"{server.url}v1/color", content=picture(), timeout=20)
        assert answer.status_code == 200


def test_a_port_that_is_taken() -> None:
    with serving(Options(port=0, model=TINY)) as server:
        port = int(server.url.rstrip("/").split(":")[-1])
        with pytest.raises(UsageError, match="cannot be listened on"):
            listen(Options(port=port, model=TINY), said=print)
    with pytest.raises(UsageError, match="cannot be listened on"):
        listen(Options(host="no.such.host.invalid", port=0, model=TINY), said=print)


def test_the_command_serves_and_stops(tmp_path: Path) -> None:
    import signal
    import subprocess
    import sys

    words = ["serve", "--no-browser", "--port", "0", "--model", TINY]
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from tintype.cli.app import main; raise SystemExit(main())",
            *words,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert child.stdout is not None
    url = child.stdout.readline().strip()
    assert httpx.get(url).status_code == 200
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert child.returncode == 0
    assert "Ctrl-C" in err
    assert err.endswith("Tintype has stopped.\n")
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
