"""Writing a file all or nothing: the final name holds the old file, the whole new one, or none."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from tintype.errors import TargetExistsError, WriteError

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space, or choose another folder with --into."),
    errno.EDQUOT: (
        "your quota is used up",
        "Free some space, or choose another folder with --into.",
    ),
    errno.EACCES: ("there is no permission to write there", "Choose another folder with --into."),
    errno.EPERM: ("there is no permission to write there", "Choose another folder with --into."),
    errno.EROFS: ("the disk is read-only", "Choose another folder with --into."),
    errno.ENOENT: ("the folder does not exist", "Make the folder first."),
    errno.ENOTDIR: ("the folder does not exist", "Make the folder first."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name with -o."),
}

# What link() says where a file system has no hard links (FAT, some network shares).
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES}


def write_atomically(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Writes a file under a temporary name in the same folder and gives it its name when whole.

    Args:
        path: The final name; its folder exists.
        data: All of the file.
        overwrite: Whether an existing file may be replaced. When not, the name is taken in one
            step, so a file that somebody else makes meanwhile is not lost either.

    Raises:
        TargetExistsError: The name is taken and may not be replaced.
        WriteError: Disk full, no permission, folder gone; nothing is left behind.
    """
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    temporary = path.with_name(f".tintype-{secrets.token_hex(8)}.tmp")
    try:
        _write(temporary, data)
        if overwrite:
            temporary.replace(path)
        else:
            _publish_new(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        # Gone already when all went well, and in every other case rubbish.
        with suppress(OSError):
            temporary.unlink()


def _write(temporary: Path, data: bytes) -> None:
    # O_EXCL with 0o666 lets the user's umask decide, which mkstemp (always 0600) would not.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(temporary, flags, 0o666), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _publish_new(temporary: Path, path: Path) -> None:
    """Gives the file its name only if nobody has it."""
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
    """Without hard links: take the name with an empty file, then put the whole one in its place."""
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
    """Makes the name itself survive a power cut; Windows has no such call and needs none."""
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
    return TargetExistsError(f"{path} exists already.", hint="Add --overwrite to replace it.")


def _write_error(path: Path, error: OSError) -> WriteError:
    reason, hint = _REASONS.get(
        error.errno or 0, (error.strerror or str(error), "Choose another folder with --into.")
    )
    return WriteError(f"{path} could not be written: {reason} ({path.parent}).", hint=hint)
