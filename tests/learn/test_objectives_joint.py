"""Iizuka's joint objective against a network whose answers are known."""

import math

import pytest
import torch
from torch import Tensor, nn

from tintype.learn.data.batches import Batch
from tintype.learn.train.objectives.joint import Joint


class _Says(nn.Module):
    """Answers the same everywhere, at half the size."""

    stride = 2

    def __init__(self, ab: float, logits: list[float]) -> None:
        super().__init__()
        self.ab, self.logits = ab, logits

    def forward(self, L: Tensor) -> Tensor:
        return torch.full((len(L), 2, L.shape[2] // 2, L.shape[3] // 2), self.ab)

    def to_ab(self, raw: Tensor) -> Tensor:
        return raw

    def with_classes(self, L: Tensor) -> tuple[Tensor, Tensor]:
        return self(L), torch.tensor([self.logits] * len(L))


def _batch(ab: float, labels: list[int]) -> Batch:
    count = len(labels)
    return Batch(
        torch.full((count, 1, 8, 8), 50.0),
        torch.full((count, 2, 8, 8), ab),
        torch.zeros(count, 3, 8, 8),
        torch.tensor(labels),
    )


def test_both_terms_by_hand():
    values = Joint(0.25)(_Says(20.0, [0.0, math.log(3.0)]), _batch(-20.0, [1, 1, 1, 0]))
    colors = (40 / 200) ** 2
    labels = (3 * -math.log(0.75) - math.log(0.25)) / 4
    assert float(values["colors"]) == pytest.approx(colors)
    assert float(values["labels"]) == pytest.approx(labels)
    assert float(values["accuracy"]) == pytest.approx(0.75)
    assert float(values["loss"]) == pytest.approx(colors + 0.25 * labels)


def test_the_truth_is_averaged_at_the_network_s_stride():
    batch = _batch(0.0, [0])
    batch.ab[:, :, ::2, ::2] = 40.0  # one pixel in four
    values = Joint(0.0)(_Says(10.0, [0.0, 0.0]), batch)
    assert float(values["colors"]) == 0


def test_a_network_with_one_head_is_refused():
    with pytest.raises(AssertionError):
        Joint(0.1)(nn.Identity(), _batch(0.0, [0]))
