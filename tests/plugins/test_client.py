"""The client that is packed into every plug-in."""

import contextlib
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from conftest import grey_pixels, picture_bytes
from plugins.conftest import ROOT, loaded, png_header
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


def test_notes_are_handed_on(api: ModuleType, server: str) -> None:
    client = api.Client(server)
    white = picture_bytes(np.full((60, 80), 254, np.uint8))
    client.color(white, {"hints": [{"x": 30, "y": 20, "color": "#2030c0"}]})
    assert any("hint at 30,20" in note for note in client.notes)
    client.color(PHOTO)
    assert client.notes == []


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
    deleted: list[str]
    location = ""
    missing = 0
    retry = "0.01"
    deletion = 404
    notes: str | None = None

    def do_POST(self) -> None:
        self.asked.append(str(self.headers["Authorization"]))
        self.rfile.read(int(self.headers["Content-Length"]))
        code, body = self.answers.pop(0)
        self.send_response(code)
        self.send_header("Retry-After", self.retry)
        self.send_header("Content-Length", str(len(body) + self.missing))
        if self.notes is not None:
            self.send_header("X-Tintype-Notes", self.notes)
        if self.location:
            self.send_header("Location", self.location)
        self.end_headers()
        self.wfile.write(body)

    def do_DELETE(self) -> None:
        self.deleted.append(self.path)
        self.send_response(self.deletion)
        self.send_header("Retry-After", self.retry)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def other() -> Iterator[tuple[str, type[Answers]]]:
    """A server that is not ours."""
    kind = type("Kind", (Answers,), {"answers": [], "asked": [], "deleted": []})
    with HTTPServer(("127.0.0.1", 0), kind) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}", kind
        found.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("header", "notes"),
    [
        (None, []),
        ("", []),
        ("A sentence.", []),
        ('{"a": 1}', []),
        ("[" * 30_000, []),
        ('["One.", 2, null, ["x"], "Two."]', ["One.", "Two."]),
        (json.dumps(["\x1b[31mred\n\u202e", "\ud800"]), ["\\x1b[31mred\\n\\u202e", "\\ud800"]),
        (json.dumps(["x" * 5000]), ["x" * 997 + "..."]),
        (json.dumps(["x"] * 500), ["x"] * 20),
    ],
)
def test_notes_are_printable_and_bounded(
    api: ModuleType, other: tuple[str, type[Answers]], header: str | None, notes: list[str]
) -> None:
    url, kind = other
    kind.notes = header
    kind.answers = [(201, json.dumps({"id": "x"}).encode()), (200, b"png")]
    client = api.Client(url)
    assert client.color(PHOTO) == b"png"
    assert client.notes == notes


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


def test_a_picture_that_is_cut_off_is_not_handed_on(
    api: ModuleType, other: tuple[str, type[Answers]]
) -> None:
    url, kind = other
    kind.answers = [(201, b'{"id": "x"}'), (200, b"half of a png")]

    def only_the_picture(answers: Answers) -> None:
        kind.missing = 0 if len(answers.answers) == 2 else 10
        Answers.do_POST(answers)

    kind.do_POST = only_the_picture  # type: ignore[method-assign]
    with pytest.raises(api.TintypeError, match="cut off"):
        api.Client(url).color(PHOTO)


@contextlib.contextmanager
def answering(*parts: bytes, pause: float = 0) -> Iterator[str]:
    """A server that sends bytes to whoever connects, whatever was asked."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def answer() -> None:
            with contextlib.suppress(OSError), listening.accept()[0] as connection:
                connection.settimeout(10)
                connection.recv(1 << 16)
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)
                # Unread bytes would reset the connection, and the answer with it.
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            thread.join()


def test_what_speaks_no_http_is_no_server(api: ModuleType) -> None:
    with (
        answering(b"SSH-2.0-\x1b[2J\r\n") as url,
        pytest.raises(api.TintypeError, match="No Tintype server answers") as error,
    ):
        api.Client(url).color(PHOTO)
    assert str(error.value).isprintable()


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "body",
    [
        CHUNKED + b'b\r\n{"id": "x"}\r\n0\r\n\r\n',
        CHUNKED + b"-1\r\n" + bytes(1 << 20),
        b"Content-Length: 11\r\n" + CHUNKED + b"-1\r\n" + bytes(1 << 20),
        b'Content-Length: -1\r\n\r\n{"id": "x"}',
        b'\r\n{"id": "x"}',
    ],
    ids=["chunks", "negative", "both", "negative length", "none"],
)
def test_only_a_body_with_a_length_is_read(api: ModuleType, body: bytes) -> None:
    """`http.client` reads a chunk of a negative size without end."""
    with (
        answering(b"HTTP/1.1 201 Created\r\n" + body) as url,
        pytest.raises(api.TintypeError, match="the length of its answers"),
    ):
        api.Client(url).color(PHOTO)


def test_nor_is_an_error_in_chunks(api: ModuleType) -> None:
    body = b'26\r\n{"error":{"message":"m","advice":"a"}}\r\n0\r\n\r\n'
    with (
        answering(b"HTTP/1.1 400 Bad\r\n" + CHUNKED + body) as url,
        pytest.raises(api.TintypeError, match="not Tintype: HTTP 400"),
    ):
        api.Client(url).color(PHOTO)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 201 Created\r\nX: ", b"x"),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n", b" "),
    ],
    ids=["interim", "head", "body"],
)
def test_an_answer_that_trickles_ends_in_time(api: ModuleType, first: bytes, again: bytes) -> None:
    with (
        answering(first, *[again] * 60, pause=0.05) as url,
        pytest.raises(api.TintypeError, match=r"has not answered within 0\.5 seconds"),
    ):
        api.Client(url, timeout=0.5).color(PHOTO)


@pytest.mark.parametrize("slow", ["getaddrinfo", "create_connection"])
def test_connecting_ends_in_time(
    api: ModuleType, server: str, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    ended, left = threading.Event(), threading.Event()

    def waits(*_: object, **__: object) -> None:
        ended.wait(10)
        left.set()
        raise OSError

    monkeypatch.setattr(socket, slow, waits)
    begun = time.monotonic()
    with pytest.raises(api.TintypeError, match=r"has not answered within 0\.3 seconds"):
        api.Client(server, timeout=0.3).color(PHOTO)
    assert time.monotonic() - begun < 5
    ended.set()
    assert left.wait(10)


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("nan", 1),
        ("inf", 1),
        ("-1", 1),
        ("1e3", 1),
        ("1_0", 1),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1),
        ("", 1),
        ("0", 0.1),
        ("5", 5),
        ("0.5", 0.5),
        ("999999999", 30),
    ],
)
def test_a_busy_server_says_how_long_to_wait(
    api: ModuleType,
    other: tuple[str, type[Answers]],
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    wait: float,
) -> None:
    url, kind = other
    waits: list[float] = []
    monkeypatch.setattr(api.time, "sleep", waits.append)
    kind.answers, kind.retry = [(503, b""), (201, b'{"id": "x"}'), (200, b"png")], said
    assert api.Client(url).color(PHOTO) == b"png"
    assert waits == [wait]


def test_a_server_is_not_busy_for_longer_than_the_timeout(
    api: ModuleType, other: tuple[str, type[Answers]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, kind = other
    waits: list[float] = []
    now = time.monotonic
    monkeypatch.setattr(api.time, "sleep", waits.append)
    monkeypatch.setattr(api.time, "monotonic", lambda: now() + sum(waits))
    kind.answers, kind.retry = [(503, b"")] * 20, "30"
    with pytest.raises(api.TintypeError, match="busy for too long"):
        api.Client(url, timeout=100).color(PHOTO)
    assert waits == [30] * 4


def test_a_picture_that_arrived_is_not_lost_over_forgetting_it(
    api: ModuleType, other: tuple[str, type[Answers]]
) -> None:
    url, kind = other
    for retry in ("nan", "0.01"):
        kind.answers = [(201, b'{"id": "x"}'), (200, b"png")]
        kind.retry, kind.deletion, kind.deleted = retry, 503, []
        assert api.Client(url).color(PHOTO) == b"png"
        assert kind.deleted == ["/v1/photos/x"]


@pytest.mark.parametrize(
    "text", ["\x1b[2Jred", "one\n\nmore", "\ud800", "\u202egpj", "long" * 9000]
)
def test_a_message_of_the_server_is_a_printable_line(
    api: ModuleType, other: tuple[str, type[Answers]], text: str
) -> None:
    url, kind = other
    kind.answers = [(400, json.dumps({"error": {"message": text, "advice": text}}).encode())]
    with pytest.raises(api.TintypeError) as error:
        api.Client(url).color(PHOTO)
    assert str(error.value).isprintable()
    assert len(str(error.value)) <= 1000


@pytest.mark.parametrize("key", ["a\nb", "abc\n", "a b", "\u0661", "caf\u00e9", "\x7f"])
def test_a_key_that_cannot_be_one_is_named(
    api: ModuleType, other: tuple[str, type[Answers]], key: str
) -> None:
    with pytest.raises(api.TintypeError, match="The key has a space") as error:
        api.Client(other[0], key=key).color(PHOTO)
    assert key not in str(error.value)
    assert other[1].asked == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1:7839",
        "http://",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
        "http://127.0.0.1:\n9",
        "http://a b",
        "http://name:word@127.0.0.1:9",
        "http://127.0.0.1:9/?a=b",
        "http://127.0.0.1:9/#a",
        "http://127.0.0.1:9/caf\u00e9",
        "http://" + "a" * 3000,
        "http://\u0130..",
        "http://\x1b[2J",
    ],
)
def test_an_address_that_cannot_be_one_is_named(api: ModuleType, address: str) -> None:
    with pytest.raises(api.TintypeError, match=r"is no address .* Write it as http://127") as error:
        api.Client(address).color(PHOTO)
    assert str(error.value).isprintable()


def test_an_address_can_have_a_path_or_be_ipv6(
    api: ModuleType, other: tuple[str, type[Answers]]
) -> None:
    url, kind = other
    kind.answers = [(201, b'{"id": "x"}'), (200, b"png")]
    assert api.Client(f"{url}/below/").color(PHOTO) == b"png"
    assert kind.deleted == ["/below/v1/photos/x"]
    with pytest.raises(api.TintypeError, match="No Tintype server answers"):
        api.Client("http://[::1]:9").color(PHOTO)


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


HELD = (201, b'{"id": "x"}')


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"text",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 80 60\n",
        png_header(80, 60)[:30],
        png_header(13_300, 13_300),
        png_header(60, 80),
        png_header(0, 60),
        png_header(80, 60, kind=0),
        png_header(80, 60, depth=1),
        png_header(80, 60).replace(b"IHDR", b"IDAT"),
        b" " + png_header(80, 60),
    ],
    ids=["empty", "text", "EPS", "cut", "large", "turned", "0", "grey", "depth", "IDAT", "space"],
)
def test_a_picture_of_another_size_or_kind_is_refused(
    api: ModuleType, other: tuple[str, type[Answers]], answer: bytes
) -> None:
    url, kind = other
    kind.answers = [HELD, (200, answer)]
    with pytest.raises(api.TintypeError, match="is no PNG of 80 x 60 pixels"):
        api.Client(url).color(PHOTO, size=(80, 60))
    kind.answers = [HELD, (200, answer)]
    assert api.Client(url).color(PHOTO) == answer  # whose size nobody knows


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", [2, 6])
def test_a_picture_of_the_right_size_is_handed_on(
    api: ModuleType, other: tuple[str, type[Answers]], kind: int, depth: int
) -> None:
    answer = png_header(80, 60, kind=kind, depth=depth)
    other[1].answers = [HELD, (200, answer)]
    assert api.Client(other[0]).color(PHOTO, size=(80, 60)) == answer


@pytest.mark.parametrize(
    ("size", "side", "fits"),
    [
        ((80, 60), 80, (80, 60)),
        ((80, 60), 2048, (80, 60)),
        ((80, 60), 1, (64, 48)),
        ((8000, 6001), 5000, (2048, 1536)),
        ((5000, 1), 2048, (2048, 1)),
    ],
)
def test_a_map_has_the_size_that_was_asked_for(
    api: ModuleType,
    other: tuple[str, type[Answers]],
    size: tuple[int, int],
    side: int,
    fits: tuple[int, int],
) -> None:
    url, kind = other
    photo, (width, height) = (200, png_header(*size)), fits
    for off in (0, 1):
        found = png_header(width, height + off, kind=0)
        kind.answers = [HELD, photo, (200, found)]
        client = api.Client(url)
        assert client.color_with_certainty(PHOTO, size=size, side=side)[1] == found
    for wrong in (
        b"",
        png_header(width, height + 2, kind=0),
        png_header(13_300, 13_300, kind=0),
        png_header(width, height),
    ):
        kind.answers = [HELD, photo, (200, wrong)]
        with pytest.raises(api.TintypeError, match=f"no PNG of {width} x {height} pixels"):
            api.Client(url).color_with_certainty(PHOTO, size=size, side=side)


@pytest.mark.parametrize(("shape", "side"), [((60, 80), 80), ((60, 80), 1), ((333, 1000), 100)])
def test_the_sizes_are_those_of_tintype(
    api: ModuleType, server: str, shape: tuple[int, int], side: int
) -> None:
    picture, size = picture_bytes(grey_pixels(*shape)), shape[::-1]
    api.Client(server).color_with_certainty(picture, size=size, side=side)
