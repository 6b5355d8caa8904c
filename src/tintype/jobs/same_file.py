"""Determines which paths refer to the same file, however they are spelled."""

import os
import unicodedata
from enum import Enum, auto
from hashlib import blake2b
from pathlib import Path

from tintype.files.remote import Location, RemotePath, on_disk
from tintype.jobs.digest_table import DigestTable, digest


def same_file(one: Location, other: Location) -> bool:
    """Whether two locations are the same file; False if one does not exist on the disk."""
    first, second = on_disk(one), on_disk(other)
    if first is None or second is None:
        return one == other
    try:
        return first.samefile(second)
    except (OSError, ValueError):
        return False


def same_place(one: Location, other: Location) -> bool:
    """Whether two locations refer to the same file, which need not exist."""
    return same_file(one, other) or real_place(one) == real_place(other)


def real_path(path: Path) -> Path:
    """The path with all symbolic links resolved.

    `Path.resolve` does the same, but raises an error if links form a loop.
    """
    return Path(os.path.realpath(path))


def real_place(location: Location) -> Location:
    """`real_path`, also of a URL of this machine's disk; other URLs stay as they are."""
    path = on_disk(location)
    return location if path is None else real_path(path)


def file_digest(location: Location) -> int:
    """A digest of a file, the same for all its names.

    Raises:
        OSError: It does not exist.
    """
    path = on_disk(location)
    if path is None:
        return digest(str(location).encode("utf-8", "surrogatepass"))
    found = path.stat()
    return digest(b"%d:%d" % (found.st_dev, found.st_ino))


class PathKeys:
    """Keys of paths, which are equal if the paths refer to the same file.

    Folders are compared by device and inode. Two names in a folder are treated as equal if any
    common file system would do so: if they differ only in case (NTFS, APFS) or in Unicode
    normalisation (APFS, HFS+).
    """

    def __init__(self) -> None:
        self._folder: Location | None = None
        self._folder_key = ""

    def key(self, path: Location, *, exact: bool = False) -> bytes:
        """The key of a path.

        Args:
            path: It need not exist.
            exact: Whether to compare names exactly.
        """
        if path.parent != self._folder:
            self._folder = path.parent
            self._folder_key = _folder_key(path.parent)
        name = path.name if exact else _folded(path.name)
        text = f"{self._folder_key}/{name}".encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=16).digest()


class TargetUse(Enum):
    """How earlier jobs use a target."""

    NEW = auto()
    SAME_SOURCE = auto()
    OTHER_SOURCE = auto()


class TargetIndex:
    """The targets of a plan and their sources, as digests."""

    def __init__(self) -> None:
        self._sources = DigestTable()
        self._target_keys = PathKeys()
        self._source_keys = PathKeys()

    def add(self, source: Location, target: Location) -> TargetUse:
        """Adds a job and returns how its target was used before."""
        target_digest = digest(self._target_keys.key(target))
        source_digest = digest(self._source_keys.key(source, exact=True))
        first = self._sources.get(target_digest)
        if first is None:
            self._sources.put(target_digest, source_digest)
            return TargetUse.NEW
        return TargetUse.SAME_SOURCE if first == source_digest else TargetUse.OTHER_SOURCE


def _folder_key(folder: Location) -> str:
    """Device and inode of the nearest existing folder, followed by the names of missing ones."""
    folder = real_place(folder)
    if isinstance(folder, RemotePath):
        return folder.url
    missing: list[str] = []
    while True:
        try:
            found = folder.stat()
        except OSError:
            missing.append(_folded(folder.name))
            if folder == folder.parent:
                return "/".join(reversed(missing))
            folder = folder.parent
            continue
        return "/".join([f"{found.st_dev}:{found.st_ino}", *reversed(missing)])


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
