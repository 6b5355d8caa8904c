"""Reads untrusted JSON: the result is a value, or an error in plain words."""

import json
from typing import Any

_MOST_DIGITS = 1000


def parse_json(data: bytes | str) -> Any:  # noqa: ANN401
    """Parses JSON strictly.

    Args:
        data: UTF-8, UTF-16 or UTF-32 if it is bytes.

    Raises:
        ValueError: It is not JSON, an object has a key twice, a number has thousands of digits, or
            it is nested too deeply.
    """
    try:
        return json.loads(data, object_pairs_hook=_object, parse_int=_whole)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                # Which of them was meant is unknown, and other programs take the first.
                raise ValueError(f"the key {key!r:.60} is there twice")
            seen.add(key)
    return found


def _whole(digits: str) -> int:
    # Python's own message names a function of Python.
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number has more than {_MOST_DIGITS:,} digits")
    return int(digits)
