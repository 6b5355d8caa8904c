"""ChromaGAN's objective and step: each term by hand, who is updated by what, and in which order."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.recipe import Recipe, make_recipe, read_recipe
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.objectives import make_objective
from tintype.learn.train.objectives.semantic import Semantic
from tintype.learn.train.wasserstein import WassersteinStep, gradient_penalty, ranked

RECIPE = Path(__file__).parents[2] / "recipes" / "report" / "chromagan.toml"


class Painter(nn.Module):
    """Predicts one colour everywhere, and a fixed distribution over three classes."""

    stride = 2
    multiple = 2

    def __init__(self, color: tuple[float, float], logits: tuple[float, ...]) -> None:
        super().__init__()
        self.color = nn.Parameter(torch.tensor(color))
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, L: Tensor) -> Tensor:
        return self.color[None, :, None, None].expand(len(L), 2, L.shape[2] // 2, L.shape[3] // 2)

    def with_classes(self, L: Tensor) -> tuple[Tensor, Tensor]:
        return self.forward(L), self.logits.expand(len(L), -1)

    def from_ab(self, ab: Tensor) -> Tensor:
        return (ab + 128) / 255

    def to_ab(self, raw: Tensor) -> Tensor:
        return raw * 255 - 128


class Scale(nn.Module):
    """A critic whose score is the sum of a and b times a weight."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, L: Tensor, colors: Tensor) -> Tensor:
        return self.weight * colors.sum(dim=1, keepdim=True)


def recipe(**loss: float) -> Recipe:
    values = {
        "name": "r",
        "model": {"kind": "chromagan", "pretrained": False, "encoder": "lite0"},
        "loss": {"kind": "semantic", "class_weight": 0.003} | loss,
        "train": {
            "batch": 2, "optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.1,
            "weight_decay": 0.0, "clip": 0.0, "amp": False, "warmup_samples": 0,
        },
    }  # fmt: skip
    return make_recipe(values, name="r")


@pytest.fixture(scope="module")
def objective() -> Semantic:
    return make_objective(recipe(), torch.full((313,), 1 / 313))


@pytest.fixture
def batch() -> Batch:
    """Two pictures of 4 x 4: a is 12.2 (0.55 of the scale), b is -0.5 (0.5)."""
    ab = torch.stack([torch.full((2, 4, 4), 0.55 * 255 - 128), torch.full((2, 4, 4), -0.5)], dim=1)
    L = torch.full((2, 1, 4, 4), 50.0)
    return Batch(L, ab, torch.zeros(2, 3, 4, 4), torch.zeros(2, dtype=torch.long))


@pytest.fixture
def knows(objective: Semantic, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """What the classifier says, of three classes."""
    known = torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    monkeypatch.setattr(objective, "known", lambda _L: known)
    return known


def test_the_terms_by_hand(objective: Semantic, batch: Batch, knows: Tensor):
    model = Painter((0.5, 0.7), (math.log(0.25), math.log(0.5), math.log(0.25)))
    with torch.no_grad():
        values = objective(model, batch)
    # (0.05^2 + 0.2^2) / 2, and 0.5 ln 2 - 0.25 ln 2.
    assert float(values["colors"]) == pytest.approx(0.02125, abs=1e-6)
    assert float(values["divergence"]) == pytest.approx(0.25 * math.log(2), abs=1e-6)
    assert float(values["loss"]) == pytest.approx(0.02125 + 0.003 * 0.1732868, abs=1e-6)
    assert float(values["agreement"]) == 0


def test_the_same_distribution_costs_nothing(objective: Semantic, batch: Batch, knows: Tensor):
    with torch.no_grad():
        values = objective(Painter((0.55, 0.5), tuple(knows[0].log().tolist())), batch)
    assert float(values["loss"]) == pytest.approx(0, abs=1e-7)
    assert float(values["agreement"]) == 1


def test_the_classifier_sees_the_lightness_at_128_px(objective: Semantic):
    shapes: list[tuple[int, ...]] = []
    hook = objective.teacher.register_forward_pre_hook(
        lambda _module, inputs: shapes.append(tuple(inputs[0].shape))
    )
    before = {name: value.clone() for name, value in objective.teacher.state_dict().items()}
    objective.train()
    known = objective.known(torch.rand(1, 1, 64, 64) * 100)
    hook.remove()
    assert shapes == [(1, 3, 128, 128)]
    assert known.shape == (1, 1000)
    assert float(known.sum()) == pytest.approx(1, abs=1e-5)
    after = objective.teacher.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(parameter.requires_grad for parameter in objective.teacher.parameters())


def test_the_penalty_by_hand():
    """The gradient of the sum of scores is the weight, in each of 2 x 4 x 4 numbers."""
    real, fake = torch.rand(3, 2, 4, 4), torch.rand(3, 2, 4, 4)
    L = torch.zeros(3, 1, 4, 4)
    critic = Scale(0.5)
    penalty = gradient_penalty(critic, L, real, fake)
    assert penalty.item() == pytest.approx((0.5 * math.sqrt(32) - 1) ** 2, abs=1e-5)
    penalty.backward()
    expected = 2 * (0.5 * math.sqrt(32) - 1) * math.sqrt(32)
    assert float(critic.weight.grad) == pytest.approx(expected, abs=1e-4)
    assert gradient_penalty(Scale(1 / math.sqrt(32)), L, real, fake).item() == pytest.approx(
        0, abs=1e-10
    )


def test_the_penalty_is_taken_between_the_pictures():
    places: list[Tensor] = []

    class Noting(Scale):
        def forward(self, L: Tensor, colors: Tensor) -> Tensor:
            places.append(colors.detach())
            return super().forward(L, colors)

    torch.manual_seed(0)
    gradient_penalty(
        Noting(1.0), torch.zeros(9, 1, 2, 2), torch.ones(9, 2, 2, 2), torch.zeros(9, 2, 2, 2)
    )
    (between,) = places
    assert ((between > 0) & (between < 1)).all()
    assert (between.flatten(1) == between[:, :1, 0, 0]).all()  # one share for a whole picture
    assert len(set(between[:, 0, 0, 0].tolist())) == 9


def test_accuracy_is_a_matter_of_rank():
    real, fake = torch.tensor([5.0, 7.0, -1.0, 2.0]), torch.tensor([4.0, 8.0, -2.0, 2.0])
    assert float(ranked(real, fake)) == 0.5


def step_of(
    objective: Semantic, settings: Recipe, *, weight: float = 0.5
) -> tuple[WassersteinStep, Painter, Scale]:
    model, critic = Painter((0.5, 0.7), (0.0, 0.0, 0.0)), Scale(weight)
    return WassersteinStep(model, critic, objective, settings, ProcessGroup()), model, critic


def test_a_step_by_hand(objective: Semantic, batch: Batch, knows: Tensor):
    step, model, critic = step_of(objective, recipe(critic_weight=0.1, gradient_penalty=0.0))
    values = step(batch, 1.0)
    # The score of the generated picture is 0.5 x 1.2; the generator wants more of it.
    assert float(values["g_loss"]) == pytest.approx(-0.6)
    colors = float(F.mse_loss(torch.tensor([0.5, 0.7]), torch.tensor([0.55, 0.5])))
    divergence = 0.5 * math.log(1.5) + 0.5 * math.log(0.75)
    assert float(values["loss"]) == pytest.approx(colors + 0.003 * divergence - 0.06, abs=1e-6)
    # Its gradient: the mean of two channels, half of 2 x difference each, less 0.1 x 0.5.
    a, b = 0.5 - 0.1 * (-0.05 - 0.05), 0.7 - 0.1 * (0.2 - 0.05)
    assert model.color.tolist() == pytest.approx([a, b], abs=1e-6)
    # Then the critic, on what the generator paints now: real 1.05 x 0.5, generated (a + b) x 0.5.
    assert float(values["d_loss"]) == pytest.approx(0.5 * (a + b) - 0.5 * 1.05, abs=1e-6)
    assert critic.weight.item() == pytest.approx(0.5 - 0.1 * (a + b - 1.05), abs=1e-6)
    assert float(values["d_accuracy"]) == 0


def test_the_penalty_counts_with_its_weight(objective: Semantic, batch: Batch, knows: Tensor):
    without, _, _ = step_of(objective, recipe(gradient_penalty=0.0))
    given, _, _ = step_of(objective, recipe(gradient_penalty=10.0))
    difference = float(given(batch, 1.0)["d_loss"] - without(batch, 1.0)["d_loss"])
    assert difference == pytest.approx(10 * (0.5 * math.sqrt(32) - 1) ** 2, abs=1e-4)


def test_the_generator_s_turn_leaves_the_critic_alone(
    objective: Semantic, batch: Batch, knows: Tensor
):
    step, model, critic = step_of(objective, recipe(gradient_penalty=0.0), weight=0.0)
    step(batch, 1.0)
    assert critic.weight.requires_grad
    # With a critic that says nothing only the colours count.
    assert model.color.tolist() == pytest.approx([0.5 + 0.005, 0.7 - 0.02], abs=1e-6)


def test_what_is_measured(objective: Semantic, batch: Batch, knows: Tensor):
    step, model, _ = step_of(objective, recipe())
    with torch.no_grad():
        values = step.measure(Painter((0.1, 0.1), (0.0, 0.0, 0.0)), batch)
    assert float(values["d_accuracy"]) == 1
    assert float(values["loss"]) > 0.1
    assert model.color.tolist() == pytest.approx([0.5, 0.7])


def test_a_network_without_classes_is_refused(objective: Semantic):
    with pytest.raises(LearnError, match="does not predict ImageNet's classes"):
        WassersteinStep(nn.Linear(1, 1), Scale(1.0), objective, recipe(), ProcessGroup())


def test_the_recipe_says_what_the_paper_does():
    found = read_recipe(RECIPE)
    assert (found.loss.class_weight, found.loss.critic_weight) == (0.003, 0.1)
    assert found.loss.gradient_penalty == 10
    assert found.loss.discriminator_rate == found.loss.generator_steps == 1
    assert found.train.betas[0] == 0.5
    assert found.model.global_size == found.data.size == 64
    assert found.data.age == 0
