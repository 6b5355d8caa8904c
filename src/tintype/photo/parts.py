"""Parts of a file that are carried without being understood, and a count of what is left out.

No reader knows everything that programs put into their files. Whatever a codec does not recognise
it hands to an `UnknownParts`: either it can be written again as it is, or its name reaches the user
in a note. Nothing vanishes silently, and no list of all programs is needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

# Of one page. Every part is an object and a piece of the output.
_MAX_PARTS = 500
_MAX_PART_BYTES = 16 << 20
_MAX_NAMES = 6
_MAX_NAME = 32


class NamedText(NamedTuple):
    """A text of a PNG.

    Attributes:
        keyword: What it is, Latin-1 of at most 79 characters.
        text: The text itself.
        language: RFC 3066 tag; empty where the file has none.
        translated: The keyword in that language.
    """

    keyword: str
    text: str
    language: str = ""
    translated: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that can be written again as it is, in a file of the same format.

    Attributes:
        name: For messages: ``APP12 "Ducky"``.
        kind: What its format tells it by: a marker, the letters of a chunk or box, a tag.
        data: Its contents.
        geometric: Whether it relates to places in the picture, so that it is no longer true of one
            that was turned.
    """

    name: str
    kind: bytes
    data: bytes
    geometric: bool = False


@dataclass(slots=True)
class UnknownParts:
    """What a codec found in a file and did not recognise.

    Attributes:
        carried: Parts to be written again.
        left_out: The names of the others, each with how many there are.
    """

    carried: list[Part] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    _bytes: int = 0

    def carry(self, name: str, kind: bytes, data: bytes, *, geometric: bool = False) -> None:
        """Keeps a part, or leaves it out where there are absurdly many or large ones."""
        self._bytes += len(data)
        if len(self.carried) < _MAX_PARTS and self._bytes <= _MAX_PART_BYTES:
            self.carried.append(Part(name, kind, data, geometric))
        else:
            self.leave(name)

    def leave(self, name: str) -> None:
        """Counts something that cannot be true of the coloured file, or that it has no place for.

        Names beyond the bound are counted together: a file may hold a million kinds.
        """
        if name not in self.left_out and len(self.left_out) >= _MAX_PARTS:
            name = "other parts"
        self.left_out[name] = self.left_out.get(name, 0) + 1

    def notes(self) -> tuple[str, ...]:
        """A sentence for the user; none where nothing was left out."""
        if not self.left_out:
            return ()
        names = (
            f"{name} ({count} times)" if count > 1 else name
            for name, count in self.left_out.items()
        )
        return (f"Left out: {listed(names)}.",)


def listed(names: Iterable[str]) -> str:
    """Names in a sentence, each once; a count where there are too many to read."""
    once = list(dict.fromkeys(names))
    shown, more = once[:_MAX_NAMES], len(once) - _MAX_NAMES
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return ", ".join(shown)


def shown_name(raw: bytes) -> str:
    """Bytes of a file as a name in a message: printable ASCII, and not long."""
    return "".join(chr(b) if 32 < b < 127 else "." for b in raw[:_MAX_NAME])
