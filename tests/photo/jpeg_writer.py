"""A JPEG encoder for what other writers do not offer: any sampling factors, any number of scans.

Slow and plain: baseline, every component with the same tables. The Huffman tables are those that
Pillow writes.

Source: ITU-T T.81 annexes A (blocks and their order) and F.1 (the sequential process).
"""

import io
import math
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image

STEP = 4
_ZIGZAG = sorted(
    range(64), key=lambda k: (k // 8 + k % 8, (k // 8 if (k // 8 + k % 8) % 2 else k % 8))
)


def jpeg(
    planes: Sequence[np.ndarray],
    factors: Sequence[tuple[int, int]],
    *,
    interleaved: bool = True,
    jfif: bool = True,
) -> bytes:
    """Encodes planes.

    Args:
        planes: (H, W) uint8 each, all at full size; shrunk here.
        factors: The sampling factors of each, (across, down).
        interleaved: One scan for all components, or one for each.
        jfif: Whether it begins with a JFIF segment.

    Returns:
        The file.
    """
    height, width = planes[0].shape
    most = max(h for h, _ in factors), max(v for _, v in factors)
    blocks = []
    for plane, (h, v) in zip(planes, factors, strict=True):
        shape = math.ceil(height * v / most[1]), math.ceil(width * h / most[0])
        small = Image.fromarray(plane).resize(shape[::-1], Image.Resampling.BOX)
        # Whole units of the interleaved order, filled with the edge.
        down = math.ceil(height / (8 * most[1])) * v
        across = math.ceil(width / (8 * most[0])) * h
        room = (0, down * 8 - shape[0]), (0, across * 8 - shape[1])
        blocks.append((_quantised(np.pad(np.asarray(small), room, mode="edge")), shape))
    tables = _huffman_segments()
    out = bytearray(b"\xff\xd8")
    if jfif:
        out += _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    out += _segment(0xDB, b"\0" + bytes([STEP] * 64))
    frame = struct.pack(">BHHB", 8, height, width, len(planes))
    for number, (h, v) in enumerate(factors):
        frame += bytes([number + 1, h << 4 | v, 0])
    out += _segment(0xC0, frame) + b"".join(_segment(0xC4, body) for body in tables)
    codes = {body[0]: _codes(body) for body in tables}
    groups = [list(range(len(planes)))] if interleaved else [[i] for i in range(len(planes))]
    for group in groups:
        head = bytes([len(group)]) + b"".join(bytes([i + 1, 0]) for i in group) + b"\0\x3f\0"
        out += _segment(0xDA, head) + _scan(
            [blocks[i] for i in group], [factors[i] for i in group], codes
        )
    return bytes(out + b"\xff\xd9")


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _huffman_segments() -> list[bytes]:
    """The tables for luminance: class and number, 16 counts, values."""
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "JPEG")
    data, found, at = stream.getvalue(), [], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xC4:
            found.append(data[at + 4 : end])
        at = end
    return found


def _codes(body: bytes) -> dict[int, str]:
    codes, code, values = {}, 0, iter(body[17:])
    for length, count in enumerate(body[1:17], 1):
        for _ in range(count):
            codes[next(values)] = f"{code:0{length}b}"
            code += 1
        code <<= 1
    return codes


def _quantised(plane: np.ndarray) -> np.ndarray:
    """(rows, columns, 64) coefficients in zigzag order."""
    k = np.arange(8)
    basis = np.cos((2 * k[None] + 1) * k[:, None] * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
    cut = plane.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3) - 128.0
    levels = np.rint(basis @ cut @ basis.T / STEP).astype(int)
    return levels.reshape(rows, columns, 64)[..., _ZIGZAG]


def _scan(
    blocks: list[tuple[np.ndarray, tuple[int, int]]],
    factors: list[tuple[int, int]],
    codes: dict[int, dict[int, str]],
) -> bytes:
    bits: list[str] = []
    before = [0] * len(blocks)
    for index, block in _order(blocks, factors):
        bits.append(_number(int(block[0]) - before[index], codes[0], 0))
        before[index] = int(block[0])
        zeros = 0
        last = max(np.flatnonzero(block).tolist(), default=0)
        for level in block[1 : last + 1].tolist():
            if level == 0:
                zeros += 1
                continue
            bits.append(codes[16][0xF0] * (zeros // 16))
            bits.append(_number(level, codes[16], zeros % 16 << 4))
            zeros = 0
        if last < 63:
            bits.append(codes[16][0])
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big")
    return data.replace(b"\xff", b"\xff\0")


def _order(blocks, factors):
    if len(blocks) == 1:
        found, (height, width) = blocks[0]
        for row in found[: math.ceil(height / 8), : math.ceil(width / 8)]:
            yield from ((0, block) for block in row)
        return
    (h, v), first = factors[0], blocks[0][0]
    for y in range(first.shape[0] // v):
        for x in range(first.shape[1] // h):
            for index, ((found, _), (across, down)) in enumerate(zip(blocks, factors, strict=True)):
                for block in found[
                    y * down : y * down + down, x * across : x * across + across
                ].reshape(-1, 64):
                    yield index, block


def _number(level: int, codes: dict[int, str], run: int) -> str:
    """A difference or a coefficient: the code of its size, and its bits."""
    size = abs(level).bit_length()
    value = level if level >= 0 else level + (1 << size) - 1
    return codes[run | size] + (f"{value:0{size}b}" if size else "")
