"""A table of numbers for numbers that takes a few bytes an entry, for plans of any length.

A dictionary of the same takes five times as much: every key and every value in it is an object.
"""

from array import array
from hashlib import blake2b

_FIRST_ROOM = 1 << 10


def digest(data: bytes) -> int:
    """A number of 64 bits for some bytes, never 0.

    Among a million different ones two are equal with a chance of one in 40 million: whoever loses
    something by that looks again.
    """
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little") or 1


class Digests:
    """Numbers of 64 bits by numbers of 64 bits: 24 to 48 bytes an entry."""

    def __init__(self) -> None:
        self._count = 0
        self._make(_FIRST_ROOM)

    def __len__(self) -> int:
        return self._count

    def get(self, key: int) -> int | None:
        """What was put under a key.

        Args:
            key: As `digest` gives it.
        """
        at = self._place(key)
        return self._values[at] if self._keys[at] else None

    def put(self, key: int, value: int) -> None:
        """Puts something under a key, in place of what was there.

        Args:
            key: As `digest` gives it.
            value: 0 to 2**64 - 1.
        """
        at = self._place(key)
        if not self._keys[at]:
            if 3 * self._count >= 2 * len(self._keys):
                self._grow()
                at = self._place(key)
            self._count += 1
            self._keys[at] = key
        self._values[at] = value

    def _make(self, room: int) -> None:
        # The room is a power of two, and 0 stands where nothing is.
        self._keys = array("Q", bytes(8 * room))
        self._values = array("Q", bytes(8 * room))

    def _place(self, key: int) -> int:
        """Where a key stands, or where it would be put: the next free place from its own."""
        keys, last = self._keys, len(self._keys) - 1
        at = key & last
        while keys[at] and keys[at] != key:
            at = (at + 1) & last
        return at

    def _grow(self) -> None:
        keys, values = self._keys, self._values
        self._make(2 * len(keys))
        for key, value in zip(keys, values, strict=True):
            if key:
                at = self._place(key)
                self._keys[at] = key
                self._values[at] = value
