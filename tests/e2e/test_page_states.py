"""Every state of the page as a screen reader, a finger and windows of all sizes meet it."""

from collections.abc import Callable
from typing import Any

import pytest

from e2e.states import STATES, VIEWS, Material
from e2e.visits import Visit

ALIKE = {"drag-over", "compared", "keep-grey", "hinted", "zoomed"}
MAIN = tuple(name for name in STATES if name not in ALIKE)
WIDTHS = (390, 640, 820, 1280, 1920, 2560)
LIVE = {"#live": "status", "#failure": "alert"}


@pytest.fixture(scope="module")
def model() -> str:
    return "tiny-features"


def nameless(page: Any) -> list[str]:
    """What can have the focus and has no role or no name, as the browser tells a screen reader."""
    devtools = page.context.new_cdp_session(page)
    found = []
    for node in devtools.send("Accessibility.getFullAXTree")["nodes"]:
        focusable = any(
            one["name"] == "focusable" and one["value"].get("value")
            for one in node.get("properties", ())
        )
        if node.get("ignored") or not focusable:
            continue
        role = node.get("role", {}).get("value", "")
        name = node.get("name", {}).get("value", "").strip()
        if role in {"", "none", "generic"} or not name:
            found.append(f"{role or 'no role'} {name!r}")
    devtools.detach()
    return found


def violations(page: Any) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    return [
        f"{found['id']}: {node['html'][:200]}"
        for found in axe.run(page).response["violations"]
        for node in found["nodes"]
    ]


def cut_off(page: Any) -> list[str]:
    """Widths at which the page has to be moved sideways, or a control is outside of it."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 400 if width == 640 else 900})
        page.wait_for_timeout(60)
        reach = page.evaluate(
            """() => Math.max(document.documentElement.scrollWidth, ...[
              ...document.querySelectorAll('button, input, select, summary')]
              .filter(it => it.getClientRects().length && !it.closest('#film, #scroller'))
              .map(it => it.getBoundingClientRect().right))"""
        )
        if reach > width + 0.5:
            found.append(f"{reach} at {width}")
    return found


@pytest.mark.parametrize("state", MAIN)
def test_every_state(visit: Callable[..., Visit], brought: Material, state: str) -> None:
    person = visit()
    STATES[state](person, brought)
    assert nameless(person.page) == []
    assert violations(person.page) == []
    for selector, role in LIVE.items():
        assert person.page.locator(selector).get_attribute("role") == role
    if state != "brush":  # a stroke ends when the window changes
        assert cut_off(person.page) == []


@pytest.mark.parametrize("state", ["empty", "picker", "brush", "several", "noted", "saving"])
def test_a_finger_hits_everything(
    visit: Callable[..., Visit], brought: Material, state: str
) -> None:
    person = visit(**VIEWS["390"].context)
    STATES[state](person, brought)
    missed = person.page.evaluate(
        """() => [...document.querySelectorAll(
            'button:not([disabled]), input:not([disabled]), select:not([disabled]), summary')]
          .filter(it => it.getClientRects().length && it.id !== 'compare')
          .filter(it => {
            // The label around a control is hit for it; one beside it is none.
            const boxes = [it, ...[...(it.labels ?? [])].filter(label => label.contains(it))];
            return !boxes.map(box => box.getBoundingClientRect())
              .some(({ width, height }) => width >= 43.9 && height >= 43.9);
          })
          .map(it => `${it.id || it.outerHTML} ${it.offsetWidth} x ${it.offsetHeight}`)"""
    )
    assert missed == []
    assert person.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert "Drop" not in person.page.inner_text("body")  # which no finger can


def test_a_fault_would_be_found(visit: Callable[..., Visit], brought: Material) -> None:
    person = visit()
    person.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<div tabindex=0></div>')")
    assert nameless(person.page) == ["generic ''"]
    person.page.evaluate("document.querySelector('header').style.minWidth = '2700px'")
    assert len(cut_off(person.page)) == len(WIDTHS)


def test_the_focus_never_falls_to_the_start(visit: Callable[..., Visit], brought: Material) -> None:
    person = visit()
    page = person.page

    def press(selector: str, key: str = "Enter") -> None:
        page.locator(selector).first.focus()
        page.keyboard.press(key)

    def focused() -> str:
        page.wait_for_timeout(400)
        found: str = page.evaluate(
            """() => { const it = document.activeElement;
              return it === document.body ? '' : it.id || it.className || it.tagName; }"""
        )
        return found

    page.locator("#choose").focus()
    person.drop(*brought.photographs)
    assert focused() == "frame"  # there is nothing to compare yet
    page.locator('input[value="hint"]').focus()
    page.keyboard.press("Space")
    assert focused()
    press("#sheet")
    page.wait_for_selector("#suggestions button")
    page.keyboard.press("Escape")
    assert focused() == "sheet"
    for leave in ("#done", "#remove"):
        press("#sheet" if leave == "#done" else "#marks button")
        page.wait_for_selector("#suggestions button")
        if leave == "#done":
            page.keyboard.press("Enter")
        press(leave)
        assert focused() == "sheet"
    page.locator("#undo").focus()
    for _ in range(5):
        if page.locator("#undo").is_enabled():
            page.keyboard.press("Enter")
            person.settled()
    assert focused()
    # What was done is announced, too.
    assert page.locator("#live").text_content() == "Undone."
    page.set_input_files("#reference-file", str(brought.reference))
    page.wait_for_selector("#reference img")
    press("#reference-clear")
    assert focused() == "reference"
    press("#download")
    assert focused() == "download"
    person.settled()
    page.wait_for_selector("#download:not([aria-disabled])")
    assert focused() == "download"
    press("#download-all")
    page.wait_for_selector("#toast:visible")
    assert focused() == "download-all"
    page.set_input_files("#files", str(brought.letter))
    page.wait_for_selector("#failure:visible")
    assert not page.locator("#retry").is_visible()  # it would be refused again
    press("#failure-remove")
    assert focused()
    page.keyboard.press("p")
    page.context.set_offline(True)
    person.move("#vividness", 0.8)
    page.wait_for_selector("#notice:visible")
    press("#notice-close")
    assert focused()
    page.context.set_offline(False)
    for _ in range(2):
        press("#film .remove")
        assert focused()
    page.wait_for_selector("#toast", state="hidden", timeout=15_000)
    assert focused() == "choose"
