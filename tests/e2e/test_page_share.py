"""Before and after are saved in one file, from the page."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from e2e.visits import SIZE, Visit


@pytest.mark.parametrize(
    ("name", "saved", "form"),
    [
        ("Side by side (JPEG)", "camera.comparison.jpg", "JPEG"),
        ("Sweeping (GIF)", "camera.comparison.gif", "GIF"),
    ],
)
def test_before_and_after_are_saved(
    visit: Callable[..., Visit], files: Path, name: str, saved: str, form: str
) -> None:
    person = visit()
    person.drop(files / "camera.png")
    assert not [one for one in person.asked if one.endswith("share.js")]  # not before it is used
    person.page.get_by_text("Before and after, to share").click()
    with person.page.expect_download() as waiting:
        person.page.get_by_role("button", name=name).click()
    download = waiting.value
    assert download.suggested_filename == saved
    with Image.open(io.BytesIO(Path(download.path()).read_bytes())) as image:
        assert image.format == form
        assert image.width > image.height
        assert image.width >= min(SIZE[0], 480)
    person.page.wait_for_selector(f"#live:has-text('{saved} is saved.')", state="attached")
    assert person.page.get_by_role("button", name=name).is_enabled()


def test_a_comparison_that_fails_says_so(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    person.page.route("**/comparison*", lambda route: route.abort())
    person.page.get_by_text("Before and after, to share").click()
    person.page.get_by_role("button", name="Sweeping (GIF)").click()
    person.page.wait_for_selector("#notice:has-text('The comparison of camera.png was not saved.')")
    person.page.unroute("**/comparison*")
    with person.page.expect_download():
        person.page.locator("#notice-again").click()
