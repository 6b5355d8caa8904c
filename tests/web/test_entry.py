"""The page on another device: nothing uses a code up but somebody who enters it."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tintype.cli.app import main
from tintype.cli.serve import _show_invitation
from tintype.cli.show import show_blocks
from tintype.web.entry import Entry, comes_from_this_machine, other_computer
from tintype.web.serve import Invitation, Listening, listen
from tintype.web.server_options import ServerOptions
from web.conftest import TINY

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(params=["0.0.0.0", "own"])
def home(request: pytest.FixtureRequest) -> Iterator[tuple[Listening, list[Invitation]]]:
    """A server on all addresses, and one on a single address of the network."""
    host = request.param if request.param != "own" else own_address()
    invitations: list[Invitation] = []
    ready = threading.Event()
    options = ServerOptions(host=host, port=0, model=TINY)
    server = listen(options, invite=invitations.append, opened=ready.set)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(20)
    yield server, invitations
    server.stop()
    thread.join(20)


def own_address() -> str:
    """An address of this machine besides loopback; where it has none, all of them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "0.0.0.0"
        return str(probe.getsockname()[0])


def test_the_own_address_opens_as_often_as_it_is_asked_for(
    home: tuple[Listening, list[Invitation]],
) -> None:
    server, invitations = home
    for _ in range(3):
        # A preview comes first, and the browser looks ahead.
        for method in ("HEAD", "GET"):
            assert httpx.request(method, server.entry(), headers=BROWSER).status_code == 303
        with httpx.Client(follow_redirects=True, headers=BROWSER) as browser:
            opened = browser.get(server.entry())
            assert opened.status_code == 200
            assert str(opened.url) == server.url
            assert opened.history[0].headers["location"] == "/"
            assert browser.get(server.url).status_code == 200  # a reload
            assert browser.get(f"{server.url}v1/status").status_code == 200
    assert len(invitations) == 1


def test_the_command_opens_its_own_browser_at_the_page_and_not_at_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    servers: list[Listening] = []
    seen: list[httpx.Response] = []

    def listening(*words: Any, **more: Any) -> Listening:
        servers.append(listen(*words, **more))
        return servers[0]

    def look(url: str) -> None:
        with httpx.Client(follow_redirects=True, headers=BROWSER) as browser:
            seen.append(browser.get(url))
        servers[0].stop()

    def opened(url: str) -> None:
        threading.Thread(target=look, args=(url,)).start()

    monkeypatch.setattr("tintype.web.serve.listen", listening)
    monkeypatch.setattr("tintype.web.serve.open_browser", opened)
    assert main(["serve", "--host", "0.0.0.0", "--port", "0", "--model", TINY]) == 0
    assert seen[0].status_code == 200
    assert '<section id="stage"' in seen[0].text


def test_a_browser_without_a_key_sees_a_page(home: tuple[Listening, list[Invitation]]) -> None:
    server, invitations = home
    with httpx.Client(base_url=server.url, headers=BROWSER) as browser:
        for path in ("/", "/which-is-real", "/?token=old"):
            answer = browser.get(path)
            assert answer.status_code == 401
            assert answer.headers["content-type"].startswith("text/html")
            assert 'id="code"' in answer.text
            assert socket.gethostname() in answer.text
            assert "$" not in answer.text
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        for path in ("/door.js", "/page.css", "/beside.css", "/icon.svg", "/api.js", "/dom.js"):
            assert browser.get(path).status_code == 200
        for path in ("/main.js", "/openapi.json", "/v1/status", "/samples/coffee.jpg"):
            assert browser.get(path).status_code == 401
            assert "error" in browser.get(path).json()
    # A program is told in JSON.
    assert httpx.get(server.url).json()["error"]["code"] == "token_required"
    assert len(invitations) == 1


def test_a_link_that_is_only_fetched_leaves_the_code(
    home: tuple[Listening, list[Invitation]],
) -> None:
    server, invitations = home
    code = invitations[0].code
    assert invitations[0].link == f"{invitations[0].url}#{code}"
    for _ in range(3):
        assert httpx.get(server.url + f"?code={code}#{code}", headers=BROWSER).status_code == 401
    typed = f" {code.lower().replace('-', ' ')} "
    entered = httpx.post(f"{server.url}v1/entry", json={"code": typed})
    assert entered.status_code == 200
    assert len(invitations) == 2


@pytest.mark.parametrize(
    "body", [{}, {"code": None}, {"code": 7}, {"code": "\ud800"}, {"code": ""}]
)
def test_what_is_no_code_opens_nothing(
    home: tuple[Listening, list[Invitation]], body: dict[str, object]
) -> None:
    answer = httpx.post(f"{home[0].url}v1/entry", content=json.dumps(body))
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_another_site_enters_no_code(home: tuple[Listening, list[Invitation]]) -> None:
    server, invitations = home
    answer = httpx.post(
        f"{server.url}v1/entry",
        json={"code": invitations[0].code},
        headers={"Origin": "http://evil.example"},
    )
    assert answer.status_code == 403
    assert len(invitations) == 1


def test_the_own_token_is_no_use_elsewhere() -> None:
    entry = Entry(lambda _code: None)
    assert entry.open_own(entry.own, scope_of("192.168.1.9", "192.168.1.5")) is None
    assert entry.open_own(entry.own, scope_of("192.168.1.5", "192.168.1.5")) is not None
    assert entry.open_own(entry.own, scope_of("127.0.0.1", "127.0.0.1")) is not None
    assert entry.open_own("guess", scope_of("127.0.0.1", "127.0.0.1")) is None


def scope_of(client: str, server: str, host: str = "") -> dict[str, Any]:
    return {
        "type": "http",
        "client": (client, 50_000),
        "server": (server, 7839),
        "headers": [(b"host", (host or server).encode())],
    }


@pytest.mark.parametrize(
    ("client", "server", "here"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.1.1", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("::ffff:192.168.1.5", "192.168.1.5", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("192.168.1.9", "192.168.1.5", False),
        ("::ffff:192.168.1.9", "::ffff:192.168.1.5", False),
        ("", "192.168.1.5", False),
    ],
)
def test_which_requests_come_from_this_machine(client: str, server: str, here: bool) -> None:
    assert comes_from_this_machine(scope_of(client, server)) is here


@pytest.mark.parametrize(
    ("client", "host", "told"),
    [
        ("127.0.0.1", "127.0.0.1:7839", False),
        ("127.0.0.1", "localhost:7839", False),
        ("127.0.0.1", "[::1]:7839", False),
        ("127.0.0.1", "photos.example", True),  # a proxy, and somebody behind it
        ("192.168.1.9", "192.168.1.5:7839", True),
        ("127.0.0.1", "[::1", True),
    ],
)
def test_who_is_elsewhere_is_told_where_photographs_go(client: str, host: str, told: bool) -> None:
    name = other_computer(scope_of(client, "127.0.0.1", host))
    assert name == (socket.gethostname() if told else None)


def test_the_qr_code_holds_the_link() -> None:
    cv2 = pytest.importorskip("cv2")
    import numpy as np

    invitation = Invitation("http://192.168.100.200:7839/which-is-real", "K7QM-3F9D")
    light = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    lines = [np.array([light[one] for one in line]).T for line in invitation.qr().splitlines()]
    modules = (np.concatenate(lines) * 255).astype(np.uint8)
    picture = np.kron(np.pad(modules, 4, constant_values=255), np.ones((6, 6), np.uint8))
    found, *_ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert found == invitation.link


def test_the_terminal_says_where_and_with_which_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _show_invitation(Invitation("http://192.168.1.5:7839/", "K7QM-3F9D"))
    out, said = capsys.readouterr()
    assert out == ""
    assert said.count("\n") == 1  # no blocks where nobody sees them
    assert "http://192.168.1.5:7839/ with the code K7QM-3F9D" in said


class Terminal:
    encoding = "utf-8"

    def __init__(self, *, encoding: str = "utf-8", is_terminal: bool = True) -> None:
        self.encoding, self.is_terminal, self.text = encoding, is_terminal, ""

    def isatty(self) -> bool:
        return self.is_terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_blocks_are_shown_on_terminals_that_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERM", raising=False)
    for terminal, shown in (
        (Terminal(), True),
        (Terminal(is_terminal=False), False),
        (Terminal(encoding="latin-1"), False),
    ):
        monkeypatch.setattr("sys.stderr", terminal)
        show_blocks(lambda: "█▀\n▄█\n")
        assert ("\x1b[97;40m▄█\x1b[0m\n" in terminal.text) is shown
        assert bool(terminal.text) is shown
