"""The 313 bins derived again by their rule, and everything that stands on them by brute force."""

import numpy as np
import pytest

from tintype.color.abgrid import (
    AB_LIMIT,
    BINS,
    annealed_mean,
    bin_centers,
    log_rarity,
    rebalancing_weights,
    soft_code_table,
)
from tintype.color.cielab import rgb01_to_lab


def occupied_cells() -> set[tuple[int, int]]:
    """Cells of 10 x 10 in ab that some 8-bit colour falls into.

    The ab reach of a solid is that of its surface, so all of the surface and a coarse inside do.
    """
    axis = np.arange(256)
    face = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    parts = [np.insert(face, channel, value, axis=1) for channel in range(3) for value in (0, 255)]
    coarse = np.arange(0, 256, 5)
    parts.append(np.stack(np.meshgrid(coarse, coarse, coarse), -1).reshape(-1, 3))
    ab = rgb01_to_lab(np.concatenate(parts) / 255)[:, 1:]
    return {(int(a), int(b)) for a, b in np.unique(np.floor(ab / 10), axis=0)}


def test_bins_follow_from_the_rule() -> None:
    cells = occupied_cells()
    assert len(cells) == 268
    corners = {(10 * (a + i), 10 * (b + j)) for a, b in cells for i in (0, 1) for j in (0, 1)}
    bins = {(int(a), int(b)) for a, b in bin_centers()}
    assert bins - corners == {(40, 90), (100, -90), (100, -10), (100, 0)}
    assert corners <= bins
    assert len(bins) == BINS == 313


def test_bins_are_sorted_by_a_then_b() -> None:
    centers = bin_centers()
    assert centers.shape == (313, 2)
    order = np.lexsort((centers[:, 1], centers[:, 0]))
    np.testing.assert_array_equal(order, np.arange(313))
    with pytest.raises(ValueError, match="read-only"):
        centers[0] = 0


@pytest.mark.parametrize("neighbors", [5, 10])
def test_soft_code_table_by_brute_force(neighbors: int) -> None:
    indices, weights = soft_code_table(neighbors)
    assert indices.shape == weights.shape == (221, 221, neighbors)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    centers = bin_centers().astype(np.float64)
    rng = np.random.default_rng(0)
    for a, b in rng.integers(-AB_LIMIT, AB_LIMIT + 1, (300, 2)):
        distance = np.hypot(centers[:, 0] - a, centers[:, 1] - b)
        nearest = np.sort(distance)[:neighbors]
        got = indices[a + AB_LIMIT, b + AB_LIMIT]
        # Equal distances may stand in either order; the distances themselves may not differ.
        np.testing.assert_allclose(distance[got], nearest, atol=1e-4)
        mass = np.exp(-(nearest**2 - nearest[0] ** 2) / 50)
        expected = mass / mass.sum()
        np.testing.assert_allclose(weights[a + AB_LIMIT, b + AB_LIMIT], expected, atol=1e-4)


def test_soft_code_of_a_bin_center_names_that_bin_first() -> None:
    indices, _ = soft_code_table()
    for number, (a, b) in enumerate(bin_centers().astype(int)):
        if abs(a) <= AB_LIMIT and abs(b) <= AB_LIMIT:
            assert indices[a + AB_LIMIT, b + AB_LIMIT, 0] == number


def test_annealed_mean_of_one_bin_is_that_bin() -> None:
    logits = np.full((BINS, 4), -1e4, np.float32)
    chosen = [0, 100, 200, 312]
    logits[chosen, range(4)] = 0
    np.testing.assert_allclose(annealed_mean(logits), bin_centers()[chosen].T, atol=1e-4)


def test_annealed_mean_at_temperature_one_is_the_mean() -> None:
    logits = np.random.default_rng(0).normal(size=(BINS, 3, 5)).astype(np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=0)
    expected = np.einsum("kc,kij->cij", bin_centers(), probabilities)
    got = annealed_mean(logits, temperature=1)
    assert got.shape == (2, 3, 5)
    np.testing.assert_allclose(got, expected, atol=1e-3)


def test_annealed_mean_goes_from_the_mean_to_the_mode() -> None:
    logits = np.random.default_rng(1).normal(size=(BINS, 50)).astype(np.float32)
    logits[np.arange(50), np.arange(50)] = 6  # a clear mode, so that sharpening has a goal
    mode = bin_centers()[logits.argmax(axis=0)].T
    apart = [
        np.abs(annealed_mean(logits, temperature=t) - mode).mean() for t in (1, 0.3, 0.1, 0.01)
    ]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 1


def test_annealed_mean_takes_a_bias_and_no_offset() -> None:
    rng = np.random.default_rng(2)
    logits, bias = rng.normal(size=(BINS, 7)), rng.normal(size=BINS)
    together = annealed_mean((logits + bias[:, None]).astype(np.float32))
    apart = annealed_mean(logits.astype(np.float32), bias=bias.astype(np.float32))
    np.testing.assert_allclose(together, apart, atol=1e-3)
    shifted = annealed_mean(logits.astype(np.float32) + 1000, bias=bias.astype(np.float32))
    np.testing.assert_allclose(shifted, apart, atol=0.05)


def test_rebalancing_weights_have_mean_one_and_favour_the_rare() -> None:
    rng = np.random.default_rng(3)
    prior = rng.random(BINS) ** 6
    prior /= prior.sum()
    weights = rebalancing_weights(prior, sigma=0)
    assert (prior * weights).sum() == pytest.approx(1)
    assert (np.diff(weights[np.argsort(prior)]) <= 0).all()
    expected = 1 / (0.5 * prior + 0.5 / BINS)
    np.testing.assert_allclose(weights, expected / (prior * expected).sum())


def test_rebalancing_weights_are_even_for_the_uniform_share_of_one() -> None:
    prior = np.random.default_rng(4).random(BINS)
    prior /= prior.sum()
    np.testing.assert_allclose(rebalancing_weights(prior, uniform=1), 1)


def test_log_rarity_forbids_no_colour() -> None:
    prior = np.zeros(BINS)
    prior[:8] = 1 / 8
    rarity = log_rarity(prior)
    weights = rebalancing_weights(prior)
    assert (weights == 0).any()  # bins far from any that is occupied
    np.testing.assert_allclose(rarity[weights > 0], np.log(weights[weights > 0]))
    np.testing.assert_allclose(rarity[weights == 0], np.log(weights.max()))
