"""The contact sheet: a page with all pictures of a run, before and after side by side.

It is a self-contained HTML file. With more than 500 inputs it becomes an index of numbered pages of
500 each. Nothing on a page depends on the time, or on which run coloured a picture, so a resumed
run gives the same pages.
"""

import html
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

from tintype.errors import TargetExistsError, UsageError, WriteError, shown
from tintype.files.atomic import reserved, spool, write_atomically
from tintype.files.remote import on_disk, parse_location
from tintype.files.temporary import remove_abandoned
from tintype.jobs.report import JobResult

PAGE_ITEMS = 500
"""Inputs per page."""

_WEB = ("http://", "https://")
_IN_URLS = "/:?#[]@!$&'()*+,;=%~"  # reserved in RFC 3986, and what is escaped already

_HEAD = 1 << 13
"""Bytes that contain the markers; a name has at most 255, and each may be written as six."""
_GENERATOR = '<meta name="generator" content="Tintype contact sheet">'

# Follows the light or dark theme of the system.
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
.pair a, .pair span { display: flex; }
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
    """A page while it is being filled, and its counts for the index afterwards."""

    first: str = ""
    last: str = ""
    colored: int = 0
    failed: int = 0
    skipped: int = 0
    items: int = 0
    # HTML, only while it is being filled.
    photographs: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)
    # Position in the spool.
    length: int = 0

    @property
    def counts(self) -> str:
        parts = [f"{self.colored:,} coloured"]
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts += [f"{self.skipped:,} skipped"] if self.skipped else []
        return ", ".join(parts)


class ContactSheet:
    """Writes a contact sheet, one result at a time.

    Finished pages are spooled to a temporary file, so that only one page is in memory, and the old
    sheet stays until the new one is complete.
    """

    def __init__(self, path: Path, spooled: IO[bytes]) -> None:
        self._path = path
        self._folder = path.parent
        self._spool = spooled
        self._pages: list[_Page] = []
        self._page = _Page()
        self._published = False

    def add(self, result: JobResult) -> None:
        """Adds one result.

        Raises:
            WriteError: The sheet cannot be written.
        """
        if self._page.items == PAGE_ITEMS:
            self._end_page(last=False)
        page, name = self._page, html.escape(shown(result.input))
        page.items += 1
        page.first, page.last = page.first or name, name
        if result.status == "failed":
            page.failed += 1
            text = html.escape(
                shown(" ".join(part for part in (result.error, result.advice) if part))
            )
            # Most messages contain the name of the file.
            page.failures.append(f"<li>{text if name in text else f'{name}: {text}'}</li>\n")
        elif result.output is None:
            page.skipped += 1
            page.skips.append(f"<li>{name}: {html.escape(shown(result.reason or ''))}</li>\n")
        else:
            page.colored += 1
            page.photographs.append(self._photograph(result, name))

    def publish(self) -> None:
        """Renames all pages to their final names, the sheet itself last; only the first time.

        Raises:
            TargetExistsError: One of the names belongs to a file that is not a contact sheet.
            WriteError: The sheet cannot be written.
        """
        if self._published:
            return
        self._published = True
        if not self._pages:
            _replace(self._path, self._rendered(self._page, last=True))
            self._remove_later_pages()
            return
        self._end_page(last=True)
        start = 0
        for number, page in enumerate(self._pages, 1):
            data = self._read_spool(start, page.length)
            _replace(self._page_path(number), data, page_of=self._path)
            start += page.length
        _replace(self._path, self._index())
        self._remove_later_pages()

    def _remove_later_pages(self) -> None:
        """Removes the pages of an earlier, longer sheet, which are no longer linked."""
        number = len(self._pages) + 1
        while _is_sheet(self._page_path(number), page_of=self._path):
            try:
                self._page_path(number).unlink()
            except OSError as error:
                raise _unwritable(self._page_path(number), error) from error
            number += 1

    def _end_page(self, *, last: bool) -> None:
        page = self._page
        data = self._rendered(page, last=last)
        page.length = len(data)
        page.photographs, page.failures, page.skips = [], [], []
        try:
            self._spool.write(data)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._pages.append(page)
        self._page = _Page()

    def _read_spool(self, start: int, length: int) -> bytes:
        try:
            self._spool.seek(start)
            return self._spool.read(length)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _page_path(self, number: int) -> Path:
        return page_path(self._path, number)

    def _photograph(self, result: JobResult, name: str) -> str:
        assert result.output is not None
        pictures = []
        files = (("before", result.input), ("coloured", result.output))
        thumbnails = result.thumbnails or (b"", b"")
        for (label, path), data in zip(files, thumbnails, strict=True):
            content = (
                f'<img src="data:image/jpeg;base64,{b64encode(data).decode("ascii")}" '
                f'alt="{name}, {label}">'
                if data
                else label
            )
            link = self._link(path)
            pictures.append(
                f'<a href="{link}">{content}</a>' if link else f"<span>{content}</span>"
            )
        return f'<li><div class="pair">{"".join(pictures)}</div><p class="name">{name}</p></li>\n'

    def _link(self, path: str) -> str:
        """A relative link from the sheet to a file, so that both can be moved together.

        A URL of the web is its own link. Browsers cannot open other stores, so these have none.
        """
        if path.startswith(_WEB):
            return html.escape(quote(os.fsencode(path), safe=_IN_URLS))
        local = on_disk(parse_location(path))
        if local is None:
            return ""
        try:
            relative = os.path.relpath(local, self._folder)
        except ValueError:  # another drive
            return html.escape(local.absolute().as_uri())
        return quote(os.fsencode(relative.replace(os.sep, "/")), safe="/")

    def _rendered(self, page: _Page, *, last: bool) -> bytes:
        number = len(self._pages) + 1
        single = last and number == 1
        targets = [] if single else [(self._path, "All pages")]
        if number > 1:
            targets.append((self._page_path(number - 1), "Previous"))
        if not last:
            targets.append((self._page_path(number + 1), "Next"))
        links = "".join(
            f'<a href="{self._link(str(target))}">{text}</a>' for target, text in targets
        )
        nav = f"<nav>{links}</nav>\n" if links else ""
        body = [nav]
        if page.failures:
            body += ['<h2>Failed</h2>\n<ul class="rows">\n', *page.failures, "</ul>\n"]
        if page.photographs:
            body += ['<h2>Coloured</h2>\n<ul class="photographs">\n', *page.photographs, "</ul>\n"]
        if page.skips:
            body += ['<h2>Skipped</h2>\n<ul class="rows">\n', *page.skips, "</ul>\n"]
        if page.items > _SCREEN_ITEMS:
            body.append(nav)
        if single:
            return _document(shown(self._path.stem), page.counts, "".join(body))
        title = f"{shown(self._path.stem)}, page {number}"
        return _document(title, page.counts, "".join(body), page_of=self._path)

    def _index(self) -> bytes:
        total = _Page(
            colored=sum(page.colored for page in self._pages),
            failed=sum(page.failed for page in self._pages),
            skipped=sum(page.skipped for page in self._pages),
        )
        head = ("Page", "Coloured", "Failed", "Skipped", "From", "To")
        lines = ["<table>\n<thead><tr>", *(f"<th scope=col>{h}</th>" for h in head)]
        lines.append("</tr></thead>\n<tbody>\n")
        for number, page in enumerate(self._pages, 1):
            link = f'<a href="{self._link(str(self._page_path(number)))}">{number}</a>'
            numbers = (link, f"{page.colored:,}", f"{page.failed:,}", f"{page.skipped:,}")
            cells = "".join(f"<td class=number>{cell}</td>" for cell in numbers)
            lines.append(f"<tr>{cells}<td>{page.first}</td><td>{page.last}</td></tr>\n")
        lines.append("</tbody>\n</table>\n")
        return _document(shown(self._path.stem), total.counts, "".join(lines))


# Links are repeated at the end of pages with more items than fit on a screen.
_SCREEN_ITEMS = 12


def page_path(path: Path, number: int) -> Path:
    """The path of a numbered page: ``album-001.html`` of ``album.html``."""
    return path.with_name(f"{path.stem}-{number:03}{path.suffix}")


@contextmanager
def open_sheet(path: Path | None, *, items: int) -> Iterator[ContactSheet | None]:
    """Opens a contact sheet, which is published if the block ends without an error.

    An earlier sheet is replaced; other files never are.

    Args:
        path: Ends in .html or .htm; None writes no sheet.
        items: Number of results.

    Yields:
        The sheet, or None.

    Raises:
        UsageError: The name has another extension, or another run is writing this sheet.
        TargetExistsError: One of the names belongs to a file that is not a contact sheet.
        WriteError: It cannot be written.
    """
    if path is None:
        yield None
        return
    if path.suffix.lower() not in {".html", ".htm"}:
        raise UsageError(
            f"{shown(path)} does not end in .html.", advice="Give --contact-sheet a name that does."
        )
    pages = -(-items // PAGE_ITEMS) if items > PAGE_ITEMS else 0
    _refuse_other_file(path)
    for number in range(1, pages + 1):
        _refuse_other_file(page_path(path, number), page_of=path)
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(path.parent)
            if not stack.enter_context(reserved(path)):
                raise UsageError(
                    f"Another run is writing the contact sheet {shown(path)}.",
                    advice="Give --contact-sheet another name, or wait for that run.",
                )
            sheet = ContactSheet(path, stack.enter_context(spool(path.parent)))
        except OSError as error:
            raise _unwritable(path, error) from error
        yield sheet
        sheet.publish()


def _refuse_other_file(path: Path, *, page_of: Path | None = None) -> None:
    if os.path.lexists(path) and not _is_sheet(path, page_of=page_of):
        what = (
            "a contact sheet made by Tintype" if page_of is None else f"a page of {shown(page_of)}"
        )
        raise TargetExistsError(
            f"{shown(path)} exists and is not {what}.",
            advice="Give --contact-sheet another name.",
        )


def _is_sheet(path: Path, *, page_of: Path | None = None) -> bool:
    """Whether a file is a contact sheet, or a numbered page of this one; other files stay."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    said = re.search(rb'<meta name="tintype-page-of" content="([^"]*)">', head)
    wanted = None if page_of is None else _page_mark(page_of).encode()
    return _GENERATOR.encode() in head and (None if said is None else said[0]) == wanted


def _page_mark(sheet: Path) -> str:
    return f'<meta name="tintype-page-of" content="{html.escape(shown(sheet.name))}">'


def _replace(path: Path, data: bytes, *, page_of: Path | None = None) -> None:
    _refuse_other_file(path, page_of=page_of)
    write_atomically(path, data, overwrite=True)


def _document(title: str, counts: str, body: str, *, page_of: Path | None = None) -> bytes:
    escaped = html.escape(title)
    mark = "" if page_of is None else f"{_page_mark(page_of)}\n"
    return (
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{_GENERATOR}\n{mark}"
        # The page is self-contained, which the browser enforces.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{escaped}</h1>\n<p>{counts}. The colours were invented by Tintype.</p>"
        f"</header>\n<main>\n{body}</main>\n</body>\n</html>\n"
    ).encode()


def _unwritable(path: Path, error: OSError) -> WriteError:
    return WriteError(
        f"The contact sheet {shown(path)} cannot be written: {error.strerror or error}."
    )
