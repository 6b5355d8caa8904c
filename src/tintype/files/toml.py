"""Reads untrusted TOML: the result is a table, or a one-line error."""

import re
import tomllib
from pathlib import Path
from typing import Any

from tintype.errors import TintypeError, UsageError, brief, reason, shown

_MOST_BYTES = 4 << 20
_MOST_PARTS = 50
_DEEP = re.compile(
    rf"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{_MOST_PARTS}}}"""
)


class _TooDeepError(ValueError):
    """A key has too many parts."""


def read_toml(
    path: Path, *, error: type[TintypeError] = UsageError, advice: str = ""
) -> dict[str, Any]:
    """Reads the tables of a TOML file.

    Args:
        path: The file.
        error: The class of error to raise if it cannot be read.
        advice: Where to find such files, for the message on a missing file.

    Raises:
        TintypeError: It cannot be read, or is not TOML; an instance of `error`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as found:
        raise error(f"{shown(path)} cannot be read: {reason(found)}.", advice=advice) from None
    if len(data) > _MOST_BYTES:
        raise error(
            f"{shown(path)} is longer than {_MOST_BYTES >> 20} MiB, too long for such a file."
        )
    try:
        text = data.decode("utf-8")
        # The parser stores the full name of each nested table.
        if _DEEP.search(text):
            raise _TooDeepError(f"a key of more than {_MOST_PARTS} parts")
        return tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, _TooDeepError) as found:
        why = brief(found, most=200)
    except ValueError:  # Python's own message names a function of Python
        why = "a number has thousands of digits"
    except RecursionError:
        why = "it is nested too deeply"
    raise error(f"{shown(path)} is not a TOML file: {why}.")
