"""Damage: what accident and malice do to files, following from a seed."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

_LIMITS = (
    0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000,
    0xFFFFFFFF, 2**63, 2**64 - 1,
)  # fmt: skip
_HEADER = 400


def mutant(data: bytes, rng: np.random.Generator, relatives: Sequence[bytes]) -> bytes:
    """One damaged file.

    Args:
        data: A whole one.
        rng: Everything follows from it.
        relatives: Other files of the format, to splice with.

    Returns:
        Never the file itself. A PNG has right checksums, so that damage reaches what stands behind
        them, in three of four cases.
    """
    out = data
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        kind = int(rng.integers(0, len(_KINDS)))
        changed = _KINDS[kind](bytearray(out), rng, relatives)
        out = changed if changed else out[: len(out) // 2]
        if not out:
            break
    if out == data:
        out = data[:-1] or b"\0"
    if out.startswith(b"\x89PNG") and rng.random() < 0.75:
        out = mended(out)
    return out


def _cut(out: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytes:
    return bytes(out[: int(rng.integers(0, len(out)))])


def _flip(out: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytes:
    for _ in range(int(rng.integers(1, 9))):
        out[int(rng.integers(0, len(out)))] ^= 1 << int(rng.integers(0, 8))
    return bytes(out)


def _header(out: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytes:
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, min(len(out), _HEADER)))
        out[at] = int(rng.choice([0, 1, 127, 128, 254, 255, int(rng.integers(0, 256))]))
    return bytes(out)


def _number(out: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytes:
    """A number of 2, 4 or 8 bytes at a limit: lengths, counts, offsets, sizes are such numbers."""
    size = int(rng.choice([2, 4, 4, 4, 8]))
    near = rng.random() < 0.6
    at = int(rng.integers(0, max(1, min(len(out), _HEADER if near else len(out)) - size)))
    value = int(rng.choice(len(_LIMITS) + 2))
    number = (
        _LIMITS[value] if value < len(_LIMITS) else max(0, len(out) - at + int(rng.integers(-4, 5)))
    )
    if rng.random() < 0.3:
        number = int.from_bytes(out[at : at + size], "big") + int(rng.integers(-3, 4))
    order = "big" if rng.random() < 0.5 else "little"
    out[at : at + size] = (number % (1 << (8 * size))).to_bytes(size, order)
    return bytes(out)


def _noise(out: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytes:
    at = int(rng.integers(0, len(out)))
    noise = rng.integers(0, 256, int(rng.integers(1, 64)), dtype=np.uint8).tobytes()
    if rng.random() < 0.5:
        out[at:at] = noise  # inserted: everything behind moves
    else:
        out[at : at + len(noise)] = noise
    return bytes(out)


def _remove(out: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytes:
    at = int(rng.integers(0, len(out)))
    del out[at : at + int(rng.integers(1, 64))]
    return bytes(out)


def _repeat(out: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytes:
    at, length = int(rng.integers(0, len(out))), int(rng.integers(1, 200))
    out[at:at] = out[at : at + length] * int(rng.choice([1, 2, 50]))
    return bytes(out)


def _splice(out: bytearray, rng: np.random.Generator, relatives: Sequence[bytes]) -> bytes:
    other = relatives[int(rng.integers(0, len(relatives)))]
    cut = int(rng.integers(0, len(out)))
    if rng.random() < 0.5:
        return bytes(out[:cut]) + other[min(cut, len(other)) :]
    at = int(rng.integers(0, max(1, len(other))))
    return bytes(out[:cut]) + other[at:]


def _structure(out: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytes:
    """A part of the container: twice, away, moved, or of a wrong size."""
    parts = _parts(bytes(out))
    if len(parts) < 2:
        return _number(out, rng, ())
    which = int(rng.integers(0, len(parts)))
    start, end = parts[which]
    part = bytes(out[start:end])
    kind = int(rng.integers(0, 5))
    if kind == 0:
        out[end:end] = part * int(rng.choice([1, 3, 30]))
    elif kind == 1:
        del out[start:end]
    elif kind == 2:
        del out[start:end]
        target = parts[int(rng.integers(0, len(parts)))][0]
        out[target:target] = part
    elif kind == 3:
        size = min(int(rng.choice([2, 4])), end - start)
        limit = int(rng.choice([0, 1, 2, 8, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, end - start + 1]))
        value = (limit % (1 << (8 * size))).to_bytes(
            size, "big" if rng.random() < 0.6 else "little"
        )
        at = start + int(rng.choice([0, 0, 2, 4, 8]))
        out[at : at + size] = value
    else:
        at = start + int(rng.integers(0, max(1, min(end - start, 32))))
        out[at] = int(rng.integers(0, 256))
    return bytes(out)


_KINDS = (
    _cut, _flip, _flip, _header, _header, _number, _number, _number, _noise, _remove, _repeat,
    _splice, _structure, _structure, _structure,
)  # fmt: skip


def _parts(data: bytes) -> list[tuple[int, int]]:
    """Where segments, chunks, boxes or directory entries begin and end."""
    if data.startswith(b"\xff\xd8"):
        return _segments(data, 2)
    if data.startswith(b"\xff\x4f"):
        return _segments(data, 2)
    if data.startswith(b"\x89PNG"):
        return _row(data, 8, ">I", 12)
    if data.startswith(b"RIFF"):
        return _row(data, 12, "<4xI", 8)
    if data[:2] in (b"II", b"MM"):
        return _entries(data)
    if data[4:8] in (b"ftyp", b"jP  "):
        found = _boxes(data, 0, len(data))
        return [part for start, end in found for part in ((start, end), *_inner(data, start, end))]
    return []


def _segments(data: bytes, at: int) -> list[tuple[int, int]]:
    found = []
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0xDA, 0x93):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data):
            break
        found.append((at, end))
        at = end
    return found


def _row(data: bytes, at: int, head: str, around: int) -> list[tuple[int, int]]:
    found = []
    while at + around <= len(data):
        (length,) = struct.unpack_from(head, data, at)
        end = at + around + length
        if end > len(data):
            break
        found.append((at, end))
        at = end
    return found


def _entries(data: bytes) -> list[tuple[int, int]]:
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 10:
        return []
    (at,) = struct.unpack_from(order + "I", data, 4)
    if at + 2 > len(data):
        return []
    (count,) = struct.unpack_from(order + "H", data, at)
    places = range(at + 2, min(at + 2 + 12 * count, len(data) - 12), 12)
    return [(place, place + 12) for place in places]


def _boxes(data: bytes, at: int, end: int) -> list[tuple[int, int]]:
    found = []
    while at + 8 <= end:
        (length,) = struct.unpack_from(">I", data, at)
        if length < 8 or at + length > end:
            break
        found.append((at, at + length))
        at += length
    return found


def _inner(data: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """Boxes in a box, and in its boxes: what a `meta` or a `jp2h` holds."""
    head = start + (12 if data[start + 4 : start + 8] in (b"meta", b"iprp", b"iinf") else 8)
    found = _boxes(data, head, end)
    if data[start + 4 : start + 8] == b"iprp":
        found = _boxes(data, start + 8, end)
    return [part for a, b in found for part in ((a, b), *_inner(data, a, b))]


def mended(data: bytes) -> bytes:
    """A PNG with right checksums."""
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        end = at + 12 + int.from_bytes(out[at : at + 4], "big")
        if end > len(out):
            break
        out[end - 4 : end] = struct.pack(">I", zlib.crc32(out[at + 4 : end - 4]))
        at = end
    return bytes(out)
