"""Determines which files may be replaced: only those with Tintype's marker, whatever the options.

``--overwrite`` is for outputs of earlier runs. It never replaces a photograph, a note or a settings
file of someone else that happens to have the name of an output.
"""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from tintype.errors import TargetExistsError, WriteError, reason, shown
from tintype.files.temporary import refuse_internal

_MOST_BYTES = 1 << 28
_PNG = b"\x89PNG\r\n\x1a\n"
_HEAD = 1 << 12
_JPEG_COMMENT = re.compile(rb"\xff\xfe..Tintype ", re.DOTALL)


def check_replaceable(
    path: Path, is_own: Callable[[bytes], bool], *, overwrite: bool, what: str
) -> None:
    """Refuses a target that must not be replaced.

    Args:
        path: The path of an output.
        is_own: Whether the bytes of a file contain the marker of this kind of output.
        overwrite: Whether an earlier output may be replaced at all.
        what: The kind of output, for the message: "a certainty map".

    Raises:
        TargetExistsError: An existing file must be preserved.
        UsageError: It has the name of a state or temporary file of Tintype.
        WriteError: The path cannot be checked.
    """
    refuse_internal(path)
    try:
        found = path.stat()
    except FileNotFoundError:
        # A broken link also belongs to someone.
        if not os.path.lexists(path):
            return
        found = None
    except (OSError, ValueError) as error:
        raise WriteError(f"{shown(path)} could not be written: {reason(error)}.") from error
    if found is not None and _is_own(path, found, is_own):
        if overwrite:
            return
        raise TargetExistsError(
            f"{shown(path)} already exists.", advice="Move it away, or give --overwrite."
        )
    raise TargetExistsError(
        f"{shown(path)} exists and is not {what} made by Tintype, so it is never replaced.",
        advice="Move it away, or give another name.",
    )


def _is_own(path: Path, found: os.stat_result, is_own: Callable[[bytes], bool]) -> bool:
    if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
        return False
    try:
        # An empty file has nothing to lose.
        return found.st_size == 0 or is_own(path.read_bytes())
    except OSError:
        return False


def png_mark(kind: str) -> str:
    """The text of the ``Software`` chunk in a PNG of Tintype's that is not a photograph.

    Args:
        kind: The kind of picture: "certainty map".
    """
    return f"Tintype {kind}"


def has_any_mark(data: bytes) -> bool:
    """Whether a file is a PNG or JPEG with a marker of `png_mark` of any kind."""
    head = data[:_HEAD]
    if data.startswith(_PNG):
        return b"tEXtSoftware\0" + png_mark("").encode("ascii") in head
    comment = _JPEG_COMMENT.search(head) if data.startswith(b"\xff\xd8") else None
    return comment is not None


def has_png_mark(data: bytes, kind: str) -> bool:
    """Whether a file is a PNG with the marker of `png_mark`."""
    text = b"tEXtSoftware\0" + png_mark(kind).encode("ascii")
    return data.startswith(_PNG) and text in data[:_HEAD]
