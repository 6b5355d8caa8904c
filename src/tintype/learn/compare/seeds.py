"""Repetitions of a method with other random seeds, which determine the certainty of a verdict."""

from collections.abc import Iterable, Mapping, Sequence

from tintype.learn.compare.results import DEMONSTRATION, Result
from tintype.learn.recipe import Recipe
from tintype.learn.train.objectives import objective_of

_MARK = ".seed-"


def is_classifier(recipe: Recipe) -> bool:
    """Whether a recipe trains a grey classifier, from which other methods start."""
    objective = objective_of(recipe)
    return objective.learns_labels and not objective.learns_colors


def with_seed(recipe: Recipe, repetition: int) -> Recipe:
    """The recipe of a repetition, with its own name.

    Args:
        recipe: As read from its file.
        repetition: From 0, which is the recipe itself.
    """
    if repetition == 0:
        return recipe
    train = recipe.train.model_copy(update={"seed": recipe.train.seed + repetition})
    name = f"{recipe.name}{_MARK}{repetition}"
    return recipe.model_copy(update={"name": name, "train": train})


def stage_before(recipe: Recipe, recipes: Iterable[Recipe]) -> Recipe | None:
    """The recipe of the run that a recipe continues, with the same seed; None if there is none.

    Args:
        recipe: With `train.after`, possibly a repetition.
        recipes: All recipes, as read from their files.
    """
    number = int(recipe.name.partition(_MARK)[2] or 0)
    found = (one for one in recipes if one.name == recipe.train.after)
    return next((with_seed(one, number) for one in found), None)


def repetitions(recipe: Recipe, seeds: int) -> list[Recipe]:
    """A recipe with each of its seeds; classifiers and the demonstration have one.

    Args:
        recipe: As read from its file.
        seeds: Number of seeds.
    """
    once = is_classifier(recipe) or recipe.name == DEMONSTRATION
    return [with_seed(recipe, number) for number in range(1 if once else seeds)]


def is_repetition(name: str) -> bool:
    """Whether a result is one of a further seed."""
    return _MARK in name


def seeds_of(results: Mapping[str, Result], *names: str) -> list[tuple[Result, ...]]:
    """The results of some methods, one tuple for each seed that all of them have.

    Args:
        results: Results by name.
        names: Of the methods.
    """
    found: list[tuple[Result, ...]] = []
    while True:
        suffix = f"{_MARK}{len(found)}" if found else ""
        wanted: Sequence[str] = [f"{name}{suffix}" for name in names]
        if not all(name in results for name in wanted):
            return found
        found.append(tuple(results[name] for name in wanted))
