"""Our own network with a discriminator beside it, on networks of a few channels."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from learn.two_networks import copy_of, moved, pictures
from tintype.errors import LearnError
from tintype.learn.models.critic import ColorCritic
from tintype.learn.models.registry import build
from tintype.learn.recipe import LossRecipe, ModelRecipe, Recipe, TrainRecipe
from tintype.learn.train.critic_step import CriticStep
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.objectives.classification import Classification
from tintype.learn.train.steps import PlainStep, Step

PRIOR = torch.full((313,), 1 / 313)
LOSS = "decoded = 0.06\nwasserstein = 5.0\nadversarial = 0.5\nadversarial_warmup = 12\n"

WriteRecipe = Callable[..., Path]


def recipe_of(**loss: object) -> Recipe:
    return Recipe(
        name="tiny",
        model=ModelRecipe(pretrained=False, widths=(16, 16, 16, 16)),
        loss=LossRecipe.model_validate(
            {"decoded": 0.06, "adversarial": 0.5, "adversarial_warmup": 0} | loss
        ),
        train=TrainRecipe(batch=4, learning_rate=1e-3, amp=False),
    )


def step_of(recipe: Recipe) -> CriticStep:
    torch.manual_seed(0)
    return CriticStep(
        build(recipe.model), Classification(recipe.loss, PRIOR), recipe, ProcessGroup()
    )


def test_it_is_a_step_and_says_what_it_did():
    step: Step = step_of(recipe_of())
    before = {name: copy_of(module) for name, module in step.modules.items()}
    values = step(pictures(), 1.0)
    assert set(values) == {
        "loss", "nats", "distance", "gap", "transport", "gradient_norm",
        "g_loss", "d_loss", "d_gradient_norm", "d_accuracy_real", "d_accuracy_fake",
    }  # fmt: skip
    assert all(math.isfinite(float(v)) and not v.requires_grad for v in values.values())
    for name, module in step.modules.items():
        assert moved(module, before[name])


def test_gradients_reach_every_parameter_of_the_discriminator():
    step = step_of(recipe_of())
    step(pictures(), 1.0)
    critic = step.modules["discriminator"]
    assert all(p.grad is not None and p.grad.any() for p in critic.parameters())


def test_before_the_warm_up_the_network_moves_as_without_a_discriminator():
    recipe, batch = recipe_of(adversarial_warmup=8), pictures()
    polished = step_of(recipe)
    torch.manual_seed(0)
    alone = PlainStep(
        build(recipe.model), Classification(recipe.loss, PRIOR), recipe.train, ProcessGroup()
    )
    model, other = polished.modules["model"], alone.modules["model"]
    other.load_state_dict(model.state_dict())
    for same in (True, False):  # four samples on the way, it counts
        polished(batch, 1.0)
        alone(batch, 1.0)
        assert moved(model, copy_of(other)) != same


def test_what_the_discriminator_wants_is_as_long_as_the_gradient_of_the_distance():
    step, batch = step_of(recipe_of()), pictures()
    _, pyramid, shown, _ = step._predict(step.modules["model"], batch)
    for scale in (1.0, 100.0):
        with torch.no_grad():
            for layer in (step.modules["discriminator"].out16, step.modules["discriminator"].out32):
                layer.weight.mul_(scale)
        wanted, loss = step._scaled_gradient(batch, pyramid, shown.detach())
        lengths = wanted.square().sum(dim=1) * (4 * 8 * 8) ** 2
        assert lengths.mean().item() == pytest.approx(1, rel=1e-4)
        assert loss > 0


def test_its_verdict_leaves_no_gradient_in_the_discriminator():
    step, batch = step_of(recipe_of()), pictures()
    _, pyramid, shown, _ = step._predict(step.modules["model"], batch)
    step._scaled_gradient(batch, pyramid, shown.detach())
    critic = step.modules["discriminator"]
    assert all(p.grad is None and p.requires_grad for p in critic.parameters())


def test_the_discriminator_learns_to_tell_and_the_network_to_be_told_from_less():
    recipe = recipe_of(decoded=1.0, adversarial=3.0)
    step, batch = step_of(recipe), pictures()
    for group in step.optimizers["model"].param_groups:
        group["peak"] = 0.0
    for group in step.optimizers["discriminator"].param_groups:
        group["peak"] = 3e-3
    for _ in range(40):
        values = step(batch, 1.0)
    assert values["d_accuracy_real"] > 0.9
    assert values["d_accuracy_fake"] > 0.9
    for name, peak in (("model", 3e-3), ("discriminator", 0.0)):
        for group in step.optimizers[name].param_groups:
            group["peak"] = peak
    for _ in range(40):
        fooled = step(batch, 1.0)
    assert fooled["g_loss"] < 0.5 * values["g_loss"]


def test_it_judges_by_what_the_encoder_has_seen():
    torch.manual_seed(3)
    critic = ColorCritic((16, 24, 40, 112, 320)).eval()
    L, ab = torch.full((2, 1, 64, 64), 50.0), torch.randn(2, 2, 8, 8) * 20
    pyramid = [torch.rand(2, c, 64 >> n, 64 >> n) for n, c in enumerate((16, 24, 40, 112, 320), 1)]
    swapped = [features.flip(0) for features in pyramid]
    for one, other in zip(critic(L, pyramid, ab), critic(L, swapped, ab), strict=True):
        assert (one - other).abs().max() > 1e-4
    # Their length does not matter: encoders differ by magnitudes.
    louder = [features * 50 for features in pyramid]
    for one, other in zip(critic(L, pyramid, ab), critic(L, louder, ab), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    sizes = [tuple(verdict.shape) for verdict in critic(L, pyramid, ab)]
    assert sizes == [(2, 1, 4, 4), (2, 1, 2, 2)]


def test_measuring_changes_nothing_and_draws_nothing():
    step, batch = step_of(recipe_of()), pictures()
    model = step.modules["model"].eval()
    with torch.no_grad():
        one, other = (step.measure(model, batch) for _ in range(2))
    assert one == other
    assert {"loss", "nats", "d_accuracy_real", "d_accuracy_fake"} <= set(one)


def test_a_network_that_does_not_show_what_it_has_seen_is_refused():
    recipe = recipe_of()
    other = recipe.model_copy(update={"model": ModelRecipe(kind="zhang", width=0.1)})
    with pytest.raises(LearnError, match=r"zhang cannot be trained with loss\.adversarial"):
        CriticStep(build(other.model), Classification(recipe.loss, PRIOR), other, ProcessGroup())


def test_a_run_in_sittings_ends_with_the_same_bits(
    tmp_path: Path, recipe_file: WriteRecipe, train: Callable[..., int]
):
    recipe = recipe_file(loss=LOSS)
    train(recipe, "whole", 24)
    train(recipe, "parts", 8)
    train(recipe, "parts", 24, "--resume")
    whole, parts = (
        load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "parts")
    )
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert whole["discriminator.samples"] == 24


def test_a_new_run_goes_on_with_the_discriminator_of_its_first_weights(
    tmp_path: Path, recipe_file: WriteRecipe, train: Callable[..., int]
):
    recipe = recipe_file(loss=LOSS)
    train(recipe, "first", 24)
    checkpoint = tmp_path / "first" / "checkpoint.safetensors"
    train(recipe, "second", 4, "--init", str(checkpoint))
    found = load_file(tmp_path / "second" / "checkpoint.safetensors")
    assert found["discriminator.samples"] == 28
    kept = load_file(checkpoint)
    wider = {
        name: torch.cat([tensor, tensor]) if name == "discriminator.out16.weight" else tensor
        for name, tensor in kept.items()
    }
    with safe_open(checkpoint, framework="pt") as file:
        facts = file.metadata()
    save_file(wider, tmp_path / "wider.safetensors", facts)
    with pytest.raises(LearnError, match="discriminator is of a different kind or size"):
        train(recipe, "third", 4, "--init", str(tmp_path / "wider.safetensors"))
