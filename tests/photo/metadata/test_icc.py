"""Profiles: what makes no sense is dropped and said, and both depths agree with LittleCMS."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from photo.samples import (
    ADOBE_RGB,
    SRGB,
    _profile,
    deep_png,
    gamma_curve,
    grey_profile,
    png_chunk,
    png_with,
    rgb_profile,
    saved,
    srgb_curve,
    srgb_parametric,
    table_profile,
)
from photo.unknown import RGB
from tintype.photo.decode import decode
from tintype.photo.metadata import icc
from tintype.photo.photo import Photo

X = np.linspace(0, 1, 256)
IDENTITY = b"curv\0\0\0\0" + struct.pack(">I", 0)


def table(values: np.ndarray) -> bytes:
    whole = np.round(values * 65_535).astype(int).tolist()
    return b"curv\0\0\0\0" + struct.pack(f">I{len(whole)}H", len(whole), *whole)


CURVES = {
    "gamma": gamma_curve(2.2),
    "identity": IDENTITY,
    "sRGB": srgb_parametric(),
    "dot gain": table(np.interp(X, [0, 0.25, 0.5, 0.75, 1], [0, 0.09, 0.26, 0.55, 1])),
    "a raised black": table(0.03 + 0.97 * X**2.2),
    "a black above L* 50": table(0.2 + 0.8 * X**1.8),
    "a white below white": table(0.9 * X**2.2),
}


def one(data: bytes) -> Photo:
    (found,) = decode(data, name="x")
    return found


def grey(pcs: bytes, curve: bytes) -> bytes:
    return _profile(b"GRAY", b"mntr", {b"kTRC": curve}, pcs=pcs)


@pytest.mark.parametrize("pcs", [b"XYZ ", b"Lab "])
@pytest.mark.parametrize("curve", CURVES)
def test_greys_of_16_bits_are_those_of_8_bits(curve: str, pcs: bytes) -> None:
    profile = icc.open_profile(grey(pcs, CURVES[curve]))
    eight = icc.grey_table(profile).astype(float)
    assert np.abs(icc.grey_table_u16(profile)[::257] / 257 - eight).max() < 0.6


def test_lightness_is_not_taken_for_light() -> None:
    """A grey of L* 50 is 119 in sRGB; as linear light it would be 188."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    chunk = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(grey(b"Lab ", IDENTITY)))
    eight = one(png_with(saved(ramp, "PNG"), chunk))
    deep = one(png_with(deep_png(ramp.astype(np.uint16) * 257), chunk))
    assert eight.grey[0, 128] == 119
    assert round(deep.grey[0, 128] / 257) == 119


@pytest.mark.parametrize("curve", [name for name in CURVES if "50" not in name])
def test_colours_of_16_bits_are_those_of_8_bits(curve: str) -> None:
    profile = icc.open_profile(rgb_profile(SRGB, CURVES[curve]))
    eight = np.asarray(icc.to_srgb(Image.fromarray(RGB), profile))
    deep = icc.to_srgb_u16(RGB.astype(np.uint16) * 257, profile)
    assert np.abs(deep / 257 - eight).max() <= 1.2


def test_a_profile_with_curves_and_other_tables_is_not_read_by_its_curves() -> None:
    """LittleCMS prefers the tables, so 16 bits through the curves would be another picture."""
    tables = table_profile(b"RGB ", 3)
    (count,) = struct.unpack_from(">I", tables, 128)
    (offset, size) = next(
        struct.unpack_from(">II", tables, at + 4)
        for at in range(132, 132 + 12 * count, 12)
        if tables[at : at + 4] == b"A2B0"
    )
    curves = {b"rTRC": gamma_curve(2.2), b"gTRC": gamma_curve(2.2), b"bTRC": gamma_curve(2.2)}
    places = {
        name: b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65_536) for v in values))
        for name, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), ADOBE_RGB, strict=True)
    }
    both = {b"A2B0": tables[offset : offset + size], **curves, **places}
    profile = icc.open_profile(_profile(b"RGB ", b"mntr", both, pcs=b"Lab "))
    eight = np.asarray(icc.to_srgb(Image.fromarray(RGB), profile))
    assert np.abs(icc.to_srgb_u16(RGB.astype(np.uint16) * 257, profile) / 257 - eight).max() <= 1.2
    deep = icc.grey_table_u16(profile)[::257] / 257
    assert np.abs(deep - icc.grey_table(profile).astype(float)).max() <= 1.2


ABSURD = {
    "no primaries": (rgb_profile(((0, 0, 0),) * 3, gamma_curve(2.2)), "white becomes"),
    "one primary": (rgb_profile((SRGB[0], (0, 0, 0), (0, 0, 0)), srgb_curve()), "white becomes"),
    "dark primaries": (
        rgb_profile(tuple(tuple(v / 3 for v in row) for row in SRGB), srgb_curve()),
        "white becomes",
    ),
    "a flat curve": (rgb_profile(SRGB, table(np.ones(256))), "black becomes"),
    "an inverted curve": (rgb_profile(SRGB, table(1 - X)), "white becomes"),
    "a curve that falls": (
        rgb_profile(SRGB, table(np.abs(np.sin(X * np.pi * 1.5)))),
        "out of order",
    ),
    "a grey of nothing": (grey_profile(table(np.zeros(256))), "white becomes"),
    "an inverted grey": (grey_profile(table(1 - X)), "white becomes"),
}


@pytest.mark.parametrize("kind", ABSURD)
@pytest.mark.parametrize("deep", [False, True])
def test_an_absurd_profile_is_dropped_and_said(kind: str, deep: bool) -> None:
    profile, said = ABSURD[kind]
    pixels = RGB[..., 0] if "grey" in kind else RGB
    chunk = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))
    plain = deep_png(pixels.astype(np.uint16) * 257) if deep else saved(pixels, "PNG")
    found = one(png_with(plain, chunk))
    assert np.array_equal(found.grey, one(plain).grey)
    assert found.meta.icc is None
    assert f"is invalid ({said}" in found.meta.notes[0] or said in found.meta.notes[0]
    assert found.meta.notes[0].endswith("left out.")


def test_an_absurd_profile_of_a_jpeg_is_dropped_and_said() -> None:
    data = saved(RGB, "JPEG", icc_profile=ABSURD["no primaries"][0])
    assert np.array_equal(one(data).grey, one(saved(RGB, "JPEG")).grey)
    assert "white becomes (0, 0, 0)" in one(data).meta.notes[0]


@pytest.mark.parametrize(
    "profile",
    [
        rgb_profile(ADOBE_RGB, gamma_curve(2.2)),
        rgb_profile(SRGB, gamma_curve(1.0)),
        rgb_profile(SRGB, CURVES["a white below white"]),
        grey_profile(gamma_curve(1.8)),
        table_profile(b"CMYK", 4),
        table_profile(b"RGB ", 3),
    ],
)
def test_odd_profiles_that_make_a_picture_are_used(profile: bytes) -> None:
    assert icc.open_profile(profile).data == profile
