"""Objectives: each module implements the loss and the targets of a paper."""

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor

from tintype.learn.recipe import Recipe
from tintype.learn.train.objectives.adversarial import Adversarial
from tintype.learn.train.objectives.classification import Classification
from tintype.learn.train.objectives.contract import Objective
from tintype.learn.train.objectives.distillation import Distillation
from tintype.learn.train.objectives.dual_decoders import DualDecoders
from tintype.learn.train.objectives.guided import GuidedClasses, GuidedRegression
from tintype.learn.train.objectives.histogram import Histogram
from tintype.learn.train.objectives.joint import Joint
from tintype.learn.train.objectives.labels import Labels
from tintype.learn.train.objectives.regression import L1, L2
from tintype.learn.train.objectives.semantic import Semantic
from tintype.learn.train.objectives.uv import Uv

__all__ = ["OBJECTIVES", "make_objective", "objective_of"]

OBJECTIVES: Mapping[str, type[Objective]] = MappingProxyType(
    {
        "classification": Classification,
        "l1": L1,
        "l2": L2,
        "joint": Joint,
        "histogram": Histogram,
        "guided-classes": GuidedClasses,
        "guided-regression": GuidedRegression,
        "uv": Uv,
        "labels": Labels,
        "distillation": Distillation,
        "adversarial": Adversarial,
        "dual-decoders": DualDecoders,
        "semantic": Semantic,
    }
)
"""Objectives by value of ``loss.kind``."""


def objective_of(recipe: Recipe) -> type[Objective]:
    """The class of a recipe's objective; its attributes describe its requirements."""
    return OBJECTIVES[recipe.loss.kind]


def make_objective(recipe: Recipe, prior: Tensor) -> Objective:
    """Creates the objective of a recipe.

    Args:
        recipe: ``loss.kind`` selects the objective.
        prior: (313,) share of training pixels in each bin.
    """
    return objective_of(recipe).from_recipe(recipe, prior)
