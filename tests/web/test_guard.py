"""Who may ask, and how much at once."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from tintype.engine.predict import Engine
from tintype.errors import UsageError
from tintype.web import timeouts
from tintype.web.entry import Entry
from tintype.web.serve import Invitation, Listening, listen, serving
from tintype.web.server_options import ServerOptions
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


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("mode", "target"),
    [("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe"), ("no-cors", "script")],
)
def test_other_sites_get_no_parts_of_their_pages_here(
    client: httpx.Client, site: str, mode: str, target: str
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": target}
    for path in ("/", "/v1/status", "/icon.svg"):
        assert client.get(path, headers=headers).status_code == 403
        assert client.head(path, headers=headers).status_code == 403
    assert client.get("/", headers={"Sec-Fetch-Site": site}).status_code == 403


def test_a_link_on_another_site_opens_the_page(client: httpx.Client) -> None:
    headers = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for site in ("cross-site", "same-site", "none", "same-origin"):
        assert client.get("/", headers=headers | {"Sec-Fetch-Site": site}).status_code == 200
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    assert client.get("/v1/status", headers=own).status_code == 200


def test_the_page_itself_may(client: httpx.Client, picture: Make) -> None:
    own = str(client.base_url).rstrip("/")
    headers = {"Origin": own, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/color", content=picture(), headers=headers).status_code == 200


@contextlib.contextmanager
def listening(options: ServerOptions) -> Iterator[tuple[Listening, list[Invitation]]]:
    """A server as the command starts it, and its invitations."""
    lines: list[Invitation] = []
    ready = threading.Event()
    server = listen(options, invite=lines.append, opened=ready.set)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield server, lines
    finally:
        server.stop()
        thread.join(20)


@pytest.fixture
def at_home() -> Iterator[tuple[str, list[Invitation]]]:
    """The address of a server that is open to the network, and its invitations."""
    with listening(ServerOptions(host="0.0.0.0", port=0, model=TINY)) as (server, lines):
        yield server.url, lines


def has_address(host: str) -> bool:
    """Whether this machine has it: IPv6 may be switched off, and macOS has 127.0.0.1 alone."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"),
        ("::1", "[::1]"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
    ],
)
def test_the_address_that_is_shown_answers_and_opens(host: str, shown: str, picture: Make) -> None:
    options = ServerOptions(host=host, port=0, model=TINY)
    if not has_address(host):
        assert host in {"127.0.0.2", "::1", "::"}
        with pytest.raises(UsageError, match="is not available"):
            listen(options, invite=print)
        return
    with listening(options) as (server, lines):
        assert re.fullmatch(rf"http://{re.escape(shown)}:\d+/", server.url)
        assert server.local == (host not in {"0.0.0.0", "::"})
        with httpx.Client(follow_redirects=True, timeout=30) as browser:
            assert browser.get(server.url).status_code == (200 if server.local else 401)
            assert browser.get(server.entry("which-is-real")).status_code == 200
            assert browser.post(f"{server.url}v1/color", content=picture()).status_code == 200
        assert len(lines) == (0 if server.local else 1)  # the other machine's is still to come
        if not server.local:
            assert lines[0].code not in server.entry()
            entered = httpx.post(f"{server.url}v1/entry", json={"code": lines[0].code})
            assert entered.status_code == 200
            assert len(lines) == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_other_names_can_be_allowed(host: str) -> None:
    options = ServerOptions(host=host, port=0, model=TINY, hosts=("Photos.Example", "tin.lan."))
    with listening(options) as (server, _), httpx.Client(follow_redirects=True) as client:
        assert client.get(server.entry()).status_code == 200
        for name, status in (
            ("photos.example", 200),
            ("PHOTOS.EXAMPLE:443", 200),
            ("tin.lan", 200),
            ("tin.lan.:80", 200),
            ("more.photos.example", 403),
            ("example", 403),
        ):
            answer = client.get(f"{server.url}v1/status", headers={"Host": name})
            assert answer.status_code == status, name
        answer = client.get(f"{server.url}v1/status", headers={"Host": "else.example"})
        assert "--allow-host" in answer.json()["error"]["advice"]


def test_a_code_opens_once(at_home: tuple[str, list[Invitation]], picture: Make) -> None:
    url, invitations = at_home
    with httpx.Client(base_url=url) as browser, httpx.Client(base_url=url) as other:
        assert browser.get("/").status_code == 401
        assert browser.post("/v1/color", content=picture()).status_code == 401
        assert browser.post("/v1/entry", json={"code": "guess"}).status_code == 401
        code = invitations[0].code
        opened = browser.post("/v1/entry", json={"code": code})
        assert opened.status_code == 200
        assert "HttpOnly" in opened.headers["set-cookie"]
        assert "SameSite=lax" in opened.headers["set-cookie"]
        assert browser.get("/").status_code == 200
        assert browser.post("/v1/color", content=picture()).status_code == 200
        assert other.post("/v1/entry", json={"code": code}).status_code == 401
        # A program takes the next one, and shows its key as a bearer.
        key = other.post("/v1/entry", json={"code": invitations[1].code}).json()["key"]
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as program:
            assert program.get("/v1/status").status_code == 200
        assert browser.get("/v1/status", headers={"Host": "evil.example"}).status_code == 403


def test_codes_differ() -> None:
    said: list[str] = []
    entry = Entry(said.append)
    assert entry.open("") is None
    key = entry.open(said[0])
    assert key is not None
    assert entry.knows(key)
    assert not entry.knows("")
    assert len({*said, entry.own}) == 3


class Slow:
    """Makes the network wait until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        predict = Engine.predict

        def waiting(engine: Engine, *args: object) -> object:
            self.begun.release()
            self.gate.wait(20)
            return predict(engine, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(Engine, "predict", waiting)


def test_a_full_queue_refuses_at_once(monkeypatch: pytest.MonkeyPatch, picture: Make) -> None:
    slow = Slow(monkeypatch)
    data = picture()
    with (
        serving(ServerOptions(port=0, model=TINY, jobs=1, waiting=1)) as server,
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
    with serving(ServerOptions(port=0, model=TINY, jobs=1, seconds=0.3)) as server:
        answer = httpx.post(f"{server.url}v1/color", content=picture(), timeout=30)
        assert answer.status_code == 504
        assert httpx.get(f"{server.url}v1/status").json()["pending"] == 1  # it still runs
        slow.gate.set()
        deadline = time.monotonic() + 10
        while httpx.get(f"{server.url}v1/status").json()["pending"]:
            assert time.monotonic() < deadline


def test_slow_clients_do_not_block_others(picture: Make) -> None:
    data = picture()
    options = ServerOptions(port=0, model=TINY, jobs=1, waiting=0, body_seconds=1.5)
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


def connected(url: str, data: bytes = b"") -> socket.socket:
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    one = socket.create_connection((host, int(port)), timeout=10)
    one.sendall(data)
    return one


def ended(one: socket.socket) -> bytes:
    """What came before the server closed the connection."""
    said = b""
    with one:
        while part := one.recv(4096):
            said += part
    return said


def test_a_head_that_never_ends_is_not_waited_for(picture: Make) -> None:
    options = ServerOptions(port=0, model=TINY, jobs=1, head_seconds=0.8)
    with serving(options) as server:
        began = time.monotonic()
        silent = [connected(server.url) for _ in range(5)]
        slow = [connected(server.url, b"POST /v1/color HTTP/1.1\r\nHost: ") for _ in range(20)]
        drip = connected(server.url, b"G")
        answer = httpx.post(f"{server.url}v1/color", content=picture(), timeout=10)
        assert answer.status_code == 200
        for letter in b"ET / HTTP":  # a byte now and then is no excuse
            time.sleep(0.1)
            with contextlib.suppress(OSError):
                drip.send(bytes([letter]))
        assert all(ended(one).startswith(b"HTTP/1.1 408") for one in slow)
        assert all(ended(one) == b"" for one in silent)
        with contextlib.suppress(ConnectionError):
            ended(drip)
        assert time.monotonic() - began < 6


def test_half_a_head_after_a_whole_request_is_not_waited_for() -> None:
    with serving(ServerOptions(port=0, model=TINY, head_seconds=0.5)) as server:
        host = server.url.removeprefix("http://").rstrip("/")
        whole = f"GET /v1/status HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        one = connected(server.url, whole)
        assert one.recv(4096).startswith(b"HTTP/1.1 200")
        one.sendall(b"GET /v1/st")
        assert ended(one).endswith(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                                   b"Content-Length: 0\r\n\r\n")  # fmt: skip
        # A body may take longer than a head: it has a limit of its own.
        data = b"x" * 10
        head = f"POST /v1/color HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\n".encode()
        one = connected(server.url, head)
        time.sleep(0.8)
        one.sendall(data)
        assert one.recv(15) == b"HTTP/1.1 415 Un"
        one.close()


@pytest.mark.parametrize("path", ["/v1/layers?kind=colors", "/v1/photos"])
def test_a_body_that_goes_on_after_its_answer_is_ended(
    path: str, picture: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ServerOptions(port=0, model=TINY, head_seconds=0.5, body_seconds=0.3, connections=3)
    with serving(options) as server:
        host = server.url.removeprefix("http://").rstrip("/")
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n\r\n".encode()
        drips = [connected(server.url, head) for _ in range(3)]
        assert all(one.recv(15) == b"HTTP/1.1 408 Re" for one in drips)
        # Nobody waits for their places, though all three go on.
        assert httpx.get(f"{server.url}v1/status").status_code == 200
        ends = time.monotonic() + 5
        with contextlib.suppress(OSError):
            while time.monotonic() < ends:
                drips[-1].sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() < ends
        for one in drips:
            one.close()
    assert capfd.readouterr().err == ""


def test_a_body_that_ends_after_its_answer_keeps_its_connection() -> None:
    with serving(ServerOptions(port=0, model=TINY, head_seconds=0.5)) as server:
        host = server.url.removeprefix("http://").rstrip("/")
        refused = f"POST /nowhere HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\n".encode()
        one = connected(server.url, refused)
        said = b""
        while not said.endswith(b"}}"):
            said += one.recv(4096)
        assert said.startswith(b"HTTP/1.1 404")
        one.sendall(b"abc")
        one.sendall(f"GET /v1/status HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert one.recv(15) == b"HTTP/1.1 200 OK"
        one.close()


ODD = {
    "websocket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "HTTP/2": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "range": "Range: bytes=0-10,5-99999999999999999999\r\nIf-Range: x\r\n",
    "date": "If-Modified-Since: Mon, 99 Foo 999999999999999 99:99:99\r\n",
    "coding": "Accept-Encoding: gzip;q=1e999, *;q=nan, br;q=" + "9" * 5000 + "\r\n",
    "two hosts": "X: a\r\nHost: elsewhere\r\n",
}


def test_odd_headers_change_nothing_and_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(ServerOptions(port=0, model=TINY)) as server:
        host = server.url.removeprefix("http://").rstrip("/")
        for name, sent in ODD.items():
            head = f"GET /icon.svg HTTP/1.1\r\nHost: {host}\r\n{sent}\r\n"
            one = connected(server.url, head.encode())
            expected = b"HTTP/1.1 400 Ba" if name == "two hosts" else b"HTTP/1.1 200 OK"
            assert one.recv(4096)[:15] == expected, name
            one.close()
    assert capfd.readouterr().err == ""


def test_idle_connections_take_nobodys_place(picture: Make) -> None:
    options = ServerOptions(port=0, model=TINY, jobs=1, connections=8)
    with serving(options) as server:
        idle = [connected(server.url) for _ in range(30)]
        waits_for_one = httpx.get(f"{server.url}v1/status", timeout=10)
        assert waits_for_one.status_code == 200
        answer = httpx.post(f"{server.url}v1/color", content=picture(), timeout=10)
        assert answer.status_code == 200
        assert len(server._server.server_state.connections) <= 9
        for one in idle:
            one.close()


def test_busy_connections_are_not_ended_for_new_ones(
    monkeypatch: pytest.MonkeyPatch, picture: Make
) -> None:
    slow = Slow(monkeypatch)
    with (
        serving(ServerOptions(port=0, model=TINY, jobs=1, connections=2)) as server,
        ThreadPoolExecutor(2) as pool,
    ):

        def post() -> httpx.Response:
            return httpx.post(f"{server.url}v1/color", content=picture(), timeout=30)

        busy = [pool.submit(post) for _ in range(2)]
        deadline = time.monotonic() + 10
        while len(server._server.server_state.tasks) < 2:
            assert time.monotonic() < deadline
        refused = httpx.get(f"{server.url}v1/status")
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        slow.gate.set()
        assert [job.result().status_code for job in busy] == [200, 200]


def test_who_does_not_read_the_answer_is_left(
    monkeypatch: pytest.MonkeyPatch, picture: Make
) -> None:
    monkeypatch.setattr(timeouts, "_READ_SECONDS", 0.4)
    with serving(ServerOptions(port=0, model=TINY, jobs=1)) as server:
        host = server.url.removeprefix("http://").rstrip("/")
        data = picture("PNG", size=(2600, 2000))
        head = f"POST /v1/color?format=bmp HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(data)}"
        one = connected(server.url)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(f"{head}\r\n\r\n".encode() + data)
        deadline = time.monotonic() + 15
        state = server._server.server_state
        while not any(other._reader for other in list(state.connections)):
            assert time.monotonic() < deadline
        while state.connections:
            assert time.monotonic() < deadline
        one.close()


class _Budget:
    """Counts what is reserved, up to a limit."""

    def __init__(self, most: int) -> None:
        self.most, self.taken = most, 0

    def reserve(self, size: int) -> bool:
        if self.taken + size > self.most:
            return False
        self.taken += size
        return True

    def release(self, size: int) -> None:
        self.taken -= size


def test_answers_that_nobody_reads_share_the_memory() -> None:
    budget, aborted = _Budget(100), []
    kind = timeouts.patient(head_seconds=9, most=9, reserve=budget.reserve, release=budget.release)
    every: list[timeouts.Patient] = []
    for number, size in enumerate((40, 50, 60, 500)):
        one = kind.__new__(kind)
        one.connections = set(every)
        one.transport = SimpleNamespace(abort=lambda n=number: aborted.append(n))
        one._unread, one._paused, one._reserved = size, float(number), 0
        one._reserve_unread()
        every.append(one)
    assert aborted == [0, 1, 2]  # the oldest first; a single answer is always sent
    assert [one._reserved for one in every] == [0, 0, 0, 0]
    assert budget.taken == 0
    every[0]._unread = 70
    every[0]._reserve_unread()
    assert budget.taken == 70
    every[0]._release_unread()
    every[0]._release_unread()
    assert budget.taken == 0


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(20_000)) + b"\r\n",
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\0\1\2\3 nothing\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n",
    ],
    ids=[
        "long header",
        "many headers",
        "long path",
        "noise",
        "two hosts",
        "negative",
        "two lengths",
    ],
)
def test_heads_that_make_no_sense_are_400(client: httpx.Client, head: bytes) -> None:
    one = connected(str(client.base_url))
    with contextlib.suppress(ConnectionError):
        one.sendall(head)
    assert one.recv(200).startswith(b"HTTP/1.1 400")
    one.close()
    assert client.get("/v1/status").status_code == 200


def test_a_client_that_goes_away_harms_nobody(picture: Make) -> None:
    with serving(ServerOptions(port=0, model=TINY)) as server:
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
    with serving(ServerOptions(port=0, model=TINY)) as server:
        port = int(server.url.rstrip("/").split(":")[-1])
        with pytest.raises(UsageError, match="is not available"):
            listen(ServerOptions(port=port, model=TINY), invite=print)
    for host in ("no.such.host.invalid", "no..name", "x" * 300):
        with pytest.raises(UsageError, match="is not available"):
            listen(ServerOptions(host=host, port=0, model=TINY), invite=print)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_command_serves_and_stops(tmp_path: Path, name: str) -> None:
    import signal
    import subprocess
    import sys

    if not hasattr(signal, name):
        assert sys.platform == "win32"
        return
    host = "127.0.0.1" if name == "SIGINT" else "0.0.0.0"
    words = ["serve", "--no-browser", "--port", "0", "--model", TINY, "--host", host]
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
    with httpx.Client(follow_redirects=True) as client:
        assert client.get(url).status_code == 200
    child.send_signal(getattr(signal, name))
    _, err = child.communicate(timeout=20)
    assert child.returncode == 0
    assert "Ctrl-C" in err
    assert err.endswith("Tintype has stopped.\n")
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", ["Content-Length: 4", "Transfer-Encoding: chunked"])
def test_a_body_of_two_lengths_ends_the_connection(client: httpx.Client, first: str) -> None:
    lengths = {"Content-Length: 4", "Transfer-Encoding: chunked"} - {first}
    own = "Host: 127.0.0.1\r\n"
    head = f"POST /v1/color HTTP/1.1\r\n{own}{first}\r\n{lengths.pop()}\r\n\r\n0\r\n\r\n"
    hidden = f"GET /v1/colors HTTP/1.1\r\n{own}\r\n"
    with connected(str(client.base_url), (head + hidden).encode()) as one:
        answer = ended(one)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"both Content-Length and Transfer-Encoding" in answer
    assert answer.count(b"HTTP/1.1 ") == 1
