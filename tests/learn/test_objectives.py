"""What objectives say of themselves, and that nothing else has to know their names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, get_args

import pytest
import torch
from torch import Tensor, nn

from tintype.errors import LearnError
from tintype.learn.compare.seeds import is_classifier
from tintype.learn.data.batches import Batch
from tintype.learn.data.photos import open_photos
from tintype.learn.recipe import LossRecipe, Recipe, make_recipe, read_recipe
from tintype.learn.train import objectives
from tintype.learn.train.loop import train
from tintype.learn.train.objectives import OBJECTIVES, make_objective, objective_of
from tintype.learn.train.objectives.contract import Objective
from tintype.learn.train.run import TrainingSession

RECIPES = sorted((Path(__file__).parents[2] / "recipes").rglob("*.toml"))


def recipe_of(**tables: Any) -> Recipe:
    return make_recipe({"name": "x", **tables}, name="x")


def test_a_recipe_can_name_every_objective_and_nothing_else() -> None:
    assert get_args(LossRecipe.model_fields["kind"].annotation) == tuple(OBJECTIVES)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_every_objective_is_made_from_a_recipe(kind: str) -> None:
    recipe = recipe_of(loss={"kind": kind}, model={"pretrained": False})
    objective = make_objective(recipe, torch.full((313,), 1 / 313))
    assert type(objective) is objective_of(recipe) is OBJECTIVES[kind]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_recipe_of_ours_is_free_of_contradictions(path: Path) -> None:
    recipe = read_recipe(path)
    objective_of(recipe).check(recipe)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"loss": {"kind": "l1", "decoded": 0.1}}, "loss.decoded needs a distribution"),
        ({"loss": {"kind": "l2", "teacher": "x"}}, "loss.teacher needs a distribution"),
        ({"loss": {"kind": "joint"}, "data": {"mosaic": 0.2}}, "mosaic puts several labels"),
        ({"loss": {"kind": "labels"}, "data": {"mosaic": 0.2}}, "mosaic puts several labels"),
        ({"train": {"watch_collapse": True}}, "watch_collapse needs a discriminator"),
    ],
)
def test_what_an_objective_cannot_do_is_refused(tables: Mapping[str, Any], message: str) -> None:
    recipe = recipe_of(**tables)
    with pytest.raises(LearnError, match=message):
        objective_of(recipe).check(recipe)


def test_only_a_classifier_of_greys_is_trained_before_the_others() -> None:
    kinds = [kind for kind in OBJECTIVES if is_classifier(recipe_of(loss={"kind": kind}))]
    assert kinds == ["labels"]


class Mean(Objective):
    """A new objective: the mean colour of each picture."""

    learns_labels: ClassVar[bool] = True

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The squared distance of the means."""
        guess = model.to_ab(model(batch.L)).float()
        error = guess.mean(dim=(2, 3)) - batch.ab.mean(dim=(2, 3))
        return {"loss": error.square().mean()}


def test_a_new_objective_needs_its_class_and_its_line_alone(
    monkeypatch: pytest.MonkeyPatch, photo_folder: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(objectives, "OBJECTIVES", {**OBJECTIVES, "mean": Mean})
    recipe = recipe_of(
        model={"pretrained": False, "widths": (16, 16, 16, 16), "classes": 2},
        data={"size": 64, "dev_share": 0.25},
        train={"batch": 4, "amp": False, "log_every": 1},
    )
    loss = recipe.loss.model_copy(update={"kind": "mean"})  # as if the recipe knew the word
    recipe = recipe.model_copy(update={"loss": loss})
    photos = open_photos([photo_folder], recipe.data, cache=tmp_path / "cache")
    progress = train(tmp_path / "run", recipe, photos, TrainingSession(max_samples=8))
    assert progress.samples == 8
    # What the class says of itself is asked: there must be room for every label.
    model = recipe.model.model_copy(update={"classes": 1})
    with pytest.raises(LearnError, match=r"2 labels, but model\.classes is 1"):
        train(
            tmp_path / "other",
            recipe.model_copy(update={"model": model}),
            photos,
            TrainingSession(max_samples=8),
        )
