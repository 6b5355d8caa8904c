"""Makes the documentation a site: which files belong to it, and in which order they are shown.

A hook of MkDocs. Links on the pages lead through the whole repository (to the README, the
benchmarks, the examples), so the site has the repository's folders, and what a page links to comes
along. The alternative, links that are rewritten for the site, would be checked in neither place.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

ROOT = Path(__file__).parents[1]

WORKER = "docs/site/worker.js"
ELSEWHERE = "https://unpkg.com/iframe-worker/shim"

LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")
SECTION = re.compile(r"^\*\*(.+?)\*\*.*$", re.MULTILINE)
ENTRY = re.compile(r"^- \[(.+?)\]\((.+?)\)", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The order is that of docs/index.md, which a test keeps complete."""
    index = ROOT / "docs" / "index.md"
    _, *parts = SECTION.split(index.read_text(encoding="utf-8"))
    sections = [
        {title: [{name: _place(index, link)} for name, link in ENTRY.findall(text)]}
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    config.nav = [{"Tintype": "README.md"}, {"Documentation": "docs/index.md"}, *sections]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The theme's own files, and ours by their places in the repository."""
    theme = [file for file in files if file.src_dir != config.docs_dir]
    ours = [File(name, str(ROOT), config.site_dir, False) for name in sorted(set(belonging()))]
    return Files([*theme, *ours, File(WORKER, str(ROOT), config.site_dir, False)])


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """The theme takes one script from elsewhere, where pages are opened as files; ours is here."""
    return output.replace(ELSEWHERE, get_relative_url(WORKER, page.file.dest_uri))


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    """A page for addresses that are not there has no use where there is no server."""
    return "" if template_name == "404.html" else output


def belonging() -> Iterator[str]:
    """Every page, and every file that a page links to."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    seen = set(pages)
    while pages:
        page = pages.pop()
        yield page.relative_to(ROOT).as_posix()
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            if not target.is_file() or not target.is_relative_to(ROOT):
                continue  # an address elsewhere, or broken, which MkDocs says
            if target.suffix == ".md":
                if target not in seen:
                    seen.add(target)
                    pages.append(target)
            else:
                yield target.relative_to(ROOT).as_posix()


def _place(page: Path, link: str) -> str:
    return (page.parent / link).resolve().relative_to(ROOT).as_posix()
