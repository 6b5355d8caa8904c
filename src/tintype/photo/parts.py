"""Parts of a file that are carried without being understood, and a count of what is left out.

No reader recognises everything that programs write into files. A codec passes whatever it does not
recognise to an `UnknownParts`: either it can be written again unchanged, or its name reaches the
user in a note. Nothing vanishes silently, and no list of all programs is needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

# Limits for one page: every part is an object, and a piece of the output.
_MAX_PARTS = 500
_MAX_PART_BYTES = 16 << 20
_MAX_NAMES = 6
_MAX_NAME = 32


class NamedText(NamedTuple):
    """A PNG text chunk.

    Attributes:
        keyword: Latin-1, at most 79 characters.
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
    """A part of a file that can be written unchanged to a file of the same format.

    Attributes:
        name: For messages: ``APP12 "Ducky"``.
        kind: How its format identifies it: a marker, the type of a chunk or box, a tag.
        data: Its contents.
        geometric: Whether it refers to positions in the picture, and is no longer true once that is
            turned.
    """

    name: str
    kind: bytes
    data: bytes
    geometric: bool = False


@dataclass(slots=True)
class UnknownParts:
    """The parts of a file that a codec did not recognise.

    Attributes:
        carried: Parts to be written again.
        left_out: The names of the others, each with its count.
    """

    carried: list[Part] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    _bytes: int = 0

    def carry(self, name: str, kind: bytes, data: bytes, *, geometric: bool = False) -> None:
        """Keeps a part, or leaves it out if there are absurdly many or large ones."""
        self._bytes += len(data)
        if len(self.carried) < _MAX_PARTS and self._bytes <= _MAX_PART_BYTES:
            self.carried.append(Part(name, kind, data, geometric))
        else:
            self.leave(name)

    def leave(self, name: str) -> None:
        """Counts a part that would not be true of the coloured file, or has no place in it.

        Names beyond the limit are counted together: a file may contain a million kinds.
        """
        if name not in self.left_out and len(self.left_out) >= _MAX_PARTS:
            name = "other parts"
        self.left_out[name] = self.left_out.get(name, 0) + 1

    def notes(self) -> tuple[str, ...]:
        """A sentence for the user; empty if nothing was left out."""
        if not self.left_out:
            return ()
        names = (
            f"{name} ({count} times)" if count > 1 else name
            for name, count in self.left_out.items()
        )
        return (f"Left out: {listed(names)}.",)


def listed(names: Iterable[str]) -> str:
    """Names for a sentence, each once; a count if there are too many to read."""
    once = list(dict.fromkeys(names))
    shown, more = once[:_MAX_NAMES], len(once) - _MAX_NAMES
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return ", ".join(shown)


def shown_name(raw: bytes) -> str:
    """Bytes of a file as a name in a message: short, printable ASCII."""
    return "".join(chr(b) if 32 < b < 127 else "." for b in raw[:_MAX_NAME])
