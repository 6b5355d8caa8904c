"""Opening the page in a real browser: on this machine, on another device, for the first time."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from e2e.visits import Visit
from tintype.web.serve import Invitation, Listening, listen
from tintype.web.server_options import ServerOptions

playwright = pytest.importorskip("playwright.sync_api")

TINY = str(Path(__file__).parents[1] / "engine" / "tiny.onnx")
SAMPLES = Path(__file__).parents[2] / "src" / "tintype" / "web" / "page" / "samples"


@pytest.fixture
def home() -> Iterator[tuple[Listening, list[Invitation]]]:
    """A server that is open to the network, and its invitations."""
    invitations: list[Invitation] = []
    ready = threading.Event()
    options = ServerOptions(host="0.0.0.0", port=0, model=TINY, hosts=("photos.example",))
    server = listen(options, invite=invitations.append, opened=ready.set)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(20)
    yield server, invitations
    server.stop()
    thread.join(20)


def test_the_browser_of_this_machine_opens_with_its_own_key(
    browser: Any, home: tuple[Listening, list[Invitation]]
) -> None:
    server, _ = home
    context = browser.new_context()
    page = context.new_page()
    for _ in range(2):
        page.goto(server.entry())
        page.wait_for_selector("body[data-ready]")
        page.reload()
        page.wait_for_selector("body[data-ready]")
    page.goto(server.url)
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#promise").inner_text() == "Your photographs stay on this machine."
    assert "Nothing is sent anywhere." in page.locator("#welcome").inner_text()
    context.close()


def test_a_link_that_is_clicked_elsewhere_opens_the_page(
    browser: Any, home: tuple[Listening, list[Invitation]]
) -> None:
    server, _ = home
    context = browser.new_context()
    page = context.new_page()
    page.route(
        "http://mail.example/",
        lambda route: route.fulfill(
            content_type="text/html", body=f'<a href="{server.entry()}">photographs</a>'
        ),
    )
    page.goto("http://mail.example/")
    page.click("a")
    page.wait_for_selector("body[data-ready]")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    context.close()


def test_another_device_enters_a_code(
    browser: Any, home: tuple[Listening, list[Invitation]]
) -> None:
    server, invitations = home
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    # Looked at and left again, as by a preview that runs scripts: nothing is used up.
    for _ in range(2):
        page.goto(f"{server.url}#{invitations[0].code}")
        page.wait_for_selector("#code")
        page.goto("about:blank")
    assert len(invitations) == 1
    page.goto(server.url)
    field = page.get_by_role("textbox", name="Code")
    assert field.evaluate("it => it === document.activeElement")
    field.fill("wrong-one")
    page.keyboard.press("Enter")
    page.wait_for_selector("#door-message:has-text('wrong')")
    # The QR code is scanned while the page is open.
    page.goto(f"{server.url}#{invitations[0].code}")
    assert field.input_value() == invitations[0].code
    assert page.url == server.url
    page.get_by_role("button", name="Open").click()
    page.wait_for_selector("body[data-ready]")
    assert len(invitations) == 2
    page.reload()
    page.wait_for_selector("body[data-ready]")
    context.close()


def test_the_page_says_where_photographs_go(
    browser: Any, home: tuple[Listening, list[Invitation]]
) -> None:
    server, invitations = home
    context = browser.new_context()
    page = context.new_page()

    def from_elsewhere(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"computer": "attic"})

    page.route("**/v1/status", from_elsewhere)
    page.goto(f"{server.url}#{invitations[0].code}")
    page.click("#enter")
    page.wait_for_selector("body[data-ready]")
    said = page.locator("body").inner_text()
    assert "Your photographs go to the computer attic, and no further." in said
    assert "stay on this machine" not in said
    assert "Nothing is sent anywhere" not in said
    context.close()


def test_a_key_that_is_no_longer_known_is_a_matter_of_the_code(
    browser: Any, home: tuple[Listening, list[Invitation]]
) -> None:
    server, _ = home
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.entry())
    page.wait_for_selector("#samples-list button")
    context.clear_cookies()  # as after a restart of the server
    page.locator("#samples-list button").first.click()
    page.wait_for_selector("#notice:has-text('enter the code')")
    page.reload()
    assert page.get_by_role("textbox", name="Code").is_visible()
    context.close()


def test_there_are_photographs_to_try(browser: Any, url: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    person = Visit(context.new_page(), url)
    person.page.wait_for_selector("#samples-list button")
    assert not [one for one in person.asked if re.search(r"samples/\w+\.jpg", one)]
    said = person.page.locator("#samples-credits").inner_text()
    assert "public domain" in said
    assert "CC0" in said
    buttons = person.page.locator("#samples-list button")
    assert buttons.count() == 3
    person.page.get_by_role("button", name="A wooded valley").focus()
    person.page.keyboard.press("Enter")
    person.rested()
    assert person.page.locator("#film .frame").count() == 1
    assert person.pixels().shape == (360, 720, 3)
    name, _ = person.save()
    assert name == "valley.color.jpg"
    assert person.faults == []
    context.close()


def test_the_samples_are_small_and_grey() -> None:
    whole = sorted(SAMPLES.glob("*.jpg"))
    assert len(whole) == 6
    for path in whole:
        limit = 6_000 if path.stem.endswith("-small") else 60_000
        assert path.stat().st_size <= limit
        with Image.open(path) as image:
            assert image.mode == "L"
            assert np.ptp(np.asarray(image)) > 150
