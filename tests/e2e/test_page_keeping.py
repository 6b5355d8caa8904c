"""Nothing is lost: reloads, warnings, and the cross."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from e2e.visits import Visit


def test_a_reload_loses_nothing(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    page = person.page
    assert not page.locator("#offer").is_visible()
    person.drop(files / "camera.png", files / "mirrored.jpg")
    person.move("#warmth", 1)
    person.settled()
    warm = person.pixels()
    page.wait_for_timeout(800)  # longer than it takes until a change is kept
    for leave in ("reload", "back"):
        if leave == "reload":
            page.reload()
        else:
            page.goto(f"{person.url}which-is-real")
            page.go_back()
        page.wait_for_selector("body[data-ready]")
        assert "2 photographs" in page.locator("#offer-text").inner_text()
        if leave == "reload":
            # The server has let everything go.
            person.forget_on_server()
        page.locator("#continue").click()
        person.settled()
        assert page.locator("#film .frame").count() == 2
        assert page.locator("#warmth").input_value() == "1"
        np.testing.assert_array_equal(person.pixels(), warm)
        assert page.locator("#before").evaluate("image => image.naturalWidth") > 0
    # In another tab what is open here is not offered.
    beside = page.context.new_page()
    beside.goto(person.url)
    beside.wait_for_selector("body[data-ready]")
    beside.wait_for_selector("#offer", state="hidden")
    beside.close()
    page.locator("#undo").click()
    person.settled()
    assert page.locator("#warmth").input_value() == "0"
    assert person.save()[0] == "camera.color.png"


NO_FILES = """
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (value, ...key) {
    if (value instanceof Blob || value.picture instanceof Blob) {
      throw new DOMException("Error preparing Blob/File data", "UnknownError");
    }
    return put.call(this, value, ...key);
  };
"""


def test_a_browser_that_keeps_no_files_keeps_their_bytes(
    visit: Callable[..., Visit], files: Path
) -> None:
    """As Safari's private windows."""
    person = visit()
    page = person.page
    page.add_init_script(NO_FILES)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    person.drop(files / "camera.png")
    colored = person.pixels()
    page.wait_for_timeout(800)  # longer than it takes until a photograph is kept
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert "camera.png" in page.locator("#offer-text").inner_text()
    person.forget_on_server()
    page.locator("#continue").click()
    person.settled()
    np.testing.assert_array_equal(person.pixels(), colored)
    person.move("#warmth", 1)  # from the file, since the server no longer has it
    person.settled()
    assert not np.array_equal(person.pixels(), colored)


def test_only_work_that_is_not_kept_is_warned_about(
    visit: Callable[..., Visit], files: Path
) -> None:
    warns = """() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"""
    person = visit()
    assert not person.page.evaluate(warns)
    person.drop(files / "camera.png")
    person.page.wait_for_timeout(800)
    assert not person.page.evaluate(warns)
    # In a browser that keeps nothing all else works.
    alone = visit(keeps=False)
    alone.drop(files / "camera.png")
    alone.page.wait_for_timeout(800)
    assert alone.page.evaluate(warns)
    alone.save()
    assert not alone.page.evaluate(warns)
    alone.move("#warmth", 1)
    assert alone.page.evaluate(warns)


def test_the_cross_can_be_undone(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    page = person.page
    person.drop(files / "camera.png", files / "mirrored.jpg")
    person.move("#vividness", -0.6)
    person.settled()
    pale = person.pixels()
    frames = page.locator("#film .frame")
    page.locator("#film .remove").first.focus()
    page.keyboard.press("Enter")
    assert frames.count() == 1
    page.locator("#film .remove").first.click()
    assert page.locator("#welcome").is_visible()
    assert "2 photographs removed" in page.locator("#toast").inner_text()
    page.locator("#toast button").focus()
    page.keyboard.press("Enter")
    assert not page.locator("#toast").is_visible()
    assert frames.count() == 2
    person.settled()
    frames.first.click()
    person.settled()
    np.testing.assert_array_equal(person.pixels(), pale)
    # What is not brought back is not kept either.
    page.locator("#film .remove").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('#toast') !== null")
    page.wait_for_selector("#toast", state="hidden", timeout=15_000)
    assert page.evaluate("document.activeElement.matches('#film .frame')")
    page.wait_for_timeout(800)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert "mirrored.jpg" in page.locator("#offer-text").inner_text()
    page.locator("#forget").click()
    page.wait_for_selector("#offer", state="hidden")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert not page.locator("#offer").is_visible()
