"""The contact sheet: a run as a page to look at, before and after beside each other.

One file without anything from elsewhere, which a browser opens from the disk. Above five hundred
inputs it becomes an index, with a numbered page beside it for each five hundred. Nothing on a page
depends on a clock, or on which run coloured what, so that a run that continues another one gives
the same pages.
"""

import html
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

from tintype.errors import TargetExistsError, UsageError, WriteError, shown
from tintype.files.atomic import remove_abandoned, spool, write_atomically
from tintype.jobs.report import Row

A_PAGE = 500
"""Inputs of a page."""

_MARK = '<meta name="generator" content="Tintype contact sheet">'

# Colours of the system in both, so that it is readable by day and by night.
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }
body { margin: 1.5rem auto; max-width: 90rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
nav { display: flex; gap: 1.5rem; margin: 1rem 0; }
ul.photographs { display: grid; gap: 1rem; list-style: none; padding: 0;
  grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); }
ul.photographs li { break-inside: avoid; }
.pair { display: flex; gap: .25rem; }
.pair a { display: flex; }
.pair img { display: block; max-width: 100%; }
.name { font-size: .85rem; margin: .25rem 0 0; overflow-wrap: anywhere; }
.rows li { margin: .25rem 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; }
th, td { padding: .25rem 1rem .25rem 0; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
.number { font-variant-numeric: tabular-nums; text-align: right; }
"""


@dataclass(slots=True)
class _Page:
    """A page while it is filled, and what the index says of it afterwards."""

    first: str = ""
    last: str = ""
    coloured: int = 0
    failed: int = 0
    skipped: int = 0
    rows: int = 0
    # Only while it is filled.
    photographs: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    # Where it stands in the spool.
    length: int = 0

    @property
    def counts(self) -> str:
        parts = [f"{self.coloured:,} coloured"]
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts += [f"{self.skipped:,} skipped"] if self.skipped else []
        return ", ".join(parts)


class Sheet:
    """A contact sheet that is being made, a row at a time.

    Finished pages wait in one temporary file, so that the memory holds one page, and the old sheet
    stays until the new one is whole.
    """

    def __init__(self, path: Path, spooled: IO[bytes]) -> None:
        self._path = path
        self._folder = path.parent
        self._spool = spooled
        self._pages: list[_Page] = []
        self._page = _Page()

    def add(self, row: Row) -> None:
        """Puts one input on the sheet.

        Raises:
            WriteError: The disk is full or gone.
        """
        if self._page.rows == A_PAGE:
            self._end_page(last=False)
        page, name = self._page, html.escape(shown(row.input))
        page.rows += 1
        page.first, page.last = page.first or name, name
        if row.status == "failed":
            page.failed += 1
            text = html.escape(shown(" ".join(part for part in (row.error, row.advice) if part)))
            # Most sentences name the file.
            page.failures.append(f"<li>{text if name in text else f'{name}: {text}'}</li>\n")
        elif row.output is None:
            page.skipped += 1
            page.left.append(f"<li>{name}: {html.escape(shown(row.reason or ''))}</li>\n")
        else:
            page.coloured += 1
            page.photographs.append(self._photograph(row, name))

    def publish(self) -> None:
        """Gives every page its name, the sheet itself last.

        Raises:
            TargetExistsError: Something that is no contact sheet has one of the names.
            WriteError: The disk is full or gone.
        """
        if not self._pages:
            _replace(self._path, self._rendered(self._page, last=True))
            self._remove_later_pages()
            return
        self._end_page(last=True)
        at = 0
        for number, page in enumerate(self._pages, 1):
            _replace(self._place(number), self._spooled(at, page.length))
            at += page.length
        _replace(self._path, self._index())
        self._remove_later_pages()

    def _remove_later_pages(self) -> None:
        """Removes the pages of an earlier and longer sheet, which nothing leads to any more."""
        number = len(self._pages) + 1
        while _is_sheet(self._place(number)):
            try:
                self._place(number).unlink()
            except OSError as error:
                raise _unwritable(self._place(number), error) from error
            number += 1

    def _end_page(self, *, last: bool) -> None:
        page = self._page
        data = self._rendered(page, last=last)
        page.length = len(data)
        page.photographs, page.failures, page.left = [], [], []
        try:
            self._spool.write(data)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._pages.append(page)
        self._page = _Page()

    def _spooled(self, at: int, length: int) -> bytes:
        try:
            self._spool.seek(at)
            return self._spool.read(length)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _place(self, number: int) -> Path:
        return page_of(self._path, number)

    def _photograph(self, row: Row, name: str) -> str:
        assert row.output is not None
        pictures = []
        links = (("before", row.input), ("coloured", row.output))
        thumbnails = row.thumbnails or (b"", b"")
        for (what, path), data in zip(links, thumbnails, strict=True):
            shows = (
                f'<img src="data:image/jpeg;base64,{b64encode(data).decode("ascii")}" '
                f'alt="{name}, {what}">'
                if data
                else what
            )
            pictures.append(f'<a href="{self._link(path)}">{shows}</a>')
        return f'<li><div class="pair">{"".join(pictures)}</div><p class="name">{name}</p></li>\n'

    def _link(self, path: str) -> str:
        """From the sheet to a file, so that both can be moved together."""
        try:
            way = os.path.relpath(path, self._folder)
        except ValueError:  # another drive
            return html.escape(Path(path).absolute().as_uri())
        return quote(os.fsencode(way.replace(os.sep, "/")), safe="/")

    def _rendered(self, page: _Page, *, last: bool) -> bytes:
        number = len(self._pages) + 1
        alone = last and number == 1
        ways = [] if alone else [(self._path, "All pages")]
        if number > 1:
            ways.append((self._place(number - 1), "Previous"))
        if not last:
            ways.append((self._place(number + 1), "Next"))
        links = "".join(f'<a href="{self._link(str(way))}">{text}</a>' for way, text in ways)
        nav = f"<nav>{links}</nav>\n" if links else ""
        body = [nav]
        if page.failures:
            body += ['<h2>Failed</h2>\n<ul class="rows">\n', *page.failures, "</ul>\n"]
        if page.photographs:
            body += ['<h2>Coloured</h2>\n<ul class="photographs">\n', *page.photographs, "</ul>\n"]
        if page.left:
            body += ['<h2>Skipped</h2>\n<ul class="rows">\n', *page.left, "</ul>\n"]
        if page.rows > _A_SCREEN:
            body.append(nav)
        title = shown(self._path.stem) if alone else f"{shown(self._path.stem)}, page {number}"
        return _document(title, page.counts, "".join(body))

    def _index(self) -> bytes:
        total = _Page(
            coloured=sum(page.coloured for page in self._pages),
            failed=sum(page.failed for page in self._pages),
            skipped=sum(page.skipped for page in self._pages),
        )
        head = ("Page", "Coloured", "Failed", "Skipped", "From", "To")
        lines = ["<table>\n<thead><tr>", *(f"<th scope=col>{h}</th>" for h in head)]
        lines.append("</tr></thead>\n<tbody>\n")
        for number, page in enumerate(self._pages, 1):
            link = f'<a href="{self._link(str(self._place(number)))}">{number}</a>'
            numbers = (link, f"{page.coloured:,}", f"{page.failed:,}", f"{page.skipped:,}")
            cells = "".join(f"<td class=number>{cell}</td>" for cell in numbers)
            lines.append(f"<tr>{cells}<td>{page.first}</td><td>{page.last}</td></tr>\n")
        lines.append("</tbody>\n</table>\n")
        return _document(shown(self._path.stem), total.counts, "".join(lines))


# Below a page that is longer than the screen the links are repeated.
_A_SCREEN = 12


def page_of(path: Path, number: int) -> Path:
    """The name of a numbered page: ``album-001.html`` of ``album.html``."""
    return path.with_name(f"{path.stem}-{number:03}{path.suffix}")


@contextmanager
def open_sheet(path: Path | None, *, items: int) -> Iterator[Sheet | None]:
    """Begins a contact sheet; it is published when the block is left without an error.

    An earlier sheet is replaced, any other file never.

    Args:
        path: Ends in .html or .htm; None makes no sheet.
        items: How many rows there will be.

    Yields:
        The sheet, or None.

    Raises:
        UsageError: No name for a page, or something else than a contact sheet stands there.
        WriteError: It cannot be written.
    """
    if path is None:
        yield None
        return
    if path.suffix.lower() not in {".html", ".htm"}:
        raise UsageError(
            f"{shown(path)} is no name of a page.", advice="End --contact-sheet in .html."
        )
    pages = -(-items // A_PAGE) if items > A_PAGE else 0
    for place in (path, *(page_of(path, number) for number in range(1, pages + 1))):
        _refuse_foreign(place)
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(path.parent)
            sheet = Sheet(path, stack.enter_context(spool(path.parent)))
        except OSError as error:
            raise _unwritable(path, error) from error
        yield sheet
        sheet.publish()


def _refuse_foreign(path: Path) -> None:
    if os.path.lexists(path) and not _is_sheet(path):
        raise TargetExistsError(
            f"{shown(path)} exists and is no contact sheet of Tintype.",
            advice="Give --contact-sheet another name.",
        )


def _is_sheet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _MARK.encode() in file.read(512)
    except OSError:
        return False


def _replace(path: Path, data: bytes) -> None:
    _refuse_foreign(path)
    write_atomically(path, data, overwrite=True)


def _document(title: str, counts: str, body: str) -> bytes:
    escaped = html.escape(title)
    return (
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{_MARK}\n"
        # It needs nothing but itself, and asks the browser to see to that.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{escaped}</h1>\n<p>{counts}. The colours are invented, by Tintype.</p>"
        f"</header>\n<main>\n{body}</main>\n</body>\n</html>\n"
    ).encode()


def _unwritable(path: Path, error: OSError) -> WriteError:
    return WriteError(
        f"The contact sheet {shown(path)} cannot be written: {error.strerror or error}."
    )
