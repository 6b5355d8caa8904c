"""Optimisers, schedules and objectives as recipes ask for them."""

import math

import pytest
import torch
from torch import Tensor, nn

from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.recipe import LossRecipe, Recipe, TrainRecipe
from tintype.learn.train import steps
from tintype.learn.train.checkpoint import Progress
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.objectives import make_objective
from tintype.learn.train.objectives.classification import Classification
from tintype.learn.train.schedule import learning_rate_factor, note_measurement
from tintype.learn.train.steps import PlainStep, autocast, make_optimizer, precision


class Flat(nn.Module):
    """Answers every picture with one learned chroma, at half of the size."""

    multiple, stride = 2, 2

    def __init__(self) -> None:
        super().__init__()
        self.ab = nn.Parameter(torch.zeros(2))

    def forward(self, L: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, 2, H/2, W/2)."""
        return self.ab[None, :, None, None] + 0 * L[:, :, ::2, ::2]

    def to_ab(self, raw: Tensor) -> Tensor:
        """It is chroma already."""
        return raw


class Bins(Flat):
    """The same with a distribution that is the same everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(313))

    def forward(self, L: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, 313, H/2, W/2)."""
        return self.logits[None, :, None, None] + 0 * L[:, :, ::2, ::2]


def a_batch(ab: tuple[float, float] = (30.0, -20.0), count: int = 2) -> Batch:
    chroma = torch.tensor(ab)[None, :, None, None].expand(count, 2, 8, 8)
    L = torch.full((count, 1, 8, 8), 50.0)
    return Batch(L, chroma, L.expand(count, 3, 8, 8) / 100, torch.zeros(count, dtype=torch.long))


def test_l1_and_l2_are_what_they_are_called():
    batch, model = a_batch(), Flat()
    prior = torch.ones(313) / 313
    l1 = make_objective(Recipe(name="x", loss=LossRecipe(kind="l1")), prior)
    l2 = make_objective(Recipe(name="x", loss=LossRecipe(kind="l2")), prior)
    assert l1(model, batch)["loss"].item() == pytest.approx((30 + 20) / 2 / 110)
    assert l2(model, batch)["loss"].item() == pytest.approx((30**2 + 20**2) / 2 / 110**2)


def test_labels_count_what_is_right():
    class Says(nn.Module):
        def forward(self, L: Tensor) -> Tensor:
            return torch.tensor([[2.0, 0.0], [0.0, 2.0]])

    found = make_objective(Recipe(name="x", loss=LossRecipe(kind="labels")), torch.ones(313))(
        Says(), a_batch()
    )
    assert float(found["accuracy"]) == 0.5
    right, wrong = math.log1p(math.exp(-2)), math.log1p(math.exp(2))
    assert found["loss"].item() == pytest.approx((right + wrong) / 2)


def test_a_grey_picture_is_masked_only_where_asked():
    prior = torch.ones(313) / 313
    grey, model = a_batch((4.0, -4.0)), Bins()
    assert Classification(LossRecipe(grey_mask=True), prior)(model, grey)["loss"].item() == 0
    assert Classification(LossRecipe(), prior)(model, grey)["loss"].item() > 1
    colored = a_batch((4.0, -6.0))
    assert Classification(LossRecipe(grey_mask=True), prior)(model, colored)["loss"].item() > 1


def test_targets_are_means_or_points():
    ab = torch.zeros(1, 2, 2, 2)
    ab[0, 0, 0, 0] = 40.0
    L = torch.zeros(1, 1, 2, 2)
    batch = Batch(L, ab, L.expand(1, 3, 2, 2), torch.zeros(1, dtype=torch.long))
    assert float(batch.ab_at(2)[0, 0]) == 10
    assert float(batch.ab_point(2)[0, 0]) == 40


@pytest.mark.parametrize("rule", ["adamw", "adam", "sgd", "adadelta"])
def test_every_optimiser_goes_down(rule: str):
    model = Flat()
    settings = TrainRecipe(optimizer=rule, learning_rate=1.0, weight_decay=0, amp=False)
    objective = make_objective(Recipe(name="x", loss=LossRecipe(kind="l1")), torch.ones(313))
    step = PlainStep(model, objective, settings, ProcessGroup())
    before = float(step(a_batch(), 1.0)["loss"])
    for _ in range(5):
        after = float(step(a_batch(), 1.0)["loss"])
    assert after < before


def test_a_rate_of_zero_moves_nothing():
    model = Flat()
    settings = TrainRecipe(optimizer="sgd", learning_rate=1.0, weight_decay=0, amp=False)
    objective = make_objective(Recipe(name="x", loss=LossRecipe(kind="l1")), torch.ones(313))
    PlainStep(model, objective, settings, ProcessGroup())(a_batch(), 0.0)
    assert torch.equal(model.ab.detach(), torch.zeros(2))


def test_a_gradient_that_is_not_finite_stops_before_the_weights_move():
    model = Flat()
    settings = TrainRecipe(optimizer="sgd", learning_rate=1.0, amp=False)
    objective = make_objective(Recipe(name="x", loss=LossRecipe(kind="l2")), torch.ones(313))
    step = PlainStep(model, objective, settings, ProcessGroup())
    with pytest.raises(LearnError, match="no longer finite"):
        step(a_batch((math.nan, 0.0)), 1.0)
    assert torch.equal(model.ab.detach(), torch.zeros(2))


def test_frozen_parameters_are_left_out():
    model = Bins()
    model.ab.requires_grad_(False)
    moved = [p for g in make_optimizer(model, TrainRecipe()).param_groups for p in g["params"]]
    assert moved == [model.logits]


def test_steps_cut_the_rate_at_their_milestones():
    settings = TrainRecipe(warmup_samples=0, schedule="steps", milestones=(100, 200), decay=0.5)
    factors = [learning_rate_factor(Progress(samples=n), settings) for n in (99, 100, 250)]
    assert factors == [1, 0.5, 0.25]


def test_exponential_falls_by_decay_in_every_period():
    settings = TrainRecipe(warmup_samples=0, schedule="exponential", milestones=(100,), floor=0.01)
    factors = [learning_rate_factor(Progress(samples=n), settings) for n in (0, 50, 100, 900)]
    assert factors == pytest.approx([1, 0.1**0.5, 0.1, 0.01])


def test_a_plateau_cuts_the_rate_after_its_patience():
    settings = TrainRecipe(warmup_samples=0, schedule="plateau", patience=2, decay=0.1)
    progress = Progress(samples=1000)
    assert [note_measurement(progress, loss, settings) for loss in (3.0, 2.0, 2.5)] == [
        True,
        True,
        False,
    ]
    assert learning_rate_factor(progress, settings) == 1
    note_measurement(progress, 2.1, settings)
    assert learning_rate_factor(progress, settings) == pytest.approx(0.1)
    assert note_measurement(progress, 1.9, settings)
    assert progress.best == 1.9


@pytest.mark.parametrize(
    ("device", "amp", "has", "expected"),
    [
        ("cpu", True, True, "bfloat16"),
        ("cpu", True, False, "float32"),
        ("cpu", False, True, "float32"),
        ("cuda", True, True, "bfloat16"),
        ("cuda", True, False, "float32"),
        ("cuda", False, True, "float32"),
    ],
)
def test_bfloat16_is_for_devices_that_have_it(
    device: str, amp: bool, has: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Converted there and back in software, a step takes ten times as long."""
    monkeypatch.setattr(steps, "_processor_has_bfloat16", lambda: has)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has)
    assert precision(torch.device(device), TrainRecipe(amp=amp)) == expected


@pytest.mark.parametrize(("has", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_step_computes_in_that_precision(
    has: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_processor_has_bfloat16", lambda: has)
    with autocast(a_batch(), TrainRecipe(amp=True)):
        assert nn.Linear(2, 2)(torch.zeros(1, 2)).dtype == dtype
