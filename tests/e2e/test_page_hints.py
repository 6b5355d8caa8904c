"""Correcting by hints: the picker, its colours, moving and undoing."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from e2e.visits import Visit


def test_looking_at_a_place_changes_nothing(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    before = person.pixels()
    person.tool("hint")
    for leave in ("Escape", "#picker-close", "#done"):
        person.page.mouse.click(*person.at(0.25, 0.25))
        person.page.wait_for_selector("#suggestions button")
        assert person.page.locator("#marks .draft").count() == 1
        if leave.startswith("#"):
            person.page.locator(leave).click()
        else:
            person.page.keyboard.press(leave)
        assert not person.page.locator("#picker").is_visible()
        assert person.page.locator("#marks > *").count() == 0
    # A double click is one place, too.
    person.page.mouse.dblclick(*person.at(0.25, 0.25))
    person.page.wait_for_selector("#suggestions button")
    assert person.page.locator("#marks > *").count() == 1
    person.page.keyboard.press("Escape")
    person.settled()
    np.testing.assert_array_equal(person.pixels(), before)
    assert not person.page.locator("#undo").is_enabled()


def test_a_hint_is_moved_cancelled_and_deleted(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.tool("hint")
    person.page.mouse.click(*person.at(0.25, 0.25))
    person.page.locator("#suggestions button").nth(1).click()
    person.page.locator("#done").click()
    person.settled()
    mark = person.page.locator("#marks button")

    def place() -> tuple[float, float]:
        style = mark.evaluate("mark => [mark.style.left, mark.style.top]")
        return float(style[0].rstrip("%")), float(style[1].rstrip("%"))

    assert place() == pytest.approx((25, 25), abs=1)
    chosen = person.pixels()
    # Other colours are tried, and given up.
    mark.click()
    person.page.locator("#suggestions button").nth(0).click()
    person.page.keyboard.press("Escape")
    person.settled()
    np.testing.assert_array_equal(person.pixels(), chosen)
    # It follows the pointer; the photograph beside it is not covered by the dialog.
    mark.hover()
    person.page.mouse.down()
    person.page.mouse.move(*person.at(0.5, 0.6), steps=4)
    person.page.mouse.up()
    assert place() == pytest.approx((50, 60), abs=1)
    person.settled()
    assert not person.page.locator("#picker").is_visible()
    mark.focus()
    person.page.keyboard.press("Shift+ArrowRight")
    assert place()[0] > 51
    person.page.keyboard.press("Delete")
    person.settled()
    assert mark.count() == 0


def test_the_picker_stands_beside_the_photograph(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.tool("hint")
    person.page.mouse.click(*person.at(0.9, 0.5))
    person.page.wait_for_selector("#suggestions button")
    picker = person.page.locator("#picker").bounding_box()
    sheet = person.page.locator("#sheet").bounding_box()
    assert picker["x"] >= sheet["x"] + sheet["width"]


def test_a_hint_its_suggestions_and_undo(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    before = person.pixels()
    person.tool("hint")
    person.page.mouse.click(*person.at(0.25, 0.25))
    person.page.wait_for_selector("#suggestions button")
    assert person.page.locator("#picker").is_visible()
    assert person.page.locator("#suggestions button").count() >= 2
    shares = person.page.locator("#suggestions button").all_inner_texts()
    assert all(re.search(r"\d+ ?%", share) for share in shares)
    # Heard and pointed at, each has the name of its colour.
    for button in person.page.locator("#suggestions button").all():
        assert re.fullmatch(r"[a-z -]+, \d+%", button.get_attribute("aria-label"))
        assert re.fullmatch(r"[a-z -]+", button.get_attribute("title"))
    person.page.locator("#exact").evaluate(
        "field => { field.value = '#3060d0'; field.dispatchEvent(new Event('input')); }"
    )
    person.settled()
    hinted = person.pixels()
    y, x = 120, 160
    assert hinted[y, x, 2] > int(hinted[y, x, 0]) + 25
    assert person.page.locator("#marks button").count() == 1
    # A name does the same as the value that it stands for.
    named = person.page.locator("#named")
    named.fill("Royal-Blue")
    named.press("Tab")
    person.page.wait_for_function("() => document.querySelector('#exact').value === '#4169e1'")
    named.fill("dusty rosse")
    named.press("Tab")
    person.page.wait_for_function("() => !document.querySelector('#named').validity.valid")
    assert person.page.locator("#exact").input_value() == "#4169e1"
    person.settled()
    hinted = person.pixels()
    # A suggestion is taken by a click, and a step back by the keyboard.
    person.page.locator("#suggestions button").nth(1).click()
    person.settled()
    assert np.abs(person.pixels()[y, x].astype(int) - hinted[y, x]).sum() > 10
    person.page.locator("#done").click()
    for _ in range(12):
        if not person.page.locator("#undo").is_enabled():
            break
        person.page.keyboard.press("Control+z")
    person.settled()
    assert person.page.locator("#marks button").count() == 0
    np.testing.assert_array_equal(person.pixels(), before)
    person.page.keyboard.press("Control+Shift+z")
    person.settled()
    assert person.page.locator("#marks button").count() == 1


def test_the_wheel_by_keyboard_and_by_mouse(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.page.keyboard.press("2")
    person.page.locator("#sheet").focus()
    person.page.keyboard.press("ArrowRight")
    person.page.keyboard.press("Enter")
    person.page.wait_for_selector("#suggestions button")
    wheel = person.page.locator("#wheel")
    box = wheel.bounding_box()
    person.page.mouse.click(box["x"] + box["width"] * 0.95, box["y"] + box["height"] / 2)
    assert int(wheel.get_attribute("aria-valuenow")) in {0, 1, 359}
    wheel.focus()
    for _ in range(20):
        person.page.keyboard.press("ArrowRight")
    assert abs(int(wheel.get_attribute("aria-valuenow")) - 120) <= 2
    person.settled()
    mark = person.page.locator("#marks button").get_attribute("style")
    assert "background" in mark
    person.page.locator("#remove").click()
    assert person.page.locator("#marks button").count() == 0
