"""Many photographs at once: folders, the zip, and the queue."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from e2e.visits import SIZE, Visit


def test_an_album_from_a_folder_to_one_zip(
    visit: Callable[..., Visit], files: Path, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    (album / "inner").mkdir(parents=True)
    for name in ("camera.png", "inner/camera.png", ".hidden.png"):
        shutil.copy(files / "camera.png", album / name)
    shutil.copy(files / "mirrored.jpg", album)
    (album / "list.txt").write_text("aunt, uncle")
    person = visit(viewport={"width": 1280, "height": 800})
    page = person.page
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(album)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 300, "data": data})
    page.wait_for_selector("#film .frame >> nth=2")
    assert "list.txt" in page.locator("#toast").inner_text()
    frames = page.locator("#film .frame")
    assert frames.count() == 3
    person.rested()

    # The keyboard goes from one to the next, and stops at the ends.
    def shown() -> int:
        current = frames.evaluate_all("all => all.map(one => one.getAttribute('aria-current'))")
        return int(current.index("true"))

    assert shown() == 0
    seen = []
    for key in ("ArrowRight", "n", "n", "ArrowLeft", "p", "p"):
        page.keyboard.press(key)
        seen.append(shown())
    assert seen == [1, 2, 2, 1, 0, 0]
    # In a control the arrows are the control's.
    page.locator("#warmth").focus()
    page.keyboard.press("ArrowRight")
    assert shown() == 0

    person.move("#vividness", 0.5)
    person.settled()
    page.locator("#same-for-all").click()
    assert "2 others" in page.locator("#toast").inner_text()
    page.keyboard.press("n")
    assert page.locator("#vividness").input_value() == "0.5"
    page.locator("#toast button").click()
    assert page.locator("#vividness").input_value() != "0.5"
    page.locator("#redo").click()
    person.settled()

    with page.expect_download() as waiting:
        page.locator("#download-all").click()
    assert waiting.value.suggested_filename == "tintype-album.zip"
    with zipfile.ZipFile(waiting.value.path()) as written:
        assert written.testzip() is None
        names = written.namelist()
        assert names == ["camera.color.png", "camera (2).color.png", "mirrored.color.jpg"]
        pictures = [Image.open(written.open(name)).convert("RGB") for name in names]
    assert all(picture.size == SIZE for picture in pictures)
    # The first two are one photograph, with the same settings again.
    np.testing.assert_array_equal(np.asarray(pictures[1]), np.asarray(pictures[0]))


def test_what_was_added_last_is_shown_and_a_bad_one_is_left_out(
    visit: Callable[..., Visit], files: Path
) -> None:
    person = visit()
    page = person.page
    page.set_input_files("#files", str(files / "letter.jpg"))
    page.wait_for_selector("#failure:visible")
    page.set_input_files("#files", str(files / "mirrored.jpg"))
    person.rested()
    assert not page.locator("#failure").is_visible()
    assert page.locator("#film .frame").nth(1).get_attribute("aria-current") == "true"
    with page.expect_download() as waiting:
        page.locator("#download-all").click()
    with zipfile.ZipFile(waiting.value.path()) as written:
        assert written.namelist() == ["mirrored.color.jpg", "notes.txt"]
        assert written.read("notes.txt").startswith(b"letter.jpg is not in this file: ")
    page.wait_for_selector("#toast:has-text('letter.jpg')")
