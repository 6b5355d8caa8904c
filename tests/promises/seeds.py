"""A file of every kind that Tintype reads, each made by a program and small.

Mutants and the fuzzer start from these.
"""

import io
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from photo.formats.test_bmp_kinds import indices_of, plain_rows, runs, with_rows
from photo.formats.test_tiff_bits import numbers, of_bits, of_webp, ycbcr
from photo.formats.test_tiff_bits import tiff as tiff_of
from photo.samples import (
    PROVENANCE,
    SRGB,
    XMP,
    deep,
    deep_png,
    exif_block,
    iptc_block,
    photo,
    png_chunk,
    png_with,
    rgb_profile,
    saved,
    scene,
    srgb_parametric,
    table_profile,
)
from photo.unknown import UNKNOWN, bmp, jpeg_with
from promises.outcome import TINY
from tintype.jobs.report import JobResult
from tintype.photo.encode import encode

RGB = Image.fromarray(scene(24, 32))
GREY = RGB.convert("L")
RGBA = RGB.copy()
RGBA.putalpha(GREY)


def ours(form: str) -> bytes:
    """A file with everything that we write: metadata, profile, provenance."""
    given = photo(
        scene(24, 32),
        exif=exif_block(1),
        xmp=XMP,
        icc=rgb_profile(SRGB, srgb_parametric()),
        iptc=iptc_block(),
        dpi=(300.0, 300.0),
        comment="comment",
        text=(("Title", "text"),),
    )
    return encode([given], format=form, provenance=PROVENANCE).data


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def heic(*images: Image.Image, **options: Any) -> bytes:
    """HEIC; empty where nobody is there to write it."""
    try:
        import pi_heif  # noqa: F401
        import pillow_heif
    except ImportError:
        return b""
    stream = io.BytesIO()
    file = pillow_heif.from_pillow(images[0])
    for image in images[1:]:
        file.add_from_pillow(image)
    file.save(stream, **options)
    return stream.getvalue()


def bmp_rle() -> bytes:
    """8-bit run lengths: a row of one run, a row of literal bytes, an end of the picture."""
    rows = b"\x08\x05\0\0" + b"\0\x08" + bytes(range(8)) + b"\0\0" + b"\0\x02\x01\0\x07\x03\0\1"
    palette = bytes(v for i in range(256) for v in (i, i, i, 0))
    head = struct.pack("<IiiHHIIiiII", 40, 8, 3, 1, 8, 1, len(rows), 0, 0, 256, 0)
    at = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(rows), 0, 0, at) + head + palette + rows


def png_texts() -> bytes:
    """A PNG with every kind of text chunk and a profile."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    data = saved(GREY, "PNG")
    extra = b"".join(
        (
            chunk(b"iCCP", b"p\0\0" + zlib.compress(rgb_profile(SRGB, srgb_parametric()))),
            chunk(b"eXIf", exif_block(3)),
            chunk(b"tEXt", b"Title\0text"),
            chunk(b"zTXt", b"Note\0\0" + zlib.compress(b"note" * 20)),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
            chunk(
                b"zTXt",
                b"Raw profile type exif\0\0"
                + zlib.compress(b"\nexif\n 8\n" + (b"Exif\0\0" + exif_block(6)).hex().encode()),
            ),
        )
    )
    return data[:33] + extra + data[33:]


PICTURES: Mapping[str, Callable[[], bytes]] = MappingProxyType(
    {
        **{f"{form}, unknown parts": make for form, make in UNKNOWN.items() if form != "HEIC"},
        "HEIC, unknown parts": lambda: (heic(RGB) or saved(GREY, "BMP")) + b"\0\0\0\x09nobyx",
        "JPEG, captions behind it": lambda: jpeg_with(
            (0xED, b"Photoshop 3.0\0PHUT\0\1\0\0\0\0\0\1x\0" + iptc_block()),
            behind=b"\x1c\x02\x78\0\1x\0\1\0\0\0\x10\xa1\xb2\xc3\xd4",
        ),
        "PNG, stated colours": lambda: png_with(
            saved(GREY, "PNG"),
            png_chunk(b"cHRM", struct.pack(">8I", *[31_270, 32_900, 64_000, 33_000] * 2)),
            png_chunk(b"gAMA", struct.pack(">I", 100_000)),
            png_chunk(b"iTXt", b"Title\0\0\0de\0Titel\0Stra\xc3\x9fe"),
        ),
        "PNG, PQ": lambda: png_with(
            saved(RGB, "PNG"),
            png_chunk(b"cICP", bytes([9, 16, 0, 1])),
            png_chunk(b"cLLI", bytes(8)),
        ),
        "BMP, stated colours": lambda: bmp(b"DEBM", profile=rgb_profile(SRGB, srgb_parametric())),
        "JPEG of ours": lambda: ours("JPEG"),
        "JPEG, grey": lambda: saved(GREY, "JPEG"),
        "JPEG, progressive, EXIF": lambda: saved(
            RGB, "JPEG", progressive=True, exif=b"Exif\0\0" + exif_block(6)
        ),
        "JPEG, restarts": lambda: saved(RGB, "JPEG", restart_marker_blocks=1, quality=40),
        "JPEG, CMYK": lambda: saved(
            RGB.convert("CMYK"), "JPEG", icc_profile=table_profile(b"CMYK", 4)
        ),
        "MPO": lambda: saved(RGB, "MPO", save_all=True, append_images=[RGB]),
        "PNG of ours": lambda: ours("PNG"),
        "PNG, texts": png_texts,
        "PNG, palette": lambda: saved(RGB.convert("P"), "PNG", transparency=3),
        "PNG, 1 bit": lambda: saved(RGB.convert("1"), "PNG"),
        "PNG, RGBA": lambda: saved(RGBA, "PNG"),
        "PNG, 16 bits": lambda: deep_png(deep(8, 9, 4)),
        "PNG, 16 bits, interlaced": lambda: deep_png(deep(8, 9, 3), interlaced=True),
        "APNG": lambda: saved(RGB, "PNG", save_all=True, append_images=[RGB.rotate(180)]),
        "TIFF of ours": lambda: ours("TIFF"),
        "TIFF, LZW": lambda: saved(RGB, "TIFF", compression="tiff_lzw"),
        "TIFF, PackBits": lambda: saved(GREY, "TIFF", compression="packbits"),
        "TIFF, JPEG": lambda: saved(RGB, "TIFF", compression="jpeg"),
        "TIFF, fax": lambda: saved(RGB.convert("1"), "TIFF", compression="group4"),
        "TIFF, Zstandard": lambda: saved(RGB, "TIFF", compression="zstd"),
        "TIFF, LZMA": lambda: saved(RGB, "TIFF", compression="lzma"),
        "TIFF, palette": lambda: saved(RGB.convert("P"), "TIFF"),
        "TIFF, CMYK": lambda: saved(RGB.convert("CMYK"), "TIFF"),
        "TIFF, 16 bits": lambda: tiff(
            deep(8, 9), photometric="rgb", compression="zlib", predictor=True
        ),
        "TIFF, floating point": lambda: tiff(
            deep(8, 9) / np.float32(9), photometric="rgb", compression="zlib"
        ),
        "TIFF, 12 bits": lambda: of_bits(numbers(12, 3), 12, {317: (2,)}),
        "TIFF, CMYK, 16 bits": lambda: of_bits(numbers(16, 5), 16, {262: (5,), 266: (2,)}),
        "TIFF, YCbCr": lambda: tiff_of(
            [ycbcr(2, 2)[1]], {258: (8, 8, 8), 262: (6,), 277: (3,), 530: (2, 2)}
        ),
        "TIFF, WebP": lambda: of_webp(saved(RGB.resize((16, 16)), "WEBP")),
        "TIFF, CIELAB": lambda: tiff(deep(8, 9), photometric="cielab"),
        "PFM": lambda: b"PF 2 3 -1.0\n" + np.linspace(-1, 9, 18, dtype="<f4").tobytes(),
        "TIFF, 16 bits, Motorola": lambda: tiff(deep(9, 8, 1), byteorder=">", rowsperstrip=2),
        "TIFF, tiles, BigTIFF": lambda: tiff(
            deep(40, 40), photometric="rgb", tile=(16, 16), bigtiff=True
        ),
        "TIFF, planes": lambda: tiff(
            scene(16, 16).transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
        ),
        "TIFF, pages": lambda: tiff(deep(8, 9, 3).transpose(2, 0, 1), photometric="minisblack"),
        "WebP of ours": lambda: ours("WEBP"),
        "WebP, lossless": lambda: saved(RGBA, "WEBP", lossless=True),
        "WebP, animation": lambda: saved(RGB, "WEBP", save_all=True, append_images=[RGBA]),
        "AVIF of ours": lambda: ours("AVIF"),
        "AVIF, alpha": lambda: saved(RGBA, "AVIF", subsampling="4:4:4"),
        "AVIF, animation": lambda: saved(RGB, "AVIF", save_all=True, append_images=[RGB]),
        "JPEG 2000 of ours": lambda: ours("JPEG2000"),
        "JPEG 2000, bare": lambda: saved(RGB, "JPEG2000", no_jp2=True),
        "JPEG 2000, tiles": lambda: saved(RGBA, "JPEG2000", tile_size=(16, 16)),
        "BMP": lambda: saved(RGB.convert("P"), "BMP"),
        "BMP, 2 bits": lambda: with_rows(plain_rows(indices_of(2), 2), 2, kind=16),
        "BMP, gaps between run lengths": lambda: with_rows(
            runs(b"\x0f\3", b"\5\3\0\2\1\1\0\3\1\2\3\0"), 8, kind=20, compression=1
        ),
        "BMP, 24 bits": lambda: saved(RGB, "BMP"),
        "BMP, run lengths": bmp_rle,
        "PPM, 16 bits": lambda: b"P6 2 3 65535 " + bytes(range(36)),
        "PPM": lambda: saved(RGB, "PPM"),
        "PGM, text": lambda: b"P2\n# a remark\n4 2\n255\n" + b"0 10 200 255\n" * 2,
        "PBM": lambda: saved(RGB.convert("1"), "PPM"),
        "GIF": lambda: saved(RGB, "GIF"),
        "GIF, transparent": lambda: saved(RGB.convert("P"), "GIF", transparency=1),
        "GIF, animation": lambda: saved(RGB, "GIF", save_all=True, append_images=[RGB.rotate(90)]),
        "HEIC": lambda: heic(RGB),
        "HEIC, alpha": lambda: heic(RGBA),
        "HEIC, two pictures": lambda: heic(RGB, RGBA),
    }
)
"""By kind. HEIC is empty bytes where its writer is not installed."""


def settings() -> bytes:
    said = {
        "tintype": "0.1.0",
        "model": "tiny",
        "model_sha256": "ab" * 32,
        "settings": {
            "quality": "normal",
            "vividness": 1.2,
            "warmth": -0.5,
            "hints": [[3, 4, 10.5, -20.25, 2], [1, 1, 0.0, 0.0, 0]],
            "palette": [2, 3],
        },
        "format": "PNG",
        "strip_metadata": False,
    }
    return (json.dumps(said, indent=1) + "\n").encode()


def hints() -> bytes:
    return json.dumps(
        [{"x": 3, "y": 4, "color": "#c04030", "radius": 2}, {"x": 0, "y": 0, "color": "a0B0c0"}]
    ).encode()


def state() -> bytes:
    made = json.loads(PROVENANCE.to_json())
    rows = ({"output": f"{n}.bmp", "sha256": f"{n:064x}", **made} for n in range(3))
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def report() -> bytes:
    row = JobResult("done", "a.jpg", "a.color.jpg", sha256="00" * 32, notes=("a note",))
    return row.to_json().encode() + b"\n"


OTHERS: Mapping[str, Callable[[], bytes]] = MappingProxyType(
    {
        "model": TINY.read_bytes,
        "settings": settings,
        "hints": hints,
        "state": state,
        "report": report,
        "scribbles": lambda: saved(RGBA, "PNG"),
        "mask": lambda: saved(GREY, "PNG"),
        "reference": lambda: saved(RGB, "JPEG"),
        "given_colors": lambda: saved(RGB, "PNG"),
    }
)
"""Files that are no photographs, by what they are."""
