"""Lists the contents of a folder: pictures, folders and links, in little memory."""

import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tintype.photo.formats.registry import format_of_suffix

_CHUNK = 4096  # names that are sorted and packed together

_SYSTEM_FOLDERS = frozenset(
    {
        # Synology: thumbnails, bin, snapshots; QNAP: the same.
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", ".@__thumb"),
        # Windows, macOS archives, ext4.
        *("$recycle.bin", "recycler", "system volume information", "__macosx", "lost+found"),
    }
)


class PackedNames:
    """Sorted file names in hardly more memory than their characters.

    A string has an overhead of fifty bytes, and a folder may contain a million names. So names are
    sorted and packed in chunks, which are merged on reading.
    """

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._new: list[str] = []

    def add(self, name: str) -> None:
        """Adds a name."""
        self._new.append(name)
        if len(self._new) == _CHUNK:
            self._pack()

    def __iter__(self) -> Iterator[str]:
        self._pack()
        return heapq.merge(*map(_unpacked, self._chunks))

    def _pack(self) -> None:
        self._new.sort()
        # No file system allows a slash in a name.
        text = "/".join([*self._new, ""])
        self._chunks.append(text.encode("utf-8", "surrogatepass"))
        self._new.clear()


def _unpacked(chunk: bytes) -> Iterator[str]:
    start = 0
    while start < len(chunk):
        end = chunk.index(b"/", start)
        yield chunk[start:end].decode("utf-8", "surrogatepass")
        start = end + 1


@dataclass(slots=True)
class FolderListing:
    """The contents of a folder.

    Attributes:
        pictures: Files and links with the extension of a picture.
        folders: Folders.
        links: The pictures that are links.
        other_files: Number of other and hidden files, excluding those of Tintype.
    """

    pictures: PackedNames = field(default_factory=PackedNames)
    folders: PackedNames = field(default_factory=PackedNames)
    links: set[str] = field(default_factory=set)
    other_files: int = 0


def list_folder(folder: Path) -> FolderListing:
    """Lists a folder.

    Args:
        folder: A local folder.

    Raises:
        OSError: It cannot be read.
    """
    listing = FolderListing()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                listing.folders.add(entry.name)
            elif not is_picture(entry.name):
                listing.other_files += not is_internal(entry.name)
            elif entry.is_symlink():
                listing.pictures.add(entry.name)
                listing.links.add(entry.name)
            elif entry.is_file():
                listing.pictures.add(entry.name)
            else:
                listing.other_files += 1
    return listing


def is_picture(name: str) -> bool:
    """Whether a file is a picture according to its name.

    Hidden files with the extension of a picture belong to other programs (AppleDouble
    ``._photo.jpg``, thumbnails).
    """
    return not name.startswith(".") and format_of_suffix(Path(name).suffix) is not None


def is_system_folder(name: str) -> bool:
    """Whether a folder belongs to a system or another program, judged by its name.

    Hidden folders belong to other programs, as hidden files do: trash (``.Trash-1000``,
    ``.dtrash``), earlier versions (``.stversions``), originals (``.picasaoriginals``).
    """
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS


def is_internal(name: str) -> bool:
    """Whether a file belongs to Tintype, such as its state file; such files are not counted."""
    return name.startswith(".tintype-")
