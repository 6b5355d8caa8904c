"""Several networks as one: the mean of their logits."""

import tomllib
from collections.abc import Callable

import pytest
import torch

from tintype.errors import LearnError
from tintype.learn.models.contract import MatchingNetwork, takes_hints
from tintype.learn.models.ensemble import Ensemble
from tintype.learn.models.own import OwnNet
from tintype.learn.models.registry import build
from tintype.learn.recipe import ModelRecipe, make_recipe, recipe_to_toml

MEMBER = ModelRecipe(widths=(16, 16, 16, 32), pretrained=False, hints=True)
QUERIES = MEMBER.model_copy(update={"color_queries": 4, "non_local": True})


def made(*shares: float) -> Ensemble:
    torch.manual_seed(0)
    recipe = ModelRecipe(kind="ensemble", members=(MEMBER, QUERIES), member_shares=shares)
    model = build(recipe).eval()
    assert isinstance(model, Ensemble)
    return model


def parts(model: Ensemble) -> list[OwnNet]:
    found = [member for member in model.members if isinstance(member, OwnNet)]
    assert len(found) == 2
    return found


@pytest.fixture
def L() -> torch.Tensor:
    return torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(1)) * 100


def test_its_logits_are_the_weighted_mean(L: torch.Tensor):
    model = made(0.25, 0.75)
    hints = torch.zeros(1, 3, 64, 96)
    hints[:, :, 8:20, 8:20] = torch.tensor([30.0, -20.0, 1.0]).view(1, 3, 1, 1)
    first, second = parts(model)
    with torch.no_grad():
        for given in (None, hints):
            expected = 0.25 * first(L, given) + 0.75 * second(L, given)
            assert torch.allclose(model(L, given), expected, atol=1e-5)


def test_shares_are_equal_unless_given_and_are_normalised():
    assert made().shares == (0.5, 0.5)
    assert made(0.2, 0.6).shares == pytest.approx((0.25, 0.75))


def test_features_and_hints_are_those_of_its_members(L: torch.Tensor):
    model = made()
    assert takes_hints(model)
    assert isinstance(model, MatchingNetwork)
    with torch.no_grad():
        logits, features = model.with_features(L)
        assert torch.equal(features, parts(model)[0].with_features(L)[1])
        assert torch.allclose(logits, model(L), atol=1e-5)


def test_a_temperature_divides_the_logits(L: torch.Tensor):
    model = made()
    with torch.no_grad():
        before = model(L)
        model.apply_temperature(2)
        assert torch.allclose(model(L), before / 2, atol=1e-5)


def test_torch_and_onnx_agree(differs_from_onnx: Callable[..., float]):
    assert differs_from_onnx(made(), (64, 64), (32, 160)) < 2e-3


def test_a_recipe_with_members_is_written_and_read_again():
    recipe = make_recipe(
        {"name": "two", "model": {"kind": "ensemble", "members": [{"hints": True}, {}]}}, name="two"
    )
    assert make_recipe(tomllib.loads(recipe_to_toml(recipe)), name="two") == recipe


@pytest.mark.parametrize(
    ("members", "shares", "problem"),
    [
        ((MEMBER,), (), "at least two"),
        ((MEMBER, ModelRecipe(kind="zhang")), (), "kind own"),
        ((MEMBER, MEMBER.model_copy(update={"hints": False})), (), "take hints"),
        ((MEMBER, MEMBER), (1.0,), "one number for each"),
    ],
)
def test_what_cannot_be_averaged_is_refused(
    members: tuple[ModelRecipe, ...], shares: tuple[float, ...], problem: str
):
    recipe = ModelRecipe(kind="ensemble", members=members, member_shares=shares)
    with pytest.raises(LearnError, match=problem):
        build(recipe)


def test_a_misspelt_key_of_a_member_suggests_the_nearest():
    values = {"name": "two", "model": {"kind": "ensemble", "members": [{"hint": True}]}}
    with pytest.raises(LearnError, match=r"no key model\.members\.0\.hint") as caught:
        make_recipe(values, name="two")
    assert "model.members.0.hints" in str(caught.value.advice)
