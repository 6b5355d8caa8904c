"""A lock on an open file, held until the file is closed or its process ends.

The package filelock was considered: it locks a file of its own beside the one that is meant, which
would lie in people's folders, and it cannot lock a file that is to be renamed.
"""

import errno
import os
import sys
from typing import IO

File = IO[bytes] | int
"""An open file, or its descriptor."""


NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
"""What locking fails with where a file system has no locks."""


def wait_for_lock(file: File) -> None:
    """Locks a file, once whoever holds it lets go.

    Args:
        file: Open for writing; where it stands in the file is not kept.

    Raises:
        OSError: The file system has no locks. On Windows also: it was held for ten seconds.
    """
    _lock(_descriptor(file), wait=True)


def try_lock(file: File) -> bool:
    """Locks a file, unless somebody holds it.

    Args:
        file: As for `wait_for_lock`.

    Returns:
        Whether it is ours.

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
    """Nobody else can read a locked byte, so it lies beyond any file."""

    def _lock(descriptor: int, *, wait: bool) -> None:
        os.lseek(descriptor, _BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, *, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
