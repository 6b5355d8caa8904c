"""What people and browsers do to the page that nobody planned for."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from e2e.visits import TINY, Visit, held_predictions
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions

KEPT_MS = 800  # longer than it takes until a change is kept


@pytest.fixture
def crowd(tmp_path: Path) -> list[Path]:
    """Forty small photographs, one a file that is none."""
    paths = [tmp_path / f"{number:02}.png" for number in range(40)]
    for number, path in enumerate(paths):
        Image.linear_gradient("L").resize((48, 36)).rotate(9 * number).save(path)
    paths[7].write_bytes(b"Dear grandmother,")
    return paths


@pytest.fixture
def two(crowd: list[Path]) -> list[Path]:
    return crowd[:2]


def held_on_server(url: str, asked: list[str]) -> int:
    """How many of the photographs that were named to the server it still holds."""
    names = {
        address.split("/v1/photos/")[1].split("/")[0]
        for address in asked
        if "/v1/photos/" in address
    }
    with httpx.Client(base_url=url) as client:
        return sum(client.get(f"v1/photos/{name}").status_code == 200 for name in names)


def test_whoever_clicks_twice_gets_one(visit: Callable[..., Visit], two: list[Path]) -> None:
    person = visit()
    page = person.page
    person.drop(*two)
    downloads: list[Any] = []

    def note(download: Any) -> None:
        downloads.append(download)

    page.on("download", note)
    for selector in ("#download", "#same-for-all", "#undo", "#help"):
        page.locator(selector).dblclick(force=True)
    page.keyboard.press("Escape")
    page.wait_for_selector("#download:not([aria-disabled])")
    page.wait_for_timeout(300)
    assert len(downloads) == 1
    # Twice is cancelled, and what was begun is not left half done.
    page.locator("#download-all").dblclick()
    page.wait_for_selector("#download-all:has-text('Download all')")
    page.locator("#download-all").click()
    page.wait_for_selector("#toast:has-text('one zip')")
    page.wait_for_timeout(KEPT_MS)
    page.reload()
    page.wait_for_selector("#offer:visible")
    page.locator("#continue").dblclick()
    person.rested()
    assert page.locator("#film .frame").count() == 2
    page.evaluate("document.querySelector('#film .remove').click()")
    page.locator("#toast button").dblclick()
    person.rested()
    assert page.locator("#film .frame").count() == 2


def test_removed_while_it_is_coloured(
    browser: Any, two: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held_predictions(monkeypatch)
    with serving(ServerOptions(port=0, model=TINY)) as server:
        context = browser.new_context()
        person = Visit(context.new_page(), server.url)
        page = person.page
        page.set_input_files("#files", [str(path) for path in two])
        page.wait_for_selector("#before:visible")
        page.locator("#film .remove").first.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Delete")
        gate.set()
        person.rested()
        assert page.locator("#film .frame").count() == 1
        page.wait_for_timeout(500)
        assert held_on_server(server.url, person.asked) == 1
        # It is brought back, and coloured after all.
        page.locator("#toast button").click()
        person.rested()
        assert page.locator("#film .frame img:visible").count() == 2
        assert person.faults == []
        context.close()


def test_forty_at_once(visit: Callable[..., Visit], crowd: list[Path]) -> None:
    person = visit()
    page = person.page
    page.set_input_files("#files", [str(path) for path in crowd])
    page.wait_for_selector("#album-line:visible")
    for number in (30, 3, 39, 12):
        page.locator("#film .frame").nth(number).click()
    page.wait_for_function(
        "() => document.querySelectorAll('#film .state:not([hidden])').length === 1",
        timeout=120_000,
    )
    assert page.locator("#film .frame").count() == 40
    assert page.locator("#film .frame.bad").count() == 1
    page.wait_for_selector("#album-line", state="hidden")
    person.settled()


def test_the_server_is_started_again_midway(
    browser: Any, two: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ServerOptions(port=port, model=TINY)
    context = browser.new_context()
    with serving(options) as server:
        person = Visit(context.new_page(), server.url)
        person.drop(two[0])
    page = person.page
    page.set_input_files("#files", str(two[1]))
    page.wait_for_selector("#failure:visible")
    assert "is not responding" in page.locator("#failure").inner_text()
    person.page.locator("#film .frame").first.click()
    person.move("#vividness", 0.9)
    page.wait_for_selector("#notice:visible")
    with serving(options):
        # What waited goes on by itself, and what was changed is shown when it is asked for.
        page.wait_for_selector("#film .frame.bad", state="detached", timeout=20_000)
        page.locator("#notice-again").click()
        person.rested()
        assert page.locator("#film .frame img:visible").count() == 2
        assert not page.locator("#notice").is_visible()
        assert person.faults == []
        context.close()


@pytest.mark.parametrize(
    "database",
    [
        "Object.defineProperty(window, 'indexedDB', { value: null })",
        "indexedDB.open = () => ({})",  # it never answers
        """IDBObjectStore.prototype.put = () => {
          throw new DOMException('full', 'QuotaExceededError');
        }""",
    ],
    ids=["none", "silent", "full"],
)
def test_a_browser_that_keeps_nothing(
    browser: Any, url: str, two: list[Path], database: str
) -> None:
    context = browser.new_context(accept_downloads=True)
    context.add_init_script(database)
    person = Visit(context.new_page(), url)
    page = person.page
    person.drop(*two)
    person.move("#warmth", 1)
    person.settled()
    page.wait_for_timeout(KEPT_MS)
    assert page.evaluate("!dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    if "Quota" in database:
        assert "not kept" in page.locator("#toast").inner_text()
    person.save()
    assert person.faults == []
    context.close()


def test_back_out_of_the_cache_of_the_browser_and_two_tabs(
    visit: Callable[..., Visit], two: list[Path]
) -> None:
    first = visit()
    first.drop(two[0])
    first.page.wait_for_timeout(KEPT_MS)
    # A page in the cache hears nothing, so another tab offers what is open in it.
    first.page.evaluate(
        """() => {
          window.post = BroadcastChannel.prototype.postMessage;
          BroadcastChannel.prototype.postMessage = () => {};
        }"""
    )
    page = first.page.context.new_page()
    second = Visit(page, first.url)
    page.locator("#continue").click()
    second.rested()
    first.page.evaluate(
        """() => {
          BroadcastChannel.prototype.postMessage = window.post;
          dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
        }"""
    )
    second.move("#warmth", 1)
    second.settled()
    page.wait_for_timeout(KEPT_MS)
    # What one tab removes stays in the other, and is kept for it.
    first.page.locator("#film .remove").first.click(force=True)
    first.page.wait_for_timeout(KEPT_MS)
    first.page.close()
    page.reload()
    page.wait_for_selector("#offer:visible")
    page.locator("#continue").click()
    second.rested()
    assert page.locator("#film .frame").count() == 1
    assert page.locator("#warmth").input_value() == "1"
    assert second.faults == []


def test_the_rest_of_the_page_cannot_be_loaded_now(browser: Any, url: str, two: list[Path]) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/open.js", lambda route: route.abort())
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    page.set_input_files("#files", str(two[0]))
    page.wait_for_selector("#notice:visible")
    assert "00.png cannot be opened now" in page.locator("#notice").inner_text()
    page.unroute("**/open.js")
    page.locator("#notice-again").click()
    page.wait_for_selector("#film .frame img:visible")
    context.close()
