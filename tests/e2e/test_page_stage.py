"""The photograph on the stage: seen at once, at full size, moved and turned."""

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from e2e.visits import TINY, Visit, held_predictions
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions

LARGE = (3200, 2400)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph that is larger than any picture of it on the stage, with fine lines."""
    camera = np.asarray(Image.fromarray(skimage.data.camera()).resize(LARGE)).copy()
    camera[:, 1::2] = np.minimum(camera[:, 1::2], 40) + 20  # columns of one pixel
    path = tmp_path_factory.mktemp("large") / "large.png"
    Image.fromarray(camera).save(path, compress_level=1)
    return path


@pytest.fixture
def zoomed(visit: Callable[..., Visit], large: Path) -> Visit:
    person = visit()
    person.drop(large)
    return person


def tiles(person: Visit, half: str) -> list[str]:
    found: list[str] = person.page.locator(f"#{half}-tiles img").evaluate_all(
        "images => images.map(i => `${i.style.left} ${i.style.top} ${i.naturalWidth}`)"
    )
    return found


def until(person: Visit, what: str) -> None:
    person.page.wait_for_function(what, timeout=20_000)


def sharp(person: Visit) -> None:
    """Until tiles cover what can be seen of both halves."""
    for half in ("before", "after"):
        until(person, f"() => document.querySelectorAll('#{half}-tiles img').length > 1")
    person.settled()
    person.page.wait_for_timeout(600)


def seen(person: Visit, share: float = 1.0) -> np.ndarray:
    """(H, W, 3) what the middle of the stage shows."""
    box = person.page.locator("#scroller").bounding_box()
    wide, high = 240 * share, 160 * share
    clip = {
        "x": box["x"] + box["width"] / 2 - wide / 2,
        "y": box["y"] + box["height"] / 2 - high / 2,
        "width": wide,
        "height": high,
    }
    shot = person.page.screenshot(clip=clip)
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), int)


def contrast(pixels: np.ndarray) -> float:
    """How much neighbouring columns differ."""
    return float(np.abs(np.diff(pixels.sum(axis=-1) / 3, axis=1)).mean())


def sheet(person: Visit) -> dict[str, float]:
    found: dict[str, float] = person.page.locator("#sheet").bounding_box()
    return found


def test_full_size_is_sharp_in_both_halves(zoomed: Visit) -> None:
    page = zoomed.page
    assert tiles(zoomed, "after") == tiles(zoomed, "before") == []
    page.locator('[data-zoom="full"]').click()
    sharp(zoomed)
    assert sheet(zoomed)["width"] == pytest.approx(LARGE[0], abs=1)
    # Only what can be seen is asked for, at the level that is looked at.
    asked = [one for one in zoomed.asked if "/tile?" in one]
    assert all("level=0&" in one for one in asked)
    assert len(asked) <= 2 * 12
    for share in (0, 100):
        zoomed.move("#compare", share)
        page.wait_for_timeout(200)
        assert contrast(seen(zoomed)) > 20, share
    # The grey is grey, the colour is colour.
    assert np.ptp(seen(zoomed), axis=-1).max() <= 2
    zoomed.move("#compare", 0)
    page.wait_for_timeout(200)
    assert np.ptp(seen(zoomed), axis=-1).max() > 8


def test_tiles_follow_the_colours_and_the_place(zoomed: Visit) -> None:
    page = zoomed.page
    page.keyboard.press("z")
    sharp(zoomed)
    zoomed.move("#compare", 0)
    before, first = seen(zoomed), tiles(zoomed, "after")
    zoomed.move("#warmth", 1)
    zoomed.settled()
    page.wait_for_timeout(800)
    sharp(zoomed)
    assert (seen(zoomed) - before)[..., 2].mean() < -1
    assert sorted(tiles(zoomed, "after")) == sorted(first)
    page.evaluate("document.querySelector('#scroller').scrollTo(0, 0)")
    page.wait_for_timeout(800)
    sharp(zoomed)
    assert any(one.startswith("0% 0% ") for one in tiles(zoomed, "after"))
    assert not set(tiles(zoomed, "after")) >= set(first)  # what cannot be seen is let go
    page.keyboard.press("0")
    until(zoomed, "() => !document.querySelector('.tiles img')")


def test_wheel_drag_and_keys(zoomed: Visit) -> None:
    page = zoomed.page
    whole = sheet(zoomed)
    place = whole["x"] + 0.25 * whole["width"], whole["y"] + 0.4 * whole["height"]
    page.mouse.move(*place)
    for _ in range(5):
        page.mouse.wheel(0, -240)
    until(zoomed, "() => document.body.hasAttribute('data-zoomed')")
    page.wait_for_timeout(200)
    near = sheet(zoomed)
    assert near["width"] > 3 * whole["width"]
    # What was under the pointer still is.
    assert (place[0] - near["x"]) / near["width"] == pytest.approx(0.25, abs=0.003)
    assert (place[1] - near["y"]) / near["height"] == pytest.approx(0.4, abs=0.003)
    value = page.locator("#compare").input_value()
    page.mouse.move(place[0] + 90, place[1])
    page.mouse.down()
    page.mouse.move(place[0] + 30, place[1] - 40, steps=4)
    page.mouse.up()
    moved = sheet(zoomed)
    assert (moved["x"] - near["x"], moved["y"] - near["y"]) == pytest.approx((-60, -40), abs=1.5)
    assert page.locator("#compare").input_value() == value
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)
    assert sheet(zoomed)["x"] < moved["x"] - 50
    page.keyboard.press("-")
    assert sheet(zoomed)["width"] < moved["width"]
    page.keyboard.press("+")
    assert sheet(zoomed)["width"] == pytest.approx(moved["width"], abs=1)
    page.keyboard.press("0")
    assert sheet(zoomed) == pytest.approx(whole)
    assert not page.locator("body[data-zoomed]").count()


def test_the_slider_divides_what_can_be_seen(zoomed: Visit) -> None:
    page = zoomed.page
    page.mouse.dblclick(*zoomed.at(0.3, 0.3))
    until(zoomed, "() => document.body.hasAttribute('data-zoomed')")
    zoomed.move("#compare", 50)
    box = page.locator("#scroller").bounding_box()
    handle = page.locator("#divider i").bounding_box()
    middle = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    assert middle[0] == pytest.approx(box["x"] + box["width"] / 2, abs=12)
    assert middle[1] == pytest.approx(box["y"] + box["height"] / 2, abs=12)
    before = sheet(zoomed)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 200, middle[1], steps=4)
    page.mouse.up()
    assert sheet(zoomed) == before
    assert float(page.locator("#compare").input_value()) < 35
    now = page.locator("#divider i").bounding_box()
    assert now["x"] == pytest.approx(handle["x"] - 200, abs=6)
    page.mouse.dblclick(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    until(zoomed, "() => !document.body.hasAttribute('data-zoomed')")


def test_hints_are_placed_and_the_photograph_moved_with_one_tool(zoomed: Visit) -> None:
    page = zoomed.page
    page.keyboard.press("z")
    zoomed.tool("hint")
    box = page.locator("#scroller").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = sheet(zoomed)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 120, y - 60, steps=4)
    page.mouse.up()
    after = sheet(zoomed)
    assert after["x"] == pytest.approx(before["x"] - 120, abs=1.5)
    assert page.locator("#marks > *").count() == 0
    page.mouse.dblclick(x, y)
    page.wait_for_selector("#suggestions button")
    page.wait_for_timeout(500)
    assert page.locator("#marks > *").count() == 1  # one place, not two
    page.locator("#suggestions button").first.click()
    page.locator("#done").click()
    zoomed.settled()
    assert page.locator("#marks button").count() == 1
    mark = page.locator("#marks button").bounding_box()
    assert mark["x"] + mark["width"] / 2 == pytest.approx(x, abs=2)


def fingers(person: Visit, kind: str, *places: tuple[float, float]) -> None:
    points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
    person.page.context.cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_two_fingers_pinch_and_one_moves(visit: Callable[..., Visit], large: Path) -> None:
    person = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    person.drop(large)
    page = person.page
    page.context.cdp = page.context.new_cdp_session(page)
    whole = sheet(person)
    x, y = person.at(0.5, 0.5)
    value = page.locator("#compare").input_value()
    fingers(person, "touchStart", (x - 30, y))
    fingers(person, "touchStart", (x - 30, y), (x + 30, y))
    for step in range(1, 7):
        fingers(person, "touchMove", (x - 30 - 15 * step, y), (x + 30 + 15 * step, y))
    fingers(person, "touchEnd")
    page.wait_for_timeout(200)
    near = sheet(person)
    assert near["width"] == pytest.approx(4 * whole["width"], rel=0.1)
    assert (x - near["x"]) / near["width"] == pytest.approx(0.5, abs=0.02)
    assert page.locator("#compare").input_value() == value
    assert page.evaluate("visualViewport.scale") == 1  # the page itself is not enlarged
    fingers(person, "touchStart", (x + 90, y))
    for step in range(1, 5):
        fingers(person, "touchMove", (x + 90 - 15 * step, y))
    fingers(person, "touchEnd")
    assert sheet(person)["x"] == pytest.approx(near["x"] - 60, abs=3)
    # With a tool that paints one finger paints, and two do not.
    brush = page.locator('label:has(input[value="brush"])')
    for _ in range(5):  # a tap that stops a scroll in progress does nothing else
        brush.tap()
        if brush.locator("input").is_checked():
            break
        page.wait_for_timeout(300)
    now = sheet(person)
    fingers(person, "touchStart", (x - 20, y))
    fingers(person, "touchMove", (x - 20, y + 10))
    fingers(person, "touchStart", (x - 20, y + 10), (x + 60, y))
    fingers(person, "touchMove", (x - 20, y + 30), (x + 60, y + 20))
    fingers(person, "touchEnd")
    assert not page.locator("#undo").is_enabled()
    assert sheet(person)["y"] > now["y"] + 5
    fingers(person, "touchStart", (x - 20, y))
    fingers(person, "touchMove", (x + 20, y + 10))
    fingers(person, "touchEnd")
    person.settled()
    assert page.locator("#undo").is_enabled()


def test_a_photograph_is_turned_shown_kept_and_saved(
    visit: Callable[..., Visit], files: Path
) -> None:
    person = visit()
    person.drop(files / "camera.png")
    page = person.page
    camera = np.asarray(Image.open(files / "camera.png"))
    person.tool("hint")
    page.mouse.click(*person.at(0.25, 0.1))
    page.locator("#suggestions button").first.click()
    page.locator("#done").click()
    person.settled()
    flat = person.pixels()
    page.keyboard.press("r")
    box = sheet(person)
    assert box["width"] / box["height"] == pytest.approx(480 / 640, abs=0.01)
    mark = page.locator("#marks button").bounding_box()
    at = [mark["x"] + mark["width"] / 2 - box["x"], mark["y"] + mark["height"] / 2 - box["y"]]
    assert at[0] / box["width"] == pytest.approx(0.9, abs=0.02)
    assert at[1] / box["height"] == pytest.approx(0.25, abs=0.02)
    for small in ("#film img", "#palettes"):
        assert page.locator(small).first.get_attribute("data-rotation") == "90"
    # Not predicted again: the same picture, turned; and the grey half is the left one.
    person.tool("compare")
    person.settled()
    np.testing.assert_array_equal(person.pixels(), flat)
    page.mouse.move(0, 0)
    shot = Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB")
    half = shot.width // 2
    inner = np.asarray(shot, int)[2:-2]
    assert np.ptp(inner[:, 2 : half - 30], axis=-1).max() <= 3
    assert np.ptp(inner[:, half + 30 : -2], axis=-1).max() > 8
    grey = np.asarray(shot.convert("L").resize((480, 640)), int)
    turned = np.rot90(camera, -1)
    assert np.abs(grey[20:-20, 20:200] - turned[20:-20, 20:200]).mean() < 8
    # A place that is pointed at is that of the photograph.
    person.tool("hint")
    page.mouse.click(*person.at(0.5, 0.75))
    page.wait_for_selector("#marks .draft")
    style = page.locator("#marks .draft").evaluate("m => [m.style.left, m.style.top]")
    assert [float(one.rstrip("%")) for one in style] == pytest.approx([75, 50], abs=1)
    page.keyboard.press("Escape")
    _, data = person.save()
    saved = np.asarray(Image.open(io.BytesIO(data)).convert("L"), int)
    np.testing.assert_array_equal(saved, turned)
    # It is a step like any other, and kept.
    page.wait_for_timeout(800)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.locator("#continue").click()
    person.settled()
    again = sheet(person)
    assert again["width"] < again["height"]
    page.keyboard.press("Control+z")
    assert sheet(person)["width"] > sheet(person)["height"]
    page.keyboard.press("Shift+R")
    page.keyboard.press("Shift+R")
    _, data = person.save()
    saved = np.asarray(Image.open(io.BytesIO(data)).convert("L"), int)
    np.testing.assert_array_equal(saved, camera[::-1, ::-1])


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Predictions wait for this."""
    gate = held_predictions(monkeypatch)
    yield gate
    gate.set()


def test_the_grey_is_there_before_the_network(
    browser: Any, tmp_path: Path, held: threading.Event
) -> None:
    astronaut = Image.fromarray(skimage.data.astronaut())
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    astronaut.crop((0, 0, 512, 384)).save(tmp_path / "side.jpg", exif=exif)
    astronaut.save(tmp_path / "scan.tif")
    with serving(ServerOptions(port=0, model=TINY)) as server:
        context = browser.new_context()
        person = Visit(context.new_page(), server.url)
        for name, size in (("side.jpg", (384, 512)), ("scan.tif", (512, 512))):
            person.page.set_input_files("#files", str(tmp_path / name))
            if name == "scan.tif":
                person.page.locator("#film .frame").nth(1).click()
            before = person.page.locator("#before")
            until(
                person,
                "() => document.querySelector('#before').naturalWidth === " + str(size[0]),
            )
            assert before.evaluate("image => image.naturalHeight") == size[1]
            box = sheet(person)
            assert box["width"] / box["height"] == pytest.approx(size[0] / size[1], abs=0.01)
            shot = person.page.screenshot(clip=box | {"height": box["height"] / 2})
            pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), int)
            assert np.ptp(pixels, axis=-1).max() <= 2, name
            assert pixels.std() > 20, name
            assert not person.page.locator("#after").get_attribute("src"), name
        held.set()
        person.rested()
        assert person.faults == []
        context.close()
