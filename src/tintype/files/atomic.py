"""Writes files atomically: a name always refers to the old file, the complete new one, or none."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from tintype.errors import (
    TargetExistsError,
    UnwritableDiskError,
    UnwritableFolderError,
    WriteError,
    shown,
)
from tintype.files.lock import NO_LOCKS, try_lock
from tintype.files.temporary import lock_path, open_temporary

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space, or {elsewhere}"),
    errno.EDQUOT: (
        "your disk quota is exceeded",
        "Free some space, or {elsewhere}",
    ),
    errno.EACCES: ("there is no permission to write there", "{Elsewhere}"),
    errno.EPERM: ("there is no permission to write there", "{Elsewhere}"),
    errno.EROFS: ("the disk is read-only", "{Elsewhere}"),
    errno.ENOENT: ("the folder does not exist", "Create the folder first."),
    errno.ENOTDIR: ("the folder does not exist", "Create the folder first."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name with -o."),
}

_KINDS: dict[int, type[WriteError]] = {
    errno.ENOSPC: UnwritableDiskError,
    errno.EDQUOT: UnwritableDiskError,
    errno.EROFS: UnwritableDiskError,
    errno.EACCES: UnwritableFolderError,
    errno.EPERM: UnwritableFolderError,
}

# Errors of link() on a file system without hard links (FAT, some network shares).
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES}


def target_exists(path: Path) -> bool:
    """Whether something exists at a path; links are followed.

    Args:
        path: The path of an output.

    Raises:
        WriteError: The name is too long for any file.
    """
    try:
        return path.exists()
    except OSError as error:
        raise write_error(path, error) from error


def write_atomically(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Writes a file under a temporary name in the same folder, and renames it when it is complete.

    Args:
        path: The final name; its folder exists.
        data: The complete contents.
        overwrite: Whether an existing file may be replaced. If not, the name is claimed in one
            step, so a file that another process creates meanwhile is not lost either.

    Raises:
        TargetExistsError: The name exists and may not be replaced.
        WriteError: The disk is full, there is no permission, or the folder was deleted; no partial
            file remains.
    """
    with open_atomically(path, overwrite=overwrite) as stream:
        stream.write(data)


@contextmanager
def open_atomically(path: Path, *, overwrite: bool, option: str = "--into") -> Iterator[BinaryIO]:
    """Opens a file that gets its final name when the block ends without an error.

    Args:
        path: As for `write_atomically`.
        overwrite: As for `write_atomically`.
        option: The option that names another folder, for the message.

    Yields:
        A writable, seekable stream.

    Raises:
        TargetExistsError: As for `write_atomically`.
        WriteError: As for `write_atomically`.
    """
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    temporary: Path | None = None
    try:
        temporary, descriptor = open_temporary(path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
            if os.name != "nt":  # it stays open, and so locked, until it is renamed
                _rename(temporary, path, overwrite=overwrite)
        if os.name == "nt":  # Windows cannot rename an open file
            _rename(temporary, path, overwrite=overwrite)
        _sync_folder(path.parent)
    except OSError as error:
        raise write_error(path, error, option=option) from error
    finally:
        # Already renamed on success, otherwise no longer needed.
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


@contextmanager
def spool(folder: Path) -> Iterator[IO[bytes]]:
    """A temporary file for data assembled piece by piece; removed afterwards.

    `remove_abandoned` removes it if the process is killed.

    Args:
        folder: The folder in which it is created, which exists.

    Yields:
        The file, open for writing and reading.

    Raises:
        OSError: It cannot be created.
    """
    path, descriptor = open_temporary(folder)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
    finally:
        with suppress(OSError):
            path.unlink()


def open_to_append(path: Path) -> IO[bytes]:
    """Opens one of Tintype's files in a user's folder, for reading and appending.

    Its name is predictable, and the folder may come from someone else: a link with that name could
    point to any file of this account, and so could a hard link.

    Args:
        path: The file; it is created if it does not exist.

    Raises:
        OSError: It is a link, is not a regular file, has several names, or cannot be opened.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link")
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    # Windows lacks some of these flags: there, links are rare, and pipes have no such names.
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        refuse_shared(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "a+b")


def refuse_shared(found: os.stat_result) -> None:
    """Refuses to change a file in place that has several names.

    Args:
        found: Status of the open file.

    Raises:
        OSError: It is not a regular file, or has several names (hard links).
    """
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if found.st_nlink > 1:
        raise OSError(
            errno.EMLINK,
            "it has another name (a hard link), whose file would change; replace it by a copy",
        )


@contextmanager
def reserved(path: Path) -> Iterator[bool]:
    """Reserves a name for this process for the duration of the block.

    It locks a hidden file beside it, named after it, since the file itself may not exist yet, and
    is replaced when it is written. `remove_abandoned` removes the hidden file of a killed process.

    Args:
        path: The file to be written; its folder exists.

    Yields:
        Whether the name was reserved; False if another process has reserved it.

    Raises:
        OSError: The folder cannot be written to, or the hidden file exists and was not created
            by Tintype.
    """
    lock = lock_path(path)
    while True:
        with open_to_append(lock) as file:
            if os.fstat(file.fileno()).st_size:
                raise OSError(errno.EEXIST, f"{lock.name} is in the way and not from Tintype")
            if not _locked(file):
                yield False
                return
            if os.name != "nt" and not os.fstat(file.fileno()).st_nlink:
                continue  # its previous owner has just removed it
            try:
                yield True
            finally:
                if os.name != "nt":
                    with suppress(OSError):
                        lock.unlink()
        if os.name == "nt":  # where an open file cannot be removed
            with suppress(OSError):
                lock.unlink()
        return


def _locked(file: IO[bytes]) -> bool:
    try:
        return try_lock(file)
    except OSError as error:
        # On a file system without locks this is unknown, and must not stop the work.
        if error.errno in NO_LOCKS:
            return True
        raise


def _rename(temporary: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(path)
    else:
        _rename_to_new(temporary, path)


def _rename_to_new(temporary: Path, path: Path) -> None:
    """Renames the file unless the name exists."""
    if os.name == "nt":
        try:
            temporary.rename(path)  # fails on Windows if the name exists
        except FileExistsError as error:
            raise _exists(path) from error
        return
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _claim_and_replace(temporary, path)


def _claim_and_replace(temporary: Path, path: Path) -> None:
    """Without hard links: claims the name with an empty file, then replaces that."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError as error:
        raise _exists(path) from error
    try:
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise


def _sync_folder(folder: Path) -> None:
    """Makes the new name survive a power failure; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot sync a folder; the file itself is safe.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


def _exists(path: Path) -> TargetExistsError:
    return TargetExistsError(
        f"{shown(path)} already exists.", advice="Add --overwrite to replace it."
    )


def write_error(path: Path, error: OSError, *, option: str = "--into") -> WriteError:
    """The user-facing error for a file that could not be written.

    Args:
        path: The file.
        error: The error of the operating system.
        option: The option that names another folder.
    """
    elsewhere = f"choose another folder with {option}."
    reason, advice = _REASONS.get(error.errno or 0, (error.strerror or str(error), "{Elsewhere}"))
    advice = advice.format(elsewhere=elsewhere, Elsewhere=elsewhere.capitalize())
    return kind_of(error)(
        f"{shown(path)} could not be written: {reason} ({shown(path.parent)}).", advice=advice
    )


def kind_of(error: Exception) -> type[WriteError]:
    """The class of a write error, which tells whether other files will fail as well.

    Args:
        error: The error of the operating system or of a store.
    """
    return _KINDS.get(getattr(error, "errno", None) or 0, WriteError)


def check_folder(path: Path) -> None:
    """Refuses a file that cannot be written, before it is computed.

    Other obstacles, such as a quota, are detected only when the file is written.

    Args:
        path: The path of the output; its folder need not exist yet.

    Raises:
        WriteError: The disk is full or read-only, or there is no permission.
    """
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    number = 0
    if hasattr(os, "statvfs"):
        with suppress(OSError):
            disk = os.statvfs(folder)
            if disk.f_flag & os.ST_RDONLY:
                number = errno.EROFS
            # Some file systems do not count blocks and report a total of 0.
            elif disk.f_blocks and not disk.f_bfree:
                number = errno.ENOSPC
    if not number and folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EACCES
    if number:
        raise write_error(path, OSError(number, os.strerror(number)))
