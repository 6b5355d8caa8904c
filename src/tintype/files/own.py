"""What may be replaced: a file that carries our own mark, whatever the options say.

``--overwrite`` is for outputs of earlier runs. A photograph, a note or a settings file of somebody
else that happens to lie under the name of an output is never replaced by it.
"""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from tintype.errors import TargetExistsError, WriteError, reason, shown

_MOST_BYTES = 1 << 28
_PNG = b"\x89PNG\r\n\x1a\n"
_HEAD = 1 << 12
_JPEG_COMMENT = re.compile(rb"\xff\xfe..Tintype ", re.DOTALL)


def check_replaceable(
    path: Path, is_own: Callable[[bytes], bool], *, overwrite: bool, what: str
) -> None:
    """Refuses a target that is not ours to replace.

    Args:
        path: Where a file is to be written.
        is_own: Whether the bytes of a file carry the mark of what is written there.
        overwrite: Whether an earlier output may be replaced at all.
        what: What is written there, for the message: "a certainty map".

    Raises:
        TargetExistsError: Something is there that must stay.
        WriteError: The name cannot be looked at.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        # A link that leads nowhere is somebody's, too.
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
        f"{shown(path)} exists and is not {what} of Tintype, so it is never replaced.",
        advice="Move it away, or give another name.",
    )


def _is_own(path: Path, found: os.stat_result, is_own: Callable[[bytes], bool]) -> bool:
    if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
        return False
    try:
        # In an empty file there is nothing to lose.
        return found.st_size == 0 or is_own(path.read_bytes())
    except OSError:
        return False


def png_mark(kind: str) -> str:
    """The text under ``Software`` in a PNG of ours that is not a photograph.

    Args:
        kind: What it is: "certainty map".
    """
    return f"Tintype {kind}"


def has_any_mark(data: bytes) -> bool:
    """Whether a file is a PNG or JPEG with a mark of `png_mark`, whatever kind it is of."""
    head = data[:_HEAD]
    if data.startswith(_PNG):
        return b"tEXtSoftware\0" + png_mark("").encode("ascii") in head
    comment = _JPEG_COMMENT.search(head) if data.startswith(b"\xff\xd8") else None
    return comment is not None


def has_png_mark(data: bytes, kind: str) -> bool:
    """Whether a file is a PNG with the mark of `png_mark`."""
    text = b"tEXtSoftware\0" + png_mark(kind).encode("ascii")
    return data.startswith(_PNG) and text in data[:_HEAD]
