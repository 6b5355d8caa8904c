"""The example client of the documentation, against a server."""

import contextlib
import importlib.util
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from PIL import Image

FILE = Path(__file__).parents[2] / "examples" / "http_client.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("http_client", FILE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


def test_the_example_colours_a_photograph(
    client: httpx.Client, picture: Callable[..., bytes]
) -> None:
    example = loaded()
    server = str(client.base_url)
    colored = example.color(picture("PNG"), server=server, query="vividness=1.5")
    assert Image.open(io.BytesIO(colored)).mode == "RGB"
    with pytest.raises(RuntimeError, match="not a picture that Tintype can read"):
        example.color(b"nothing", server=server)


def test_it_replaces_no_file_and_sends_only_given_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example, sent = loaded(), []
    source, target = tmp_path / "photo.jpg", tmp_path / "photo.color.jpg"
    source.write_bytes(b"photo")

    def color(photo: bytes, *, query: str) -> bytes:
        sent.append((photo, query))
        return b"colored"

    monkeypatch.setattr(example, "color", color)
    example.main([str(source), str(target)])
    example.main([str(source), str(tmp_path / "vivid.jpg"), "vividness=1.3"])
    assert sent == [(b"photo", ""), (b"photo", "vividness=1.3")]
    assert target.read_bytes() == b"colored"
    target.write_bytes(b"mine")
    with pytest.raises(SystemExit, match="exists and is not replaced"):
        example.main([str(source), str(target)])
    assert len(sent) == 2  # refused before the work
    appeared = tmp_path / "appeared.jpg"
    monkeypatch.setattr(example, "color", lambda *_, **__: appeared.write_bytes(b"mine") or b"x")
    with pytest.raises(SystemExit, match="exists and is not replaced"):
        example.main([str(source), str(appeared)])
    assert (target.read_bytes(), appeared.read_bytes()) == (b"mine", b"mine")
    with pytest.raises(SystemExit, match="Usage"):
        example.main([])
    with pytest.raises(SystemExit, match="nowhere"):
        example.main([str(tmp_path / "nowhere.jpg"), str(tmp_path / "new.jpg")])


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that sends bytes to whoever connects, and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def serve() -> None:
            with contextlib.suppress(OSError), listening.accept()[0] as connection:
                connection.settimeout(10)
                connection.recv(1 << 16)
                connection.sendall(answer)
                if answer:
                    connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            thread.join()


def http(status: str, body: bytes, *more: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


ESCAPES = {"error": {"message": "\x1b[2J\nforged", "advice": "\u202e"}}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http("500 Error", b"<html>"), "not Tintype: HTTP 500"),
        (http("400 Bad", b'{"x":1}'), "not Tintype: HTTP 400"),
        (http("400 Bad", b"[1]"), "not Tintype: HTTP 400"),
        (http("400 Bad", b"[" * 100_000), "not Tintype: HTTP 400"),
        (http("400 Bad", json.dumps(ESCAPES).encode()), "forged"),
        (http("302 Found", b"", "Location: http://127.0.0.1:9/"), "not Tintype: HTTP 302"),
        (http("200 OK", b""), "is empty"),
        (http("204 No Content", b""), "HTTP 204"),
        (http("200 OK", b"12345")[:-2], "not answered properly: IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n", "too long"),
        (b"HTTP/1.1 200 OK\r\n\r\n12345", "has no length"),
        (b"SSH-2.0-\x1b[2J\r\n", "not answered properly"),
    ],
    ids=[
        "HTML",
        "another object",
        "a list",
        "nested",
        "escapes",
        "redirect",
        "empty",
        "204",
        "cut off",
        "long",
        "no length",
        "SSH",
    ],
)
def test_what_is_not_an_answer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, said: str
) -> None:
    example = loaded()
    source, target = tmp_path / "photo.jpg", tmp_path / "photo.color.jpg"
    source.write_bytes(b"photo")
    with answering(answer) as server:
        monkeypatch.setitem(example.color.__kwdefaults__, "server", server)
        with pytest.raises(SystemExit, match=said) as error:
            example.main([str(source), str(target)])
    assert str(error.value).isprintable()
    assert not target.exists()


def test_a_server_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    example = loaded()
    monkeypatch.setattr(example, "SECONDS", 0.3, raising=False)
    begun = time.monotonic()
    with answering(b"") as server, pytest.raises(OSError, match="timed out"):
        example.color(b"photo", server=server)
    assert time.monotonic() - begun < 5
