"""Metrics against outside implementations and the papers' definitions."""

import numpy as np
import pytest

from tintype.learn.evaluate.metrics import (
    ab_distance,
    accuracy,
    auc,
    auc_curve,
    colorfulness,
    delta_e_2000,
    interval,
    negative_log_likelihood,
    psnr,
    ssim,
)

skimage_color = pytest.importorskip("skimage.color")
skimage_metrics = pytest.importorskip("skimage.metrics")


def labs(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((4000, 3)) * [100, 200, 200] - [0, 100, 100]


def test_delta_e_2000_agrees_with_scikit_image():
    one, other = labs(0), labs(1)
    one[:200] = other[:200] + np.random.default_rng(2).normal(size=(200, 3))
    one[:20, 1:] = 0
    expected = skimage_color.deltaE_ciede2000(one, other)
    assert np.abs(delta_e_2000(one, other) - expected).max() < 1e-9


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    # Sharma, Wu, Dalal 2005, table 1, pairs 1, 7, 17 and 25.
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ],
)
def test_delta_e_2000_gives_the_published_values(one, other, expected):
    value = delta_e_2000(np.array(one, float), np.array(other, float))
    assert abs(float(value) - expected) < 1e-4


def test_psnr_agrees_with_scikit_image():
    draw = np.random.default_rng(0)
    one, other = draw.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    expected = skimage_metrics.peak_signal_noise_ratio(other, one)
    assert abs(psnr(one, other) - expected) < 1e-9
    assert psnr(one, one) == float("inf")


def test_colorfulness_follows_its_definition():
    draw = np.random.default_rng(0)
    rgb = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    r, g, b = rgb.reshape(-1, 3).T.astype(float)
    rg, yb = r - g, 0.5 * (r + g) - b
    expected = np.sqrt(rg.var() + yb.var()) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
    assert abs(colorfulness(rgb) - expected) < 1e-9
    assert colorfulness(np.full((8, 8, 3), 77, np.uint8)) == 0


def test_auc_is_the_mean_of_the_cumulative_histogram():
    distance = np.array([0.0, 10.0, 75.5, 300.0])
    expected = 100 * np.mean([(distance <= t).mean() for t in range(151)])
    assert abs(auc(distance) - expected) < 1e-9
    assert auc(np.zeros(5)) == 100
    assert auc(np.array([0.0, 300.0]), np.array([3.0, 1.0])) == 75


def test_ab_distance_ignores_lightness():
    assert ab_distance(np.array([90.0, 3, 4]), np.array([10.0, 0, 0])) == 5


def test_nll_of_a_sharp_and_right_prediction_is_zero():
    log_p = np.full((313, 2), -50.0)
    log_p[[4, 7], [0, 1]] = 0
    indices, shares = np.array([[4], [7]], np.int16), np.ones((2, 1), np.float32)
    assert negative_log_likelihood(log_p, indices, shares) == 0
    assert negative_log_likelihood(log_p, indices[::-1], shares) == 50


def test_the_interval_holds_the_mean_and_shrinks_with_more_pictures():
    values = np.random.default_rng(0).normal(10, 2, 400)
    low, high = interval(values)
    assert low < values.mean() < high
    few_low, few_high = interval(values[:40])
    assert few_high - few_low > high - low


def test_ssim_agrees_with_scikit_image():
    draw = np.random.default_rng(0)
    one = draw.integers(0, 256, (40, 56, 3), dtype=np.uint8)
    other = (one * 0.7 + draw.integers(0, 60, one.shape)).astype(np.uint8)
    expected = skimage_metrics.structural_similarity(
        one,
        other,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert abs(ssim(one, other) - expected) < 1e-9
    assert abs(ssim(one, one) - 1) < 1e-12


def test_accuracy_counts_by_the_papers_limits():
    truth = np.zeros((6, 3))
    lab = np.array(
        # At 2 %: a and b within 4.4, L within 2, all after rounding.
        [[0, 4.4, -4.4], [0, 4.6, 0], [2.4, 0, 0], [2.6, 0, 0], [5, 11, 11], [5.6, 0, 0]]
    )
    assert accuracy(lab, truth, 2, with_lightness=False) == pytest.approx(100 * 4 / 6)
    assert accuracy(lab, truth, 2, with_lightness=True) == pytest.approx(100 * 2 / 6)
    assert accuracy(lab, truth, 5, with_lightness=False) == 100
    assert accuracy(lab, truth, 5, with_lightness=True) == pytest.approx(100 * 5 / 6)


def test_the_parts_of_the_rebalanced_auc_add_up_over_pictures():
    draw = np.random.default_rng(0)
    distance, weights = draw.random((2, 40)) * 90, draw.random((2, 40))
    parts = [auc_curve(d, w) for d, w in zip(distance, weights, strict=True)]
    together = sum(area for area, _ in parts) / sum(mass for _, mass in parts)
    assert together == pytest.approx(auc(distance, weights))
