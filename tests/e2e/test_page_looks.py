"""Correcting by the brush, looks, guesses and the colours of another picture."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from e2e.visits import TINY, Visit
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions


def test_the_brush_stays_where_it_paints(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    before = person.pixels().astype(int)
    person.tool("brush")
    person.page.locator("#reach").evaluate(
        "field => { field.value = '0'; field.dispatchEvent(new Event('input')); }"
    )
    assert person.page.locator("#reach-out").text_content() == "only here"
    # The circle of the brush goes with the mouse, and is as large as what it paints.
    circle = person.page.locator("#cursor")
    person.page.mouse.move(*person.at(0.2, 0.3))
    size = float(person.page.locator("#brush-size").input_value())
    box = circle.bounding_box()
    assert box["width"] == box["height"] == 2 * size
    middle = box["x"] + size, box["y"] + size
    assert middle == pytest.approx(person.at(0.2, 0.3), abs=1)
    person.page.keyboard.press("]")
    assert circle.bounding_box()["width"] == 2 * size + 8
    person.page.keyboard.press("[")
    person.page.mouse.move(2, 2)
    assert not circle.is_visible()
    person.page.mouse.move(*person.at(0.2, 0.3))
    person.page.mouse.down()
    person.page.mouse.move(*person.at(0.3, 0.3), steps=5)
    person.page.mouse.up()
    person.settled()
    moved = np.abs(person.pixels().astype(int) - before).max(axis=-1) > 12
    assert 0.002 < moved.mean() < 0.04
    assert not moved[:, int(0.5 * moved.shape[1]) :].any()


def test_a_colour_is_taken_from_the_photograph(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    page = person.page
    person.drop(files / "camera.png")
    pixels = person.pixels()
    color, dropper = page.locator("#brush-color"), page.locator("#brush-dropper")

    def near(x: float, y: float) -> Any:
        """The colour around a place of the picture, as far as JPEG and rounding leave it."""
        row, column = int(y * pixels.shape[0]), int(x * pixels.shape[1])
        return pytest.approx(
            pixels[row - 1 : row + 2, column - 1 : column + 2].mean(axis=(0, 1)), abs=12
        )

    def rgb(field: Any) -> list[int]:
        value = field.input_value()
        return [int(value[at : at + 2], 16) for at in (1, 3, 5)]

    person.tool("brush")
    dropper.click()
    assert dropper.get_attribute("aria-pressed") == "true"
    page.mouse.click(*person.at(0.3, 0.1))
    assert rgb(color) == near(0.3, 0.1)
    assert dropper.get_attribute("aria-pressed") == "false"
    assert not page.locator("#undo").is_enabled()  # nothing was painted
    # By the keyboard, and given up.
    page.keyboard.press("i")
    page.keyboard.press("Enter")
    assert rgb(color) == near(0.5, 0.5)
    assert page.evaluate("document.activeElement.id") == "brush-dropper"
    dropper.click()
    page.keyboard.press("Escape")
    assert dropper.get_attribute("aria-pressed") == "false"
    # For a hint: the place stays, and has the colour of another one.
    person.tool("hint")
    page.mouse.click(*person.at(0.7, 0.2))
    page.wait_for_selector("#suggestions button")
    page.locator("#dropper").click()
    page.mouse.click(*person.at(0.3, 0.1))
    assert rgb(page.locator("#exact")) == near(0.3, 0.1)
    style = page.locator("#marks button").evaluate("mark => [mark.style.left, mark.style.top]")
    assert [float(one.rstrip("%")) for one in style] == pytest.approx([70, 20], abs=1)
    page.keyboard.press("Escape")
    assert page.locator("#marks > *").count() == 0


def test_strokes_and_palettes(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.tool("grey")
    person.move("#brush-size", 30)
    person.page.mouse.move(*person.at(0.3, 0.2))
    person.page.mouse.down()
    person.page.mouse.move(*person.at(0.7, 0.2), steps=6)
    person.page.mouse.up()
    person.settled()
    middle = person.pixels()[96, 240:400].astype(int)
    assert np.ptp(middle, axis=-1).mean() < 3  # JPEG
    person.tool("brush")
    person.page.locator("#brush-color").fill("#b04040")
    person.page.mouse.move(*person.at(0.3, 0.85))
    person.page.mouse.down()
    person.page.mouse.move(*person.at(0.7, 0.85), steps=6)
    person.page.mouse.up()
    person.settled()
    painted = person.pixels()[408, 240:400].astype(int)
    assert (painted[:, 0] - painted[:, 2]).mean() > 10
    before = person.pixels()
    looks = person.page.locator("#palettes label:visible")
    person.page.wait_for_function(
        """() => [...document.querySelectorAll('#palettes label:not([hidden]) img')]
          .every(picture => picture.src)"""
    )
    names = person.page.locator("#palettes label:visible span").all_inner_texts()
    assert names[0] == "Suggested"
    assert len(names) == len(set(names)) >= 2
    assert not re.search(r"[\d%…]", "".join(names))
    # Pointed at, a look is shown large and changes nothing; chosen, it is the photograph's.
    large = person.page.locator("#look")
    looks.nth(1).hover()
    assert large.is_visible()
    person.page.mouse.move(5, 5)
    assert not large.is_visible()
    np.testing.assert_array_equal(person.pixels(), before)
    # One that comes to lie under a pointer at rest, as where a button was, was not pointed at.
    box = looks.nth(1).bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    person.page.evaluate(
        """() => {
          const over = document.body.appendChild(document.createElement('button'));
          over.style.cssText = 'position: fixed; inset: 0; z-index: 99';
          over.onclick = () => over.remove();
        }"""
    )
    person.page.mouse.click(x, y)
    person.page.wait_for_timeout(400)
    assert not large.is_visible()
    person.page.mouse.move(x + 3, y)
    assert large.is_visible()
    person.page.mouse.move(5, 5)
    assert not large.is_visible()
    looks.nth(1).locator("input").focus()
    large.wait_for(state="visible")
    looks.nth(1).locator("input").check(force=True)
    assert not large.is_visible()
    person.settled()
    assert np.abs(person.pixels().astype(int) - before).mean() > 0.5


def test_where_it_guesses(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    hatching, legend = person.page.locator("#certainty"), person.page.locator("#legend")

    def hatched() -> float:
        """The share of the photograph that is hatched."""
        share: float = hatching.evaluate(
            """c => {
              const {data} = c.getContext('2d').getImageData(0, 0, c.width, c.height);
              let count = 0;
              for (let i = 3; i < data.length; i += 4) count += data[i] > 0;
              return count / (data.length / 4);
            }"""
        )
        return share

    # For as long as a key is held.
    person.page.keyboard.down("g")
    person.page.wait_for_function("() => document.querySelector('#certainty').width > 300")
    assert legend.is_visible()
    assert 0 < hatched() < 0.2
    person.page.keyboard.up("g")
    assert not hatching.is_visible()
    assert not legend.is_visible()
    # It lies over the grey photograph, and a click is a hint with any tool.
    person.page.locator("#show-certainty").check()
    assert hatching.is_visible()
    covered = "e => getComputedStyle(e).clipPath"
    assert person.page.locator("#before").evaluate(covered) == "none"
    for tool in ("compare", "brush", "grey"):
        person.tool(tool)
        person.page.mouse.click(*person.at(0.3, 0.4))
        person.page.wait_for_selector("#suggestions button")
        assert not hatching.is_visible()  # while a colour is chosen, colours are seen
        person.page.keyboard.press("Escape")
        assert hatching.is_visible()
    assert not person.page.locator("#undo").is_enabled()
    person.page.locator("#show-certainty").uncheck()
    assert not hatching.is_visible()


def test_colours_of_another_picture(browser: Any, files: Path, tmp_path: Path) -> None:
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "portrait.png")
    with serving(ServerOptions(port=0, model=TINY.replace("tiny", "tiny-features"))) as server:
        context = browser.new_context()
        person = Visit(context.new_page(), server.url)
        person.drop(files / "camera.png")
        before = person.pixels()
        person.page.set_input_files("#reference-file", str(tmp_path / "portrait.png"))
        person.page.wait_for_selector("#reference img")
        person.settled()
        assert np.abs(person.pixels().astype(int) - before).mean() > 0.3
        assert "portrait.png" in person.page.locator("#reference").inner_text()
        person.page.locator("#reference-clear").click()
        person.settled()
        np.testing.assert_array_equal(person.pixels(), before)
        person.page.set_input_files("#reference-file", str(files / "camera.png"))
        notice = person.page.locator("#notice.bad")
        notice.wait_for(state="visible")
        assert "camera.png" in notice.inner_text()
        assert person.faults == []
        context.close()
