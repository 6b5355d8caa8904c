"""Over the network each browser has its own photographs, and nobody guesses a code."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tintype.web.attempts import MOST, SECONDS, Attempts
from tintype.web.entry import key_of
from tintype.web.serve import Invitation, Listening, listen
from tintype.web.server_options import ServerOptions
from web.conftest import TINY

Make = Callable[..., bytes]


class Home:
    """A server that is open to the network, and the codes it printed."""

    def __init__(self, server: Listening, invitations: list[Invitation]) -> None:
        self.url = server.url
        self.own = server.entry().partition("=")[2]
        self.invitations = invitations

    def code(self) -> str:
        return self.invitations[-1].code

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            assert client.post("/v1/entry", json={"code": self.code()}).status_code == 200
            yield client


@pytest.fixture
def home(tmp_path: Path, colorful: np.ndarray) -> Iterator[Home]:
    invitations: list[Invitation] = []
    ready = threading.Event()
    for k in range(3):
        Image.fromarray(np.roll(colorful, 9 * k, axis=1)).save(tmp_path / f"{k}.png")
    options = ServerOptions(host="0.0.0.0", port=0, model=TINY, pairs=tmp_path)
    server = listen(options, invite=invitations.append, opened=ready.set)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(20)
    yield Home(server, invitations)
    server.stop()
    thread.join(20)


def test_a_photograph_belongs_to_the_browser_that_sent_it(home: Home, picture: Make) -> None:
    data = picture("PNG")
    with home.browser() as mine, home.browser() as other:
        name = mine.post("/v1/photos", content=data).json()["id"]
        layer = mine.post("/v1/layers?kind=mask", content=data).json()["id"]
        for method, path in (
            ("GET", f"/v1/photos/{name}"),
            ("GET", f"/v1/photos/{name}/grey"),
            ("POST", f"/v1/photos/{name}/preview"),
            ("GET", f"/v1/photos/{name}/tile?column=0&row=0"),
            ("POST", f"/v1/photos/{name}/tile?column=0&row=0"),
            ("POST", f"/v1/photos/{name}/certainty"),
            ("POST", f"/v1/photos/{name}/palettes"),
            ("POST", f"/v1/photos/{name}/suggestions?x=1&y=1"),
            ("POST", f"/v1/photos/{name}/file"),
            ("DELETE", f"/v1/photos/{name}"),
        ):
            answer = other.request(method, path)
            assert answer.status_code == 404, path
            # Not even whether it is there is told.
            assert answer.json() == other.get("/v1/photos/none").json()
        theirs = other.post("/v1/photos", content=data).json()["id"]
        refused = other.post(f"/v1/photos/{theirs}/file", json={"mask": layer})
        assert refused.status_code == 404
        assert other.post("/v1/color", params={"mask": layer}, content=data).status_code == 404
        assert mine.post(f"/v1/photos/{name}/file", json={"mask": layer}).status_code == 200
        # Its key is the browser's as a cookie and as a bearer.
        (key,) = mine.cookies.values()
        with httpx.Client(base_url=home.url, headers={"Authorization": f"Bearer {key}"}) as program:
            assert program.get(f"/v1/photos/{name}").status_code == 200


def test_a_round_belongs_to_the_browser_that_began_it(home: Home) -> None:
    with home.browser() as mine, home.browser() as other:
        playing = {"round": mine.post("/v1/pairs/rounds").json()["round"]}
        assert mine.get("/v1/pairs/0/left", params=playing).status_code == 200
        for method, path in (
            ("GET", "/v1/pairs"),
            ("GET", "/v1/pairs/0/left"),
            ("POST", "/v1/pairs/0"),
        ):
            body = {"real": "left"} if method == "POST" else None
            answer = other.request(method, path, params=playing, json=body)
            assert answer.status_code == 404, path
            assert answer.json() == other.get("/v1/pairs", params={"round": "none"}).json()
        for number in range(3):
            said = mine.post(f"/v1/pairs/{number}", params=playing, json={"real": "left"}).json()
        assert said["answered"] == 3
        # Without a round, each has one of its own.
        assert mine.post("/v1/pairs/0", json={"real": "left"}).json()["answered"] == 1
        facts = other.get("/v1/pairs").json()
        assert (facts["answers"], facts["everyone"]["answered"]) == ([], 4)
        assert other.post("/v1/pairs/0", json={"real": "left"}).status_code == 200
        with httpx.Client(base_url=home.url, timeout=30) as own:
            assert own.get(f"/?token={home.own}").status_code == 303
            rows = {
                who: client.get("/v1/pairs/results.csv").text.count("\n") - 1
                for who, client in (("mine", mine), ("other", other), ("own", own))
            }
        assert rows == {"mine": 4, "other": 1, "own": 5}


def test_wrong_guesses_are_counted(home: Home) -> None:
    old = f"tintype_{httpx.URL(home.url).port}=old"
    with httpx.Client(base_url=home.url, timeout=30) as client:
        for _ in range(MOST + 5):  # no code at all is no guess, and an old cookie is none
            assert client.get("/", headers={"Cookie": old}).status_code == 401
        for number in range(MOST):
            if number % 3 == 0:
                sent = client.get("/", headers={"Authorization": "Bearer guess"})
            elif number % 3 == 1:
                sent = client.get(f"/?token=guess{number}")
            else:
                sent = client.post("/v1/entry", json={"code": f"guess{number}"})
            assert sent.status_code == 401
        for refused in (
            client.get("/?token=guess"),
            client.get(f"/?token={home.own}"),
            client.post("/v1/entry", json={"code": "guess"}),
            client.post("/v1/entry", json={"code": home.code()}),
        ):
            assert refused.status_code == 429
            assert refused.json()["error"]["code"] == "too_many_attempts"
            assert 1 <= int(refused.headers["retry-after"]) <= SECONDS


def test_who_is_in_stays_in(home: Home) -> None:
    with home.browser() as mine, httpx.Client(base_url=home.url, timeout=30) as guesser:
        for _ in range(MOST + 1):
            last = guesser.post("/v1/entry", json={"code": "guess"}).status_code
        assert last == 429
        assert mine.get("/v1/status").status_code == 200


def test_attempts_are_forgotten_in_time() -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for _ in range(MOST):
        assert attempts.wait("192.0.2.1") == 0
        attempts.count("192.0.2.1")
    assert attempts.wait("192.0.2.1") == SECONDS
    assert attempts.wait("192.0.2.2") == 0
    now[0] = SECONDS / 2
    assert attempts.wait("192.0.2.1") == SECONDS / 2
    now[0] = SECONDS + 1
    assert attempts.wait("192.0.2.1") == 0


def test_a_machine_has_all_the_addresses_of_its_network() -> None:
    attempts = Attempts(lambda: 0.0)
    for number in range(MOST):
        attempts.count(f"2001:db8::{number}")
    assert attempts.wait("2001:db8::ffff")
    assert not attempts.wait("2001:db8:0:1::1")
    for number in range(5000):  # what is remembered is bounded
        attempts.count(f"10.0.{number // 256}.{number % 256}")
    assert len(attempts._wrong) <= 4096


@pytest.mark.parametrize(
    "path",
    ["//elsewhere.example/", "///elsewhere.example", "/\\elsewhere.example", "/%5Celsewhere"],
)
def test_the_own_address_never_leads_elsewhere(home: Home, path: str) -> None:
    host, port = home.url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as one:
        head = f"GET {path}?token={home.own} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"
        one.sendall(head.encode())
        said = one.recv(4096).decode()
    assert said.startswith("HTTP/1.1 303")
    (place,) = re.findall(r"(?im)^location: (.*?)\r$", said)
    assert place.startswith("/elsewhere")


def test_one_neighbour_does_not_lock_out_the_others_where_all_addresses_are_ipv6() -> None:
    attempts = Attempts(lambda: 0.0)
    for _ in range(MOST):
        attempts.count("::ffff:192.168.1.5")
    assert attempts.wait("::ffff:192.168.1.5")
    assert attempts.wait("192.168.1.5")
    assert not attempts.wait("::ffff:192.168.1.6")


@pytest.mark.parametrize(
    ("cookie", "key"),
    [
        ("tintype_80=abc-_d", "abc-_d"),
        ("a=b; tintype_80=abc; tintype_81=x", "abc"),
        (' a = "x;y" ;tintype_80 = abc ;', "abc"),
        ("xtintype_80=abc; tintype_8=1; tintype_80", ""),
        (";;=;", ""),
    ],
)
def test_the_key_of_a_cookie(cookie: str, key: str) -> None:
    assert key_of(asking(cookie)) == key


@pytest.mark.parametrize("piece", ['\\"', "\\\\", "\\012", ";", "=", " ", "a=b;"])
def test_a_long_cookie_takes_no_time(piece: str) -> None:
    cookie = 'a="' + piece * (60_000 // len(piece)) + '"; tintype_80=abc'
    began = time.process_time()
    key_of(asking(cookie))
    assert time.process_time() - began < 0.5  # 3.6 s with the parser of the standard library


def asking(cookie: str) -> dict[str, Any]:
    """The scope of a request with a cookie."""
    headers = [(b"cookie", cookie.encode("latin-1"))]
    return {"type": "http", "headers": headers, "server": ("192.168.1.2", 80)}
