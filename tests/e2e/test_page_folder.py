"""A folder is chosen by the keyboard alone, and what is saved leaves out one thing or all."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.visits import Visit


@pytest.fixture
def album(files: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "1931").mkdir(parents=True)
    shutil.copy(files / "camera.png", folder / "1931" / "aunt.png")
    shutil.copy(files / "camera.png", folder / "mother.png")
    shutil.copy(files / "camera.png", folder / ".hidden.png")
    (folder / "letter.txt").write_text("Dear grandmother,")
    return folder


def test_a_folder_is_chosen_by_the_keyboard(visit: Callable[..., Visit], album: Path) -> None:
    person = visit()
    with person.page.expect_file_chooser() as waiting:
        person.page.get_by_role("button", name="Choose a folder").press("Enter")
    waiting.value.set_files(album)
    person.rested()
    frames = person.page.locator("#film .frame")
    assert frames.count() == 2
    assert "letter.txt" in person.page.locator("#toast").inner_text()
    titles = [frames.nth(number).get_attribute("title") for number in (0, 1)]
    assert titles == ["aunt.png", "mother.png"]
    # And one more, while photographs are open.
    with person.page.expect_file_chooser() as waiting:
        person.page.get_by_role("button", name="Add a folder").press("Enter")
    waiting.value.set_files(album / "1931")
    person.page.wait_for_function("() => document.querySelectorAll('#film .frame').length === 3")
    person.rested()


def test_a_folder_without_photographs_is_said(visit: Callable[..., Visit], tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").write_text("Dear grandmother,")
    person = visit()
    with person.page.expect_file_chooser() as waiting:
        person.page.get_by_role("button", name="Choose a folder").press("Enter")
    waiting.value.set_files(tmp_path / "letters")
    person.page.wait_for_selector("#toast:has-text('There is no photograph in this folder.')")
    assert person.page.locator("#welcome").is_visible()


def test_where_it_was_taken_is_not_kept_when_all_is_removed(
    visit: Callable[..., Visit], files: Path
) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.page.get_by_text("Format and metadata").click()
    keep = person.page.get_by_role("checkbox", name="Keep where it was taken")
    remove = person.page.get_by_role("checkbox", name="Remove all metadata")
    for one, other in ((keep, remove), (remove, keep), (keep, remove)):
        one.focus()
        person.page.keyboard.press(" ")
        assert one.is_checked()
        assert not other.is_checked()
    person.save()
    assert "keep_location=1" in person.asked[-2] + person.asked[-1]
