"""The contact sheet: what is on it, what it replaces, and that it needs nothing but itself."""

import base64
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from tintype.errors import PhotoError, TargetExistsError, UsageError
from tintype.files.temporary import open_temporary
from tintype.jobs import contact_sheet as sheets
from tintype.jobs.color_files import RunOptions
from tintype.jobs.contact_sheet import open_sheet, page_path
from tintype.jobs.plan import Plan
from tintype.jobs.report import COLOR_PHOTO, JobResult
from tintype.jobs.run import run

Make = Callable[..., Path]

PICTURE = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////"
)
HOSTILE = "x/<script>alert('1')</script> &\"'\n\x1b[2J\udcff.jpg"


class Page(HTMLParser):
    """Tags and their attributes, and the text between them."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, attribute: str) -> list[str]:
        return [str(given[attribute]) for name, given in self.tags if name == tag]


def done(name: str, *, status: str = "done") -> JobResult:
    return JobResult(status, name, f"{name}.color.jpg", thumbnails=(PICTURE, PICTURE))


def write(path: Path, results: Iterable[JobResult]) -> bytes:
    items = len(results) if isinstance(results, list) else 2
    with open_sheet(path, items=items) as sheet:
        assert sheet is not None
        for result in results:
            sheet.add(result)
    return path.read_bytes()


def test_one_page_says_everything(tmp_path: Path) -> None:
    results = [
        done(str(tmp_path / "album/a b.jpg")),
        JobResult.failure(
            tmp_path / "bad.jpg", PhotoError("bad.jpg is empty.", advice="Copy it again.")
        ),
        JobResult.skip(tmp_path / "c.jpg", COLOR_PHOTO),
    ]
    page = Page(write(tmp_path / "sheet.html", results))
    assert "1 coloured, 1 failed, 1 skipped" in page.text
    assert "bad.jpg is empty. Copy it again." in page.text
    assert "a colour photograph" in page.text
    links = page.all("a", "href")
    assert links == ["album/a%20b.jpg", "album/a%20b.jpg.color.jpg"]
    assert [alt.rsplit(", ")[-1] for alt in page.all("img", "alt")] == ["before", "coloured"]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["sheet.html"]


def test_names_cannot_write_on_the_page(tmp_path: Path) -> None:
    results = [
        done(HOSTILE),
        JobResult.failure(Path(HOSTILE), PhotoError(f"{HOSTILE} is <b>.")),
        JobResult.skip(Path(HOSTILE), "<i>"),
    ]
    data = write(tmp_path / "sheet.html", results)
    page = Page(data)
    assert not {"script", "b", "i"} & {tag for tag, _ in page.tags}
    assert "\x1b" not in data.decode()
    assert unquote(page.all("a", "href")[0], errors="surrogateescape").endswith(HOSTILE)


def test_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    data = write(tmp_path / "sheet.html", [done("a.jpg"), done("b.jpg")])
    text = data.decode()
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|//[a-z]|url\(|<script|<link|@import", text)
    assert all(src.startswith("data:image/jpeg;base64,") for src in Page(data).all("img", "src"))
    assert "color-scheme: light dark" in text


def test_urls_have_links_that_lead_there_or_none(tmp_path: Path) -> None:
    inside = (tmp_path / "a b.png").as_posix()
    results = [
        JobResult("done", "a.png", f"file://{inside}"),
        JobResult("done", "https://example.org/a%20b.png?c=1&d=<2>", "s3://bucket/a.png"),
    ]
    page = Page(write(tmp_path / "sheet.html", results))
    links = page.all("a", "href")
    assert links[1:] == ["a%20b.png", "https://example.org/a%20b.png?c=1&d=%3C2%3E"]
    assert [tag for tag, _ in page.tags if tag == "span"] == ["span"]


def test_many_inputs_become_pages_with_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "PAGE_ITEMS", 20)
    results = [done(str(tmp_path / f"{number:02}.jpg")) for number in range(50)]
    results[33] = JobResult.failure(Path("33.jpg"), PhotoError("33.jpg is empty."))
    path = tmp_path / "album.html"
    index = Page(write(path, results))
    assert index.all("a", "href") == [f"album-00{number}.html" for number in (1, 2, 3)]
    assert "49 coloured, 1 failed" in index.text
    assert not [tag for tag, _ in index.tags if tag == "img"]
    pages = [Page(page_path(path, number).read_bytes()) for number in (1, 2, 3)]
    pictures = [len([tag for tag, _ in page.tags if tag == "img"]) for page in pages]
    assert pictures == [40, 38, 20]
    assert "33.jpg is empty." in pages[1].text
    ways = [[h for h in page.all("a", "href") if h.endswith(".html")] for page in pages]
    assert [set(way) for way in ways] == [
        {"album.html", "album-002.html"},
        {"album.html", "album-001.html", "album-003.html"},
        {"album.html", "album-002.html"},
    ]
    assert len(list(tmp_path.iterdir())) == 4


def test_pages_of_an_earlier_and_longer_sheet_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "PAGE_ITEMS", 20)
    path = tmp_path / "album.html"
    results = [done(str(tmp_path / f"{number:03}.jpg")) for number in range(90)]
    write(path, results)
    (tmp_path / "album-004.html").write_text("<p>mine")
    write(path, results[:30])
    left = {"album.html", "album-001.html", "album-002.html", "album-004.html", "album-005.html"}
    assert {file.name for file in tmp_path.iterdir()} == left
    (tmp_path / "album-004.html").unlink()
    write(path, results[:5])
    assert {file.name for file in tmp_path.iterdir()} == {"album.html", "album-005.html"}


def test_a_result_of_an_earlier_run_is_shown_alike(tmp_path: Path) -> None:
    first = write(tmp_path / "s.html", [done("a.jpg")])
    result = replace(done("a.jpg", status="already_done"), seconds=3.0, notes=("One note.",))
    assert write(tmp_path / "s.html", [result]) == first


def test_only_a_sheet_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = tmp_path / "index.html"
    foreign.write_text("<h1>Our family</h1>")
    with pytest.raises(TargetExistsError, match="not a contact sheet"):
        write(foreign, [done("a.jpg")])
    assert foreign.read_text() == "<h1>Our family</h1>"
    monkeypatch.setattr(sheets, "PAGE_ITEMS", 1)
    page_path(tmp_path / "album.html", 2).write_text("mine")
    with pytest.raises(TargetExistsError, match="album-002"):
        write(tmp_path / "album.html", [done("a.jpg"), done("b.jpg")])
    for name in ("album", "album.jpg", "-"):
        with pytest.raises(UsageError, match="html"):
            write(tmp_path / name, [done("a.jpg")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["album-002.html", "index.html"]


def test_a_run_that_ends_early_leaves_the_old_sheet(tmp_path: Path) -> None:
    path = tmp_path / "s.html"
    before = write(path, [done("a.jpg")])

    def interrupted() -> Iterator[JobResult]:
        yield done("b.jpg")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, interrupted())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s.html"]


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    _, descriptor = open_temporary(tmp_path)
    os.write(descriptor, b"half a sheet")
    os.close(descriptor)
    write(tmp_path / "s.html", [done("a.jpg")])
    assert [p.name for p in tmp_path.iterdir()] == ["s.html"]


def test_without_a_name_there_is_none() -> None:
    with open_sheet(None, items=3) as sheet:
        assert sheet is None


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp", "bmp"])
def test_thumbnails_follow_from_the_files_alone(
    tmp_path: Path, make_photo: Make, tiny_model: Path, ending: str
) -> None:
    source = make_photo(tmp_path / f"x.{ending}", height=300, width=500)
    options = RunOptions(model=str(tiny_model), thumbnails=True)
    first, again = (
        next(iter(run(Plan([str(source)]), options, items=1, jobs=1))) for _ in range(2)
    )
    assert (first.status, again.status) == ("done", "already_done")
    assert first.thumbnails == again.thumbnails
    assert first.thumbnails is not None
    before, after = (Image.open(io.BytesIO(data)) for data in first.thumbnails)
    assert (before.mode, after.mode) == ("L", "RGB")
    assert before.size == after.size == (160, 96)
    grey = np.asarray(Image.open(source).convert("L").resize(before.size, Image.Resampling.BOX))
    assert np.abs(np.asarray(before).astype(int) - grey).mean() < 4
    assert np.abs(np.asarray(after.convert("L")).astype(int) - grey).mean() < 6
    assert "thumbnails" not in json.loads(first.to_json())


def test_an_output_that_cannot_be_shown_still_has_its_result(
    tmp_path: Path, make_photo: Make, tiny_model: Path
) -> None:
    source = make_photo(tmp_path / "x.jpg")
    options = RunOptions(model=str(tiny_model), thumbnails=True)
    (result,) = run(Plan([str(source)]), options, items=1, jobs=1)
    target = Path(str(result.output))
    target.write_bytes(target.read_bytes()[:-300])
    (result,) = run(Plan([str(source)]), options, items=1, jobs=1)
    assert result.status == "already_done"
    assert Page(write(tmp_path / "s.html", [replace(result, thumbnails=None)])).text.count("before")
