"""By touch, by keyboard, and with a screen reader."""

from collections.abc import Callable
from pathlib import Path

from e2e.visits import Visit


def test_on_a_telephone_by_touch(visit: Callable[..., Visit], files: Path) -> None:
    person = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    person.drop(files / "camera.png")
    wide = person.page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 390
    person.page.locator('label:has(input[value="hint"])').tap()
    person.page.touchscreen.tap(*person.at(0.4, 0.4))
    person.page.wait_for_selector("#suggestions button")
    box = person.page.locator("#picker").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["y"] + box["height"] <= 844
    person.page.locator("#suggestions button").first.tap()
    person.page.locator("#done").tap()
    person.settled()
    assert person.page.locator("#marks button").count() == 1


def test_everything_has_a_name_for_screen_readers(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    nameless = person.page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, canvas[role]')]
          .filter(e => e.offsetParent && !e.hidden)
          .filter(e => !(e.getAttribute('aria-label') || e.innerText?.trim() || e.title ||
                         e.labels?.length || e.closest('[aria-label]')))
          .map(e => e.outerHTML)"""
    )
    assert nameless == []
    live = person.page.locator("#live")
    assert live.get_attribute("aria-live") == "polite"


def test_a_sheet_of_keys(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    sheet = person.page.locator("#keys")
    person.page.keyboard.press("?")
    assert sheet.is_visible()
    person.page.keyboard.press("?")
    assert not sheet.is_visible()
    person.drop(files / "camera.png")
    person.page.locator("#help").click()
    text = sheet.inner_text()
    for key in ("G", "Ctrl", "Delete", "[", "?"):
        assert key in text
    # What lies below it is not reached by keys.
    person.page.keyboard.press("3")
    assert person.page.locator('input[name="tool"]:checked').get_attribute("value") == "compare"
    person.page.keyboard.press("Escape")
    assert not sheet.is_visible()
    person.page.keyboard.press("3")
    assert person.page.locator('input[name="tool"]:checked').get_attribute("value") == "brush"
