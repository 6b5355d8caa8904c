"""Files and folders that are named by URLs: listed, read and written.

``s3://bucket/scans`` and the like go through fsspec, which has one interface for many stores. A
path stays a `pathlib.Path`: on a disk we promise more (locks, fsync, hard links) than fsspec does.

Writing is all or nothing here too. An object store shows an object when all of it has arrived. In
any other store the file is written under a temporary name and then renamed; a store that would copy
instead of renaming is refused.

Names in a listing are not to be trusted. In an object store ``../../home/x.jpg`` is a key like any
other, and on a disk it would lead out of the folder: such names become error rows.
"""

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, Literal

from tintype.errors import (
    TargetExistsError,
    UnreadablePhotoError,
    UsageError,
    WriteError,
    shown,
)
from tintype.files.atomic import remove_abandoned, write_atomically
from tintype.files.local import check_length, read_input

# Two letters at least: "C://scans" is a folder of Windows.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")

# A user and a password before the machine's name.
_PASSWORD = re.compile(r"[^/@]*:[^/@]*@")

# Stores in which an object becomes visible when all of it is there.
_ATOMIC = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "tos", "memory"}
)


@dataclass(frozen=True, slots=True)
class Remote:
    """A file or folder named by a URL, with the part of `pathlib.Path` that is needed here.

    Attributes:
        url: ``protocol://path``, without a slash at its end.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, below: str | PurePath) -> "Remote":
        """A place below this one; `below` has plain names only, see `listing`."""
        parts = PurePosixPath(below).parts
        return Remote("/".join([self.url, *parts])) if parts else self

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The ending with its dot."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> "Remote":
        """The folder it is in."""
        return Remote(self.url.rpartition("/")[0])

    def with_name(self, name: str) -> "Remote":
        """Another place in the same folder."""
        return self.parent / name


Place = Path | Remote
"""Where a photograph is, or will be."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in the listing of a folder.

    Attributes:
        name: Without the folder; where `safe` is False, whatever the store lists instead.
        is_folder: Whether it is a folder.
        safe: Whether it is a plain name on every file system.
    """

    name: str
    is_folder: bool
    safe: bool


def place_of(word: str) -> Place:
    """The path or URL that an argument of the command names.

    Args:
        word: The argument.

    Raises:
        UsageError: A URL with a password, or a chain of URLs.
    """
    found = _URL.match(word)
    if found is None:
        return Path(word)
    protocol, rest = found[1].lower(), word[found.end() :]
    if _PASSWORD.match(rest):
        # Reports and messages repeat what was typed, and the shell keeps it in its history.
        raise UsageError(
            f"A URL of {protocol} contains a password.",
            advice="Leave it out, and give it where the client of that store looks for it.",
        )
    if "::" in word:
        raise UsageError(f"{shown(word)} is a chain of URLs.", advice="Name one folder or file.")
    return Remote(f"{protocol}://{rest.rstrip('/')}")


def kind_of(place: Remote) -> Literal["file", "folder"]:
    """Whether a URL names a file or a folder.

    Raises:
        UsageError: URLs of this protocol cannot be used.
        UnreadablePhotoError: There is nothing, or the store does not answer.
    """
    store, path = _open(place)
    try:
        return "folder" if store.info(path)["type"] == "directory" else "file"
    except FileNotFoundError:
        raise UnreadablePhotoError(f"{shown(place)}: no such file or folder.") from None
    except Exception as error:  # each store has its own errors, with no common base
        raise _unreadable(place, error) from error


def listing(folder: Remote) -> list[Entry]:
    """The files and folders directly in a folder, sorted by name.

    Raises:
        UnreadablePhotoError: It cannot be listed.
    """
    store, path = _open(folder)
    prefix = path.rstrip("/") + "/"
    try:
        # An earlier listing may be out of date, and that of a large store would fill the memory.
        store.invalidate_cache()
        found = store.ls(path, detail=True)
        store.invalidate_cache()
    except Exception as error:
        raise _unreadable(folder, error) from error
    entries = []
    for info in found:
        name = str(info["name"])
        is_folder = info["type"] == "directory"
        # Some programs mark a folder by an empty object of its name. A folder listed under that
        # name is different: its own name is empty, like the middle one's in "scans//x.png".
        if name == path or (name == prefix and not is_folder):
            continue
        tail = name.removeprefix(prefix)
        if is_folder:
            tail = tail.removesuffix("/")
        entries.append(Entry(tail, is_folder, safe=name.startswith(prefix) and _plain(tail)))
    return sorted(entries, key=lambda entry: entry.name)


def read(place: Place, *, max_pixels: int) -> bytes:
    """The bytes of a photograph, as `tintype.files.local.read_input` for a path.

    Raises:
        UnreadablePhotoError: Missing, no permission, or too long.
    """
    if isinstance(place, Path):
        return read_input(place, max_pixels=max_pixels)
    store, path = _open(place)
    try:
        size = store.info(path)["size"]
        if size is None:
            raise OSError("its length is unknown")
        check_length(size, name=shown(place), max_pixels=max_pixels)
        return bytes(store.cat_file(path))
    except FileNotFoundError:
        raise UnreadablePhotoError(f"{shown(place)}: no such file.") from None
    except UnreadablePhotoError:
        raise
    except Exception as error:
        raise _unreadable(place, error) from error


def read_if_exists(place: Place) -> bytes | None:
    """The bytes of an earlier output; None where there is none.

    Raises:
        OSError: There is one, but it cannot be read.
    """
    try:
        if isinstance(place, Path):
            return place.read_bytes()
        store, path = _open(place)
        data = store.cat_file(path)
    except FileNotFoundError:
        return None
    except OSError:
        raise
    except Exception as error:
        raise OSError(_reason(error)) from error
    return bytes(data)


def write(place: Place, data: bytes, *, overwrite: bool) -> None:
    """Writes a file all or nothing, as `tintype.files.atomic.write_atomically` for a path.

    Args:
        place: Where. The folders of a URL are created, those of a path exist.
        data: All of it.
        overwrite: Whether something there may be replaced.

    Raises:
        TargetExistsError: Something is there and may not be replaced.
        WriteError: It cannot be written.
    """
    if isinstance(place, Path):
        write_atomically(place, data, overwrite=overwrite)
        return
    store, path = _open(place)
    try:
        if not _ATOMIC.isdisjoint(_protocols(store)):
            store.pipe_file(path, data, mode="overwrite" if overwrite else "create")
        else:
            _write_and_rename(store, path, data, overwrite=overwrite)
    except FileExistsError:
        raise TargetExistsError(
            f"{shown(place)} exists already.", advice="Add --overwrite to replace it."
        ) from None
    except Exception as error:
        raise WriteError(f"{shown(place)} could not be written: {_reason(error)}.") from error


def _write_and_rename(store: Any, path: str, data: bytes, *, overwrite: bool) -> None:  # noqa: ANN401
    from fsspec import AbstractFileSystem

    if type(store).mv is AbstractFileSystem.mv:
        raise OSError("this kind of store cannot rename a file")
    folder = path.rpartition("/")[0]
    temporary = f"{folder}/.tintype-{secrets.token_hex(8)}.tmp"
    store.makedirs(folder, exist_ok=True)
    try:
        store.pipe_file(temporary, data)
        # Not in one step as on a disk: two runs at the same moment may both get this far.
        if not overwrite and store.exists(path):
            raise FileExistsError(path)
        store.mv(temporary, path)
    except BaseException:
        with suppress(Exception):
            store.rm_file(temporary)
        raise


def tidy(folder: Place) -> None:
    """Removes what a killed run left in a folder of outputs.

    An object store holds no half-written objects. In other stores there is no telling whether a
    temporary file is still being written, perhaps by another machine, so nothing is removed there.
    """
    if isinstance(folder, Path):
        remove_abandoned(folder)


def _open(place: Remote) -> tuple[Any, str]:
    """The store, and the path in it. fsspec keeps one store for each process."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise UsageError(
            f"{shown(place)} is a URL, which needs an extra.",
            advice='Type: pip install "tintype[ray]"',
        ) from error
    try:
        store, path = url_to_fs(place.url)
    except (ImportError, ValueError) as error:
        # fsspec names the missing package, or says that there is no such protocol.
        raise UsageError(f"{shown(place)} cannot be used: {shown(_reason(error))}.") from error
    return store, str(path)


def _protocols(store: Any) -> set[str]:  # noqa: ANN401
    protocols = store.protocol
    return {protocols} if isinstance(protocols, str) else set(protocols)


def _plain(name: str) -> bool:
    """Whether it is a single name on every file system, with whatever slashes and drives."""
    return (
        name not in ("", ".", "..")
        and "\0" not in name
        and PurePosixPath(name).name == name == PureWindowsPath(name).name
    )


def _unreadable(place: Remote, error: Exception) -> UnreadablePhotoError:
    return UnreadablePhotoError(f"{shown(place)} cannot be read: {_reason(error)}.")


def _reason(error: Exception) -> str:
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return shown(" ".join(text.split())).rstrip(".")
