"""User-guided colorization: the layers of the paper, both stages, and where a gradient stops."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tintype.color.abgrid import bin_centers
from tintype.color.cielab import rgb01_to_lab
from tintype.learn.data.batches import Batch
from tintype.learn.models.registry import build
from tintype.learn.models.user_guided import CLASSES, SIDE, STEP, UserGuidedNet, nearest_class
from tintype.learn.recipe import ModelRecipe, make_recipe
from tintype.learn.train.objectives import make_objective
from tintype.learn.train.objectives.contract import Objective

STAGES = ("guided-classes", "guided-regression")


def objective(kind: str) -> Objective:
    recipe = make_recipe({"name": "x", "loss": {"kind": kind}}, name="x")
    return make_objective(recipe, torch.full((313,), 1 / 313))


@pytest.fixture(scope="module")
def model() -> UserGuidedNet:
    """At full width."""
    return UserGuidedNet()


@pytest.fixture
def small() -> UserGuidedNet:
    torch.manual_seed(0)
    return UserGuidedNet(width=0.07)


def some_hints(batch: Batch) -> Tensor:
    hints = torch.zeros(len(batch.L), 3, *batch.L.shape[2:])
    hints[:, :2, 8:14, 20:26] = batch.ab[:, :, 8:14, 20:26]
    hints[:, 2, 8:14, 20:26] = 1
    return hints


def test_as_many_parameters_as_the_authors_network(model: UserGuidedNet):
    assert sum(p.numel() for p in model.parameters()) == 34_187_027
    by_part = {
        "encoder_blocks.0": 39_424,
        "encoder_blocks.1": 221_696,
        "encoder_blocks.2": 1_475_840,
        "encoder_blocks.3": 5_900_800,
        "encoder_blocks.4": 7_080_448,
        "encoder_blocks.5": 7_080_448,
        "encoder_blocks.6": 7_080_448,
        "block8": 2_097_408 + 590_080 + 1_180_672,
        "block9": 524_416 + 147_584 + 147_840,
        "block10": 262_272 + 73_856 + 147_584,
        "classes": 135_953,
        "regression": 258,
    }
    for name, count in by_part.items():
        assert sum(p.numel() for p in model.get_submodule(name).parameters()) == count, name


def test_layers_are_those_of_the_table(model: UserGuidedNet):
    convs = [
        (conv.out_channels, conv.dilation[0], conv.stride[0])
        for block in model.encoder_blocks
        for conv in block
        if isinstance(conv, nn.Conv2d)
    ]
    expected = [(64, 1)] * 2 + [(128, 1)] * 2 + [(256, 1)] * 3 + [(512, 1)] * 3
    expected += [(512, 2)] * 6 + [(512, 1)] * 3
    assert convs == [(channels, dilation, 1) for channels, dilation in expected]


@pytest.mark.parametrize("size", [(8, 8), (24, 40)])
def test_full_size_colours_and_classes_at_a_quarter(small: UserGuidedNet, size: tuple[int, int]):
    L = torch.rand(2, 1, *size) * 100
    logits, raw = small.eval().with_branches(L, train_classes=True)
    assert raw.shape == (2, 2, *size)
    assert logits.shape == (2, 529, size[0] // 4, size[1] // 4)
    assert torch.equal(raw, small(L))
    assert torch.equal(small.to_ab(raw), 110 * raw)


def test_no_hints_are_empty_hints_with_a_centred_mask(small: UserGuidedNet):
    L = torch.rand(1, 1, 16, 16) * 100
    seen: list[Tensor] = []
    small.encoder_blocks[0].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    small.eval()
    empty = torch.zeros(1, 3, 16, 16)
    assert torch.equal(small(L), small(L, empty))
    given = empty.clone()
    given[0, :, 3, 4] = torch.tensor([55.0, -110.0, 1.0])
    small(L, given)
    inputs = seen[-1][0]
    assert torch.equal(inputs[0], (L[0, 0] - 50) / 100)
    assert inputs[1:, 3, 4].tolist() == [0.5, -1.0, 0.5]
    assert inputs[1:, 0, 0].tolist() == [0.0, 0.0, -0.5]


def test_the_first_stage_sees_no_hints(small: UserGuidedNet, batch: Batch):
    small.takes_hints = False
    hinted = replace(batch, hints=some_hints(batch))
    found = [objective(STAGES[0])(small.eval(), one)["loss"] for one in (batch, hinted)]
    assert found[0] == found[1]
    small.takes_hints = True
    assert objective(STAGES[1])(small, hinted)["loss"] != objective(STAGES[1])(small, batch)["loss"]


def test_the_classes_are_a_grid_that_contains_the_313():
    assert (SIDE, CLASSES) == (23, 529)
    colors = torch.tensor([[-110.0, -110.0], [-110.0, -100.0], [-100.0, -110.0], [110.0, 110.0]])
    assert nearest_class(colors[:, :, None, None]).flatten().tolist() == [0, 1, 23, 528]
    near = torch.tensor([[4.9, -5.1], [-4.9, -14.9]])[:, :, None, None]
    middle = 11 * 23 + 10  # (0, -10)
    assert nearest_class(near).flatten().tolist() == [middle, middle]
    centers = torch.from_numpy(bin_centers().copy())
    of_bins = nearest_class(centers[:, :, None, None]).flatten()
    a, b = of_bins // SIDE, of_bins % SIDE
    assert torch.equal(torch.stack([a, b], 1) * STEP - 110, centers.long())
    # No colour of sRGB is nearest to another of the 529.
    levels = np.linspace(0, 1, 18)
    rgb = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    ab = torch.from_numpy(rgb01_to_lab(rgb)[:, 1:])[:, :, None, None]
    assert set(nearest_class(ab).flatten().tolist()) <= set(of_bins.tolist())


class Fixed(nn.Module):
    """Answers with the same logits and colours for everything."""

    takes_hints = False

    def __init__(self, ab: tuple[float, float], favored: int | None) -> None:
        super().__init__()
        self.ab, self.favored = ab, favored

    def with_branches(
        self, L: Tensor, hints: Tensor | None = None, *, train_classes: bool
    ) -> tuple[Tensor, Tensor]:
        logits = torch.zeros(len(L), CLASSES, L.shape[2] // 4, L.shape[3] // 4)
        if self.favored is not None:
            logits[:, self.favored] = math.log(CLASSES - 1)
        raw = torch.tensor(self.ab).view(1, 2, 1, 1) / 110
        return logits, raw.expand(len(L), 2, *L.shape[2:])


def flat(a: float, b: float) -> Batch:
    """One picture of 8 x 8 in one colour."""
    ab = torch.tensor([a, b]).view(1, 2, 1, 1).expand(1, 2, 8, 8)
    return Batch(torch.full((1, 1, 8, 8), 50.0), ab, torch.zeros(1, 3, 8, 8), torch.zeros(1).long())


def test_losses_are_those_computed_by_hand():
    # 20 and 0.5 away: |20| + |0.5| = 20.5 units of 1 / 110.
    found = objective("guided-classes")(Fixed((30.0, -0.5), None), flat(10.0, 0.0))
    assert found["distance"] == pytest.approx(20.5 / 110, rel=1e-5)
    assert found["classes"] == pytest.approx(math.log(529), rel=1e-5)
    assert found["loss"] == pytest.approx(math.log(529) + 205 / 110, rel=1e-5)
    # Huber with a threshold of 1: 20 - 1/2 where it is linear, 0.5 ** 2 / 2 where it is not.
    right = 12 * 23 + 11  # (10, 0)
    found = objective("guided-regression")(Fixed((30.0, -0.5), right), flat(10.0, 0.0))
    assert found["distance"] == pytest.approx((19.5 + 0.125) / 110, rel=1e-5)
    assert found["classes"] == pytest.approx(math.log(2), rel=1e-5)


def test_one_pixel_of_sixteen_is_the_class():
    batch = flat(0.0, 0.0)
    ab = torch.full((1, 2, 8, 8), 60.0)
    ab[:, :, ::4, ::4] = 0
    found = objective("guided-classes")(Fixed((0.0, 0.0), 11 * 23 + 11), replace(batch, ab=ab))
    assert found["classes"] == pytest.approx(math.log(2), rel=1e-4)


@pytest.mark.parametrize("kind", STAGES)
def test_one_branch_trains_the_features(kind: str, small: UserGuidedNet, batch: Batch):
    """Each term by itself: what its gradient reaches."""
    for term in ("classes", "distance"):
        small.zero_grad()
        objective(kind)(small.train(), batch)[term].backward()
        reached = {
            name.partition(".")[0]
            for name, parameter in small.named_parameters()
            if parameter.grad is not None and parameter.grad.any()
        }
        features = {"encoder_blocks", "block8"}
        own = {"classes"} if term == "classes" else {"block9", "block10", "regression"}
        trains = (term == "classes") == (kind == "guided-classes")
        assert reached == (own | features if trains else own)


def test_the_second_stage_starts_from_the_weights_of_the_first():
    first, second = (UserGuidedNet(width=0.07, hints=hints) for hints in (False, True))
    second.load_state_dict(first.state_dict())
    L = torch.rand(1, 1, 16, 16) * 100
    assert torch.equal(first.eval()(L), second.eval()(L))


def test_hints_change_the_answer_where_they_are(
    small: UserGuidedNet, batch: Batch, awake: Callable[[nn.Module], nn.Module]
):
    model = awake(small)
    hints = some_hints(batch)
    with torch.no_grad():
        moved = (model(batch.L, hints) - model(batch.L)).abs().sum(dim=1)
    assert moved[:, 8:14, 20:26].min() > 0


def test_the_recipe_decides_on_hints():
    for hints in (False, True):
        recipe = ModelRecipe(kind="user-guided", width=0.05, hints=hints)
        assert build(recipe).takes_hints is hints
