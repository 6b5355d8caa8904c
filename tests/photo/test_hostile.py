"""Damaged files: thousands of mutants, and never anything but an answer or one line."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import tifffile
from PIL import Image

from photo.jpeg_writer import jpeg
from photo.samples import (
    PROVENANCE,
    SRGB,
    XMP,
    deep,
    deep_png,
    exif_block,
    iptc_block,
    photo,
    rgb_profile,
    saved,
    scene,
    srgb_parametric,
    table_profile,
)
from photo.unknown import entry, tiff_with
from tintype.errors import TintypeError
from tintype.photo.decode import decode, read_provenance
from tintype.photo.encode import encode

MUTANTS = 100

RGB = Image.fromarray(scene(24, 32))
YCC = [np.asarray(RGB.convert("YCbCr"))[..., i] for i in range(3)]
PROFILE = rgb_profile(SRGB, srgb_parametric())


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


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def below_a_preview(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as out:
        out.write(pixels[::4, ::4].copy(), photometric="rgb", subfiletype=1, subifds=1)
        out.write(pixels, photometric="rgb")
    return stream.getvalue()


def with_mask_and_infrared(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as out:
        out.write(pixels, photometric="rgb")
        out.write(pixels[..., 0] > 9, photometric="mask", subfiletype=4)
        out.write(pixels[..., 0], photometric="minisblack", subfiletype=2, description="infrared")
    return stream.getvalue()


def heic() -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif", reason="no HEIC writer for the test picture")
    pytest.importorskip("pi_heif", reason="the heic extra is not installed")
    stream = io.BytesIO()
    pillow_heif.from_pillow(RGB).save(stream)
    return stream.getvalue()


def bit_fields() -> bytes:
    info = struct.pack("<IiiHHIIiiII3I", 40, 6, 4, 1, 16, 3, 48, 99, 99, 0, 0, 0xF00, 0xF0, 0xF)
    return b"BM" + struct.pack("<IHHI", 114, 0, 0, 66) + info + bytes(range(48))


SEEDS: dict[str, Callable[[], bytes]] = {
    "JPEG of ours": lambda: ours("JPEG"),
    "JPEG, progressive, EXIF": lambda: saved(RGB, "JPEG", progressive=True, exif=exif_block(6)),
    "JPEG, CMYK": lambda: saved(RGB.convert("CMYK"), "JPEG", icc_profile=table_profile(b"CMYK", 4)),
    "JPEG, unusual sampling": lambda: jpeg(YCC, [(3, 1), (1, 1), (1, 1)]),
    "JPEG, no end marker": lambda: saved(RGB, "JPEG", icc_profile=PROFILE)[:-2],
    "MPO": lambda: saved(RGB, "MPO", save_all=True, append_images=[RGB]),
    "PNG of ours": lambda: ours("PNG"),
    "PNG, palette": lambda: saved(RGB.convert("P"), "PNG", transparency=3),
    "PNG, 1 bit": lambda: saved(RGB.convert("1"), "PNG"),
    "PNG, 16 bits": lambda: deep_png(deep(8, 9, 4), interlaced=True),
    "APNG": lambda: saved(RGB, "PNG", save_all=True, append_images=[RGB.rotate(180)]),
    "TIFF of ours": lambda: ours("TIFF"),
    "TIFF, LZW": lambda: saved(RGB, "TIFF", compression="tiff_lzw"),
    "TIFF, JPEG": lambda: saved(RGB, "TIFF", compression="jpeg"),
    "TIFF, fax": lambda: saved(RGB.convert("1"), "TIFF", compression="group4"),
    "TIFF, 16 bits": lambda: tiff(deep(8, 9), photometric="rgb", compression="zlib"),
    "TIFF, tiles": lambda: tiff(deep(40, 40), photometric="rgb", tile=(16, 16), bigtiff=True),
    "TIFF, below a preview": lambda: below_a_preview(deep(8, 9)),
    "TIFF, mask and infrared": lambda: with_mask_and_infrared(deep(8, 9)),
    "TIFF, pages": lambda: tiff(deep(8, 9, 3).transpose(2, 0, 1), photometric="minisblack"),
    "WebP of ours": lambda: ours("WEBP"),
    "WebP, lossless": lambda: saved(RGB, "WEBP", lossless=True),
    "AVIF of ours": lambda: ours("AVIF"),
    "JPEG 2000 of ours": lambda: ours("JPEG2000"),
    "JPEG 2000, bare": lambda: saved(RGB, "JPEG2000", no_jp2=True),
    "BMP": lambda: saved(RGB.convert("P"), "BMP"),
    "TIFF, floating point": lambda: tiff(
        deep(8, 9) / np.float32(9), photometric="rgb", compression="zlib"
    ),
    "TIFF, CIELAB": lambda: tiff(deep(8, 9), photometric="cielab"),
    "TIFF, stated colours": lambda: tiff_with(
        {
            301: entry(3, np.arange(0, 65_536, 257, dtype="<u2").tobytes()),
            318: entry(5, struct.pack("<4I", 31, 100, 33, 100)),
            319: entry(
                5, struct.pack("<12I", *(v for n in (64, 33, 21, 71, 15, 6) for v in (n, 100)))
            ),
        }
    ),
    "BMP, bit fields": bit_fields,
    "PFM": lambda: b"PF 2 3 -1.0\n" + np.linspace(-1, 9, 18, dtype="<f4").tobytes(),
    "PPM": lambda: b"P6 2 3 65535 " + bytes(range(36)),
    "GIF": lambda: saved(RGB, "GIF"),
    "HEIC": heic,
}


def mutant(data: bytes, rng: np.random.Generator) -> bytes:
    """One of: cut off, a few bytes changed, header bytes at their limits, noise, bytes removed."""
    out = bytearray(data)
    place = int(rng.integers(0, len(out)))
    kind = rng.integers(0, 6)
    if kind == 0:
        return bytes(out[:place])
    if kind == 1:
        for _ in range(rng.integers(1, 4)):
            out[rng.integers(0, len(out))] = rng.integers(0, 256)
    elif kind == 2:
        for _ in range(rng.integers(1, 6)):
            out[rng.integers(0, min(len(out), 300))] = rng.choice([0, 1, 127, 128, 255])
    elif kind == 3:
        noise = rng.integers(0, 256, rng.integers(1, 64), dtype=np.uint8).tobytes()
        out[place : place + len(noise)] = noise
    elif kind == 4:
        del out[place : place + int(rng.integers(1, 32))]
    else:
        out[-int(rng.integers(1, min(len(out), 400)))] = rng.integers(0, 256)
    return bytes(out)


def mended(data: bytes) -> bytes:
    """A PNG with right checksums, so that damage reaches what stands behind them."""
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        end = at + 12 + int.from_bytes(out[at : at + 4], "big")
        if end > len(out):
            break
        out[end - 4 : end] = struct.pack(">I", zlib.crc32(out[at + 4 : end - 4]))
        at = end
    return bytes(out)


def answer(data: bytes) -> str:
    """What a user gets: "photo", or the one line."""
    try:
        photos = decode(data, name="file", max_pixels=1_000_000)
        encode(photos, format="TIFF", provenance=PROVENANCE)
    except TintypeError as error:
        return str(error)
    return "photo"


@pytest.mark.parametrize("kind", SEEDS)
def test_a_mutant_gives_an_answer_or_one_line(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = SEEDS[kind]()
    assert answer(data) == "photo" or "animation" in answer(data)
    rng = np.random.default_rng(len(data))
    answers = set()
    # A table of four inks takes a tenth of a second to prepare, intact or not.
    for _ in range(MUTANTS // 5 if "CMYK" in kind else MUTANTS):
        changed = mutant(data, rng)
        changed = mended(changed) if "PNG" in kind else changed
        line = answer(changed)
        assert "\n" not in line
        assert len(line) < 400
        answers.add(line)
        found = read_provenance(changed)
        assert found is None or found.software
    assert len(answers) > 1
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", SEEDS)
def test_every_header_cut_to_a_few_bytes_gives_one_line(kind: str) -> None:
    data = SEEDS[kind]()
    for length in range(1, 64):
        line = answer(data[:length])
        assert line != "photo" or kind == "PPM"
        assert line == "photo" or line.startswith("file ")


@pytest.mark.parametrize("part", ["exif", "xmp", "icc", "iptc"])
@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_a_mutant_of_the_metadata_never_costs_the_picture(form: str, part: str) -> None:
    blocks = {
        "exif": exif_block(6),
        "xmp": XMP,
        "icc": rgb_profile(SRGB, srgb_parametric()),
        "iptc": iptc_block(),
    }
    rng = np.random.default_rng(len(part))
    wrong = 0
    for _ in range(MUTANTS):
        given = photo(scene(8, 9), **{part: mutant(blocks[part], rng)})
        try:
            data = encode([given], format=form, provenance=PROVENANCE).data
            photos = decode(data, name="file")
            encode(photos, format=form, provenance=PROVENANCE)
        except TintypeError:
            wrong += 1
    # A profile may become one of another kind that 8-bit pixels cannot have; nothing else stops.
    assert wrong <= (3 if part == "icc" else 0)


def test_random_bytes_behind_every_signature_give_one_line() -> None:
    rng = np.random.default_rng(7)
    for make in SEEDS.values():
        head = make()[:12]
        for _ in range(20):
            noise = rng.integers(0, 256, 500, dtype=np.uint8).tobytes()
            assert answer(head + noise) != ""
