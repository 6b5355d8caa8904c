"""Which directories of a TIFF are photographs, not previews, masks or infrared copies.

Source: TIFF revision 6.0, tags NewSubfileType, SubfileType and PhotometricInterpretation; Adobe
PageMaker 6.0 TIFF technical note 1 (SubIFDs).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from tintype.photo.formats import tiff_tags
from tintype.photo.metadata import exif
from tintype.photo.metadata.ifd import DamagedTagsError, Directory, TiffStructure
from tintype.photo.photo import ATTACHED_TITLES, AttachedKind

MAX_PAGES = 1000
# Bytes of the tag tables of all directories together; one has a few hundred.
_MAX_TABLE_BYTES = 2 << 20
_MAX_ATTACHED = 4
_SUB_DIRECTORIES, _OLD_SUBFILE, _DESCRIPTION = 330, 255, 270
_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2

AttachedPlace = tuple[AttachedKind, int, Directory]
"""The kind of a page, its number, and the page."""

Kind = Literal["picture", "reduced"] | AttachedKind


@dataclass(slots=True)
class PageWithParts:
    """A photograph and the pages that belong to it.

    Attributes:
        page: Its directory, including the tags of a preview above it.
        attached: Masks and infrared copies, with their page numbers.
    """

    page: Directory
    attached: list[AttachedPlace] = field(default_factory=list)


@dataclass(slots=True)
class Pages:
    """The contents of a TIFF.

    Attributes:
        pictures: The photographs in their order.
        every: Every directory that was read, including those below pages.
        more: Whether there are more than `MAX_PAGES`.
        notes: Sentences on what is left out and is not a reduced copy.
    """

    pictures: list[PageWithParts] = field(default_factory=list)
    more: bool = False
    every: list[Directory] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _offsets: set[int] = field(default_factory=set)
    _table_bytes: int = 0

    def add(self, directory: Directory) -> None:
        """Counts a directory.

        Raises:
            DamagedTagsError: All of them together are far too large.
        """
        self.every.append(directory)
        self._offsets.add(directory.offset)
        self._table_bytes += directory.size
        if self._table_bytes > _MAX_TABLE_BYTES:
            raise DamagedTagsError("its pages have far too many tags")

    def has(self, offset: int) -> bool:
        """Whether the directory at an offset was counted."""
        return offset in self._offsets


def read_pages(structure: TiffStructure) -> Pages:
    """Sorts the directories of a file.

    Raises:
        DamagedTagsError: There is none, a page is cut off, or there are far too many.
    """
    pages = Pages()
    reduced: list[Directory] = []
    early: list[AttachedPlace] = []
    for number, page in enumerate(_chain(structure, pages), 1):
        below = _below(structure, pages, page, number)
        kind = _kind_of(structure, page)
        if kind == "picture" and pages.pictures:
            kind = _kind_beside(structure, page, pages.pictures[-1].page)
        if kind != "picture" and kind != "reduced":  # noqa: PLR1714 (mypy narrows only these)
            group = pages.pictures[-1].attached if pages.pictures else early
            _attach(pages, group, (kind, number, page))
            continue
        found = _photographs(structure, pages, page, below, number, reduced=kind == "reduced")
        if not found:
            reduced.append(page)
        pages.pictures += [PageWithParts(one) for one in found]
        if early and pages.pictures:
            pages.pictures[0].attached += early
            early = []
    if not pages.pictures and reduced:
        largest = max(reduced, key=lambda page: _size(structure, page))
        pages.pictures.append(PageWithParts(largest, early))
    return pages


def _kind_of(structure: TiffStructure, page: Directory) -> Kind:
    """The kind of a directory, judging by its own tags alone."""
    flags = _integer(structure, page, tiff_tags.SUBFILE, 0)
    old = _integer(structure, page, _OLD_SUBFILE, 0)
    if flags & _REDUCED or (tiff_tags.SUBFILE not in page.entries and old == _OLD_REDUCED):
        return "reduced"
    if _integer(structure, page, tiff_tags.PHOTOMETRIC, 1) == tiff_tags.MASK_PIXELS:
        return "mask"
    return "picture"


def _kind_beside(structure: TiffStructure, page: Directory, before: Directory) -> Kind:
    """The kind of a page of ordinary pixels that follows a photograph.

    Film scanners store the infrared channel, which separates dust from picture, in a page of its
    own. They flag it as a mask, although its pixels are not those of one, or name it.
    """
    flagged = _integer(structure, page, tiff_tags.SUBFILE, 0) & _MASK
    named = "infrared" in title_of(page).lower() and _size(structure, page) == _size(
        structure, before
    )
    grey = _integer(structure, page, tiff_tags.SAMPLES, 1) == 1
    return "infrared" if grey and (flagged or named) else "picture"


def _integer(structure: TiffStructure, page: Directory, tag: int, default: int) -> int:
    return tiff_tags.values(structure, page, tag, default)[0]


def title_of(page: Directory) -> str:
    """The name of a page, or else its description."""
    for tag in (tiff_tags.PAGE_NAME, _DESCRIPTION):
        if tag in page.entries:
            return page.entries[tag].data.split(b"\0", 1)[0].decode("utf-8", "replace")
    return ""


def _chain(structure: TiffStructure, pages: Pages) -> Iterator[Directory]:
    """The pages, each returned before the next is searched for."""
    offset, seen = structure.first, set[int]()
    while offset and offset not in seen and len(seen) <= MAX_PAGES:
        seen.add(offset)
        try:
            page = structure.directory(offset)
        except DamagedTagsError:
            if len(seen) == 1:
                raise
            # A page that is cut off must not be dropped silently.
            raise DamagedTagsError(f"page {len(seen)} is cut off") from None
        pages.add(page)
        yield page
        offset = page.next_offset
    pages.more = len(seen) > MAX_PAGES


def _below(structure: TiffStructure, pages: Pages, page: Directory, number: int) -> list[Directory]:
    """The directories that a page points to; each is read once."""
    found = []
    for offset in tiff_tags.values(structure, page, _SUB_DIRECTORIES):
        if pages.has(offset):
            continue
        try:
            directory = structure.directory(offset)
        except DamagedTagsError:
            pages.notes.append(f"A picture below page {number} is damaged and was left out.")
            continue
        pages.add(directory)
        found.append(directory)
    return found


def _photographs(
    structure: TiffStructure,
    pages: Pages,
    page: Directory,
    below: list[Directory],
    number: int,
    *,
    reduced: bool,
) -> list[Directory]:
    """The page, or the picture that it previews; nothing for a reduced copy of another page."""
    own = 0 if reduced else _size(structure, page)
    larger, others = [], 0
    for directory in below:
        kind = _kind_of(structure, directory)
        if kind == "picture" and _size(structure, directory) > own:
            larger.append(_with_tags_of(directory, page))
        elif kind != "reduced":
            others += 1
    if others:
        plural = "s" if others > 1 else ""
        pages.notes.append(
            f"Left out: {others} other picture{plural} below page {number} (SubIFD)."
        )
    return larger or ([] if reduced else [page])


def _size(structure: TiffStructure, page: Directory) -> int:
    width = _integer(structure, page, tiff_tags.WIDTH, 0)
    return width * _integer(structure, page, tiff_tags.HEIGHT, 0)


def _with_tags_of(directory: Directory, preview: Directory) -> Directory:
    """A directory with its preview's orientation, description, EXIF and profile, true of both."""
    own = {exif.ORIENTATION} | (preview.entries.keys() - tiff_tags.STORAGE) - {_SUB_DIRECTORIES}
    shared = {tag: preview.entries[tag] for tag in own & preview.entries.keys()}
    places = {tag: preview.places[tag] for tag in shared}
    return replace(directory, entries=shared | directory.entries, places=places | directory.places)


def _attach(
    pages: Pages,
    group: list[AttachedPlace],
    part: AttachedPlace,
) -> None:
    if len(group) < _MAX_ATTACHED:
        group.append(part)
    else:
        pages.notes.append(f"Page {part[1]}, {ATTACHED_TITLES[part[0]]}, is left out.")
