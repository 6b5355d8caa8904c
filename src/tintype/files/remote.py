"""Files named by URLs: listed, read and written through fsspec.

URLs such as ``s3://bucket/scans`` are handled by fsspec, one interface to many stores. A path stays
a `pathlib.Path` and never uses fsspec, because on a disk Tintype guarantees more (locks, fsync,
hard links) than fsspec offers.

Writes are atomic here too. An object store shows an object only once it is complete. In any other
store the file is written under a temporary name and then renamed; a store that would copy instead
of renaming is refused.

Names in a listing are not trusted. In an object store ``../../home/x.jpg`` is an ordinary key, but
on a disk it would lead out of the folder: such names are reported as failed.
"""

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from tintype.errors import (
    TargetExistsError,
    UnreadablePhotoError,
    UsageError,
    shown,
)
from tintype.files.atomic import kind_of, write_atomically
from tintype.files.local import check_length, max_input_bytes, read_input, read_regular, too_long
from tintype.files.temporary import remove_abandoned

# At least two letters: "C://scans" is a Windows folder.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")

# fsspec's chains such as "simplecache::file:///scans".
_CHAIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*::.*://", re.DOTALL)

# A user and a password before the host name.
_PASSWORD = re.compile(r"[^/@]*:[^/@]*@")

# Protocols of fsspec whose files are on this machine's disk.
_ON_DISK = frozenset({"file", "local"})

# Stores in which an object is invisible until it is complete.
_ATOMIC = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "tos", "memory"}
)


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A file or folder named by a URL, with the methods of `pathlib.Path` that the jobs need.

    Attributes:
        url: ``protocol://path``, without a trailing slash.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, below: str | PurePath) -> "RemotePath":
        """A path below this one; `below` must consist of safe names, see `list_remote`."""
        parts = PurePosixPath(below).parts
        return RemotePath("/".join([self.url, *parts])) if parts else self

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The extension with its dot."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> "RemotePath":
        """The folder it is in."""
        return RemotePath(self.url.rpartition("/")[0])

    def with_name(self, name: str) -> "RemotePath":
        """Another path in the same folder."""
        return self.parent / name


Location = Path | RemotePath
"""A file or folder, on the disk or in a store."""


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """One entry of a folder in a store.

    Attributes:
        name: The name alone; if `safe` is False, whatever the store returned.
        is_folder: Whether it is a folder.
        safe: Whether it is a single name on every file system.
    """

    name: str
    is_folder: bool
    safe: bool


def parse_location(word: str) -> Location:
    """Parses a path or a URL.

    Args:
        word: As given to the command.

    Raises:
        UsageError: It is a URL with a password, or a chain of URLs.
    """
    found = _URL.match(word)
    if found is None and _CHAIN.match(word) is None:
        return Path(word)
    protocol, rest = ("", "") if found is None else (found[1].lower(), word[found.end() :])
    if _PASSWORD.match(rest):
        # Reports and messages repeat what was typed, and the shell's history stores it.
        raise UsageError(
            f"A URL of {protocol} contains a password.",
            advice="Leave it out, and configure it as the client of that store requires.",
        )
    first, chained, _ = word.partition("::")
    if chained:  # the rest may contain a password as well
        raise UsageError(
            f"{shown(first)}::... is a chain of URLs.", advice="Name one folder or file."
        )
    return RemotePath(f"{protocol}://{rest.rstrip('/')}")


def on_disk(location: Location) -> Path | None:
    """The path of a file on this machine, however it is named; None if it is in another store."""
    if isinstance(location, Path):
        return location
    if location.url.partition("://")[0] not in _ON_DISK:
        return None
    try:
        return Path(_open(location)[1])
    except UsageError:  # without fsspec, no such URL can be read or written
        return None


def is_folder(location: RemotePath) -> bool:
    """Whether a URL names a folder; otherwise it names a file.

    Raises:
        UsageError: The protocol is not supported, or a package is missing.
        UnreadablePhotoError: It does not exist, or the store cannot be reached.
    """
    store, path = _open(location)
    try:
        return bool(store.info(path)["type"] == "directory")
    except FileNotFoundError:
        raise UnreadablePhotoError(f"{shown(location)}: no such file or folder.") from None
    except Exception as error:  # the errors of stores have no common base class
        raise _unreadable(location, error) from error


def list_remote(folder: RemotePath) -> list[RemoteEntry]:
    """The entries of a folder, sorted by name.

    Raises:
        UnreadablePhotoError: It cannot be listed.
    """
    store, path = _open(folder)
    prefix = path.rstrip("/") + "/"
    try:
        # A cached listing may be outdated, and that of a large store would fill the memory.
        store.invalidate_cache()
        found = store.ls(path, detail=True)
        store.invalidate_cache()
    except Exception as error:
        raise _unreadable(folder, error) from error
    entries = []
    for info in found:
        name = str(info["name"])
        is_directory = info["type"] == "directory"
        # Some programs mark a folder with an empty object. A folder with that name is different:
        # its own name is empty, like that of the middle one in "scans//x.png".
        if name == path or (name == prefix and not is_directory):
            continue
        tail = name.removeprefix(prefix)
        if is_directory:
            tail = tail.removesuffix("/")
        safe = name.startswith(prefix) and _is_single_name(tail)
        entries.append(RemoteEntry(tail, is_directory, safe))
    return sorted(entries, key=lambda entry: entry.name)


def read(location: Location, *, max_pixels: int) -> bytes:
    """Reads a photograph, as `tintype.files.local.read_input` does for a path.

    Raises:
        UnreadablePhotoError: Missing, no permission, or too long.
    """
    if isinstance(location, Path):
        return read_input(location, max_pixels=max_pixels)
    store, path = _open(location)
    try:
        size = store.info(path)["size"]
        if size is None:
            raise OSError("its length is unknown")
        check_length(size, name=shown(location), max_pixels=max_pixels)
        return bytes(store.cat_file(path))
    except FileNotFoundError:
        raise UnreadablePhotoError(f"{shown(location)}: no such file.") from None
    except UnreadablePhotoError:
        raise
    except Exception as error:
        raise _unreadable(location, error) from error


def read_if_exists(location: Location, *, max_pixels: int) -> bytes | None:
    """Reads an existing output; None if there is none.

    Args:
        location: The file.
        max_pixels: As for `read`: a file that is too long for such a photograph is none of ours.

    Raises:
        OSError: It exists but cannot be read.
    """
    most = max_input_bytes(max_pixels)
    try:
        if isinstance(location, Path):
            return read_regular(location, most=most)
        store, path = _open(location)
        if (store.info(path)["size"] or 0) > most:
            raise too_long(most)
        data = store.cat_file(path)
    except FileNotFoundError:
        return None
    except OSError:
        raise
    except Exception as error:
        raise OSError(_reason(error)) from error
    return bytes(data)


def write(location: Location, data: bytes, *, overwrite: bool) -> None:
    """Writes a file atomically, as `tintype.files.atomic.write_atomically` does for a path.

    Args:
        location: The file; parent folders of a URL are created, those of a path exist.
        data: Its contents.
        overwrite: Whether an existing file may be replaced.

    Raises:
        TargetExistsError: It exists and may not be replaced.
        WriteError: It cannot be written.
    """
    if isinstance(location, Path):
        write_atomically(location, data, overwrite=overwrite)
        return
    store, path = _open(location)
    try:
        if not _ATOMIC.isdisjoint(_protocols(store)):
            store.pipe_file(path, data, mode="overwrite" if overwrite else "create")
        else:
            _write_and_rename(store, path, data, overwrite=overwrite)
    except FileExistsError:
        raise TargetExistsError(
            f"{shown(location)} already exists.", advice="Add --overwrite to replace it."
        ) from None
    except Exception as error:
        raise kind_of(error)(
            f"{shown(location)} could not be written: {_reason(error)}."
        ) from error


def _write_and_rename(store: Any, path: str, data: bytes, *, overwrite: bool) -> None:  # noqa: ANN401
    from fsspec import AbstractFileSystem

    if type(store).mv is AbstractFileSystem.mv:
        raise OSError("this kind of store cannot rename a file")
    folder = path.rpartition("/")[0]
    temporary = f"{folder}/.tintype-{secrets.token_hex(8)}.tmp"
    store.makedirs(folder, exist_ok=True)
    try:
        store.pipe_file(temporary, data)
        # Unlike on a disk, this is not atomic: two runs may reach this point at the same time.
        if not overwrite and store.exists(path):
            raise FileExistsError(path)
        store.mv(temporary, path)
    except BaseException:
        with suppress(Exception):
            store.rm_file(temporary)
        raise


def clean_up(folder: Location) -> None:
    """Removes temporary files that a killed run left in a folder of outputs.

    Object stores contain no partial objects. In other stores it is unknown whether a temporary file
    is still being written, perhaps by another machine, so nothing is removed there.
    """
    if isinstance(folder, Path):
        remove_abandoned(folder)


def _open(location: RemotePath) -> tuple[Any, str]:
    """The store, and the path in it. fsspec caches one store instance per process."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise UsageError(
            f"{shown(location)} is a URL, which needs an extra.",
            advice='Type: pip install "tintype-colorizer[ray]"',
        ) from error
    try:
        store, path = url_to_fs(location.url)
    except (ImportError, ValueError) as error:
        # fsspec names the missing package, or reports an unknown protocol.
        raise UsageError(f"{shown(location)} cannot be used: {shown(_reason(error))}.") from error
    return store, str(path)


def _protocols(store: Any) -> set[str]:  # noqa: ANN401
    protocol = store.protocol
    return {protocol} if isinstance(protocol, str) else set(protocol)


def _is_single_name(name: str) -> bool:
    """Whether it is one name on POSIX and on Windows: no path, no drive, no ``.`` or ``..``."""
    return (
        name not in ("", ".", "..")
        and "\0" not in name
        and PurePosixPath(name).name == name == PureWindowsPath(name).name
    )


def _unreadable(location: RemotePath, error: Exception) -> UnreadablePhotoError:
    return UnreadablePhotoError(f"{shown(location)} cannot be read: {_reason(error)}.")


def _reason(error: Exception) -> str:
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return shown(" ".join(text.split())).rstrip(".")
