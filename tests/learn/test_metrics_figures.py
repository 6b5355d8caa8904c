"""Figures over sets of pictures and of distributions, against NumPy by hand."""

import numpy as np
import pytest

from tintype.color.abgrid import AB_LIMIT, bin_centers, soft_code_table
from tintype.learn.evaluate.distribution import (
    DistributionSample,
    distribution_figures,
    fit_temperature,
)
from tintype.learn.evaluate.figures import (
    columns_of,
    difference,
    measure,
    nearest_bins,
    rarity,
    summarize,
)

skimage_color = pytest.importorskip("skimage.color")

RARE = rarity(np.full(313, 1 / 313))


def pictures(seed: int, number: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (number, 24, 24, 3), dtype=np.uint8)


def columns(guesses: np.ndarray, truths: np.ndarray) -> dict[str, np.ndarray]:
    return columns_of([measure(g, t, RARE) for g, t in zip(guesses, truths, strict=True)])


def test_a_picture_is_measured_in_cielab_as_scikit_image_has_it():
    guess, truth = pictures(0, 1)[0], pictures(1, 1)[0]
    row = measure(guess, truth, RARE)
    off = (skimage_color.rgb2lab(guess) - skimage_color.rgb2lab(truth))[..., 1:]
    assert row["ab_mae"] == pytest.approx(np.abs(off).mean(), rel=1e-3)
    assert row["ab_mse"] == pytest.approx((off**2).mean(), rel=1e-3)


def test_the_truth_is_perfect_and_every_interval_holds_its_value():
    truths = pictures(2)
    perfect = summarize(columns(truths, truths))
    assert perfect["cf_ratio"] == (1, 1, 1)
    assert perfect["ab_rmse"][0] == perfect["delta_e"][0] == perfect["cf_differences"][0] == 0
    for name in ("auc", "auc_rebalanced", "accuracy_2", "accuracy_5_code"):
        assert perfect[name][0] == pytest.approx(100)
    for value, low, high in summarize(columns(pictures(3), truths)).values():
        assert low <= value <= high


def test_a_difference_of_colourfulness_may_vanish_in_the_mean_only():
    table = columns(pictures(4), pictures(5))
    table["cf"] = table["true_cf"] + [10, -10, 10, -10, 10, -10]
    found = summarize(table)
    assert found["cf_difference"][0] == pytest.approx(0)
    assert found["cf_differences"][0] == pytest.approx(10)


def test_paired_differences_are_narrower_than_the_methods_own_intervals():
    one = {"ab_mae": np.random.default_rng(0).normal(10, 3, 200)}
    other = {"ab_mae": one["ab_mae"] + 0.5}
    value, low, high = difference(one, other, "ab_mae")
    assert value == pytest.approx(-0.5)
    assert high - low < 1e-9


def test_rare_colours_weigh_more_and_unseen_ones_as_the_rarest():
    prior = np.zeros(313)
    prior[[100, 101, 102]] = [0.7, 0.29, 0.01]
    weights = rarity(prior)
    assert weights[100] < weights[101] < weights[102]
    assert weights.max() == weights[102] == weights[0]


def test_every_bin_is_nearest_to_its_own_centre():
    assert (nearest_bins(bin_centers().astype(float)) == np.arange(313)).all()


def samples_of_their_own_distribution(sharper: float) -> list[DistributionSample]:
    """Truths drawn from p; the network says p to the power of `sharper`."""
    draw, centers = np.random.default_rng(0), bin_centers().astype(float)
    made = []
    for _ in range(40):
        log_p = draw.normal(0, 1, (64, 313)) * 3
        p = np.exp(log_p) / np.exp(log_p).sum(axis=1, keepdims=True)
        truth = [draw.choice(313, p=row) for row in p]
        made.append(DistributionSample(log_p * sharper, centers[truth]))
    return made


def test_an_honest_distribution_is_calibrated_and_covers_as_it_promises():
    found = distribution_figures(samples_of_their_own_distribution(1.0), 1.0)
    assert found["calibration"][0] < 5
    # Truths at the centres of bins: both events are the same.
    assert found["calibration_bins"] == found["calibration"]
    assert 89 < found["coverage"][0] < 94  # a set of whole bins has a little more than asked
    boastful = distribution_figures(samples_of_their_own_distribution(3.0), 1.0)
    assert boastful["calibration"][0] > 15
    assert boastful["coverage"][0] < 75
    assert boastful["nll"][0] > found["nll"][0]


def test_whole_bins_are_compared_with_whole_bins():
    """Truths anywhere in five bins of a cross, which a disc covers in part."""
    draw, centers = np.random.default_rng(1), bin_centers().astype(float)
    cross = np.flatnonzero((centers**2).sum(axis=1) <= 100)
    log_p = np.full((400, 313), -50.0)
    log_p[:, cross] = 0
    log_p[:, np.flatnonzero((centers == 0).all(axis=1))] = 1e-6
    truth = centers[draw.choice(cross, 400)] + draw.uniform(-4, 4, (400, 2))
    found = distribution_figures([DistributionSample(log_p, truth)], 1.0)
    assert len(cross) == 5
    assert found["calibration_bins"][0] < 1e-6
    assert 30 < found["calibration"][0] < 50


def test_the_temperature_takes_the_blur_of_the_code_back():
    """A network that says the soft code of the truth's own distribution."""
    indices, shares = soft_code_table(5)
    centers = bin_centers().astype(int)
    code = np.zeros((313, 313))
    for one, (a, b) in enumerate(centers + AB_LIMIT):
        np.add.at(code[one], indices[a, b], shares[a, b])
    blurred = []
    for sample in samples_of_their_own_distribution(1.0):
        p = np.exp(sample.logits) / np.exp(sample.logits).sum(axis=1, keepdims=True)
        blurred.append(DistributionSample(np.log(p @ code + 1e-12), sample.ab))
    assert abs(fit_temperature(blurred, neighbors=5) - 1) < 0.1
    assert fit_temperature(blurred) < 0.9


def test_the_temperature_undoes_boasting():
    assert fit_temperature(samples_of_their_own_distribution(1.5)) > 1.3
