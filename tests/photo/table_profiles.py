"""Profiles of tables, of each type: all are Adobe RGB, some with a raised black."""

import struct
from collections.abc import Callable

import numpy as np

from photo.samples import ADOBE_RGB, _profile
from tintype.photo.metadata import icc

ADOBE = np.array(ADOBE_RGB).T  # XYZ of D50, one column a primary
D50 = np.array([0.9642, 1.0, 0.8249])
NODES = 17


def lab_of(rgb: np.ndarray, *, black: float = 0.0) -> np.ndarray:
    """CIELAB of D50 for values of a device with the primaries of Adobe RGB and a gamma of 2.2."""
    xyz = (rgb**2.2) @ ADOBE.T * (1 - black) + black * D50
    f = np.where(xyz / D50 > 216 / 24_389, np.cbrt(xyz / D50), (24_389 / 27 * xyz / D50 + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], -1)


def corners(channels: int = 3, nodes: int = NODES) -> np.ndarray:
    axis = np.linspace(0, 1, nodes)
    return np.stack(np.meshgrid(*[axis] * channels, indexing="ij"), -1).reshape(-1, channels)


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(v * 65_536) for v in values))


def u16(values: np.ndarray) -> bytes:
    return np.round(np.clip(values, 0, 65_535)).astype(">u2").tobytes()


def lut16(lab: np.ndarray, channels: int = 3, nodes: int = NODES) -> bytes:
    """lut16Type, the values of the grid where the input curves have taken a square root."""
    curve = u16(np.sqrt(np.linspace(0, 1, 256)) * 65_535)
    head = b"mft2\0\0\0\0" + bytes([channels, 3, nodes, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    coded = np.stack([lab[:, 0] * 652.8, (lab[:, 1] + 128) * 256, (lab[:, 2] + 128) * 256], -1)
    line = u16(np.array([0, 65_535]))
    return head + struct.pack(">2H", 256, 2) + curve * channels + u16(coded) + line * 3


def lut8(lab: np.ndarray) -> bytes:
    ramp = bytes(range(256))
    head = b"mft1\0\0\0\0" + bytes([3, 3, NODES, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    coded = np.stack([lab[:, 0] * 2.55, lab[:, 1] + 128, lab[:, 2] + 128], -1)
    return head + ramp * 3 + np.round(coded).astype(np.uint8).tobytes() + ramp * 3


def lut_a_to_b(lab: np.ndarray, *, grid: bool = True, bytes_a_number: int = 2) -> bytes:
    """lutAToBType: a curve, the grid, and identities behind it; or the matrix of Adobe RGB."""
    line = b"curv\0\0\0\0" + struct.pack(">I", 0)
    root = b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + fixed(0.5)
    gamma = b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + fixed(2.2)
    head = b"mAB \0\0\0\0" + bytes([3, 3, 0, 0])
    at = len(head) + 20
    if not grid:
        # XYZ as u1Fixed15: half of it, nearly, is the number from 0 to 1.
        scaled = ADOBE * 32_768 / 65_535
        body = [line * 3, fixed(*scaled.ravel(), 0, 0, 0), gamma * 3]
        places = [at, at + len(body[0]), at + len(body[0]) + len(body[1]), 0, 0]
        return head + struct.pack(">5I", *places) + b"".join(body)
    coded = np.stack([lab[:, 0] / 100, (lab[:, 1] + 128) / 255, (lab[:, 2] + 128) / 255], -1)
    top = 256**bytes_a_number - 1
    kind = ">u2" if bytes_a_number == 2 else "u1"
    nodes = np.round(coded * top).astype(kind).tobytes()
    table = bytes([NODES] * 3) + bytes(13) + bytes([bytes_a_number, 0, 0, 0]) + nodes
    table += bytes(-len(table) % 4)
    places = [at, 0, 0, at + 3 * len(line), at + 3 * len(line) + len(table)]
    return head + struct.pack(">5I", *places) + line * 3 + table + root * 3


def tabled(
    table: bytes, *, space: bytes = b"RGB ", pcs: bytes = b"Lab ", tag: bytes = b"A2B0"
) -> icc.Profile:
    return icc.open_profile(_profile(space, b"scnr", {tag: table}, pcs=pcs))


SQUARED = corners() ** 2  # what the input curves, square roots, lead to
TABLES: dict[str, Callable[[], icc.Profile]] = {
    "lut16": lambda: tabled(lut16(lab_of(SQUARED))),
    "lut16, a raised black": lambda: tabled(lut16(lab_of(SQUARED, black=0.02))),
    "lut16, a raised black, colorimetric": lambda: tabled(
        lut16(lab_of(SQUARED, black=0.02)), tag=b"A2B1"
    ),
    "lut16, colorimetric": lambda: tabled(lut16(lab_of(SQUARED)), tag=b"A2B1"),
    "lut8": lambda: tabled(lut8(lab_of(corners()))),
    "lutAToB": lambda: tabled(lut_a_to_b(lab_of(SQUARED))),
    "lutAToB of bytes": lambda: tabled(lut_a_to_b(lab_of(SQUARED), bytes_a_number=1)),
    "lutAToB, matrix": lambda: tabled(lut_a_to_b(SQUARED, grid=False), pcs=b"XYZ "),
}
