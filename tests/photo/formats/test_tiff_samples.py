"""TIFF with samples that are no codes of 8 or 16 bits: read as 16, by a rule that a note states."""

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from photo.formats.test_tiff import by_tifffile, one
from photo.samples import deep, scene
from tintype.photo.decode import photo_from_array
from tintype.photo.encode import encode
from tintype.photo.metadata import ifd

RAMP = np.linspace(0, 1, 56)[None] * np.linspace(0.2, 1, 40)[:, None]  # (40, 56), up to 1


def codes(values: np.ndarray) -> np.ndarray:
    return np.round(values * 65_535).astype(int)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 7},
        {"tile": (32, 16)},
        {"compression": "zlib", "rowsperstrip": 9},
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floating_point_within_0_and_1_is_read_as_it_is(
    dtype: type, options: dict[str, Any], byteorder: str
) -> None:
    found = one(by_tifffile(RAMP.astype(dtype), byteorder=byteorder, **options))
    assert found.grey.dtype == np.uint16
    assert np.abs(found.grey - codes(RAMP)).max() <= 1
    assert found.meta.notes[0].endswith("are written with 16 bits; 0 is black, 1 is white.")


def with_predictor(data: bytes, predictor: int) -> bytes:
    """A TIFF whose directory says so; its strips have been prepared for it."""
    structure = ifd.open_structure(data)
    page = structure.directory(structure.first)
    order = structure.order
    entries = page.entries | {317: ifd.integer_entry(order, ifd.SHORT, predictor)}
    base = len(data) + len(data) % 2
    head = data[:4] + struct.pack(order + "I", base)
    rest = data[8:] + b"\0" * (len(data) % 2)
    return head + rest + ifd.serialize(entries, order=order, base=base)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_with_a_predictor(dtype: type, samples: int, byteorder: str) -> None:
    values = (np.dstack([RAMP, RAMP[::-1], RAMP[:, ::-1]])[..., :samples]).astype(dtype)
    photometric = "rgb" if samples == 3 else "minisblack"
    options = {"photometric": photometric, "compression": "zlib", "byteorder": byteorder}
    wanted = one(by_tifffile(values.squeeze(), **options)).grey
    size = values.dtype.itemsize
    whole = values.view(f"u{size}")
    apart = np.diff(whole, axis=1, prepend=whole.dtype.type(0)).view(dtype)
    found = one(with_predictor(by_tifffile(apart.squeeze(), **options), 2))
    assert np.array_equal(found.grey, wanted)
    # The bytes of a row, the highest of all numbers first, and then their differences.
    rows = values.astype(f">f{size}").view(np.uint8).reshape(40, 56 * samples, size)
    planes = np.moveaxis(rows, 1, 2).reshape(40, 56 * size, samples)
    stored = np.ascontiguousarray(np.diff(planes, axis=1, prepend=np.uint8(0)))
    numbers = stored.reshape(40, -1).view(f"{byteorder}f{size}").reshape(values.shape)
    found = one(with_predictor(by_tifffile(numbers.squeeze(), **options), 3))
    assert np.array_equal(found.grey, wanted)


def test_half_precision_is_read() -> None:
    found = one(by_tifffile(RAMP.astype(np.float16)))
    assert np.abs(found.grey - codes(RAMP.astype(np.float16).astype(float))).max() <= 1


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ((RAMP * 5000 - 1000).astype(np.float32), -1000, 4000),
        ((RAMP * 5000 - 1000).astype(np.int16), -1000, 4000),
        ((RAMP * 3e9).astype(np.uint32), 0, 3e9),
        ((RAMP * 255).astype(np.uint32), 0, 255),
        ((RAMP * 60_000).astype(np.uint32), 0, 65_535),
        ((RAMP * 127).astype(np.int8), 0, 127),
        ((RAMP * 200).astype(np.int32), 0, 255),
    ],
)
def test_the_range_of_values_is_honest(values: np.ndarray, low: float, high: float) -> None:
    found = one(by_tifffile(values))
    wanted = codes((values.astype(float) - low) / (high - low))
    assert np.abs(found.grey - wanted).max() <= 1
    assert f"{low:g} is black, {high:g} is white" in found.meta.notes[0]


def test_a_range_that_the_file_states_counts() -> None:
    values = (RAMP * 1000).astype(np.float32)
    stated = [(340, "f", 1, -500.0, True), (341, "f", 1, 1500.0, True)]
    found = one(by_tifffile(values, extratags=stated))
    assert "-500 is black, 1500 is white" in found.meta.notes[0]
    assert np.abs(found.grey - codes((values + 500) / 2000)).max() <= 1


def test_what_is_no_number_is_black() -> None:
    values = RAMP.astype(np.float32)
    values[3, 5:8] = np.nan, np.inf, -np.inf
    found = one(by_tifffile(values))
    assert found.grey[3, 5:8].tolist() == [0, 65_535, 0]
    assert one(by_tifffile(np.full((8, 8), np.nan, np.float32))).grey.max() == 0


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_and_transparency_of_floating_point(planar: str) -> None:
    pixels = deep(40, 56, 4) / np.float32(65_535)
    pixels[..., :3] *= 3
    stored = np.moveaxis(pixels, -1, 0) if planar == "separate" else pixels
    data = by_tifffile(
        stored.astype(np.float32),
        photometric="rgb",
        planarconfig=planar,
        extrasamples=["unassalpha"],
    )
    found = one(data)
    low, high = pixels[..., :3].min(), pixels[..., :3].max()
    wanted = photo_from_array(codes((pixels[..., :3] - low) / (high - low)).astype(np.uint16))
    assert np.abs(found.grey.astype(int) - wanted.grey).max() <= 1
    assert np.abs(found.alpha.astype(int) - codes(pixels[..., 3])).max() <= 1


def test_the_grey_is_written_with_16_bits() -> None:
    found = one(by_tifffile(RAMP.astype(np.float32)))
    written = encode([found], format="TIFF", provenance=None).data
    assert np.array_equal(one(written).grey, found.grey)


# ----- CIELAB -----


def lab_image() -> Image.Image:
    """A picture in CIELAB, as LittleCMS makes it."""
    rgb = Image.fromarray(scene())
    return ImageCms.profileToProfile(
        rgb, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )


def by_littlecms() -> np.ndarray:
    back = ImageCms.profileToProfile(
        lab_image(),
        ImageCms.createProfile("LAB"),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
        flags=ImageCms.Flags.NOOPTIMIZE,
    )
    return np.asarray(back.convert("L")).astype(int)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_cielab_of_8_bits_is_what_littlecms_makes_of_it(compression: str | None) -> None:
    stored = np.asarray(lab_image())
    # Pillow has a and b as TIFF has them, signed; ICCLAB adds 128.
    found = one(by_tifffile(stored, photometric="cielab", compression=compression))
    assert found.grey.dtype == np.uint8
    assert np.abs(found.grey.astype(int) - by_littlecms()).max() <= 2
    assert found.meta.notes == ()
    moved = stored.copy()
    moved[..., 1:] ^= 0x80
    other = one(by_tifffile(moved, photometric="icclab", compression=compression))
    assert np.array_equal(other.grey, found.grey)


def test_cielab_of_16_bits_keeps_them() -> None:
    lightness = np.linspace(0, 65_535, 500).round().astype(np.uint16)
    stored = np.zeros((4, 500, 3), np.uint16)
    stored[..., 0] = lightness
    found = one(by_tifffile(stored, photometric="cielab"))
    assert found.grey.dtype == np.uint16
    assert found.tone == "grey"
    assert len(np.unique(found.grey)) == 500
    fy = (lightness / 655.35 + 16) / 116
    light = np.where(fy > 6 / 29, fy**3, (116 * fy - 16) * 27 / 24389)
    shown = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(found.grey[0] - shown * 65_535).max() <= 1
    offset = stored.copy()
    offset[..., 0] = (lightness * (65_280 / 65_535)).round()
    offset[..., 1:] = 32_768
    other = one(by_tifffile(offset, photometric="icclab"))
    assert np.abs(other.grey.astype(int) - found.grey).max() <= 2
