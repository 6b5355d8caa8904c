import numpy as np
import pytest
import torch

from learn.two_networks import pictures
from tintype.color.abgrid import BINS, annealed_mean, bin_centers
from tintype.learn.losses import DecodedColors, SoftCrossEntropy
from tintype.learn.recipe import LossRecipe
from tintype.learn.train.objectives.classification import Classification


def dense_target(ab: np.ndarray, neighbors: int, sigma: float) -> np.ndarray:
    """(2,) -> (313,), straight from the paper."""
    squared = ((bin_centers() - ab) ** 2).sum(axis=1)
    nearest = np.argsort(squared, kind="stable")[:neighbors]
    target = np.zeros(BINS)
    target[nearest] = np.exp(-squared[nearest] / (2 * sigma**2))
    return target / target.sum()


def test_the_table_gives_the_cross_entropy_of_the_dense_target():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, BINS, 3, 5, generator=draw) * 4
    ab = (torch.rand(2, 2, 3, 5, generator=draw) * 160 - 80).round()
    loss = SoftCrossEntropy()(logits, ab)
    log_p = torch.log_softmax(logits.double(), dim=1).numpy()
    expected = [
        -(dense_target(ab[b, :, i, j].numpy(), 5, 5.0) * log_p[b, :, i, j]).sum()
        for b in range(2)
        for i in range(3)
        for j in range(5)
    ]
    assert abs(float(loss) - float(np.mean(expected))) < 1e-5


def test_class_weights_count_a_pixel_by_its_nearest_bin():
    weights = torch.ones(BINS)
    centers = bin_centers()
    red = int(np.flatnonzero((centers == [60, 40]).all(axis=1))[0])
    weights[red] = 3.0
    logits = torch.zeros(1, BINS, 1, 1)
    plain, weighted = SoftCrossEntropy(), SoftCrossEntropy(class_weights=weights)
    at_red = torch.tensor([60.0, 40.0]).view(1, 2, 1, 1)
    assert torch.isclose(weighted(logits, at_red), 3 * plain(logits, at_red))
    grey = torch.zeros(1, 2, 1, 1)
    assert torch.isclose(weighted(logits, grey), plain(logits, grey))


def test_rebalanced_weights_average_to_one_over_the_prior():
    prior = torch.rand(BINS)
    prior /= prior.sum()
    loss = Classification(LossRecipe(rebalance=0.5), prior).loss
    assert loss.class_weights is not None
    assert abs(float((loss.class_weights * prior).sum()) - 1) < 1e-4


def one_bin(a: float, b: float, height: int = 2, width: int = 3) -> torch.Tensor:
    """Logits that are sure of one colour everywhere."""
    logits = torch.zeros(1, BINS, height, width)
    logits[:, int(np.flatnonzero((bin_centers() == [a, b]).all(axis=1))[0])] = 100.0
    return logits


def filled(a: float, b: float, height: int = 2, width: int = 3) -> torch.Tensor:
    return torch.tensor([a, b], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, height, width)


def test_decoded_colours_are_those_of_the_engine():
    draw = torch.Generator().manual_seed(1)
    logits = torch.randn(1, BINS, 2, 3, generator=draw) * 4
    log_weights = torch.randn(BINS, generator=draw)
    bias = (0.9 * log_weights).numpy()
    a, b = annealed_mean(logits[0].numpy(), temperature=0.38, bias=bias)
    shown, distance, found, true, _ = DecodedColors(log_weights, 0.9, 0.38)(logits, filled(30, -40))
    assert np.allclose(shown[0].numpy(), [a, b], atol=0.02)
    spread = np.hypot(a - a.mean(), b - b.mean()).mean()
    expected = spread + 0.3 * np.hypot(a.mean(), b.mean())
    assert float(found) == pytest.approx(expected, abs=0.02)
    assert float(distance) == pytest.approx(np.hypot(a - 30, b + 40).mean(), abs=0.02)
    assert float(true) == pytest.approx(0.3 * 50, abs=0.02)  # one colour has no spread


def test_colourfulness_is_of_each_picture_by_itself():
    logits = torch.cat([one_bin(30, 0), one_bin(-30, 0)])
    colors = DecodedColors(torch.zeros(BINS), 0.9, 0.38)
    apart = colors(logits, filled(0, 0).expand(2, 2, 2, 3)).found
    assert float(apart) == pytest.approx(0.3 * 30, abs=0.05)
    halves = torch.cat([one_bin(30, 0), one_bin(-10, 0)], dim=3)
    together = colors(halves, filled(0, 0, 2, 6)).found
    assert float(together) == pytest.approx(20 + 0.3 * 10, abs=0.05)


def test_gradient_is_finite_where_the_answer_is_right_and_where_it_is_grey():
    for a, b in ((0, 0), (60, 40)):
        logits = one_bin(a, b).requires_grad_()
        colors = DecodedColors(torch.zeros(BINS), 0.9, 0.38)
        decoded = colors(logits, filled(a, b))
        (decoded.distance + decoded.found + decoded.transport).backward()
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
        assert float(decoded.distance.detach()) < 0.02


def test_transport_asks_which_colours_there_are_and_not_where():
    colors = DecodedColors(torch.zeros(BINS), 0.9, 0.38)
    logits = torch.cat([one_bin(50, 0), one_bin(0, 50)])  # one picture red, one yellow
    same = torch.cat([filled(0, 50), filled(50, 0)])
    brown = filled(25, 25).expand(2, 2, 2, 3)
    exchanged, veil = colors(logits, same), colors(logits, brown)
    assert float(exchanged.distance) > 70
    assert float(exchanged.transport) < 0.05
    # Both lie 25 on each side of brown along a - b, and on it along a + b.
    angles = np.arange(8) * np.pi / 8
    apart = np.abs(25 * np.cos(angles) - 25 * np.sin(angles))
    expected = np.where(apart < 5, apart**2 / 10, apart - 2.5).mean()
    assert float(veil.transport) == pytest.approx(expected, abs=0.05)


def test_decoded_colours_count_as_the_recipe_says():
    prior = torch.full((BINS,), 1 / BINS)
    logits, ab, batch = torch.zeros(1, BINS, 2, 3), filled(60, 40), pictures(1)
    objective = Classification(LossRecipe(decoded=0.5, colorful=0.25, wasserstein=2), prior)
    assert objective.colors is not None
    both = objective.of_decoded(logits, objective.colors(logits, ab), batch, ab)
    assert torch.isclose(both["nats"], objective.loss(logits, ab))
    assert both["gap"] < -10  # all colours alike are nearly grey
    more = both["distance"] + 0.25 * both["gap"] ** 2 / 2 + 2 * both["transport"]
    assert torch.isclose(both["loss"], both["nats"] + 0.5 * more)
    assert both["distance"] > 50


def test_what_differs_from_its_surroundings_counts_for_more():
    """A red dot on grey: the same error costs more on the dot and less beside it."""
    true = torch.zeros(1, 2, 16, 16)
    true[:, :, 7:9, 7:9] = 50.0
    dot, ground = true.clone(), true.clone()
    dot[:, 0, 7:9, 7:9] -= 20
    ground[:, 0, 1:3, 1:3] -= 20

    def distance(shown: torch.Tensor, local_contrast: float) -> float:
        colors = DecodedColors(torch.zeros(BINS), 0.9, 0.38, local_contrast)
        colors.mean = torch.nn.Identity()
        colors.bias = torch.zeros(1, 1, 1)
        return float(colors(shown, true).distance)

    assert distance(dot, 0) == pytest.approx(distance(ground, 0), abs=0.01)
    assert distance(dot, 3) > 3 * distance(ground, 3)
    assert distance(ground, 3) < distance(ground, 0)


def test_an_even_picture_is_weighted_evenly():
    colors = [DecodedColors(torch.zeros(BINS), 0.9, 0.38, weight) for weight in (0.0, 3.0)]
    plain, weighted = (one(torch.zeros(1, BINS, 8, 8), filled(30, -40, 8, 8)) for one in colors)
    assert torch.isclose(plain.distance, weighted.distance)
