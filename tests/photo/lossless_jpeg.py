"""Writes lossless JPEGs (ITU-T T.81 annex H): each sample is predicted by the one on its left."""

import struct

import numpy as np


def lossless_jpeg(pixels: np.ndarray, *, bits: int = 8) -> bytes:
    """A file of (H, W) or (H, W, channels) samples, coded as they are."""
    samples = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, channels = samples.shape
    numbers = range(1, channels + 1)
    frame = struct.pack(">BHHB", bits, height, width, channels)
    frame += b"".join(bytes([number, 0x11, 0]) for number in numbers)
    # Sixteen codes of four bits but the last, which must not be all ones: differences of up to
    # 14 bits.
    table = bytes([0, 0, 0, 0, 15, *[0] * 12]) + bytes(range(15))
    scan = bytes([channels]) + b"".join(bytes([number, 0]) for number in numbers) + b"\1\0\0"
    segments = ((0xC3, frame), (0xC4, table), (0xDA, scan))
    out = b"\xff\xd8" + b"".join(
        bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments
    )
    return out + _coded(samples.astype(int), bits) + b"\xff\xd9"


def _coded(samples: np.ndarray, bits: int) -> bytes:
    left = np.roll(samples, 1, axis=1)
    left[1:, 0] = samples[:-1, 0]
    left[0, 0] = 1 << (bits - 1)
    text = "".join(_difference(int(value)) for value in (samples - left).ravel())
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")


def _difference(value: int) -> str:
    size = abs(value).bit_length()
    if not size:
        return "0000"
    return f"{size:04b}{value if value > 0 else value + (1 << size) - 1:0{size}b}"
