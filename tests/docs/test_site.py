"""The documentation as a site: built strictly, complete, and read without a network."""

import logging
import os
import re
import shutil
from pathlib import Path

import pytest

from docs.pages import ROOT, pages

mkdocs = pytest.importorskip("mkdocs.commands.build", reason="the docs extra is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data)=["']?(?:https?:)?//"""
    r"""|<link\b[^>]*?\brel=["']?(?:stylesheet|preload|icon|preconnect)[^>]*?href=["']?(?:https?:)?//"""
    r"""|@import\s+["']?(?:https?:)?//|url\(["']?(?:https?:)?//"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it; a warning would be an error."""
    from mkdocs.config import load_config

    home = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        config = load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(home))
        logging.getLogger("mkdocs").setLevel(logging.WARNING)
        mkdocs.build(config)
    return home


def fetched_from_elsewhere(text: str) -> list[str]:
    return FETCHED.findall(text)


def test_every_page_is_in_the_site(site: Path) -> None:
    for page in pages():
        place = page.relative_to(ROOT)
        name = "index.html" if place.name == "README.md" else place.with_suffix(".html")
        assert (site / name).is_file(), name


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    texts = [p for p in site.rglob("*") if p.suffix in {".html", ".css"}]
    assert len(texts) > 50
    assert [p.name for p in texts if fetched_from_elsewhere(p.read_text(encoding="utf-8"))] == []


def test_every_link_and_picture_of_the_site_is_there(site: Path) -> None:
    missing = set()
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"""\b(?:href|src)=["']?([^"'\s>]+)""", text):
            place = link.partition("#")[0]
            if place and not re.match(r"[a-z]+:", place) and not (page.parent / place).is_file():
                missing.add(f"{page.relative_to(site)}: {link}")
    assert missing == set()


def test_the_guard_sees_what_is_fetched() -> None:
    for text in (
        '<script src="https://unpkg.com/x"></script>',
        '<link href="x" rel="stylesheet" href="//fonts.example/x.css">',
        '<img alt="a" src=http://example.org/a.png>',
        "@import 'https://example.org/x.css'",
        "body { background: url(//example.org/x.png) }",
    ):
        assert fetched_from_elsewhere(text), text
    assert not fetched_from_elsewhere('<a href="https://semver.org/">x</a> <img src="a.png">')


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, as Debian packages it")
def test_the_search_finds_pages_that_are_opened_as_files(site: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    switches = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=switches)
        context = browser.new_context()
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.goto((site / "docs" / "how-to" / "color-an-album.html").as_uri())
        page.focus("[data-md-component=search-query]")
        page.keyboard.type("orientation")
        page.wait_for_selector(".md-search-result__item a", state="attached", timeout=60_000)
        found = page.locator(".md-search-result__item a").first.get_attribute("href")
        browser.close()
    assert found is not None
    assert ".html" in found
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:"))] == []
