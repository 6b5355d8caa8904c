"""16-bit colours through the tables of a profile, as found in scanner profiles.

Sources: ICC.1:2022, sections 6.3.4 (encodings of the connection space), 10.10 (lut16Type), 10.11
(lut8Type) and 10.12 (lutAToBType); interpolation in simplices, tetrahedra for three channels:
Kasson et al. 1995, "Performing color space conversions with three-dimensional linear
interpolation".
"""

import math
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.photo.metadata.icc_curves import (
    PCS_WHITE,
    DamagedProfileError,
    MissingTagError,
    black_luminance,
    compensated,
    curve,
)
from tintype.photo.photo import Pixels

TABLES = (b"A2B1", b"A2B0")
"""The tags for relative colorimetric intent, in order of preference."""

_OUTPUTS = 3
Values = NDArray[np.float32]
"""(N, channels), each from 0 to 1."""
Stage = Callable[[Values], Values]
_Decode = Callable[[Values], NDArray[Any]]


class Tables:
    """Converts the colours of a device to linear sRGB.

    Args:
        found: `tags` of the profile with the names `TABLES`.
        data: The profile.
        channels: Channels of the device: 1 or 3.
        srgb: `primaries` of sRGB.
        compensates: Whether the darkest colour becomes black. LittleCMS does so only if the profile
            states its intent, so not with ``A2B0`` alone.

    Raises:
        MissingTagError: It has no tables.
        DamagedProfileError: They are cut off, or have a different number of channels.
    """

    def __init__(
        self,
        found: dict[bytes, bytes],
        data: bytes,
        channels: int,
        srgb: NDArray[Any],
        *,
        compensates: bool,
    ) -> None:
        table = next((found[name] for name in TABLES if name in found), None)
        if table is None:
            raise MissingTagError
        try:
            self._stages, kind = _stages(table, channels)
        except (struct.error, ValueError, IndexError) as error:
            raise DamagedProfileError("a damaged table") from error
        self._decode = _pcs_decoder(data[20:24], kind)
        self._matrix, self._black = np.linalg.inv(srgb), np.zeros(3)
        if compensates:
            luminance = float(self._xyz(np.zeros((1, channels), np.float32))[0, 1])
            self._matrix, self._black = compensated(self._matrix, black_luminance(luminance))

    def _xyz(self, values: Values) -> NDArray[Any]:
        for stage in self._stages:
            values = stage(values)
        return self._decode(values)

    def __call__(self, codes: Pixels) -> NDArray[np.float32]:
        """(..., channels) uint16 to (..., 3) linear light, outside [0, 1] outside the gamut."""
        flat = codes.reshape(-1, codes.shape[-1]).astype(np.float32) / np.float32(65_535)
        linear = self._xyz(flat) @ self._matrix.T - self._black
        return linear.astype(np.float32).reshape(*codes.shape[:-1], _OUTPUTS)


def _stages(table: bytes, channels: int) -> tuple[list[Stage], bytes]:
    """The processing stages of a colour, in order, and the type of the table."""
    kind, inputs, outputs = table[:4], table[8], table[9]
    if (inputs, outputs) != (channels, _OUTPUTS):
        raise DamagedProfileError("a table of another colour space")
    if kind in (b"mft1", b"mft2"):
        return _plain_table(table, channels), kind
    if kind == b"mAB ":
        return _table_with_matrix(table, channels), kind
    raise DamagedProfileError("an unknown table")


def _plain_table(table: bytes, channels: int) -> list[Stage]:
    """``mft1`` and ``mft2``: curves, a grid, curves. The matrix is for XYZ as input, never here."""
    grid = (table[10],) * channels
    size, at, entries, exits = 1, 48, 256, 256
    if table[:4] == b"mft2":
        entries, exits = struct.unpack_from(">2H", table, 48)
        size, at = 2, 52
    counts = (channels * entries, math.prod(grid) * _OUTPUTS, _OUTPUTS * exits)
    parts = []
    for count in counts:
        parts.append(_numbers(table, size, count, at))
        at += count * size
    before, nodes, after = parts
    return [
        _sampled(before.reshape(channels, entries)),
        _Grid(nodes.reshape(-1, _OUTPUTS), grid),
        _sampled(after.reshape(_OUTPUTS, exits)),
    ]


def _table_with_matrix(table: bytes, channels: int) -> list[Stage]:
    """``mAB``: A curves, a grid, M curves, a matrix, B curves; most may be absent."""
    b, matrix, m, grid, a = struct.unpack_from(">5I", table, 12)
    stages: list[Stage] = []
    if grid:
        stages += [_curves(table, a, channels)] if a else []
        stages.append(_read_grid(table, grid, channels))
    elif channels != _OUTPUTS:
        raise DamagedProfileError("a table without a grid")
    if m:
        stages.append(_curves(table, m, _OUTPUTS))
    if matrix:
        numbers = np.array(struct.unpack_from(">12i", table, matrix), np.float32) / 65_536
        linear, offset = numbers[:9].reshape(3, 3).T.copy(), numbers[9:]
        stages.append(lambda x: np.clip(x @ linear + offset, 0, 1))
    stages.append(_curves(table, b, _OUTPUTS))
    return stages


def _read_grid(table: bytes, at: int, channels: int) -> Stage:
    sizes = tuple(table[at : at + channels])
    nodes = _numbers(table, table[at + 16], math.prod(sizes) * _OUTPUTS, at + 20)
    return _Grid(nodes.reshape(-1, _OUTPUTS), sizes)


def _numbers(table: bytes, size: int, count: int, at: int) -> Values:
    """Unsigned integers of one or two bytes, as numbers from 0 to 1."""
    if size not in (1, 2):
        raise DamagedProfileError("a grid of unknown numbers")
    found = np.frombuffer(table, f">u{size}", count, at).astype(np.float32)
    return found / np.float32(256**size - 1)


def _sampled(samples: Values) -> Stage:
    """One curve for each channel, (channels, entries)."""
    if samples.shape[1] < 2:
        raise DamagedProfileError("a curve of one value")
    places = np.linspace(0.0, 1.0, samples.shape[1])
    return lambda x: np.stack(
        [np.interp(x[:, i], places, each) for i, each in enumerate(samples)], -1
    ).astype(np.float32)


def _curves(table: bytes, at: int, channels: int) -> Stage:
    """Consecutive curves, each aligned to four bytes."""
    found = []
    for _ in range(channels):
        data = table[at:]
        size = _curve_bytes(data)
        found.append(data[:size])
        at += (size + 3) // 4 * 4
    fine = np.linspace(0.0, 1.0, 4096)
    return _sampled(np.stack([curve(each, fine) for each in found]).astype(np.float32))


def _curve_bytes(data: bytes) -> int:
    if data[:4] == b"curv":
        return 12 + 2 * int(struct.unpack_from(">I", data, 8)[0])
    (kind,) = struct.unpack_from(">H", data, 8)
    return 12 + 4 * {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}.get(kind, 0)


class _Grid:
    """Interpolation between the nodes of a grid.

    Args:
        nodes: (product of sizes, outputs); the last channel changes fastest.
        sizes: Nodes along each channel.
    """

    def __init__(self, nodes: Values, sizes: tuple[int, ...]) -> None:
        if min(sizes) < 2:
            raise DamagedProfileError("a grid of one node")
        self._nodes = nodes
        self._last = np.array([size - 1 for size in sizes], np.float32)
        steps = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
        self._steps = np.array(steps, np.int64)

    def __call__(self, x: Values) -> Values:
        """Walks from a node to the opposite one of its cell, along the largest fraction first."""
        scaled = np.clip(x, 0, 1) * self._last
        corner = np.minimum(np.floor(scaled), self._last - 1)
        fractions = scaled - corner
        order = np.argsort(-fractions, axis=1, kind="stable")
        falling = np.take_along_axis(fractions, order, axis=1)
        at = corner.astype(np.int64) @ self._steps
        out: Values = self._nodes[at] * (1 - falling[:, :1])
        bounds = [*falling.T, np.zeros(len(x), np.float32)]
        for number, (upper, lower) in enumerate(pairwise(bounds)):
            at = at + self._steps[order[:, number]]
            out += self._nodes[at] * (upper - lower)[:, None]
        return out


def _pcs_decoder(pcs: bytes, kind: bytes) -> _Decode:
    """Converts numbers from 0 to 1 to XYZ of the connection space."""
    if pcs == b"XYZ ":
        return lambda x: x.astype(np.float64) * (65_535 / 32_768)
    if pcs != b"Lab ":
        raise DamagedProfileError("an unknown connection space")
    # In 16 bits of version 2 of ICC, 100 is 0xFF00 and a step of a* is 0x0100.
    lightness, chroma = (6_553_500 / 65_280, 65_535 / 256) if kind == b"mft2" else (100.0, 255.0)

    def decode(x: Values) -> NDArray[Any]:
        fy = (x[:, 0] * lightness + 16) / 116
        fx = fy + (x[:, 1] * chroma - 128) / 500
        fz = fy - (x[:, 2] * chroma - 128) / 200
        f = np.stack([fx, fy, fz], -1)
        light = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
        return np.asarray(light * PCS_WHITE)

    return decode
