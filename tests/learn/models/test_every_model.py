"""What every network promises, asked of each one through the recipe that trains it.

Recipes are taken as they are but for the width, so that the whole objective of each method, class
weights and discriminator included, is what reaches the parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tintype.learn.data.batches import Batch
from tintype.learn.data.hints import draw_hints
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.models.registry import DISCRIMINATORS, MODELS, build, build_discriminator
from tintype.learn.recipe import Recipe, read_recipe
from tintype.learn.train.adversarial import AdversarialStep
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.objectives import make_objective

RECIPES = Path(__file__).parents[3] / "recipes"
FILES = [
    RECIPES / "own.toml",
    RECIPES / "grey-encoder.toml",
    RECIPES / "zhang-unweighted.toml",
    *sorted((RECIPES / "report").glob("*.toml")),
]
CLASSIFIER = "grey-resnet18"
DISTILLED = "grey-encoder"  # tests/learn/test_distillation.py sees it learn
JOINED = "ensemble"  # of trained networks: tests/learn/models/test_ensemble.py
SMALLEST = {"cdcgan": "cifar", "pix2pix": "64"}
WIDTHS = {"larsson": 0.03, "cheng": 1.0, "zhang": 0.1, "rescnn": 0.25, CLASSIFIER: 0.1}

# Steps and learning rate that suffice for four pictures.
LEARNS: Mapping[str, tuple[int, float]] = {
    "own": (60, 0.01),
    "cheng": (100, 0.02),
    "iizuka": (180, 0.01),
    "larsson": (100, 0.01),
    "zhang": (120, 0.005),
    "rescnn": (60, 0.01),
    "cdcgan": (80, 0.004),
    "chromagan": (80, 0.01),
    "pix2pix": (80, 0.004),
    "user-guided": (80, 0.01),
}
# Its losses ask for more than the colours of the photographs; its own tests see it learn.
MORE_THAN_COLORS = "dual-decoders"
ON_PURPOSE = "collapse-on-purpose"  # cannot learn; test_train_gan.py sees it collapse


def small(path: Path) -> Recipe:
    """A recipe with few channels and the smallest variant of its network."""
    recipe = read_recipe(path)
    kind = recipe.model.kind
    changes = {
        "width": WIDTHS.get(kind, 0.06),
        "variant": SMALLEST.get(kind, recipe.model.variant),
        "widths": (16, 16, 16, 16),
        "global_size": 32,
        "classes": 3 if objective_of(recipe).learns_labels else 0,
        "pretrained": False,
        "train_encoder_from": 0,
    }
    return recipe.model_copy(update={"model": recipe.model.model_copy(update=changes)})


def first_of(kind: str) -> Recipe:
    """The first recipe of a network."""
    return next(recipe for recipe in map(small, FILES) if recipe.model.kind == kind)


def fresh(recipe: Recipe) -> nn.Module:
    torch.manual_seed(0)
    return build(recipe.model)


def objective_of(recipe: Recipe) -> nn.Module:
    return make_objective(recipe, torch.full((313,), 1 / 313))


def adversarial(recipe: Recipe, *, rate: float = 2e-3) -> AdversarialStep:
    model = fresh(recipe)
    train = recipe.train.model_copy(
        update={"learning_rate": rate, "amp": False, "warmup_samples": 0}
    )
    faster = recipe.model_copy(update={"train": train})
    return AdversarialStep(model, build_discriminator(recipe.model), faster, ProcessGroup())


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return small(request.param)


def hinted(batch: Batch) -> Batch:
    """The same with colours told, for networks that take them."""
    draw = torch.Generator().manual_seed(0)
    hints = draw_hints(batch.ab, share=1, draw=draw, part=slice(None), count=len(batch.ab))
    return replace(batch, hints=hints)


def test_every_network_has_a_recipe():
    assert {read_recipe(path).model.kind for path in FILES} == set(MODELS) - {JOINED}


def test_every_file_says_what_it_implements():
    for kind, file in MODELS.items():
        assert file.TITLE
        assert bool(file.PAPER) == (kind not in {"own", JOINED})
        year = file.PAPER[-4:]
        assert not file.PAPER or (year.isdigit() and 2000 < int(year) < 2030)


def test_all_but_the_classifiers_colour():
    silent = {
        kind
        for kind in set(MODELS) - {JOINED}
        if not isinstance(fresh(first_of(kind)), ColorizationNetwork)
    }
    assert silent == {CLASSIFIER, DISTILLED}


@pytest.mark.parametrize("sides", [(1, 1), (2, 3), (5, 1)])
@pytest.mark.parametrize("kind", sorted(set(MODELS) - {CLASSIFIER, DISTILLED, JOINED}))
def test_odd_sizes_give_finite_colours_within_the_gamut_s_reach(kind: str, sides: tuple[int, int]):
    model = fresh(first_of(kind)).eval()
    assert isinstance(model, ColorizationNetwork)
    size = sides[0] * max(32, model.multiple), sides[1] * max(32, model.multiple)
    with torch.no_grad():
        ab = model.to_ab(model.forward(torch.rand(2, 1, *size) * 100))
    assert ab.shape == (2, 2, size[0] // model.stride, size[1] // model.stride)
    assert torch.isfinite(ab).all()
    assert ab.abs().max() <= 110


def test_the_whole_objective_reaches_every_parameter(
    recipe: Recipe, batch: Batch, silent: Callable[[nn.Module, nn.Module, Batch], list[str]]
):
    if recipe.loss.kind != "adversarial":
        assert silent(fresh(recipe), objective_of(recipe), hinted(batch)) == []
        return
    step = adversarial(recipe)
    assert set(step.modules) == {"model", "discriminator"}
    before = {
        (network, name): parameter.detach().clone()
        for network, module in step.modules.items()
        for name, parameter in module.named_parameters()
    }
    step(batch, 1.0)
    still = [
        key
        for key, value in before.items()
        if torch.equal(value, step.modules[key[0]].get_parameter(key[1]))
    ]
    assert still == []


def test_the_guard_for_parameters_out_of_reach_finds_one(
    batch: Batch, silent: Callable[[nn.Module, nn.Module, Batch], list[str]]
):
    recipe = small(RECIPES / "own.toml")
    model = fresh(recipe)
    model.unused = nn.Linear(2, 2)
    assert silent(model, objective_of(recipe), hinted(batch)) == ["unused.weight", "unused.bias"]


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.stem not in {ON_PURPOSE, DISTILLED, MORE_THAN_COLORS}],
    ids=lambda path: path.stem,
)
def test_four_photographs_are_learned_by_heart(
    path: Path, batch: Batch, fitted: Callable[..., tuple[float, float]]
):
    recipe = small(path)
    if recipe.model.kind == CLASSIFIER:
        assert accuracy_after(recipe, batch, steps=40) == 1
        return
    steps, rate = LEARNS[recipe.model.kind]
    if recipe.loss.kind == "adversarial":
        away, grey = fitted_against(adversarial(recipe, rate=rate), batch, steps=steps)
    else:
        away, grey = fitted(fresh(recipe), objective_of(recipe), batch, steps=steps, rate=rate)
    assert away < 0.5 * grey


def accuracy_after(recipe: Recipe, batch: Batch, *, steps: int) -> float:
    model, objective = fresh(recipe), objective_of(recipe)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(steps):
        found = objective(model, batch)
        optimizer.zero_grad()
        found["loss"].backward()
        optimizer.step()
    return float(objective(model, batch)["accuracy"])


def fitted_against(step: AdversarialStep, batch: Batch, *, steps: int) -> tuple[float, float]:
    """As the fixture `fitted`, for a generator and what it is trained against."""
    for _ in range(steps):
        step(batch, 1.0)
    model = step.modules["model"].eval()
    assert isinstance(model, ColorizationNetwork)
    true = batch.ab_at(model.stride)
    with torch.no_grad():
        guess: Tensor = model.to_ab(model(batch.L))
    away = (guess - true).square().sum(dim=1).sqrt().mean()
    return float(away), float(true.square().sum(dim=1).sqrt().mean())


# Those with several variants ask each of them in their own tests.
@pytest.mark.parametrize(
    "kind", sorted(set(MODELS) - {CLASSIFIER, DISTILLED, JOINED, *DISCRIMINATORS})
)
def test_torch_and_onnx_agree_at_every_size(kind: str, differs_from_onnx: Callable[..., float]):
    model = fresh(first_of(kind))
    odd = 5 * model.multiple, 3 * model.multiple
    assert differs_from_onnx(model, (64, 64), (32, 160), odd) < 2e-3
