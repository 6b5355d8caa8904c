"""The colour formulas against themselves, against Pillow and against an outside implementation."""

import ast
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

import tintype
from tintype.color.cielab import (
    LUMA_WEIGHTS,
    REC601,
    lab_to_rgb01,
    linear_to_rgb01,
    linear_to_rgb01_and_slope,
    luma01_to_L,
    luma_to_L_table,
    rgb01_to_lab,
    rgb_u8_to_luma_u8,
    rgb_u16_to_luma_u16,
)


def cube(step: int) -> np.ndarray:
    """8-bit colours in equal steps, (n, 3), the faces included."""
    axis = np.unique(np.append(np.arange(0, 256, step), 255)).astype(np.uint8)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def test_srgb_to_lab_and_back_over_the_cube() -> None:
    rgb_u8 = cube(5)
    back = lab_to_rgb01(rgb01_to_lab(rgb_u8 / 255)) * 255
    # The published constants of the transfer curve leave a gap of 1e-8 at its joint.
    np.testing.assert_allclose(back, rgb_u8, atol=1e-4)


def test_greys_are_exactly_neutral() -> None:
    grey = np.arange(256)[:, None] / 255 * np.ones(3)
    assert np.abs(rgb01_to_lab(grey)[:, 1:]).max() < 1e-12


def test_white_and_black() -> None:
    lab = rgb01_to_lab(np.array([[0.0, 0, 0], [1, 1, 1]]))
    np.testing.assert_allclose(lab, [[0, 0, 0], [100, 0, 0]], atol=1e-12)


def test_lab_agrees_with_an_outside_implementation() -> None:
    rgb01 = np.random.default_rng(1).random((1000, 3))
    # The outside white is the tabulated D65, ours that of the matrix: hundredths apart.
    np.testing.assert_allclose(rgb01_to_lab(rgb01), rgb2lab(rgb01), atol=0.05)


def test_the_known_corner_colours() -> None:
    """The reach of the sRGB gamut in ab, as published with CIELAB in D65."""
    lab = rgb01_to_lab(
        np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]])
    )
    expected = [
        [53.24, 80.09, 67.20],
        [87.73, -86.18, 83.18],
        [32.30, 79.19, -107.86],
        [97.14, -21.55, 94.48],
        [60.32, 98.23, -60.82],
        [91.11, -48.09, -14.13],
    ]
    np.testing.assert_allclose(lab, expected, atol=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_luma_is_pillows(seed: int) -> None:
    rgb_u8 = np.random.default_rng(seed).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(rgb_u8).convert("L"))
    np.testing.assert_array_equal(rgb_u8_to_luma_u8(rgb_u8), expected)


def test_luma_weights_sum_to_one_so_that_greys_stay() -> None:
    assert sum(LUMA_WEIGHTS) == 65536
    grey = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(rgb_u16_to_luma_u16(np.stack([grey] * 3, -1)), grey)


def test_the_fixed_point_weights_are_those_of_the_standard() -> None:
    assert tuple(round(weight * 65536) for weight in REC601) == LUMA_WEIGHTS


def test_the_curve_with_its_slope_is_the_curve() -> None:
    linear = np.linspace(-0.5, 1.5, 20_001)
    encoded, _ = linear_to_rgb01_and_slope(linear)
    np.testing.assert_array_equal(encoded, linear_to_rgb01(np.maximum(linear, 0)))
    middle = (linear[:-1] + linear[1:]) / 2
    joint = np.abs(middle) > 1e-4
    joint &= np.abs(middle - 0.0031308) > 1e-4
    _, expected = linear_to_rgb01_and_slope(middle)
    np.testing.assert_allclose(
        (np.diff(encoded) / np.diff(linear))[joint], expected[joint], rtol=1e-3
    )


def numbers_in(source: str) -> set[float]:
    """The numbers that stand in a program."""
    return {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    }


LUMA_AND_CURVE = {*REC601, *LUMA_WEIGHTS, 0.04045, 0.0031308, 12.92, 1.055}
"""Numbers that give away a copy of the luma or of the transfer curve."""


def test_a_second_curve_is_noticed() -> None:
    assert numbers_in("low = x * 12.92") & LUMA_AND_CURVE


def test_luma_and_transfer_curve_stand_in_one_module() -> None:
    package = Path(tintype.__file__).parent
    for path in package.rglob("*.py"):
        if path != package / "color" / "cielab.py":
            assert not numbers_in(path.read_text(encoding="utf-8")) & LUMA_AND_CURVE, path


@pytest.mark.parametrize("bits", [8, 16])
def test_the_table_of_lightness(bits: int) -> None:
    table = luma_to_L_table(bits)
    assert table.shape == (2**bits,)
    assert table[0] == 0
    assert table[-1] == 100
    assert (np.diff(table) > 0).all()
    middle = 2 ** (bits - 1)
    neutral = np.full(3, middle / (2**bits - 1))
    assert table[middle] == pytest.approx(rgb01_to_lab(neutral)[0], abs=1e-4)


def test_lightness_of_a_luma_is_not_the_lightness_of_the_colour() -> None:
    """The reason for the one L that everything shares: blue's own L is far from its grey's."""
    blue = np.array([0, 0, 255], np.uint8)
    of_grey = luma01_to_L(rgb_u8_to_luma_u8(blue) / 255)
    of_color = rgb01_to_lab(blue / 255)[0]
    assert of_color - of_grey > 20
