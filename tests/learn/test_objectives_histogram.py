"""Larsson's objective: where colours lie, what surrounds a place, and the loss by hand."""

import colorsys
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tintype.learn.data.batches import Batch
from tintype.learn.recipe import LossRecipe
from tintype.learn.train.objectives.histogram import Histogram, _around, hue_and_chroma


class _Says(nn.Module):
    """Answers everywhere alike, and remembers what it was asked."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits
        self.requests: list[tuple[Tensor, Tensor]] = []

    def at_locations(self, L: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        self.requests.append((rows, columns))
        return self.logits[None, :, :, None].expand(len(L), 2, -1, rows.shape[1])


def _batch(rgb: Tensor) -> Batch:
    zeros = torch.zeros(len(rgb), 2, *rgb.shape[2:])
    return Batch(zeros[:, :1], zeros, rgb, torch.zeros(len(rgb), dtype=torch.int64))


def _plain(red: float, green: float, blue: float) -> Batch:
    return _batch(torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(2, 3, 16, 16))


def test_hue_and_chroma_are_those_of_hsv():
    draw = np.random.default_rng(0)
    colours = np.vstack([draw.random((200, 3)), np.eye(3), 1 - np.eye(3), [[0.5] * 3]])
    rgb = torch.from_numpy(colours.T.copy()).float().view(1, 3, 1, -1)
    hue, chroma = hue_and_chroma(rgb)
    for index, colour in enumerate(colours.tolist()):
        h, s, v = colorsys.rgb_to_hsv(*colour)
        assert float(hue[0, 0, index]) == pytest.approx(h, abs=1e-4)
        assert float(chroma[0, 0, index]) == pytest.approx(s * v, abs=1e-5)


def test_a_histogram_counts_the_pixels_around():
    values = torch.zeros(1, 20, 20)
    values[0, 10:, :] = 0.99
    found = _around(values, torch.tensor([[3, 10, 12, 19]]), torch.tensor([[5, 5, 0, 19]]), 4)
    assert torch.allclose(found.sum(dim=2), torch.ones(1, 4))
    # Rows 7 to 13 around row 10: three of seven lie above the border.
    assert found[0, :, 3].tolist() == pytest.approx([0, 4 / 7, 6 / 7, 1])
    assert found[0, :, 0].tolist() == pytest.approx([1, 3 / 7, 1 / 7, 0])


def test_the_loss_by_hand():
    """One hue and one chroma everywhere: KL is minus the log of the right bin's share."""
    batch = _plain(0.7, 0.3, 0.3)  # hue 0, chroma 0.4
    logits = torch.zeros(2, 32)
    logits[0, 0] = math.log(31.0)  # half of the mass
    logits[1, 12] = math.log(31.0)  # 0.4 * 32 = 12.8
    values = Histogram(LossRecipe(hue_weight=5.0, samples=10))(_Says(logits), batch)
    assert float(values["chroma"]) == pytest.approx(math.log(2), abs=1e-4)
    assert float(values["hue"]) == pytest.approx(0.4 * math.log(2), abs=1e-4)
    assert float(values["loss"]) == pytest.approx(3 * math.log(2), abs=1e-3)


def test_the_truth_itself_costs_nothing():
    batch = _plain(0.2, 0.6, 0.3)
    hue, chroma = hue_and_chroma(batch.rgb)
    logits = torch.full((2, 32), -60.0)
    logits[0, int(hue[0, 0, 0] * 32)] = logits[1, int(chroma[0, 0, 0] * 32)] = 0.0
    values = Histogram(LossRecipe())(_Says(logits), batch)
    assert float(values["loss"]) == pytest.approx(0, abs=1e-5)


def test_the_hue_of_grey_does_not_matter():
    values = Histogram(LossRecipe())(_Says(torch.randn(2, 32)), _plain(0.5, 0.5, 0.5))
    assert float(values["hue"]) == 0


def test_places_follow_from_the_seed_in_training_and_stay_on_dev():
    batch, objective = _plain(0.7, 0.3, 0.3), Histogram(LossRecipe(samples=50))
    model = _Says(torch.zeros(2, 32))
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        objective(model.train(), batch)
    for seed in (1, 2):
        torch.manual_seed(seed)
        objective(model.eval(), batch)
    rows = [request[0] for request in model.requests]
    assert rows[0].shape == (2, 50)
    assert rows[0].min() >= 0
    assert rows[0].max() <= 15
    assert torch.equal(rows[0], rows[1])
    assert not torch.equal(rows[0], rows[2])
    assert torch.equal(rows[3], rows[4])
    assert not torch.equal(rows[0][0], rows[0][1])
