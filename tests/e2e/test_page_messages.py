"""What the page says of photographs, and of what goes wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import skimage.data
from PIL import Image

from e2e.visits import Visit, connect, lose


def test_several_photographs_and_a_bad_one(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png", files / "letter.jpg", files / "mirrored.jpg")
    frames = person.page.locator("#film .frame")
    assert frames.count() == 3
    frames.nth(1).click()
    failure = person.page.locator("#failure")
    assert "letter.jpg is not a picture" in failure.inner_text()
    assert person.page.locator("#download").is_disabled()
    frames.nth(2).click()
    assert not failure.is_visible()
    person.settled()
    assert person.save()[0] == "mirrored.color.jpg"
    # Each keeps its own settings.
    person.move("#vividness", -0.7)
    frames.nth(0).click()
    assert person.page.locator("#vividness").input_value() != "-0.7"
    person.page.locator("#film .remove").nth(1).click()
    assert frames.count() == 2


def test_what_is_known_of_a_photograph_is_said(
    visit: Callable[..., Visit], files: Path, tmp_path: Path
) -> None:
    astronaut = Image.fromarray(skimage.data.astronaut()).resize((160, 160))
    astronaut.save(tmp_path / "colours.gif")
    pillow_heif.from_pillow(astronaut).save(tmp_path / "telephone.heic")
    pages = [astronaut.convert("L"), astronaut.convert("L").rotate(180)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    person = visit()
    person.drop(files / "camera.png", tmp_path / "colours.gif", tmp_path / "pages.tif")
    notes = person.page.locator("#notes")
    frames = person.page.locator("#film .frame")
    frames.nth(0).click()
    assert not notes.is_visible()
    frames.nth(1).click()
    said = notes.inner_text()
    assert "Already in colour" in said
    assert "Saved as PNG" in said
    assert "GIF" in said
    frames.nth(2).click()
    assert notes.inner_text().startswith("Page 1 of 2.")
    person.drop(tmp_path / "telephone.heic")
    assert "Saved as AVIF, because Tintype reads HEIC but does not write it." in notes.inner_text()
    person.settled()


def test_what_goes_wrong_is_said_and_stays(
    visit: Callable[..., Visit], files: Path, tmp_path: Path
) -> None:
    person = visit()
    failure, notice = person.page.locator("#failure"), person.page.locator("#notice")
    # A folder, as a browser gives it: it has a name, and cannot be read.
    person.page.evaluate(
        """() => {
          const slice = Blob.prototype.slice;
          Blob.prototype.slice = function (...range) {
            const part = slice.apply(this, range);
            if (this.name === 'album') part.arrayBuffer = () => Promise.reject(new Error('folder'));
            return part;
          };
        }"""
    )
    (tmp_path / "album").write_bytes(b"what is read of a folder")
    person.page.set_input_files("#files", str(tmp_path / "album"))
    failure.wait_for(state="visible")
    assert "album cannot be read: it is a folder" in failure.inner_text()
    assert "select all" in failure.inner_text()
    (tmp_path / "nothing.jpg").write_bytes(b"")
    person.page.set_input_files("#files", str(tmp_path / "nothing.jpg"))
    person.page.wait_for_selector("#failure:has-text('nothing.jpg is empty')")
    assert "request" not in failure.inner_text()
    # A good photograph is shown in its place.
    person.drop(files / "camera.png")
    assert not failure.is_visible()
    assert person.page.locator("#sheet").is_visible()
    # What was not done is said without a spinner, until somebody has read it.
    before = person.pixels()
    lose(person.page, "/preview?")
    person.move("#vividness", 0.9)
    notice.wait_for(state="visible")
    assert "camera.png does not show these settings yet." in notice.inner_text()
    assert "tintype serve" in notice.inner_text()
    assert notice.get_attribute("role") == "alert"
    assert notice.locator(".spinner").count() == 0
    person.page.wait_for_timeout(9000)
    assert notice.is_visible()
    connect(person.page)
    person.page.locator("#notice-again").click()
    person.settled()
    assert not notice.is_visible()
    assert np.abs(person.pixels().astype(int) - before).mean() > 0.2


def test_a_photograph_that_was_let_go_comes_back(
    visit: Callable[..., Visit], files: Path, url: str
) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.page.evaluate(
        """async () => {
          const real = window.fetch;
          window.fetch = async (path, how) => {
            if (path.endsWith('preview?side=640') && !window.forgot) {
              window.forgot = true;
              await real(path.split('/preview')[0], { method: 'DELETE' });
            }
            return real(path, how);
          };
        }"""
    )
    before = person.pixels()
    person.move("#vividness", 0.5)
    person.settled()
    assert person.page.evaluate("() => window.forgot")
    assert np.abs(person.pixels().astype(int) - before).mean() > 0.2
