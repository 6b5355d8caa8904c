"""Numbers as text: on the command line, in queries and paths, and in files.

Python's `int` and `float` also accept `1_0`, digits of other scripts and spaces, which are far more
often mistakes than meant.
"""

import re

_WHOLE = re.compile(r"-?[0-9]{1,30}")
_NUMBER = re.compile(
    r"[+-]?(?:nan|inf|infinity"
    r"|(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,9})?)",
    re.IGNORECASE,
)


def whole_of(text: str) -> int:
    """Parses a whole number: ASCII digits, with an optional minus sign.

    Raises:
        ValueError: It is something else, or has more than 30 digits.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError("not a whole number")
    return int(text)


def number_of(text: str) -> float:
    """Parses a number: ASCII digits, with an optional sign, decimal point and exponent.

    Returns:
        Infinity for a number that is too large for a float. "nan" and "inf" are numbers, too, which
        no range includes.

    Raises:
        ValueError: It is something else.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    return float(text)
