"""The promise: converting the coloured picture to grey gives the input back, at every pixel.

Whatever the network may answer, within reason or without.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tintype.color import gamut_grid as grid
from tintype.color.cielab import rgb_u8_to_luma_u8, rgb_u16_to_luma_u16

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 40)
reaches = st.sampled_from([0.0, 5.0, 30.0, 80.0, 150.0, 1000.0])
steps = st.sampled_from(grid.STEPS)
kinds = st.sampled_from(["noise", "dark", "bright", "flat", "ends"])


def grey_picture(
    rng: np.random.Generator, kind: str, shape: tuple[int, int], top: int
) -> np.ndarray:
    if kind == "ends":
        return rng.choice([0, 1, top - 1, top], shape)
    low, high = {
        "noise": (0, top),
        "dark": (0, top // 12),
        "bright": (top - top // 12, top),
        "flat": (top // 2, top // 2),
    }[kind]
    return rng.integers(low, high + 1, shape)


@given(seed=seeds, height=sides, width=sides, reach=reaches, step=steps, kind=kinds)
@settings(deadline=None, max_examples=150)
def test_8_bits(
    *, seed: int, height: int, width: int, reach: float, step: float, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    luma_u8 = grey_picture(rng, kind, (height, width), 255).astype(np.uint8)
    scale, offset = grid.rgb_u8_coding(step)
    ab = rng.uniform(-reach, reach, (2, height, width)) * scale + offset
    rgb_u8 = grid.codes_to_rgb_u8(luma_u8, np.clip(ab, 0, 255).astype(np.uint8), step=step)
    np.testing.assert_array_equal(np.asarray(Image.fromarray(rgb_u8).convert("L")), luma_u8)


@given(seed=seeds, height=sides, width=sides, reach=reaches, step=steps, kind=kinds)
@settings(deadline=None, max_examples=100)
def test_16_bits(
    *, seed: int, height: int, width: int, reach: float, step: float, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    luma_u16 = grey_picture(rng, kind, (height, width), 65535).astype(np.uint16)
    scale, offset = grid.rgb_u16_coding(step)
    codes = (rng.uniform(-reach, reach, (2, height, width)) * scale + offset).astype(np.float32)
    rgb_u16 = grid.codes_to_rgb_u16(luma_u16, codes, step=step)
    np.testing.assert_array_equal(rgb_u16_to_luma_u16(rgb_u16), luma_u16)


@pytest.mark.parametrize("step", grid.STEPS)
def test_every_luma_meets_every_third_chroma(step: float) -> None:
    axis = np.append(np.arange(0, 255, 3), 255).astype(np.uint8)
    a, b = np.meshgrid(axis, axis)
    for luma in range(256):
        luma_u8 = np.full(a.shape, luma, np.uint8)
        rgb_u8 = grid.codes_to_rgb_u8(luma_u8, np.stack([a, b]), step=step)
        assert (rgb_u8_to_luma_u8(rgb_u8) == luma).all(), luma
