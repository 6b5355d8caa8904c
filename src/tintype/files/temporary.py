"""Temporary files, whose names prove that Tintype created them, and removal of abandoned ones."""

import hashlib
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from tintype.errors import UsageError, shown
from tintype.files.lock import try_lock, wait_for_lock

STATE_FILE = ".tintype-state.jsonl"
"""Records the outputs in its folder that cannot store provenance; see `tintype.jobs.resume`."""

_STATE = STATE_FILE.removesuffix(".jsonl")
_PREFIX, _SUFFIX = ".tintype-", ".tmp"
_DIGITS = 16
_TEMPORARY = re.compile(rf"\.tintype-([0-9a-f]{{{_DIGITS}}})([0-9a-f]{{{_DIGITS}}})?\.tmp")


def lock_path(path: Path) -> Path:
    """The hidden file that is locked while a name is reserved.

    Args:
        path: The file to be written.
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
    if any(map(_TEMPORARY.fullmatch, _names(path))):
        raise UsageError(
            f"{shown(path)} has the name of a temporary file of Tintype, which any run may remove.",
            advice="Rename it first.",
        )


def refuse_internal(path: Path) -> None:
    """Refuses an output that is named by the user and would be a state or temporary file.

    A run waits for the lock on a state file, so it would wait for itself if that were its report.

    Args:
        path: The output; it need not exist.

    Raises:
        UsageError: It has the name of such a file, or is a link to one.
    """
    refuse_temporary(path)
    # Some disks ignore case.
    if any(name.casefold().startswith(_STATE) for name in _names(path)):
        raise UsageError(
            f"{shown(path)} has the name of a state file of Tintype.", advice="Give another name."
        )


def _names(path: Path) -> tuple[str, str]:
    """The name of a file, and that of the file a link leads to."""
    # Not `Path.resolve`, which fails where links form a loop.
    file = Path(os.path.realpath(path)) if os.path.islink(path) else path  # noqa: PTH114
    return path.name, file.name


def remove_abandoned(folder: Path) -> int:
    """Removes temporary files that a killed process left behind; those in use are left alone.

    The writer of a temporary file holds a lock on it (POSIX) or has it open (Windows, where an open
    file cannot be removed). So there is no need to guess from its age or from process IDs, which
    are meaningless on a shared disk.

    The name of a temporary file contains a digest of its inode, which proves that it is one. Any
    other file that was copied or moved to such a name has another inode, and is kept. So are
    temporary files on file systems without permanent inodes (FAT). Names without a digest belong to
    lock files (`tintype.files.atomic.reserved`) and to files that have just been created; these are
    empty, so other files with such names are kept as well.

    Args:
        folder: The output folder, which need not exist.

    Returns:
        Number of files removed.
    """
    removed = 0
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):
            removed += _remove_if_free(path)
    return removed


def open_temporary(folder: Path) -> tuple[Path, int]:
    """Creates a temporary file, open and locked.

    Args:
        folder: Where it is created; it exists.

    Returns:
        Its path, and its descriptor, open for reading and writing.

    Raises:
        OSError: It cannot be created.
    """
    # O_EXCL with 0o666 respects the user's umask, unlike mkstemp (always 0600).
    binary = getattr(os, "O_BINARY", 0)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | binary
    while True:
        token = secrets.token_hex(_DIGITS // 2)
        unproven = folder / f"{_PREFIX}{token}{_SUFFIX}"
        descriptor = os.open(unproven, flags, 0o666)
        path = folder / f"{_PREFIX}{token}{_proof(token, os.fstat(descriptor))}{_SUFFIX}"
        if os.name == "nt":  # an open file cannot be renamed; having it open is sufficient
            os.close(descriptor)
            # `remove_abandoned` in another process may remove it before it is reopened.
            with suppress(FileNotFoundError):
                unproven.rename(path)
                return path, os.open(path, os.O_RDWR | binary)
            continue
        # Without locks on the file system, `remove_abandoned` removes nothing.
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
        # `remove_abandoned` in another process removed it before it was locked.
        os.close(descriptor)


def _proof(token: str, found: os.stat_result) -> str:
    """The digits of a name that match only one file."""
    return hashlib.sha256(f"{token}/{found.st_ino}".encode()).hexdigest()[:_DIGITS]


def _is_ours(path: Path, found: os.stat_result) -> bool:
    """Whether a file is one of our temporary files."""
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
