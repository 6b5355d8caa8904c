"""The fast road against the definition, and against true pictures."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tintype.color import gamut_grid as grid
from tintype.color.cielab import (
    lab_to_rgb01,
    rgb01_to_lab,
    rgb_u8_to_luma_u8,
    rgb_u16_to_luma_u16,
)
from tintype.color.gamut import solve_rgb01

NAMES = ["astronaut", "coffee", "chelsea"]


def coded(ab: np.ndarray, coding: grid.Coding) -> np.ndarray:
    """(2, ...) ab as a reader of the grid takes it."""
    return (ab * coding[0] + coding[1]).astype(np.float32)


def to_rgb_u8(luma_u8: np.ndarray, ab: np.ndarray, step: float) -> np.ndarray:
    codes = np.clip(coded(ab, grid.rgb_u8_coding(step)), 0, 255).astype(np.uint8)
    return grid.codes_to_rgb_u8(luma_u8, codes, step=step)


def to_chroma_u8(luma_u8: np.ndarray, ab: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    codes = coded(ab, grid.chroma_u8_coding(step))
    return grid.codes_to_chroma_u8(luma_u8, luma_u8, luma_u8, codes, step=step)


def true_chroma(rgb_u8: np.ndarray) -> np.ndarray:
    return np.moveaxis(rgb01_to_lab(rgb_u8 / 255)[..., 1:], -1, 0)


@pytest.mark.parametrize(
    ("largest", "step"), [(0, 0.25), (31.25, 0.25), (31.3, 0.5), (63, 0.75), (94, 1.0), (500, 1.0)]
)
def test_pale_photographs_are_coded_finely(largest: float, step: float) -> None:
    assert grid.step_for(largest) == step


@pytest.mark.parametrize("step", grid.STEPS)
def test_nodes_are_solved(step: float) -> None:
    nodes = grid.chroma_grid(step)
    rng = np.random.default_rng(0)
    at = rng.integers(0, grid.NODES, (1500, 3))
    luma = at[:, 0] / (grid.NODES - 1)
    ab = (at[:, 1:] * 5 - 125) * step
    expected = solve_rgb01(luma, ab)[:, ::2] - luma[:, None]
    got = nodes[tuple(at.T)] / 255
    apart = np.abs(got - expected).max(axis=-1) * 255
    assert np.mean(apart < 0.05) > 0.99
    # Half a step at the corners of the edge; and blues of luma 10, where a ray leaves the gamut
    # twice, may stop at either end.
    assert np.mean(apart < 1) > 0.998
    assert apart[luma > 12 / 255].max() < 1.5


@pytest.mark.parametrize("step", grid.STEPS)
def test_no_chroma_stays_no_chroma_at_every_luma(step: float) -> None:
    luma_u8 = np.arange(256, dtype=np.uint8)[None]
    none = np.zeros((2, 1, 256))
    np.testing.assert_array_equal(to_rgb_u8(luma_u8, none, step), np.stack([luma_u8] * 3, -1))
    for plane in to_chroma_u8(luma_u8, none, step):
        assert (plane == 128).all()
    luma_u16 = np.arange(65536, dtype=np.uint16)[None]
    codes = coded(np.zeros((2, 1, 65536)), grid.rgb_u16_coding(step))
    got = grid.codes_to_rgb_u16(luma_u16, codes, step=step)
    assert np.abs(got.astype(int) - luma_u16[..., None]).max() <= 1
    np.testing.assert_array_equal(rgb_u16_to_luma_u16(got), luma_u16)


@pytest.mark.parametrize(("name", "one", "two"), [
    ("astronaut", 0.98, 0.99), ("coffee", 0.90, 0.96), ("chelsea", 0.999, 0.9999),
])  # fmt: skip
def test_a_true_picture_comes_back(name: str, one: float, two: float) -> None:
    rgb_u8 = getattr(skimage.data, name)()
    luma_u8, ab = rgb_u8_to_luma_u8(rgb_u8), true_chroma(rgb_u8)
    got = to_rgb_u8(luma_u8, ab, grid.step_for(float(np.abs(ab).max())))
    np.testing.assert_array_equal(rgb_u8_to_luma_u8(got), luma_u8)
    apart = np.abs(got.astype(int) - rgb_u8).max(axis=-1)
    # What is further away lies in saturated shadows (coffee), where two steps cannot be seen.
    assert np.mean(apart <= 1) >= one
    assert np.mean(apart <= 2) >= two
    assert np.abs((got.astype(int) - rgb_u8).mean(axis=(0, 1))).max() < 0.25


@pytest.mark.parametrize("step", grid.STEPS)
def test_parity_with_the_definition(step: float) -> None:
    rng = np.random.default_rng(1)
    luma_u8 = rng.integers(0, 256, (40, 60), dtype=np.uint8)
    codes = rng.integers(0, 256, (2, 40, 60), dtype=np.uint8)
    ab = (np.moveaxis(codes, 0, -1).astype(float) - 125) * step
    expected = solve_rgb01(luma_u8 / 255, ab) * 255
    apart = np.abs(grid.codes_to_rgb_u8(luma_u8, codes, step=step) - expected).max(axis=-1)
    assert np.median(apart) < 0.5
    assert np.mean(apart <= 1) > 0.93


@pytest.mark.parametrize("name", NAMES)
def test_chroma_planes_are_those_of_the_rgb_road(name: str) -> None:
    rgb_u8 = getattr(skimage.data, name)()
    luma_u8, ab = rgb_u8_to_luma_u8(rgb_u8), true_chroma(rgb_u8)
    step = grid.step_for(float(np.abs(ab).max()))
    rgb = to_rgb_u8(luma_u8, ab, step).astype(float)
    cb, cr = to_chroma_u8(luma_u8, ab, step)
    assert np.mean(np.abs(cb - ((rgb[..., 2] - luma_u8) / 1.772 + 128)) <= 1.5) > 0.95
    assert np.mean(np.abs(cr - ((rgb[..., 0] - luma_u8) / 1.402 + 128)) <= 1.5) > 0.95


def test_a_chroma_sample_fits_the_brightest_and_the_darkest_it_serves() -> None:
    rng = np.random.default_rng(2)
    quads = rng.integers(0, 256, (4, 200, 300), dtype=np.uint8)
    mean = quads.mean(axis=0).astype(np.uint8)
    codes = coded(rng.uniform(-110, 110, (2, 200, 300)), grid.chroma_u8_coding(1.0))
    cb, cr = grid.codes_to_chroma_u8(mean, quads.min(axis=0), quads.max(axis=0), codes, step=1.0)
    for luma_u8 in quads:
        ycc = np.stack([luma_u8, cb, cr], -1)
        back = np.asarray(Image.fromarray(ycc, mode="YCbCr").convert("RGB"))
        apart = np.abs(rgb_u8_to_luma_u8(back).astype(int) - luma_u8)
        assert apart.max() <= 3
        assert apart.mean() < 0.6


def test_without_that_care_the_luma_would_be_lost() -> None:
    """The guard of the test above: the same samples, each made for the mean alone."""
    rng = np.random.default_rng(2)
    quads = rng.integers(0, 256, (4, 200, 300), dtype=np.uint8)
    mean = quads.mean(axis=0).astype(np.uint8)
    cb, cr = to_chroma_u8(mean, rng.uniform(-110, 110, (2, 200, 300)), 1.0)
    back = np.asarray(
        Image.fromarray(np.stack([quads[0], cb, cr], -1), mode="YCbCr").convert("RGB")
    )
    assert np.abs(rgb_u8_to_luma_u8(back).astype(int) - quads[0]).mean() > 3


def test_sixteen_bits_are_smooth_and_true() -> None:
    rng = np.random.default_rng(3)
    lab = np.stack([rng.uniform(20, 80, 5000), *rng.uniform(-25, 25, (2, 5000))], -1)
    rgb01 = lab_to_rgb01(lab)
    rgb01 = rgb01[((rgb01 > 0) & (rgb01 < 1)).all(axis=-1)]
    rgb_u16 = np.rint(rgb01 * 65535).astype(np.uint16)[None]
    luma_u16 = rgb_u16_to_luma_u16(rgb_u16)
    ab = np.moveaxis(rgb01_to_lab(rgb01), -1, 0)[1:, None]
    got = grid.codes_to_rgb_u16(luma_u16, coded(ab, grid.rgb_u16_coding(0.25)), step=0.25)
    np.testing.assert_array_equal(rgb_u16_to_luma_u16(got), luma_u16)
    apart = np.abs(got.astype(int) - rgb_u16).max(axis=-1) / 257
    assert np.quantile(apart, 0.99) < 0.3
    ramp = np.linspace(-20, 20, 4000)[None]
    level = np.full((1, 4000), 30000, np.uint16)
    codes = coded(np.stack([ramp, ramp]), grid.rgb_u16_coding(0.25))
    red = grid.codes_to_rgb_u16(level, codes, step=0.25)[0, :, 0].astype(int)
    assert np.diff(red).min() >= 0
    assert np.unique(red).size > 3000  # 40 would be banding: one for each whole step of 8 bits
