"""Nothing on the page is covered, cut off or out of line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.states import STATES, VIEWS, Material
from e2e.visits import Visit

FADE = 40
"""Height in CSS pixels above the download in which what is cut off fades."""


@pytest.fixture(scope="module")
def model() -> str:
    return "tiny-features"


def box(page: Any, selector: str) -> dict[str, float]:
    found: dict[str, float] = page.locator(selector).evaluate(
        "it => { const { left, right, top, bottom } = it.getBoundingClientRect();"
        " return { left, right, top, bottom }; }"
    )
    return found


def overlap(page: Any, one: str, other: str) -> bool:
    a, b = box(page, one), box(page, other)
    return (
        a["left"] < b["right"]
        and b["left"] < a["right"]
        and a["top"] < b["bottom"]
        and b["top"] < a["bottom"]
    )


def test_the_picker_is_whole(visit: Callable[..., Visit], brought: Material) -> None:
    person = visit()
    STATES["picker"](person, brought)
    assert box(person.page, "#done")["bottom"] <= box(person.page, ".save")["top"] - FADE
    assert not person.page.locator("#tip").is_visible()
    person.page.locator("#picker-close").click()
    assert person.page.locator("#tip").is_visible()


def test_in_a_low_window_the_picker_is_whole_and_the_photograph_free(
    visit: Callable[..., Visit], brought: Material
) -> None:
    person = visit(**VIEWS["zoom-200"].context)
    STATES["picker"](person, brought)
    picker = person.page.locator("#picker")
    assert picker.evaluate("it => it.scrollHeight <= it.clientHeight")
    assert not overlap(person.page, "#picker", "#sheet")
    assert not overlap(person.page, "#picker", "#zoom")
    for control in ("#suggestions", "#wheel", "#exact", "#dropper", "#named", "#radius", "#done"):
        inner, outer = box(person.page, control), box(person.page, "#picker")
        assert outer["left"] < inner["left"] < inner["right"] < outer["right"], control
        assert outer["top"] < inner["top"] < inner["bottom"] < outer["bottom"], control
    # A telephone that lies on its side has all controls in one column that scrolls.
    person.page.set_viewport_size({"width": 844, "height": 390})
    person.page.locator("#done").click()
    person.page.locator("#format").evaluate("it => it.closest('details').open = true")
    person.page.locator("#strip-metadata").scroll_into_view_if_needed()
    person.page.locator("#strip-metadata").check()


@pytest.mark.parametrize("view", ["390", "820", "1280", "zoom-200"])
def test_the_legend_is_beside_the_zoom(
    visit: Callable[..., Visit], brought: Material, view: str
) -> None:
    person = visit(**VIEWS[view].context)
    STATES["guesses"](person, brought)
    person.page.wait_for_selector("#legend:visible")
    assert not overlap(person.page, "#legend", "#zoom")
    for selector in ("#legend", "#zoom"):
        assert not overlap(person.page, selector, "#sheet")
        assert box(person.page, selector)["bottom"] <= box(person.page, "#stage")["bottom"]


def test_the_looks_keep_their_places(visit: Callable[..., Visit], brought: Material) -> None:
    person = visit()
    STATES["colored"](person, brought)
    wide, room = person.page.locator("#palettes").evaluate("it => [it.scrollWidth, it.clientWidth]")
    assert wide <= room


def test_a_message_leaves_the_zoom_free(visit: Callable[..., Visit], brought: Material) -> None:
    person = visit()
    STATES["removed"](person, brought)
    person.page.wait_for_selector("#toast:visible")
    assert not overlap(person.page, "#toast", "#zoom")


def test_a_message_on_a_phone_leaves_the_panel_free(
    visit: Callable[..., Visit], brought: Material
) -> None:
    person = visit(**VIEWS["390"].context)
    STATES["removed"](person, brought)
    person.page.wait_for_selector("#toast:visible")
    assert not overlap(person.page, "#toast", "#zoom")
    assert not overlap(person.page, "#toast", "#panel")
    # It lies on the photograph, which can be touched through it, but for Undo.
    under = """it => { const { x, y, height } = it.getBoundingClientRect();
        return document.elementFromPoint(x + 12, y + height / 2).closest("#toast") === null; }"""
    assert person.page.locator("#toast").evaluate(under)
    person.page.locator("#toast button").click()
    person.page.wait_for_selector("#toast", state="hidden")


def test_the_buttons_for_all_line_up_with_the_panel(
    visit: Callable[..., Visit], brought: Material
) -> None:
    person = visit()
    STATES["several"](person, brought)
    download = box(person.page, "#download")
    assert box(person.page, "#same-for-all")["left"] == pytest.approx(download["left"], abs=1)
    assert box(person.page, "#download-all")["right"] == pytest.approx(download["right"], abs=1)


def test_what_was_refused_cannot_be_zoomed(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png", files / "letter.jpg")
    person.page.locator("#film .frame").nth(1).click()
    person.page.wait_for_selector("#failure:visible")
    assert not person.page.locator("#zoom").is_visible()
    label = person.page.locator("#film .state").nth(1)
    framed, bar = (
        box(person.page, "#film .frame.bad"),
        box(person.page, "#film .state:not([hidden])"),
    )
    assert bar["bottom"] < framed["bottom"]
    assert label.evaluate("it => it.scrollWidth <= it.clientWidth")
    person.page.locator("#film .frame").nth(0).click()
    assert person.page.locator("#zoom").is_visible()


def test_the_first_screen_of_a_phone(visit: Callable[..., Visit]) -> None:
    person = visit(**VIEWS["390"].context)
    gap = box(person.page, "#choose-folder")["top"] - box(person.page, "#choose")["bottom"]
    assert gap >= 6
    person.page.wait_for_selector("#samples-list img")
    tops = person.page.locator("#samples-list button").evaluate_all(
        "them => them.map(it => it.getBoundingClientRect().top)"
    )
    assert len(tops) == 3
    assert len(set(tops)) == 1


def test_a_phone_shows_all_of_what_is_used(visit: Callable[..., Visit], brought: Material) -> None:
    person = visit(**VIEWS["390"].context)
    person.drop(brought.photographs[0])
    page = person.page

    def bottom(selector: str) -> float:
        box = page.locator(selector).first.bounding_box()
        return float(box["y"] + box["height"])

    # Whichever part of the panel is looked at, these are there.
    for top in (0, 10_000):
        page.evaluate("top => scrollTo(0, top)", top)
        page.wait_for_timeout(100)
        assert bottom("#download") <= VIEWS["390"].height
        assert 0 < bottom("#help") < 60
    page.evaluate("scrollTo(0, 0)")
    # The photograph is smaller than the screen.
    assert page.locator('[data-zoom="full"]').is_disabled()
    person.tool("hint")
    page.mouse.click(*person.at(0.7, 0.3))
    page.wait_for_selector("#suggestions button")
    assert bottom("#radius") <= page.locator("#done").bounding_box()["y"] + 1
    page.locator("#suggestions button").first.click()
    mark = page.locator("#marks button").bounding_box()
    assert mark["width"] == mark["height"]
