"""A hash table of 64-bit integers with a few bytes per entry, for plans of any length.

A dictionary needs five times as much memory, because each key and value is an object.
"""

from array import array
from hashlib import blake2b

_INITIAL_CAPACITY = 1 << 10


def digest(data: bytes) -> int:
    """A 64-bit hash, never 0.

    Among a million different inputs, the probability of a collision is one in 40 million, so
    callers that cannot tolerate one have to compare the inputs.
    """
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little") or 1


class DigestTable:
    """Maps digests to 64-bit integers: 24 to 48 bytes per entry."""

    def __init__(self) -> None:
        self._count = 0
        self._allocate(_INITIAL_CAPACITY)

    def __len__(self) -> int:
        return self._count

    def get(self, key: int) -> int | None:
        """The value of a key, or None.

        Args:
            key: As `digest` returns it.
        """
        slot = self._slot(key)
        return self._values[slot] if self._keys[slot] else None

    def put(self, key: int, value: int) -> None:
        """Sets the value of a key.

        Args:
            key: As `digest` returns it.
            value: 0 to 2**64 - 1.
        """
        slot = self._slot(key)
        if not self._keys[slot]:
            if 3 * self._count >= 2 * len(self._keys):
                self._grow()
                slot = self._slot(key)
            self._count += 1
            self._keys[slot] = key
        self._values[slot] = value

    def _allocate(self, capacity: int) -> None:
        # The capacity is a power of two; the key 0 marks an empty slot.
        self._keys = array("Q", bytes(8 * capacity))
        self._values = array("Q", bytes(8 * capacity))

    def _slot(self, key: int) -> int:
        """The slot of a key, or the empty one where it belongs (linear probing)."""
        keys, mask = self._keys, len(self._keys) - 1
        slot = key & mask
        while keys[slot] and keys[slot] != key:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        keys, values = self._keys, self._values
        self._allocate(2 * len(keys))
        for key, value in zip(keys, values, strict=True):
            if key:
                slot = self._slot(key)
                self._keys[slot] = key
                self._values[slot] = value
