"""Pictures in PQ and HLG are fitted to sRGB when they are read: by which curve, and what holds."""

import struct

import numpy as np
import pytest
from PIL import Image

from photo.samples import deep_png, opened, png_chunk, png_with, saved, scene
from photo.test_stated_colors import cicp, heic, with_code_points
from tintype.photo.decode import decode, decode_colors
from tintype.photo.encode import encode
from tintype.photo.metadata import hdr
from tintype.photo.photo import Photo

PQ, HLG = 16, 18
RAMP = np.linspace(0, 65_535, 2048).astype(np.uint16).reshape(32, 64)


def one(data: bytes) -> Photo:
    (found,) = decode(data, name="x")
    return found


def clli(brightest: float) -> bytes:
    return png_chunk(b"cLLI", struct.pack(">II", round(brightest * 10_000), 10_000))


def mdcv(brightest: float) -> bytes:
    return png_chunk(b"mDCV", bytes(16) + struct.pack(">II", round(brightest * 10_000), 50))


def grey_png(transfer: int, *chunks: bytes) -> bytes:
    return png_with(saved(Image.fromarray(RAMP), "PNG"), cicp(9, transfer, 0, 1), *chunks)


def light_of_pq(codes: np.ndarray) -> np.ndarray:
    """ST 2084 with the constants as decimals, cd/m2."""
    power = codes ** (1 / 78.84375)
    inner = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return 10_000 * inner ** (1 / 0.1593017578125)


def srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def test_the_anchors_of_the_standards() -> None:
    assert hdr.pq_light(np.array([0.0, 1.0])).tolist() == pytest.approx([0, 10_000])
    # BT.2408 table 1: reference white is at 58 % of PQ and 75 % of HLG.
    assert hdr.pq_codes(np.array([203.0]))[0] == pytest.approx(0.58, abs=0.001)
    assert hdr.hlg_light(np.array([0.75]))[0] == pytest.approx(203, abs=1)
    assert hdr.hlg_light(np.array([1.0]))[0] == pytest.approx(1000, abs=0.1)
    codes = np.linspace(0, 1, 500)
    assert np.abs(hdr.pq_codes(hdr.pq_light(codes)) - codes).max() < 1e-6


@pytest.mark.parametrize(
    ("peak", "knee"), [(400, 143.5), (1000, 87.8), (4000, 40.2), (10_000, 23.4)]
)
def test_what_is_dark_stays_in_proportion_and_the_rest_is_compressed(
    peak: float, knee: float
) -> None:
    light = np.linspace(0, 10_000, 20_001)
    mapped = hdr.compressed(light, peak)
    dark = light < knee
    assert np.allclose(mapped[dark], light[dark], atol=1e-9)
    assert (np.diff(mapped[light <= peak]) >= 0).all()
    assert (mapped[~dark] < light[~dark]).all()
    assert np.allclose(mapped[light >= peak], 203)


def test_a_picture_no_brighter_than_white_is_not_compressed() -> None:
    light = np.linspace(0, 203, 100)
    assert np.array_equal(hdr.compressed(light, 203), light)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_grey_is_that_of_the_curve(transfer: int) -> None:
    found = one(grey_png(transfer))
    codes = RAMP / 65_535
    light = light_of_pq(codes) if transfer == PQ else hdr.hlg_light(codes)
    wanted = srgb(np.clip(hdr.compressed(light, 1000) / 203, 0, 1))
    assert found.grey.dtype == np.uint16
    assert np.abs(found.grey / 65_535 - wanted).max() < 0.0015
    dark = light < 87
    assert np.abs(found.grey / 65_535 - srgb(light / 203))[dark].max() < 0.0015
    assert (np.diff(found.grey.ravel().astype(int)) >= 0).all()
    assert found.grey.flat[0] == 0
    assert found.grey.flat[-1] == 65_535
    assert found.meta.converted
    name = hdr.NAMES[transfer]
    assert [note for note in found.meta.notes if f"It is in HDR ({name}, up to 1000 cd/m2)" in note]


@pytest.mark.parametrize(
    ("chunks", "peak"),
    [
        ((clli(400),), 400),
        ((mdcv(4000),), 4000),
        ((mdcv(4000), clli(203)), 203),
        ((clli(0), mdcv(600)), 600),
        ((clli(90),), 203),
        ((clli(70_000),), 10_000),
    ],
)
def test_the_peak_that_a_png_states_counts(chunks: tuple[bytes, ...], peak: float) -> None:
    found = one(grey_png(PQ, *chunks))
    light = light_of_pq(RAMP / 65_535)
    wanted = srgb(np.clip(hdr.compressed(light, peak) / 203, 0, 1))
    assert np.abs(found.grey / 65_535 - wanted).max() < 0.0015
    assert any(f"up to {peak:g} cd/m2" in note for note in found.meta.notes)


def test_8_bits_are_read_as_16() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    of_8 = one(png_with(saved(Image.fromarray(ramp), "PNG"), cicp(9, PQ, 0, 1))).grey
    deep = saved(Image.fromarray(ramp.astype(np.uint16) * 257), "PNG")
    of_16 = one(png_with(deep, cicp(9, PQ, 0, 1))).grey
    assert np.abs(of_8 - of_16 / 257).max() <= 1


def test_neutral_colours_stay_neutral_and_wide_ones_become_srgb() -> None:
    rgb = np.repeat(RAMP[..., None], 3, 2)
    rgb[0, :8] = (40_000, 20_000, 20_000)
    shown, _ = decode_colors(png_with(deep_png(rgb), cicp(9, PQ, 0, 1)), name="x")
    assert np.ptp(shown[1:].astype(int), axis=-1).max() <= 1
    assert shown[0, 0, 0] > shown[0, 0, 1]


def test_the_written_picture_keeps_the_grey_and_claims_no_hdr() -> None:
    found = one(grey_png(PQ, clli(600), mdcv(1000)))
    written = encode([found], format="PNG", provenance=None).data
    assert np.array_equal(one(written).grey, found.grey)
    for kind in (b"cICP", b"cLLI", b"mDCV"):
        assert kind not in written
    assert not any("HDR" in note for note in one(written).meta.notes)


def test_chunks_on_light_stay_with_a_picture_that_is_no_hdr() -> None:
    data = png_with(saved(Image.fromarray(RAMP), "PNG"), clli(100), mdcv(100))
    found = one(data)
    assert np.array_equal(found.grey, RAMP)
    assert {part.kind for part in found.meta.parts} >= {b"cLLI", b"mDCV"}


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("form", ["AVIF", "HEIC"])
def test_avif_and_heic_are_fitted_as_well(form: str, transfer: int) -> None:
    data = saved(scene(), "AVIF", quality=95) if form == "AVIF" else heic()
    plain = one(with_code_points(data, 1, 13))
    found = one(with_code_points(data, 9, transfer))
    rgb = np.asarray(decode_colors(with_code_points(data, 1, 13), name="x")[0])
    as_png = png_with(saved(rgb, "PNG"), cicp(9, transfer, 0, 1))
    assert np.abs(found.grey.astype(int) - one(as_png).grey).mean() < 1
    assert not np.array_equal(found.grey, plain.grey)
    assert any("It is in HDR" in note for note in found.meta.notes)


def test_the_peak_that_an_avif_states_counts() -> None:
    data = with_code_points(saved(scene(), "AVIF", quality=95), 9, PQ)
    assert opened(data).size
    # A box of light in place of one of the same size that no decoder needs.
    at = data.index(b"pixi") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    box = struct.pack(">I4sHH", size, b"clli", 600, 100).ljust(size, b"\0")
    found = one(data[:at] + box + data[at + size :])
    assert any("up to 600 cd/m2" in note for note in found.meta.notes)
