"""Reading TOML that somebody wrote, perhaps to do harm: it is a table, or an error of one line."""

import tomllib
from pathlib import Path
from typing import Any

from tintype.errors import TintypeError, UsageError, brief, reason, shown


def read_toml(
    path: Path, *, error: type[TintypeError] = UsageError, advice: str = ""
) -> dict[str, Any]:
    """The tables of a TOML file.

    Args:
        path: The file.
        error: Is raised where it cannot be read.
        advice: Where such files are found, for a file that is missing.

    Raises:
        TintypeError: It cannot be read, or is not TOML; of the class that was given.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as found:
        raise error(f"{shown(path)} cannot be read: {reason(found)}.", advice=advice) from None
    # A number of five thousand digits is a plain ValueError, and brackets can nest without end.
    except (ValueError, RecursionError) as found:
        raise error(f"{shown(path)} is not a TOML file: {brief(found, most=200)}.") from None
