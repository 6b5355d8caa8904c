"""The colour profile of a JPEG, joined from its chunks, whether or not they are numbered correctly.

Source: ICC.1:2022 annex B.4 (chunks in APP2), section 7.2.2 (the size of a profile).
"""

from collections.abc import Sequence
from dataclasses import dataclass

_HEADER = 128


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk as stored.

    Attributes:
        number: Counted from 1.
        of: Stated number of chunks.
        data: Part of the profile.
    """

    number: int
    of: int
    data: bytes


def joined(chunks: Sequence[Chunk]) -> tuple[bytes | None, str]:
    """The profile, and a sentence on any irregularity.

    If the numbers contradict each other, the profile is whatever has the length stated in its own
    header: the chunks by number without duplicates, all of them in file order, or only the first.

    Args:
        chunks: In file order.

    Returns:
        The profile, or None if there is none or it cannot be joined; the sentence, or an empty one.
    """
    if not chunks:
        return None, ""
    numbers = [chunk.number for chunk in chunks]
    by_number = {chunk.number: chunk.data for chunk in reversed(chunks)}
    in_order = b"".join(by_number[number] for number in sorted(by_number))
    if sorted(numbers) == list(range(1, len(chunks) + 1)) and {c.of for c in chunks} == {
        len(chunks)
    }:
        return in_order, ""
    for candidate in (in_order, b"".join(chunk.data for chunk in chunks), chunks[0].data):
        size = int.from_bytes(candidate[:4], "big")
        if _HEADER <= size <= len(candidate):
            note = "The chunks of its colour profile are numbered wrongly; the profile is whole."
            return candidate[:size], note
    return None, (
        "Its colour profile is incomplete and was left out: the pixels are treated as sRGB."
    )
