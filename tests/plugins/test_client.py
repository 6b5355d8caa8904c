"""The client that is packed into every plug-in."""

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from conftest import grey_pixels, picture_bytes
from plugins.conftest import ROOT, loaded
from tintype.photo.decode import decode

Import = Callable[..., ModuleType]
PHOTO = picture_bytes(grey_pixels(60, 80))


@pytest.fixture(scope="module")
def api() -> ModuleType:
    return loaded(ROOT / "plugins" / "common" / "tintype_client.py", "client_on_trial")


def test_a_photograph_comes_back_in_color_with_its_grey(api: ModuleType, server: str) -> None:
    colored = api.Client(server).color(PHOTO, {"vividness": "vivid"})
    (found,), (before,) = decode(colored, name=""), decode(PHOTO, name="")
    assert np.array_equal(found.grey, before.grey)
    with Image.open(io.BytesIO(colored)) as image:
        assert image.mode == "RGB"
    assert colored != api.Client(server + "/ ").color(PHOTO, {"vividness": "sober"})


def test_the_certainty_is_a_grey_map(api: ModuleType, server: str) -> None:
    _, certainty = api.Client(server).color_with_certainty(PHOTO, {}, side=80)
    with Image.open(io.BytesIO(certainty)) as image:
        assert (image.mode, image.size) == ("L", (80, 60))


@pytest.mark.parametrize(
    ("picture", "settings", "said"),
    [
        (b"nothing", {}, "not a picture"),
        (PHOTO, {"vividness": 7}, "out of range"),
        (PHOTO, {"hints": [{"x": 1, "y": 1, "color": "dusty rosse"}]}, "dusty rose"),
    ],
)
def test_the_message_of_the_server_is_handed_on(
    api: ModuleType, server: str, picture: bytes, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(api.TintypeError, match=said):
        api.Client(server).color(picture, settings)


def test_without_a_server_it_says_how_to_start_one(api: ModuleType) -> None:
    with pytest.raises(api.TintypeError, match="tintype serve"):
        api.Client("http://127.0.0.1:9/").color(PHOTO)
    with pytest.raises(api.TintypeError, match="is no address"):
        api.Client("file:///etc").color(PHOTO)


class Answers(BaseHTTPRequestHandler):
    """Says what it is told, one answer after the other."""

    answers: list[tuple[int, bytes]]
    asked: list[str]
    location = ""
    missing = 0

    def do_POST(self) -> None:
        self.asked.append(str(self.headers["Authorization"]))
        self.rfile.read(int(self.headers["Content-Length"]))
        code, body = self.answers.pop(0)
        self.send_response(code)
        self.send_header("Retry-After", "0.01")
        self.send_header("Content-Length", str(len(body) + self.missing))
        if self.location:
            self.send_header("Location", self.location)
        self.end_headers()
        self.wfile.write(body)

    def do_DELETE(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def other() -> Iterator[tuple[str, type[Answers]]]:
    """A server that is not ours."""
    kind = type("Kind", (Answers,), {"answers": [], "asked": []})
    with HTTPServer(("127.0.0.1", 0), kind) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}", kind
        found.shutdown()
        thread.join()


def test_a_busy_server_is_asked_again(api: ModuleType, other: tuple[str, type[Answers]]) -> None:
    url, kind = other
    kind.answers = [(503, b""), (503, b""), (201, json.dumps({"id": "x"}).encode()), (200, b"png")]
    assert api.Client(url, key="secret").color(PHOTO) == b"png"
    assert kind.asked == ["Bearer secret"] * 4


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": 1}', b'{"detail": "x"}'])
def test_another_program_is_told_from_tintype(
    api: ModuleType, other: tuple[str, type[Answers]], body: bytes
) -> None:
    url, kind = other
    kind.answers = [(404, body)]
    with pytest.raises(api.TintypeError, match="not Tintype: HTTP 404"):
        api.Client(url).color(PHOTO)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b"[" * 100_000,
        '{"id": "\u00e9"}'.encode(),
        b'{"id": "../x"}',
        b'{"id": 3}',
    ],
)
def test_a_success_of_another_program_is_refused(
    api: ModuleType, other: tuple[str, type[Answers]], body: bytes
) -> None:
    url, kind = other
    kind.answers = [(200, body)]
    with pytest.raises(api.TintypeError, match="not Tintype"):
        api.Client(url).color(PHOTO)


def test_a_redirect_is_not_followed(api: ModuleType, other: tuple[str, type[Answers]]) -> None:
    url, kind = other
    kind.answers, kind.location = [(302, b""), (200, b"png")], f"{url}/elsewhere"
    with pytest.raises(api.TintypeError, match="HTTP 302"):
        api.Client(url, key="secret").color(PHOTO)
    assert len(kind.asked) == 1


def test_nothing_goes_to_a_proxy(
    api: ModuleType, other: tuple[str, type[Answers]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, kind = other
    monkeypatch.setenv("http_proxy", url)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(api.TintypeError, match="No Tintype server answers"):
        api.Client("http://127.0.0.1:9/", key="secret").color(PHOTO)
    assert kind.asked == []


def test_an_answer_has_a_longest_size(
    api: ModuleType, other: tuple[str, type[Answers]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, kind = other
    monkeypatch.setattr(api, "_LARGEST", 1 << 20)
    kind.answers = [(201, b" " * ((1 << 20) + 1))]
    with pytest.raises(api.TintypeError, match="longer than 1 MiB"):
        api.Client(url).color(PHOTO)


def test_an_answer_that_is_cut_off_is_one_message(
    api: ModuleType, other: tuple[str, type[Answers]]
) -> None:
    url, kind = other
    for code in (201, 404):
        kind.answers, kind.missing = [(code, b"{}")], 10
        with pytest.raises(api.TintypeError):
            api.Client(url).color(PHOTO)


def test_what_speaks_no_http_is_no_server(api: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with listening.accept()[0] as connection:
                connection.recv(100)
                connection.sendall(b"SSH-2.0-x\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(api.TintypeError, match="No Tintype server answers"):
            api.Client(f"http://127.0.0.1:{listening.getsockname()[1]}").color(PHOTO)
        thread.join()


def test_hints_are_read_as_they_are_typed(api: ModuleType) -> None:
    assert api.hints_from("1,2,red\n\n 3 , 4 , dusty rose , 5 \n") == [
        {"x": 1, "y": 2, "color": "red"},
        {"x": 3, "y": 4, "color": "dusty rose", "radius": 5},
    ]
    for line in ("1,2", "1,2,red,3,4", "a,2,red", "red"):
        with pytest.raises(api.TintypeError, match="not understood"):
            api.hints_from(line)


def test_the_packed_client_is_the_same(installed: Path) -> None:
    original = (ROOT / "plugins" / "common" / "tintype_client.py").read_bytes()
    copies = list(installed.rglob("tintype_client.py"))
    assert len(copies) == 3
    assert all(path.read_bytes() == original for path in copies)
