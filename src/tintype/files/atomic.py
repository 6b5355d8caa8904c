"""Writing a file all or nothing: under its name is the old file, the whole new one, or none."""

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
        "your quota is used up",
        "Free some space, or {elsewhere}",
    ),
    errno.EACCES: ("there is no permission to write there", "{Elsewhere}"),
    errno.EPERM: ("there is no permission to write there", "{Elsewhere}"),
    errno.EROFS: ("the disk is read-only", "{Elsewhere}"),
    errno.ENOENT: ("the folder does not exist", "Make the folder first."),
    errno.ENOTDIR: ("the folder does not exist", "Make the folder first."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name with -o."),
}

_KINDS: dict[int, type[WriteError]] = {
    errno.ENOSPC: UnwritableDiskError,
    errno.EDQUOT: UnwritableDiskError,
    errno.EROFS: UnwritableDiskError,
    errno.EACCES: UnwritableFolderError,
    errno.EPERM: UnwritableFolderError,
}

# What link() fails with where a file system has no hard links (FAT, some network shares).
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES}


def target_exists(path: Path) -> bool:
    """Whether something exists under a name; links are followed.

    Args:
        path: Where a file is to be written.

    Raises:
        WriteError: The name is too long for anything to exist under it.
    """
    try:
        return path.exists()
    except OSError as error:
        raise write_error(path, error) from error


def write_atomically(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Writes a file under a temporary name in the same folder, and renames it when it is complete.

    Args:
        path: The final name; its folder exists.
        data: All of the file.
        overwrite: Whether an existing file may be replaced. If not, the name is taken in one step,
            so a file that another process creates meanwhile is not lost either.

    Raises:
        TargetExistsError: The name is taken and may not be replaced.
        WriteError: Disk full, no permission, folder gone; nothing is left behind.
    """
    with open_atomically(path, overwrite=overwrite) as stream:
        stream.write(data)


@contextmanager
def open_atomically(path: Path, *, overwrite: bool, option: str = "--into") -> Iterator[BinaryIO]:
    """A file to write, which gets its name when the block ends without an error.

    Args:
        path: As for `write_atomically`.
        overwrite: As for `write_atomically`.
        option: The option that names another folder, for the message.

    Yields:
        A stream that can be written and sought in.

    Raises:
        TargetExistsError: As `write_atomically`.
        WriteError: As `write_atomically`.
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
            if os.name != "nt":  # it stays open, and so locked, until it has its name
                _rename(temporary, path, overwrite=overwrite)
        if os.name == "nt":  # Windows renames no open file
            _rename(temporary, path, overwrite=overwrite)
        _sync_folder(path.parent)
    except OSError as error:
        raise write_error(path, error, option=option) from error
    finally:
        # Already renamed if all went well, otherwise of no use.
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


@contextmanager
def spool(folder: Path) -> Iterator[IO[bytes]]:
    """A temporary file for what is put together piece by piece; removed afterwards.

    `remove_abandoned` removes what a killed process leaves of it.

    Args:
        folder: Where it is created; it exists.

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
    """Opens a file of ours that lies among those of others, to read it and add to it.

    Its name is known to everybody, and a folder may come from somebody else: a link under it would
    lead to any file of this account. So would a hard link: the file has another name then.

    Args:
        path: The file; it is created if it does not exist.

    Raises:
        OSError: It is a link, no regular file or has several names, or cannot be opened.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link")
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    # Names that Windows does not have: there, links are rare, and pipes have no such names.
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
    """Refuses a file that is to be changed in place and may be another one as well.

    Args:
        found: Of the open file.

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
    """Reserves a name for this process, for as long as the block.

    A hidden file beside it, named after it, is locked: the file itself may not exist yet, and is
    replaced when it is written. `remove_abandoned` removes what a killed process leaves of it.

    Args:
        path: What is to be written; its folder exists.

    Yields:
        Whether it is ours; False where another process has it.

    Raises:
        OSError: The folder cannot be written to, or a file of somebody else has the name of the
            hidden one.
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
                continue  # who had it before removed it just now
            try:
                yield True
            finally:
                if os.name != "nt":
                    with suppress(OSError):
                        lock.unlink()
        if os.name == "nt":  # an open file cannot be removed there
            with suppress(OSError):
                lock.unlink()
        return


def _locked(file: IO[bytes]) -> bool:
    try:
        return try_lock(file)
    except OSError as error:
        # A file system without locks cannot tell, and must not stop the work.
        if error.errno in NO_LOCKS:
            return True
        raise


def _rename(temporary: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(path)
    else:
        _rename_to_new(temporary, path)


def _rename_to_new(temporary: Path, path: Path) -> None:
    """Gives the file its name unless that is taken."""
    if os.name == "nt":
        try:
            temporary.rename(path)  # fails on Windows where the name is taken
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
    """Without hard links: takes the name with an empty file, then replaces that."""
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
    """Makes the new name survive a power cut; Windows has no such call and needs none."""
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
    """The error for a file that could not be written, in words for users.

    Args:
        path: The file.
        error: From the operating system.
        option: The option that names another folder.
    """
    elsewhere = f"choose another folder with {option}."
    reason, advice = _REASONS.get(error.errno or 0, (error.strerror or str(error), "{Elsewhere}"))
    advice = advice.format(elsewhere=elsewhere, Elsewhere=elsewhere.capitalize())
    return kind_of(error)(
        f"{shown(path)} could not be written: {reason} ({shown(path.parent)}).", advice=advice
    )


def kind_of(error: Exception) -> type[WriteError]:
    """The class of the error for what could not be written: whether others will fail as well.

    Args:
        error: What the system or a store said.
    """
    return _KINDS.get(getattr(error, "errno", None) or 0, WriteError)


def check_folder(path: Path) -> None:
    """Refuses a file that cannot be written, before it is computed.

    What this does not see, as a quota, writing the file will.

    Args:
        path: Where it is to be written; its folder need not exist yet.

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
            # Some file systems do not count, and say 0 for all they have.
            elif disk.f_blocks and not disk.f_bfree:
                number = errno.ENOSPC
    if not number and folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EACCES
    if number:
        raise write_error(path, OSError(number, os.strerror(number)))
