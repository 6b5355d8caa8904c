"""Temporary files: their names prove that they are ours, so that what is left can be removed."""

import hashlib
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from tintype.errors import UsageError, shown
from tintype.files.lock import try_lock, wait_for_lock

_PREFIX, _SUFFIX = ".tintype-", ".tmp"
_DIGITS = 16
_TEMPORARY = re.compile(rf"\.tintype-([0-9a-f]{{{_DIGITS}}})([0-9a-f]{{{_DIGITS}}})?\.tmp")


def lock_path(path: Path) -> Path:
    """The hidden file that stands for a name: what is locked while the name is reserved.

    Args:
        path: What is to be written.
    """
    name = hashlib.sha256(os.path.normcase(path.name).encode("utf-8", "surrogateescape"))
    return path.parent / f"{_PREFIX}{name.hexdigest()[:_DIGITS]}{_SUFFIX}"


def refuse_temporary(path: Path) -> None:
    """Refuses a file that is named by the user and that `remove_abandoned` might remove.

    Args:
        path: The file; it need not exist.

    Raises:
        UsageError: It has the name of a temporary file, or is a link to one.
    """
    # Not `Path.resolve`, which fails where links form a loop.
    file = Path(os.path.realpath(path)) if os.path.islink(path) else path  # noqa: PTH114
    if _TEMPORARY.fullmatch(path.name) or _TEMPORARY.fullmatch(file.name):
        raise UsageError(
            f"{shown(path)} has the name of a temporary file of Tintype, which any run may remove.",
            advice="Rename it first.",
        )


def remove_abandoned(folder: Path) -> int:
    """Removes temporary files that a killed process left behind; those in use are left alone.

    Whoever writes a temporary file holds a lock on it (POSIX) or has it open (Windows, where an
    open file cannot be removed). So nothing needs to be guessed from its age, or from process
    numbers, which mean nothing on a shared disk.

    The name of a temporary file proves that it is one: it holds a digest of the file's inode. A
    file of somebody else that was copied or moved to such a name has another inode, and stays. So
    do temporary files where inodes are not permanent (FAT). Files without a digest are those of
    `tintype.files.atomic.reserved`, and those that are just created; both are empty, and others
    with such names stay.

    Args:
        folder: Where outputs are written; it need not exist.

    Returns:
        How many were removed.
    """
    removed = 0
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):
            removed += _remove_if_free(path)
    return removed


def open_temporary(folder: Path) -> tuple[Path, int]:
    """A new file, open and locked, under a name that proves that it is ours.

    Args:
        folder: Where it is created; it exists.

    Returns:
        Its path, and its descriptor, open for reading and writing.

    Raises:
        OSError: It cannot be created.
    """
    # O_EXCL with 0o666 lets the user's umask decide, which mkstemp (always 0600) would not.
    binary = getattr(os, "O_BINARY", 0)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | binary
    while True:
        token = secrets.token_hex(_DIGITS // 2)
        unproven = folder / f"{_PREFIX}{token}{_SUFFIX}"
        descriptor = os.open(unproven, flags, 0o666)
        path = folder / f"{_PREFIX}{token}{_proof(token, os.fstat(descriptor))}{_SUFFIX}"
        if os.name == "nt":  # it renames no open file; that the file is open is lock enough
            os.close(descriptor)
            # `remove_abandoned` of another process may come before it is open again.
            with suppress(FileNotFoundError):
                unproven.rename(path)
                return path, os.open(path, os.O_RDWR | binary)
            continue
        # Where the file system has no locks, `remove_abandoned` gets none either and keeps all.
        with suppress(OSError):
            wait_for_lock(descriptor)
        if os.fstat(descriptor).st_nlink:
            try:
                unproven.rename(path)
            except OSError:
                os.close(descriptor)
                unproven.unlink()
                raise
            return path, descriptor
        # `remove_abandoned` of another process came between creating and locking it.
        os.close(descriptor)


def _proof(token: str, found: os.stat_result) -> str:
    """The digits of a name that fit one file alone."""
    return hashlib.sha256(f"{token}/{found.st_ino}".encode()).hexdigest()[:_DIGITS]


def _is_ours(path: Path, found: os.stat_result) -> bool:
    """Whether a file is a temporary one, by its name and what it is."""
    name = _TEMPORARY.fullmatch(path.name)
    if name is None or not stat.S_ISREG(found.st_mode):
        return False
    if name[2] is None:
        return found.st_size == 0 and found.st_nlink == 1
    return name[2] == _proof(name[1], found)


def _remove_if_free(path: Path) -> bool:
    if not _is_ours(path, path.lstat()):
        return False
    if os.name == "nt":
        path.unlink()  # fails while its writer has it open
        return True
    with path.open("r+b") as stream:
        # Asked again of what is open: another file may have got the name.
        free = try_lock(stream) and _is_ours(path, os.fstat(stream.fileno()))
        if free:
            # Still locked here: its writer waits for the lock and then sees that it is gone.
            path.unlink()
        return free
