"""Does the watch see what a collapsed generator does, and nothing else?"""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tintype.color.cielab import rgb01_to_lab
from tintype.learn.data.batches import Batch
from tintype.learn.models.registry import build, build_discriminator
from tintype.learn.recipe import LossRecipe, Recipe, read_recipe
from tintype.learn.train.adversarial import AdversarialStep
from tintype.learn.train.collapse import (
    CollapseDetector,
    Observation,
    Verdict,
    hue_entropy,
    judge,
    observe,
)
from tintype.learn.train.distributed import ProcessGroup

RECIPE = Path(__file__).parents[2] / "recipes" / "report" / "collapse-on-purpose.toml"


def truth(count: int = 16, side: int = 32, seed: int = 0) -> Tensor:
    """Smooth patches of every hue, of photographs' chroma, evenly over the picture."""
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 2, 5, 5, generator=draw) * 25
    return F.interpolate(coarse, size=(side, side), mode="bilinear")


def all_of(a: float, b: float) -> Tensor:
    return torch.tensor([a, b]).view(1, 2, 1, 1).expand(16, 2, 32, 32)


def blob() -> Tensor:
    """The report's symptom: extremely chromatic colours in the middle, whatever the picture."""
    line = torch.linspace(-1, 1, 32)
    near = torch.exp(-4 * (line[:, None] ** 2 + line[None, :] ** 2))
    return truth(seed=1) * 0.4 * (1 - near) + all_of(80.0, 60.0) * near


def seen(guess: Tensor, *, loss: float = 1.0, accuracy: float = 0.6) -> Observation:
    return observe(0, guess, truth(), accuracy=accuracy, loss=loss)


def reports(verdict: Verdict, *words: str) -> bool:
    return verdict.collapsed and all(any(w in r for r in verdict.reasons) for w in words)


def test_entropy_counts_hues_in_bits():
    assert hue_entropy(all_of(30.0, 20.0)) == 0
    assert hue_entropy(all_of(0.0, 0.0)) == 0
    halves = torch.cat([all_of(30.0, 20.0), all_of(-30.0, 20.0)])
    assert hue_entropy(halves) == pytest.approx(1)
    turn = (torch.arange(3600).float() + 0.5) / 3600 * 2 * math.pi
    wheel = torch.stack([turn.cos(), turn.sin()]).view(1, 2, 60, 60) * 40
    assert hue_entropy(wheel) == pytest.approx(math.log2(36), abs=1e-3)


def test_greys_have_no_say_in_the_hues():
    noise = torch.randn(16, 2, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.05
    half = torch.cat([all_of(40.0, 0.5), noise])
    assert hue_entropy(noise) > 4
    assert hue_entropy(half) < 0.1


def test_rings_run_from_the_centre_to_the_border():
    centre = torch.zeros(1, 2, 32, 32)
    centre[:, 0, 8:24, 8:24] = 50.0  # a quarter of the area: the whole innermost ring
    found = observe(0, centre, truth(), accuracy=0.5, loss=1.0)
    assert found.rings == (50, 0, 0, 0)
    assert seen(truth()).centred == pytest.approx(1)


@pytest.mark.parametrize(
    ("guess", "reason"),
    [
        (all_of(30.0, 20.0), "few hues"),
        (all_of(0.0, 0.0), "few hues"),
        (truth().norm(dim=1, keepdim=True) * torch.tensor([0.8, 0.6]).view(1, 2, 1, 1), "few hues"),
        (blob(), "centre"),
        (truth() * 3, "oversaturated"),
    ],
    ids=["constant", "grey", "one hue", "centre", "oversaturated"],
)
def test_collapse_is_seen_at_once(guess: Tensor, reason: str):
    assert reports(judge([seen(guess)]), reason)


@pytest.mark.parametrize(
    "guess",
    [
        truth(),
        truth() * 0.3,
        truth() * 1.4,
        truth() * 0.5 + all_of(4.0, 8.0),
        truth(seed=3),
        truth() * 0.6 + torch.randn(16, 2, 32, 32, generator=torch.Generator().manual_seed(0)) * 6,
    ],
    ids=["truth", "cautious", "vivid", "brownish", "wrong colours", "noisy"],
)
@pytest.mark.parametrize("best", [truth() * 0.8, truth() * 0.5], ids=["vivid best", "pale best"])
def test_a_healthy_generator_is_left_alone(guess: Tensor, best: Tensor):
    verdict = judge([seen(best), seen(guess, loss=1.2)])
    assert verdict == Verdict(collapsed=False, reasons=(), best=False)
    assert judge([seen(best), seen(guess, loss=0.9)]) == Verdict(False, (), best=True)


def test_what_the_best_had_may_not_be_lost():
    """Each within the limits of the truth, and much worse than it was."""
    good = seen(truth() * 0.8)
    cases = {
        "hues were lost": replace(good, entropy=0.5 * good.entropy),
        "more saturated": replace(good, chroma=1.6),
        "colours were lost": replace(good, chroma=0.2 * good.chroma),
        "moved to the centre": replace(good, rings=(1.7 * good.rings[0], *good.rings[1:])),
    }
    for reason, worse in cases.items():
        assert not judge([worse]).collapsed, reason
        verdict = judge([good, worse])
        assert len(verdict.reasons) == 1
        assert reports(verdict, reason)


def test_a_discriminator_that_wins_is_no_collapse_while_the_loss_holds():
    good = seen(truth())
    assert not judge([good, replace(good, accuracy=1.0)]).collapsed
    assert not judge([good, replace(good, loss=1.5)]).collapsed
    assert reports(judge([good, replace(good, accuracy=1.0, loss=1.5)]), "discriminator has won")


def test_the_comparison_is_with_the_best_and_not_with_the_last():
    vivid, pale = seen(truth(), loss=0.5), seen(truth() * 0.3, loss=0.9)
    faded = seen(truth() * 0.15, loss=1.0)
    assert not judge([pale, faded]).collapsed
    assert reports(judge([vivid, pale, faded]), "colours were lost")


def test_the_watch_goes_on_comparing_with_healthy_ones():
    watch = CollapseDetector()
    assert watch.best is None
    first = watch.observe(100, truth() * 0.9, truth(), accuracy=0.6, loss=0.5)
    assert first == Verdict(collapsed=False, reasons=(), best=True)
    for samples in (200, 300):
        # A smaller loss does not make a collapsed generator the best one.
        assert reports(watch.observe(samples, blob(), truth(), accuracy=0.6, loss=0.1), "centre")
        assert watch.best is not None
        assert watch.best.samples == 100
    assert watch.last is not None
    assert watch.last.samples == 300
    assert watch.observe(400, truth() * 0.9, truth(), accuracy=0.6, loss=0.4).best
    assert [row.samples for row in watch.healthy] == [100, 400]


def test_a_fresh_generator_has_not_collapsed_unless_it_stays_like_that():
    late, watch = CollapseDetector(), CollapseDetector()
    for looks in range(1, 6):
        verdict = late.observe(looks, blob(), truth(), accuracy=0.6, loss=0.5)
        assert verdict.reasons
        assert (verdict.collapsed, verdict.best) == (looks == 5, False)
        late = CollapseDetector(late.state())  # a run that is killed and resumed counts on
    assert late.best is None

    assert not watch.observe(1, blob(), truth(), accuracy=0.6, loss=0.5).collapsed
    assert watch.observe(2, truth(), truth(), accuracy=0.6, loss=0.4).best
    assert reports(watch.observe(3, blob(), truth(), accuracy=0.6, loss=0.3), "centre")


def test_the_watch_survives_a_checkpoint():
    watch = CollapseDetector()
    watch.observe(50, blob(), truth(), accuracy=0.6, loss=0.7)
    watch.observe(100, truth() * 0.9, truth(), accuracy=0.6, loss=0.5)
    watch.observe(200, truth() * 0.8, truth(), accuracy=0.7, loss=0.6)
    again = CollapseDetector(json.loads(json.dumps(watch.state())))
    assert again.healthy == watch.healthy
    assert again.early == watch.early
    assert len(again.early) == 1
    assert again.best == watch.best


def pictures() -> Batch:
    """Every hue, of photographs' chroma."""
    draw = torch.Generator().manual_seed(5)
    rgb = F.interpolate(torch.rand(8, 3, 4, 4, generator=draw), size=(32, 32), mode="bilinear")
    rgb = (rgb + rgb.mean(dim=1, keepdim=True)) / 2
    lab = rgb01_to_lab(rgb.permute(0, 2, 3, 1), xp=torch).permute(0, 3, 1, 2)
    return Batch(lab[:, :1], lab[:, 1:], rgb, torch.zeros(8, dtype=torch.long))


def watched(recipe: Recipe, *, steps: int) -> list[Verdict]:
    """A short run that is looked at every ten steps."""
    torch.manual_seed(0)
    batch, watch = pictures(), CollapseDetector()
    model = build(recipe.model)
    step = AdversarialStep(model, build_discriminator(recipe.model), recipe, ProcessGroup())
    verdicts = []
    for index in range(1, steps + 1):
        torch.manual_seed(index)
        step(batch, 1.0)
        if index % 10 == 0:
            model.eval()
            with torch.no_grad():
                found = step.measure(model, batch)
                guess = model.to_ab(model(batch.L))
            verdicts.append(
                watch.observe(
                    index * 8,
                    guess,
                    batch.ab,
                    accuracy=float(found["d_accuracy"]),
                    loss=float(found["loss"]),
                )
            )
    return verdicts


def test_the_recipe_that_collapses_on_purpose_does_and_with_the_distance_it_does_not():
    recipe = read_recipe(RECIPE)
    model = recipe.model.model_copy(update={"width": 0.08})
    train = recipe.train.model_copy(update={"amp": False})
    recipe = recipe.model_copy(update={"model": model, "train": train})
    assert recipe.loss.lambda_ == 0
    assert reports(watched(recipe, steps=50)[-1], "oversaturated")
    held = recipe.model_copy(
        update={
            "loss": LossRecipe(kind="adversarial", discriminator_rate=0.1),
            "train": train.model_copy(update={"learning_rate": 2e-3}),
        }
    )
    verdicts = watched(held, steps=50)
    assert not any(verdict.collapsed for verdict in verdicts)
    assert verdicts[-1].reasons == ()
