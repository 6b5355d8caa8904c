"""Names of colours: one table for the command, Python, HTTP and the page.

It contains the names of CSS and those of the xkcd colour survey, which people use for everyday
things: "brick", "olive drab", "dusty rose". A name that both define refers to CSS; ``xkcd:teal``
selects the survey's.

Sources: CSS Color Module Level 4, 6.1 (as Pillow has it); the xkcd colour survey, R. Munroe 2010,
CC0, in xkcd_colors.txt beside this file.
"""

import difflib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from PIL import ImageColor

from tintype.errors import UsageError, brief

XKCD = "xkcd:"
"""Prefix of a survey name that CSS also defines."""

_SUGGESTIONS = 3
_HEXADECIMAL = re.compile(r"#?([0-9a-f]{6})|#([0-9a-f]{3})")


@cache
def color_names() -> Mapping[str, str]:
    """Every name in lower case and its colour as ``#c04030``: CSS first, each list sorted.

    A survey name that CSS also defines, in whatever spelling, has the prefix `XKCD`.
    """
    css = {name: _hex(ImageColor.getrgb(name)) for name in sorted(ImageColor.colormap)}
    text = files(__package__).joinpath("xkcd_colors.txt").read_text(encoding="ascii")
    survey = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            color, _, name = line.partition(" ")
            survey[f"{XKCD}{name}" if _letters(name) in css else name] = color
    return MappingProxyType(css | survey)


def rgb_of(color: str) -> tuple[int, int, int]:
    """Parses a colour into its three bytes.

    Args:
        color: ``#c04030``, ``c04030`` or ``#c43``, or one of `color_names`: in upper or lower case,
            with spaces, hyphens or nothing between its words.

    Raises:
        UsageError: It is neither; the message suggests the most similar names.
    """
    text = " ".join(color.lower().split())
    found = _HEXADECIMAL.fullmatch(text)
    if found is None:
        named = color_names().get(text) or color_names().get(text.removeprefix(XKCD))
        named = named or _by_letters().get(_letters(text))
        if named is None:
            raise _unknown(color)
        digits = named[1:]
    else:
        digits = found[1] or "".join(2 * digit for digit in found[2])
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def _unknown(color: str) -> UsageError:
    """The error for a colour that cannot be parsed."""
    spelled = _by_letters()
    near = difflib.get_close_matches(_letters(color.lower()), spelled, n=_SUGGESTIONS, cutoff=0.75)
    names = [_names_by_letters()[letters] for letters in near]
    *others, last = names or [""]
    return UsageError(
        f"The colour {brief(color)} is not understood.",
        advice=f"Did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
        if names
        else "Write a name such as steelblue, or #c04030, in quotes where the shell treats # as a "
        "comment.",
    )


@cache
def _names_by_letters() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in color_names():
        found.setdefault(_letters(name), name)
        found.setdefault(_letters(name).removeprefix(XKCD), name)
    return MappingProxyType(found)


@cache
def _by_letters() -> Mapping[str, str]:
    return {letters: color_names()[name] for letters, name in _names_by_letters().items()}


def _letters(name: str) -> str:
    """A name without the separators that people add or leave out between its words."""
    return re.sub(r"[\s'_-]", "", name)


def _hex(rgb: tuple[int, ...]) -> str:
    return "#" + bytes(rgb[:3]).hex()
