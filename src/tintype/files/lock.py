"""A lock on an open file, held until the file is closed or its process ends.

The package filelock was rejected: it locks a separate file beside the actual one, which would
remain in users' folders, and it cannot lock a file that is to be renamed.
"""

import errno
import os
import sys
from typing import IO

File = IO[bytes] | int
"""An open file, or its descriptor."""


NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
"""Errors of locking on a file system without locks."""


def wait_for_lock(file: File) -> None:
    """Locks a file, waiting until it is free.

    Args:
        file: A file open for writing; its current position is not preserved.

    Raises:
        OSError: The file system has no locks, or, on Windows, the lock was held for ten seconds.
    """
    _lock(_descriptor(file), wait=True)


def try_lock(file: File) -> bool:
    """Locks a file, unless it is already locked.

    Args:
        file: As for `wait_for_lock`.

    Returns:
        Whether the lock was acquired.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        _lock(_descriptor(file), wait=False)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _descriptor(file: File) -> int:
    return file if isinstance(file, int) else file.fileno()


if sys.platform == "win32":
    import msvcrt

    _BEYOND = 1 << 40
    """Other processes cannot read a locked byte, so it is beyond the end of any file."""

    def _lock(descriptor: int, *, wait: bool) -> None:
        os.lseek(descriptor, _BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, *, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
