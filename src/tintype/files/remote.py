"""Places outside of this machine's file system: what a URL names, listed, read and written.

``s3://bucket/scans`` and its like go through fsspec, which knows many stores by one interface. A
path stays a `pathlib.Path` and never comes through here: on a disk we promise more (locks, fsync,
hard links) than fsspec offers.

Writing is all or nothing here too. An object store shows an object when all of it has arrived. Any
other store gets the file under a temporary name first and is told to rename it; one that would copy
instead of renaming is refused.

Names in a listing are somebody else's words. In an object store ``../../home/x.jpg`` is a key like
any other, and on a disk it would lead out of the folder: such names become error rows.
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
from tintype.files.local import read_input, refuse_long

# Two letters at least: "C://scans" is a folder of Windows.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")

# A user and a password before the machine's name.
_PASSWORD = re.compile(r"[^/@]*:[^/@]*@")

# Where an object is seen by nobody until all of it is there.
_WHOLE = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "tos", "memory"}
)


@dataclass(frozen=True, slots=True)
class Remote:
    """A file or folder named by a URL, with as much of `pathlib.Path` as the jobs need.

    Attributes:
        url: ``protocol://path``, without a slash at its end.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, below: str | PurePath) -> "Remote":
        """A place below this one; `below` holds plain names only, see `listing`."""
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
"""Where a photograph is, or is to be."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a listing of a folder says of one name in it.

    Attributes:
        name: The name alone, or what stands instead of one where `safe` is False.
        is_folder: Whether it has a listing of its own.
        safe: It is a plain name for every file system.
    """

    name: str
    is_folder: bool
    safe: bool


def place_of(word: str) -> Place:
    """What a word of the command names.

    Args:
        word: A path, or a URL.

    Raises:
        UsageError: A URL with a password, or of a kind that is no folder of files.
    """
    found = _URL.match(word)
    if found is None:
        return Path(word)
    protocol, rest = found[1].lower(), word[found.end() :]
    if _PASSWORD.match(rest):
        # Reports and messages repeat what was typed; and it would stand in the shell's history.
        raise UsageError(
            f"A URL of {protocol} holds a password.",
            advice="Leave it out, and give it where that store looks for it.",
        )
    if "::" in word:
        raise UsageError(f"{shown(word)} is a chain of URLs.", advice="Name one folder or file.")
    return Remote(f"{protocol}://{rest.rstrip('/')}")


def kind(place: Remote) -> Literal["file", "folder"]:
    """Whether a URL names a file or a folder.

    Raises:
        UsageError: Nothing here can read URLs of that kind.
        UnreadablePhotoError: There is nothing, or it cannot be asked.
    """
    store, path = _open(place)
    try:
        return "folder" if store.info(path)["type"] == "directory" else "file"
    except FileNotFoundError:
        raise UnreadablePhotoError(f"{shown(place)}: no such file or folder.") from None
    except Exception as error:  # each store has its own errors, with no common base
        raise _unreadable(place, error) from error


def listing(folder: Remote) -> list[Entry]:
    """What is directly in a folder, sorted by name.

    Raises:
        UnreadablePhotoError: It cannot be listed.
    """
    store, path = _open(folder)
    prefix = path.rstrip("/") + "/"
    try:
        # What was listed before may have changed, and of a large store it would fill the memory.
        store.invalidate_cache()
        found = store.ls(path, detail=True)
        store.invalidate_cache()
    except Exception as error:
        raise _unreadable(folder, error) from error
    entries = []
    for info in found:
        name = str(info["name"])
        is_folder = info["type"] == "directory"
        # The empty object by which some programs mark a folder. A folder named so is another
        # matter: its own name is empty, as that of the middle one in "scans//x.png".
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
            raise OSError("it does not say how long it is")
        refuse_long(size, name=shown(place), max_pixels=max_pixels)
        return bytes(store.cat_file(path))
    except FileNotFoundError:
        raise UnreadablePhotoError(f"{shown(place)}: no such file.") from None
    except UnreadablePhotoError:
        raise
    except Exception as error:
        raise _unreadable(place, error) from error


def look(place: Place) -> bytes | None:
    """What stands at the place of an output; None where nothing does.

    Raises:
        OSError: Something does, but it cannot be read.
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
        place: Where; folders above a URL are made, those above a path exist.
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
        if not _WHOLE.isdisjoint(_protocols(store)):
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
        # Not in one step, as on a disk: two runs at the same moment may both come this far.
        if not overwrite and store.exists(path):
            raise FileExistsError(path)
        store.mv(temporary, path)
    except BaseException:
        with suppress(Exception):
            store.rm_file(temporary)
        raise


def tidy(folder: Place) -> None:
    """Removes what a killed run left in a folder of outputs.

    An object store holds no half objects. In other stores nobody can see whether a temporary file
    is still being written, perhaps by another machine, so nothing is removed there.
    """
    if isinstance(folder, Path):
        remove_abandoned(folder)


def _open(place: Remote) -> tuple[Any, str]:
    """The store, and the path in it. Stores are kept by fsspec, one for each process."""
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
        # fsspec names the package that is missing, or says that it knows no such protocol.
        raise UsageError(f"{shown(place)} cannot be used: {shown(_reason(error))}.") from error
    return store, str(path)


def _protocols(store: Any) -> set[str]:  # noqa: ANN401
    said = store.protocol
    return {said} if isinstance(said, str) else set(said)


def _plain(name: str) -> bool:
    """One name that is one on every file system, whichever slashes and drives it has."""
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
