import time

import numpy as np
import pytest

from tintype.errors import LearnError
from tintype.learn.baselines import scribble
from tintype.learn.baselines.scribble import (
    ScribbledPixels,
    neighbour_weights,
    predict,
    true_points,
)


def _halves(side: int = 48) -> np.ndarray:
    L = np.full((side, side), 30.0)
    L[:, side // 2 :] = 80
    return L + np.random.default_rng(0).normal(0, 0.3, L.shape)


def test_two_scribbles_meet_at_the_edge_between_two_regions():
    L = _halves()
    marked = np.zeros(L.shape, bool)
    marked[5, 3] = marked[40, 44] = True
    ab = np.zeros((2, *L.shape))
    ab[:, 5, 3], ab[:, 40, 44] = (50, 20), (-30, -40)
    found = predict(L, ScribbledPixels(ab, marked))
    assert np.abs(found[:, :, :23] - np.array([50, 20])[:, None, None]).max() < 6
    assert np.abs(found[:, :, 25:] - np.array([-30, -40])[:, None, None]).max() < 6


def test_scribbled_pixels_keep_their_colour_and_none_goes_beyond_them():
    draw = np.random.default_rng(1)
    ab = draw.normal(0, 30, (2, 20, 31))
    points = true_points(ab, count=9, seed=2)
    found = predict(draw.uniform(0, 100, (20, 31)), points)
    given = ab[:, points.marked]
    assert np.array_equal(found[:, points.marked], given.astype(np.float32))
    for channel in range(2):
        assert given[channel].min() - 1e-3 <= found[channel].min()
        assert found[channel].max() <= given[channel].max() + 1e-3


def test_every_pixel_is_the_weighted_mean_of_its_neighbours():
    draw = np.random.default_rng(3)
    L = draw.uniform(0, 100, (12, 13))
    points = true_points(draw.normal(0, 30, (2, 12, 13)), count=5, seed=0)
    found = predict(L, points).reshape(2, -1)
    mean = (neighbour_weights(L / 100) @ found.T).T
    free = ~points.marked.ravel()
    assert np.abs(mean - found)[:, free].max() < 1e-3
    assert np.abs(mean - found)[:, ~free].max() > 1


def test_weights_are_those_of_the_paper():
    luma = np.array([[0.1, 0.2, 0.3], [0.2, 0.5, 0.4], [0.9, 0.5, 0.6]])
    weights = neighbour_weights(luma).toarray()
    around = np.delete(luma.ravel(), 4)
    expected = np.exp(-((around - 0.5) ** 2) / (0.6 * luma.var()))
    assert np.allclose(np.delete(weights[4], 4), expected / expected.sum())
    assert weights[4, 4] == 0
    assert np.allclose(weights.sum(axis=1), 1)
    assert np.count_nonzero(weights[0]) == 3


def test_points_are_drawn_by_their_seed():
    ab = np.zeros((2, 30, 40))
    first, again, other = (true_points(ab, seed=seed).marked for seed in (1, 1, 2))
    assert first.sum() == 20
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert true_points(ab[:, :2, :2], seed=0).marked.all()
    assert not scribble.AUTOMATIC


def test_a_flat_picture_takes_the_one_colour_there_is():
    ab = np.full((2, 16, 16), 7.0)
    assert np.allclose(predict(np.full((16, 16), 50.0), true_points(ab, count=1, seed=0)), 7)


def test_a_photograph_of_the_protocol_takes_seconds():
    draw = np.random.default_rng(5)
    L = np.cumsum(draw.normal(0, 2, (256, 256)), axis=1) % 100
    began = time.process_time()
    predict(L, true_points(np.ones((2, 256, 256)), seed=0))
    assert time.process_time() - began < 10  # less than one where nothing else runs


def test_what_does_not_belong_together_is_refused():
    L = np.zeros((8, 8))
    with pytest.raises(LearnError, match="do not match"):
        predict(L, ScribbledPixels(np.zeros((2, 8, 9)), np.ones((8, 8), bool)))
    with pytest.raises(LearnError, match="no scribbles"):
        predict(L, ScribbledPixels(np.zeros((2, 8, 8)), np.zeros((8, 8), bool)))
