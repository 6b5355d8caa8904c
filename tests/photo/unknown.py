"""A file of every format with something in it that no reader knows."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from photo.samples import png_chunk, png_with, saved, scene
from tintype.photo.formats.iso_boxes import write_box
from tintype.photo.metadata import ifd

PAYLOAD = b"what only its own program can read"
RGB = scene()


def jpeg_with(*segments: tuple[int, bytes], behind: bytes = b"") -> bytes:
    """A JPEG with segments after its first marker, and bytes behind its last."""
    data = saved(RGB, "JPEG")
    more = b"".join(struct.pack(">BBH", 0xFF, kind, len(b) + 2) + b for kind, b in segments)
    return data[:2] + more + data[2:] + behind


def tiff_with(tags: dict[int, ifd.DirectoryEntry], pixels: np.ndarray = RGB) -> bytes:
    """A TIFF whose only page has more tags: its directory is written again at the end."""
    data = saved(pixels, "TIFF")
    structure = ifd.open_structure(data)
    page = structure.directory(structure.first)
    base = len(data) + len(data) % 2
    entries = {**page.entries, **tags}
    directory = ifd.serialize(entries, order=structure.order, base=base)
    head = data[:4] + struct.pack(structure.order + "I", base)
    return head + data[8:] + b"\0" * (len(data) % 2) + directory


def entry(kind: int, data: bytes) -> ifd.DirectoryEntry:
    return ifd.DirectoryEntry(kind, len(data) // ifd.TYPE_SIZES[kind], data)


def webp_with(kind: bytes, body: bytes, **options: object) -> bytes:
    data = saved(RGB, "WEBP", **options)
    more = kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8 + len(more)) + data[8:] + more


def jp2_with(kind: bytes, body: bytes) -> bytes:
    data = saved(RGB, "JPEG2000")
    at = data.index(b"jp2c") - 4
    return data[:at] + write_box(kind, body) + data[at:]


def gif_with(name: bytes, blocks: bytes) -> bytes:
    """A GIF with an application extension before its picture."""
    data = saved(RGB[..., 0], "GIF")
    end = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    extension = b"\x21\xff" + bytes([len(name)]) + name + blocks + b"\0"
    return data[:end] + extension + data[end:]


def sub_blocks(data: bytes) -> bytes:
    return b"".join(
        bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255)
    )


def bmp(kind: bytes, *, places: bytes = bytes(36), gamma: float = 0, profile: bytes = b"") -> bytes:
    """A BMP with the longest of headers, made from one of Pillow's."""
    plain = saved(RGB, "BMP")
    pixels = plain[54:]
    header = bytearray(124)
    header[:40] = plain[14:54]
    struct.pack_into("<I", header, 0, 124)
    header[56:60] = kind
    header[60:96] = places
    struct.pack_into("<3I", header, 96, *[round(gamma * 65_536)] * 3)
    struct.pack_into("<II", header, 112, 124 + len(pixels), len(profile))
    size = 138 + len(pixels) + len(profile)
    head = b"BM" + struct.pack("<IHHI", size, 0, 0, 138)
    return head + bytes(header) + pixels + profile


def heic(*, alpha: bool = False, icc_profile: bytes | None = None, **options: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif", reason="no HEIC writer for the test picture")
    pytest.importorskip("pi_heif", reason="the heic extra is not installed")
    image = Image.fromarray(np.dstack([RGB, RGB[..., :1]]) if alpha else RGB)
    if icc_profile:
        image.info["icc_profile"] = icc_profile
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, **options)
    return stream.getvalue()


UNKNOWN: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: jpeg_with((0xE5, b"NOBODY\0" + PAYLOAD)),
    "PNG": lambda: png_with(saved(RGB, "PNG"), png_chunk(b"noBy", PAYLOAD)),
    "TIFF": lambda: tiff_with({65_001: entry(ifd.UNDEFINED, PAYLOAD)}),
    "WEBP": lambda: webp_with(b"NOBY", PAYLOAD),
    "AVIF": lambda: saved(RGB, "AVIF") + write_box(b"noby", PAYLOAD),
    "JPEG2000": lambda: jp2_with(b"uuid", b"\xab\xcd\xef\x01" + bytes(12) + PAYLOAD),
    "BMP": lambda: saved(RGB, "BMP") + PAYLOAD,
    "PPM": lambda: saved(RGB, "PPM") + PAYLOAD,
    "HEIC": lambda: heic() + write_box(b"noby", PAYLOAD),
    "GIF": lambda: gif_with(b"NOBODYS 1.0", sub_blocks(PAYLOAD)),
}
"""By format."""

NAMES = {
    "JPEG": 'APP5 "NOBODY"',
    "PNG": "chunk noBy",
    "TIFF": "tag 65001",
    "WEBP": "chunk NOBY",
    "AVIF": "box noby",
    "JPEG2000": "box uuid abcdef01",
    "BMP": "data after its picture",
    "PPM": "data after its picture",
    "HEIC": "box noby",
    "GIF": 'extension "NOBODYS.1.0"',
}
"""How a note names it."""
