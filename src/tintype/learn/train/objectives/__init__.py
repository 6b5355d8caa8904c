"""What one step minimises. An objective owns the target that its paper wants."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from tintype.errors import LearnError
from tintype.learn.recipe import Recipe
from tintype.learn.train.objectives.classification import Classification
from tintype.learn.train.objectives.distillation import Distillation
from tintype.learn.train.objectives.histogram import Histogram
from tintype.learn.train.objectives.joint import Joint
from tintype.learn.train.objectives.labels import Labels
from tintype.learn.train.objectives.regression import Regression
from tintype.learn.train.objectives.uv import Uv

__all__ = ["OBJECTIVES", "make_objective"]


def _classification(recipe: Recipe, prior: Tensor) -> nn.Module:
    return Classification(recipe.loss, prior)


def _regression(recipe: Recipe, _prior: Tensor) -> nn.Module:
    return Regression("l1" if recipe.loss.kind == "l1" else "l2")


def _labels(_recipe: Recipe, _prior: Tensor) -> nn.Module:
    return Labels()


def _joint(recipe: Recipe, _prior: Tensor) -> nn.Module:
    return Joint(recipe.loss.class_weight)


def _histogram(recipe: Recipe, _prior: Tensor) -> nn.Module:
    return Histogram(recipe.loss)


def _uv(_recipe: Recipe, _prior: Tensor) -> nn.Module:
    return Uv()


def _distillation(recipe: Recipe, _prior: Tensor) -> nn.Module:
    return Distillation(recipe.model)


OBJECTIVES: Mapping[str, Callable[[Recipe, Tensor], nn.Module]] = {
    "classification": _classification,
    "l1": _regression,
    "l2": _regression,
    "joint": _joint,
    "histogram": _histogram,
    "uv": _uv,
    "labels": _labels,
    "distillation": _distillation,
}


def make_objective(recipe: Recipe, prior: Tensor) -> nn.Module:
    """The objective of a recipe: ``forward(model, batch)`` gives what is logged, ``loss`` among it.

    Args:
        recipe: Its ``loss.kind`` chooses.
        prior: (313,) share of training pixels in each bin.

    Raises:
        LearnError: The kind is not one that a single network is trained by.
    """
    if recipe.loss.kind not in OBJECTIVES:
        raise LearnError(
            f"{recipe.name}: loss.kind = {recipe.loss.kind} has no objective.",
            advice=f"Choose from {', '.join(OBJECTIVES)}.",
        )
    return OBJECTIVES[recipe.loss.kind](recipe, prior)
