"""TIFF samples that are not a whole number of 8, 16, 32 or 64 bits, and reversed bit order.

Scanners write 10, 12 and 14 bits per sample, old programs 2, 4 and 6. Samples follow one another
without gaps, highest bit first, and every row starts on a new byte. 24-bit samples are three bytes
in the byte order of the file.

Source: TIFF revision 6.0, sections 8 (BitsPerSample, FillOrder) and 3 (rows).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BYTES = 5  # that a sample of at most 32 bits can span
_ROWS = 64  # unpacked at a time
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def in_order(data: bytes) -> bytes:
    """Reverses bytes that were stored lowest bit first (FillOrder 2)."""
    return data.translate(_REVERSED)


def row_bytes(samples: int, bits: int) -> int:
    """Bytes of a row.

    Args:
        samples: Samples in a row, of all channels that are stored together.
        bits: Bits per sample.
    """
    return (samples * bits + 7) // 8


def memory_bits(bits: int) -> int:
    """Bits of the smallest integer type for samples of this many bits."""
    return next(size for size in (8, 16, 32, 64) if size >= bits)


def unpacked(
    data: bytes, shape: tuple[int, int, int], bits: int, order: str
) -> NDArray[np.unsignedinteger[Any]]:
    """The samples of a strip or tile, as stored.

    Args:
        data: All of its bytes.
        shape: (rows, columns, samples).
        bits: Per sample, 1 to 32, and not a multiple of 8 except 24.
        order: Byte order of the file, "<" or ">".

    Returns:
        ``shape``; uint8, uint16 or uint32.
    """
    rows, columns, samples = shape
    count = columns * samples
    size = row_bytes(count, bits)
    stored = np.frombuffer(data, np.uint8, rows * size).reshape(rows, size)
    out = np.empty((rows, count), f"u{memory_bits(bits) // 8}")
    if bits == 24:
        parts = stored.reshape(rows, count, 3).astype(np.uint32)
        low, high = (0, 2) if order == "<" else (2, 0)
        out[...] = parts[..., high] << 16 | parts[..., 1] << 8 | parts[..., low]
        return out.reshape(shape)
    starts = np.arange(count, dtype=np.int64) * bits
    first, shift = starts // 8, (8 * _BYTES - bits - starts % 8).astype(np.uint64)
    for at in range(0, rows, _ROWS):
        part = np.pad(stored[at : at + _ROWS], ((0, 0), (0, _BYTES))).astype(np.uint64)
        window = np.zeros((len(part), count), np.uint64)
        for byte in range(_BYTES):
            window = window << np.uint64(8) | part[:, first + byte]
        out[at : at + _ROWS] = window >> shift & np.uint64((1 << bits) - 1)
    return out.reshape(shape)


def spread(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """Scales samples with fewer bits than their type to its full range: the largest to the largest.

    Args:
        samples: uint8 or uint16.
        bits: Per sample.

    Returns:
        The same shape and type.
    """
    largest, top = (1 << bits) - 1, int(np.iinfo(samples.dtype).max)
    steps = np.arange(largest + 1, dtype=np.uint64)
    table = (steps * np.uint64(2 * top) + np.uint64(largest)) // np.uint64(2 * largest)
    spread_out: NDArray[Any] = table.astype(samples.dtype)[samples]
    return spread_out
