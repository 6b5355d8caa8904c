"""The definition: the colour with this luma and that chroma."""

import numpy as np
import pytest
import skimage.data

from tintype.cancellation import WorkCancelledError, cancelled_when
from tintype.color.cielab import (
    LUMA_WEIGHTS,
    lab_to_rgb01,
    rgb01_to_lab,
    rgb_u8_to_luma_u8,
    rgb_u16_to_luma_u16,
)
from tintype.color.gamut import gamut_edge, settle_luma, solve_rgb01

SHARES = np.array(LUMA_WEIGHTS) / 65536


def luma_of(rgb01: np.ndarray) -> np.ndarray:
    return np.asarray(rgb01 @ SHARES)


def test_a_colors_own_luma_and_chroma_give_the_color_back() -> None:
    rgb01 = np.random.default_rng(0).random((3000, 3))
    got = solve_rgb01(luma_of(rgb01), rgb01_to_lab(rgb01)[:, 1:])
    np.testing.assert_allclose(got, rgb01, atol=1e-5)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_a_true_picture_comes_back_from_its_grey_and_its_chroma(name: str) -> None:
    rgb_u8 = getattr(skimage.data, name)()[::7, ::7]
    luma_u8 = rgb_u8_to_luma_u8(rgb_u8)
    got = solve_rgb01(luma_u8 / 255, rgb01_to_lab(rgb_u8 / 255)[..., 1:])
    apart = np.abs(got * 255 - rgb_u8).max(axis=-1)
    # The grey is rounded, the picture was not made from it: half a step of luma is all there is.
    assert np.mean(apart <= 1) > 0.995


def test_luma_holds_and_the_cube_holds_however_far_the_chroma() -> None:
    rng = np.random.default_rng(1)
    luma = rng.random(2000)
    rgb01 = solve_rgb01(luma, rng.uniform(-300, 300, (2000, 2)))
    assert rgb01.min() >= 0
    assert rgb01.max() <= 1
    np.testing.assert_allclose(luma_of(rgb01), luma, atol=2e-9)


def test_what_does_not_fit_keeps_its_hue_and_ends_at_the_edge() -> None:
    rng = np.random.default_rng(2)
    luma, angle = rng.uniform(0.05, 0.95, 500), rng.uniform(-np.pi, np.pi, 500)
    wanted = 250 * np.stack([np.cos(angle), np.sin(angle)], -1)
    rgb01 = solve_rgb01(luma, wanted)
    ab = rgb01_to_lab(rgb01)[:, 1:]
    turned = np.angle((ab[:, 0] + 1j * ab[:, 1]) / np.exp(1j * angle))
    assert np.abs(turned).max() < 1e-4
    at_edge = np.minimum(rgb01, 1 - rgb01).min(axis=-1)
    assert at_edge.max() < 1e-6


def test_black_and_white_have_no_chroma() -> None:
    got = solve_rgb01(np.array([0.0, 1.0]), np.array([[50.0, 50], [50, 50]]))
    np.testing.assert_allclose(got, [[0, 0, 0], [1, 1, 1]], atol=1e-7)


def test_luma_grows_with_lightness_inside_the_gamut() -> None:
    """What makes the solution unique."""
    axis = np.arange(-110, 111, 10.0)
    L = np.arange(0, 100.5, 0.5)
    grid = np.stack(np.meshgrid(L, axis, axis, indexing="ij"), -1)
    rgb01 = lab_to_rgb01(grid)
    inside = ((rgb01 >= 0) & (rgb01 <= 1)).all(axis=-1)
    both = inside[1:] & inside[:-1]
    rise = np.diff(luma_of(rgb01), axis=0)[both]
    assert rise.size > 5000
    assert rise.min() > 0


def test_a_ray_from_neutral_leaves_the_gamut_once() -> None:
    """What lets halving find the edge: scaled chroma fits up to some scale and not beyond it.

    Below a luma of 12 of 255 some blues leave, return and leave again.
    """
    luma = np.linspace(0.06, 0.96, 24)
    angle = np.linspace(-np.pi, np.pi, 48, endpoint=False)
    scale = np.linspace(0.02, 1, 50)
    y, h, s = np.meshgrid(luma, angle, scale, indexing="ij")
    wanted = 140 * s[..., None] * np.stack([np.cos(h), np.sin(h)], -1)
    ab = rgb01_to_lab(solve_rgb01(y, wanted, steps=24))[..., 1:]
    fits = np.abs(ab - wanted).max(axis=-1) < 1e-3
    assert fits[..., 0].mean() > 0.9
    assert not (fits[..., 1:] & ~fits[..., :-1]).any()


def test_the_edge_table_agrees_with_the_solver() -> None:
    luma, hues = np.linspace(0.1, 0.9, 9), np.linspace(-3, 3, 37)
    edge = gamut_edge(luma, hues)
    y, h = np.meshgrid(luma, hues, indexing="ij")
    far = 200 * np.stack([np.cos(h), np.sin(h)], -1)
    solved = solve_rgb01(y, far)
    ab = rgb01_to_lab(solved)[..., 1:]
    np.testing.assert_allclose(edge[..., 0], np.hypot(ab[..., 0], ab[..., 1]), atol=0.3)
    np.testing.assert_allclose(edge[..., 1:], solved[..., ::2], atol=1.5 / 255)


@pytest.mark.parametrize(
    ("top", "to_luma", "kind"),
    [(255, rgb_u8_to_luma_u8, np.uint8), (65535, rgb_u16_to_luma_u16, np.uint16)],
)
def test_settling_makes_any_color_exact(top: int, to_luma: object, kind: type) -> None:
    assert callable(to_luma)
    rng = np.random.default_rng(5)
    luma = np.concatenate([np.arange(256) * (top // 255), rng.integers(0, top + 1, 3000)])
    rgb = rng.integers(0, top + 1, (luma.size, 3))
    settled = settle_luma(luma.astype(kind), rgb.astype(kind), top)
    assert settled.min() >= 0
    assert settled.max() <= top
    np.testing.assert_array_equal(to_luma(settled.astype(kind)), luma)


def test_settling_leaves_exact_colors_alone() -> None:
    rgb = np.random.default_rng(6).integers(0, 256, (5000, 3)).astype(np.uint8)
    np.testing.assert_array_equal(settle_luma(rgb_u8_to_luma_u8(rgb), rgb, 255), rgb)


def test_solving_ends_when_nobody_waits_for_it() -> None:
    asked = iter([False, False, True])
    with cancelled_when(lambda: next(asked)), pytest.raises(WorkCancelledError):
        solve_rgb01(np.full(9, 0.5), np.full((9, 2), 60.0))
    assert not list(asked)
