"""Tintype without a terminal: the page with a window that stops it, and photographs to colour."""

import http.client
import http.server
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tintype.cli import desktop
from tintype.cli.app import main as command
from tintype.cli.desktop import Message, main, running_server
from tintype.errors import UsageError
from tintype.web import serve
from tintype.web.server_options import ServerOptions


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked to open."""
    found: list[str] = []
    monkeypatch.setattr(serve, "open_browser", found.append)
    return found


def status_of(url: str) -> int:
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=10)
    try:
        connection.request("GET", "/v1/status")
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_page_runs_until_its_window_is_closed(
    opened: list[str], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ServerOptions(port=0, model=str(tiny_model), sandbox=False)
    monkeypatch.setattr(desktop, "ServerOptions", lambda: options)
    monkeypatch.setattr(desktop, "running_server", lambda: None)
    urls: list[str] = []

    def show(message: Message) -> None:
        assert message.action is not None
        message.action[1]()
        urls.append(opened[0])
        assert f"Tintype is at {opened[0]}" in message.text
        assert status_of(opened[0]) == 200

    assert main([], show=show) == 0
    assert opened == urls
    with pytest.raises(OSError, match="refused"):
        status_of(urls[0])


def test_a_page_that_runs_already_is_opened_again(
    opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desktop, "running_server", lambda: "http://127.0.0.1:7839/")
    assert main([], show=lambda message: pytest.fail(message.text)) == 0
    assert opened == ["http://127.0.0.1:7839/"]


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], int]]:
    """Begins a server on this machine that answers everything the same; returns its port."""
    servers: list[http.server.HTTPServer] = []

    def begin(body: bytes) -> int:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                pass

        servers.append(http.server.HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return servers[-1].server_port

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def test_only_tintype_is_taken_for_tintype(answering: Callable[[bytes], int]) -> None:
    port = answering(json.dumps({"tintype": "0.1.0"}).encode())
    assert running_server(port) == f"http://127.0.0.1:{port}/"
    for body in (b"<html>", b"[1]", b'{"error": "other"}', b"\xff"):
        assert running_server(answering(body)) is None


def test_a_port_where_nobody_listens_is_no_page(answering: Callable[[bytes], int]) -> None:
    with serve._bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
    assert running_server(port) is None


def test_photographs_are_coloured_and_the_window_says_so(
    tmp_path: Path,
    make_photo: Callable[..., Path],
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick = ["--model", str(tiny_model)]
    monkeypatch.setattr(desktop, "command", lambda words: command([*quick, *words]))
    photo, said = make_photo(tmp_path / "-a.png"), list[str]()
    assert main([str(photo)], show=lambda message: said.append(message.text)) == 0
    assert (tmp_path / "-a.color.png").is_file()
    assert said[0].startswith(f"{photo} is coloured")


def test_without_a_window_the_terminal_says_what_became_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show(_message: Message) -> None:
        raise UsageError("There is no window.")

    def colored(words: list[str]) -> int:
        print("tintype: a.jpg is coloured.\ntintype: b.jpg is damaged.", file=sys.stderr)
        return 1

    monkeypatch.setattr(desktop, "command", colored)
    assert main(["a.jpg", "b.jpg"], show=show) == 1
    said = capsys.readouterr().err
    assert said == "tintype: a.jpg is coloured.\ntintype: b.jpg is damaged.\n"


def test_what_went_wrong_stands_in_the_window(tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_bytes(b"Dear grandmother,")
    said: list[str] = []
    code = main([str(tmp_path / "letter.jpg")], show=lambda message: said.append(message.text))
    assert code == 3
    assert "letter.jpg" in said[0]


def test_without_a_window_the_reason_stands_in_the_terminal(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show(_message: Message) -> None:
        raise UsageError("There is no window.", advice="Type tintype serve.")

    def no_server(_options: ServerOptions) -> None:
        raise UsageError("The server did not start.")

    monkeypatch.setattr(desktop, "running_server", lambda: None)
    monkeypatch.setattr(serve, "serving", no_server)
    assert main([], show=show) == 2
    assert capsys.readouterr().err == "tintype: The server did not start.\n"
    assert opened == []


def test_a_machine_without_a_screen_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    tkinter = pytest.importorskip("tkinter", reason="this Python has no tkinter")

    def none(**_options: object) -> None:
        raise tkinter.TclError("no display name")

    monkeypatch.setattr(tkinter, "Tk", none)
    with pytest.raises(UsageError, match=r"no display name.*tintype serve --no-browser"):
        desktop._show_window(Message("text", "Close"))
