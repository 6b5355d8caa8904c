"""Before and after are saved in one file, from the page."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from e2e.visits import SIZE, Visit, connect, lose


@pytest.mark.parametrize(
    ("name", "saved", "form"),
    [
        ("Side by side (JPEG)", "camera.comparison.jpg", "JPEG"),
        ("Animated (GIF)", "camera.comparison.gif", "GIF"),
        ("Video (WebM)", "camera.comparison.webm", "WebM"),
    ],
)
def test_before_and_after_are_saved(
    visit: Callable[..., Visit], files: Path, name: str, saved: str, form: str
) -> None:
    person = visit()
    person.drop(files / "camera.png")
    assert not [one for one in person.asked if one.endswith("share.js")]  # not before it is used
    person.page.get_by_text("Share before and after").click()
    with person.page.expect_download() as waiting:
        person.page.get_by_role("button", name=name).click()
    download = waiting.value
    assert download.suggested_filename == saved
    data = Path(download.path()).read_bytes()
    if form == "WebM":
        with pytest.importorskip("av").open(io.BytesIO(data)) as film:
            stream = film.streams.video[0]
            assert stream.width == SIZE[0]
            assert stream.height > SIZE[1]
    else:
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == form
            assert image.width > image.height
            assert image.width >= min(SIZE[0], 480)
    person.page.wait_for_selector(f"#live:has-text('{saved} is saved.')", state="attached")
    assert person.page.get_by_role("button", name=name).is_enabled()


def test_where_no_video_can_be_made_the_page_says_what_it_takes(
    visit: Callable[..., Visit], files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tintype.photo.comparison_webm.find_spec", lambda name: None)
    person = visit()
    person.drop(files / "camera.png")
    person.page.get_by_text("Share before and after").click()
    assert "tintype-colorizer[video]" in person.page.locator("#share-more").inner_text()
    assert not person.page.locator("#share-film").is_visible()


def test_a_comparison_that_fails_says_so(visit: Callable[..., Visit], files: Path) -> None:
    person = visit()
    person.drop(files / "camera.png")
    lose(person.page, "/comparison")
    person.page.get_by_text("Share before and after").click()
    person.page.get_by_role("button", name="Animated (GIF)").click()
    person.page.wait_for_selector("#notice:has-text('The comparison of camera.png was not saved.')")
    connect(person.page)
    with person.page.expect_download():
        person.page.locator("#notice-again").click()
