"""A generator and a discriminator together, on networks of a few channels."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from learn.two_networks import copy_of, moved, pictures
from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.models.registry import DISCRIMINATORS, build, build_discriminator
from tintype.learn.recipe import LossRecipe, ModelRecipe, Recipe, TrainRecipe, read_recipe
from tintype.learn.train.adversarial import AdversarialStep
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.steps import Step

RECIPES = Path(__file__).parents[2] / "recipes" / "report"
VARIANTS = {"cdcgan": "cifar", "pix2pix": "64"}


# Seen in test_wasserstein.py and test_dual_decoders.py.
OTHER_STEPS = {"chromagan", "dual-decoders"}


def test_every_generator_has_a_step_that_is_tested():
    assert set(VARIANTS) | OTHER_STEPS == set(DISCRIMINATORS)


@pytest.fixture(params=sorted(VARIANTS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def recipe_of(kind: str, *, width: float = 0.06, **loss: object) -> Recipe:
    return Recipe(
        name="tiny",
        model=ModelRecipe(kind=kind, variant=VARIANTS[kind], width=width),
        loss=LossRecipe.model_validate({"kind": "adversarial"} | loss),
        train=TrainRecipe(
            optimizer="adam", betas=(0.5, 0.999), weight_decay=0, clip=0, learning_rate=2e-3
        ),
    )


def step_of(recipe: Recipe) -> AdversarialStep:
    torch.manual_seed(0)
    judge = build_discriminator(recipe.model)
    return AdversarialStep(build(recipe.model), judge, recipe, ProcessGroup())


def test_it_is_a_step_and_says_what_it_did(kind: str):
    step: Step = step_of(recipe_of(kind))
    values = step(pictures(), 1.0)
    assert set(values) == {
        "loss", "g_loss", "distance", "gradient_norm",
        "d_loss", "d_accuracy_real", "d_accuracy_fake", "d_gradient_norm",
    }  # fmt: skip
    assert all(math.isfinite(float(v)) and not v.requires_grad for v in values.values())
    assert values["loss"].item() == pytest.approx(
        values["g_loss"].item() + 100 * values["distance"].item(), rel=1e-5
    )
    assert 0 <= values["d_accuracy_real"] <= 1


def test_gradients_reach_every_parameter_of_both(kind: str):
    step = step_of(recipe_of(kind))
    step(pictures(), 1.0)
    for network in step.modules.values():
        silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
        assert silent == []


def test_the_verdict_alone_reaches_the_whole_generator(kind: str):
    """Without the distance, gradients come through the discriminator or not at all."""
    step = step_of(recipe_of(kind, **{"lambda": 0.0}))
    step(pictures(), 1.0)
    assert all(p.grad is not None and p.grad.any() for p in step.modules["model"].parameters())


def test_the_generator_s_gradient_does_not_pile_up_in_the_discriminator(kind: str):
    step, batch = step_of(recipe_of(kind)), pictures()
    judge, model = step.modules["discriminator"], step.modules["model"]
    real, fake = step.objective.truth(step.modules["model"], batch), step._generate(batch)
    step._update_discriminator(batch, real, fake.detach())
    gradients = [p.grad.clone() for p in judge.parameters()]
    weights, other = copy_of(judge), copy_of(model)
    step._update_generator(batch, real, fake)
    assert all(torch.equal(p.grad, g) for p, g in zip(judge.parameters(), gradients, strict=True))
    assert all(torch.equal(tensor, weights[n]) for n, tensor in judge.state_dict().items())
    assert moved(model, other)
    assert all(p.requires_grad for p in judge.parameters())


def test_the_discriminator_s_step_leaves_the_generator_alone(kind: str):
    step, batch = step_of(recipe_of(kind)), pictures()
    real, fake = step.objective.truth(step.modules["model"], batch), step._generate(batch)
    model, judge = step.modules["model"], step.modules["discriminator"]
    before, other = copy_of(model), copy_of(judge)
    step._update_discriminator(batch, real, fake.detach())
    assert all(p.grad is None for p in model.parameters())
    assert not moved(model, before)
    assert moved(judge, other)


class Fixed(nn.Module):
    """A discriminator that says the same of everything."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(logit))

    def forward(self, L: Tensor, colors: Tensor) -> Tensor:
        """(B, 1, H, W), (B, C, H, W) -> (B, 1, H/8, W/8)."""
        return self.logit + 0 * (L + colors.sum(dim=1, keepdim=True))[..., ::8, ::8]


@pytest.mark.parametrize("smoothing", [1.0, 0.9])
def test_losses_are_those_of_equations_six_and_seven(smoothing: float):
    recipe = recipe_of("cdcgan", smoothing=smoothing, **{"lambda": 0.0})
    step = AdversarialStep(build(recipe.model), Fixed(1.5), recipe, ProcessGroup())
    values = step(pictures(), 0.0)  # nobody moves
    says = 1 / (1 + math.exp(-1.5))
    on_true = -smoothing * math.log(says) - (1 - smoothing) * math.log(1 - says)
    assert values["d_loss"].item() == pytest.approx((on_true - math.log(1 - says)) / 2, rel=1e-5)
    assert values["g_loss"].item() == pytest.approx(-math.log(says), rel=1e-5)
    assert (values["d_accuracy_real"], values["d_accuracy_fake"]) == (1, 0)


def test_a_certain_discriminator_gives_finite_losses():
    recipe = recipe_of("cdcgan")
    step = AdversarialStep(build(recipe.model), Fixed(-300.0), recipe, ProcessGroup())
    assert step(pictures(), 0.0)["g_loss"].item() == pytest.approx(300)


@pytest.mark.parametrize("distance", ["l1", "l2"])
def test_the_distance_is_what_the_recipe_says(kind: str, distance: str):
    step, batch = step_of(recipe_of(kind, distance=distance)), pictures()
    model = step.modules["model"].eval()
    with torch.no_grad():
        found = step.measure(model, batch)
        ab = (model.to_ab(model(batch.L)) - batch.ab) / 110
        if kind == "cdcgan":  # lightness counts as a third channel
            L = model(batch.L)[:, :1] - (batch.L / 50 - 1)
            ab = torch.cat([L, ab], dim=1)
        expected = ab.abs().mean() if distance == "l1" else ab.square().mean()
    assert found["loss"].item() == pytest.approx(expected.item(), rel=1e-4)
    assert found["d_accuracy"] == (found["d_accuracy_real"] + found["d_accuracy_fake"]) / 2


def test_measuring_changes_nothing(kind: str):
    step, batch = step_of(recipe_of(kind)), pictures()
    before = {name: copy_of(module) for name, module in step.modules.items()}
    step.modules["model"].eval()
    with torch.no_grad():
        one, other = (step.measure(step.modules["model"], batch) for _ in range(2))
    assert one == other
    for name, module in step.modules.items():
        assert all(torch.equal(t, before[name][n]) for n, t in module.state_dict().items())


def test_the_generator_moves_as_often_as_the_recipe_says():
    step, batch = step_of(recipe_of("cdcgan", generator_steps=2)), pictures()
    step(batch, 1.0)
    step(batch, 1.0)
    done = {
        name: {int(state["step"]) for state in optimizer.state.values()}
        for name, optimizer in step.optimizers.items()
    }
    assert done == {"model": {4}, "discriminator": {2}}


def test_the_discriminator_s_rate_is_a_share():
    step = step_of(recipe_of("cdcgan", discriminator_rate=0.1))
    step(pictures(), 0.5)
    for name, rate in (("model", 1e-3), ("discriminator", 1e-4)):
        groups = step.optimizers[name].param_groups
        assert [g["lr"] for g in groups] == pytest.approx([rate] * len(groups))


@pytest.mark.parametrize("amp", [False, True])
def test_a_step_is_the_same_given_the_seed(kind: str, amp: bool):
    recipe = recipe_of(kind, generator_steps=2)
    recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update={"amp": amp})})

    def run(seed: int) -> dict[str, Tensor]:
        step = step_of(recipe)
        torch.manual_seed(seed)
        for _ in range(2):
            step(pictures(), 1.0)
        return {f"{n}.{k}": t for n, m in step.modules.items() for k, t in copy_of(m).items()}

    one, same, other = run(1), run(1), run(2)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)  # dropout is the noise


def test_both_learn_four_pictures(kind: str):
    step, batch = step_of(recipe_of(kind, width=0.08)), pictures()
    model = step.modules["model"]
    for index in range(80):
        torch.manual_seed(index)
        values = step(batch, 1.0)
        assert all(math.isfinite(float(v)) for v in values.values())
    model.eval()
    with torch.no_grad():
        away = (model.to_ab(model(batch.L)) - batch.ab).norm(dim=1).mean()
    assert away < 0.5 * batch.ab.norm(dim=1).mean()


def test_a_discriminator_alone_learns_to_tell_them_apart(kind: str):
    step, batch = step_of(recipe_of(kind)), pictures()
    real, fake = step.objective.truth(step.modules["model"], batch), step._generate(batch).detach()
    for _ in range(30):
        values = step._update_discriminator(batch, real, fake)
    assert values["d_loss"] < 0.4  # 0.16 is the least that labels of 0.9 allow
    assert values["d_accuracy_real"] > 0.95
    assert values["d_accuracy_fake"] > 0.95


def test_the_discriminator_sees_the_condition(kind: str):
    """The same colours on another grey get another verdict."""
    step, batch = step_of(recipe_of(kind)), pictures()
    true = step.objective.truth(step.modules["model"], batch)
    with torch.no_grad():
        one = step._judge(batch, true)
        turned = Batch(batch.L.flip(3), batch.ab, batch.rgb, batch.labels)
        other = step._judge(turned, true)
    assert (one - other).abs().max() > 1e-3


def test_a_network_that_does_not_paint_is_refused():
    recipe = recipe_of("cdcgan").model_copy(
        update={"model": ModelRecipe(kind="own", pretrained=False, widths=(8, 8, 8, 8))}
    )
    with pytest.raises(LearnError, match="own has no discriminator"):
        build_discriminator(recipe.model)
    with pytest.raises(LearnError, match="own cannot be trained against a discriminator"):
        AdversarialStep(build(recipe.model), Fixed(0.0), recipe, ProcessGroup())


@pytest.mark.parametrize(
    ("name", "width", "millions", "distance"),
    [
        ("cdcgan-cifar", 1, 16.65, "l1"),
        ("cdcgan-places", 0.25, 42.02, "l1"),
        ("cdcgan-improved", 0.25, 42.02, "l2"),
        ("pix2pix", 0.25, 41.83, "l1"),
    ],
)
def test_recipes_say_what_the_papers_do(name: str, width: float, millions: float, distance: str):
    recipe = read_recipe(RECIPES / f"{name}.toml")
    assert recipe.model.width == width
    with torch.device("meta"):
        model = build(recipe.model.model_copy(update={"width": 1.0}))
    assert recipe.name == name
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
    assert recipe.data.size % model.multiple == 0
    assert (recipe.loss.kind, recipe.loss.distance) == ("adversarial", distance)
    assert (recipe.loss.lambda_, recipe.train.betas) == (100, (0.5, 0.999))
    assert recipe.train.rollback == (name == "cdcgan-improved")
