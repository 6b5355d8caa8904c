import numpy as np
import torch

from tintype.color.abgrid import BINS, bin_centers
from tintype.learn.losses import SoftCrossEntropy
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
