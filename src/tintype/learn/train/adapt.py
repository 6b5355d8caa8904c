"""Adapts a recipe to the data: a recipe written for one data set runs on any other.

What a recipe names and the data do not have is left out, and a class head gets as many classes as
the data have labels. Each change is a remark for the user, because a misspelt name looks the same.
"""

from collections.abc import Sequence
from pathlib import Path

from tintype.errors import brief
from tintype.learn.data.manifest import PhotoSource, find_sources, matches
from tintype.learn.recipe import DataRecipe, Recipe
from tintype.learn.train.objectives import objective_of


def adapt_recipe(recipe: Recipe, paths: Sequence[Path]) -> tuple[Recipe, list[str]]:
    """The recipe as it runs on these data, which is the same whenever the data are.

    Args:
        recipe: As read from its file.
        paths: Folders or zips of photographs.

    Returns:
        The adapted recipe, and a remark for each change.

    Raises:
        LearnError: There are no photographs.
    """
    remarks: list[str] = []
    sources = find_sources(paths, exclude=recipe.data.exclude)
    data = _with_known_groups(recipe.data, sources, remarks)
    if data.only_groups:
        sources = [source for source in sources if source.group in data.only_groups]
    data = _with_known_labels(data, sources, remarks)
    if data.only_labels:
        sources = [source for source in sources if matches(source.label, data.only_labels)]
    data = _with_known_shares(data, sources, remarks)
    model, objective = recipe.model, objective_of(recipe)
    if objective.learns_labels:
        labels = len({source.label for source in sources})
        if model.classes == 0:
            model = model.model_copy(update={"classes": labels})
        if labels == 1:
            remarks.append(
                "all photographs have the same label, so there is nothing to classify; labels are "
                "folders"
            )
    changed = recipe.model_copy(update={"data": data, "model": model})
    return changed, [f"{recipe.name}: {remark}." for remark in remarks]


def _with_known_groups(
    data: DataRecipe, sources: Sequence[PhotoSource], remarks: list[str]
) -> DataRecipe:
    groups = {source.group for source in sources}
    known = tuple(name for name in data.only_groups if name in groups)
    if known == data.only_groups:
        return data
    text = f"used: {_listed(known)}" if known else "all groups are used"
    absent = _listed(set(data.only_groups) - groups)
    remarks.append(f"the data have no group {absent} (data.only_groups); {text}")
    return data.model_copy(update={"only_groups": known})


def _with_known_labels(
    data: DataRecipe, sources: Sequence[PhotoSource], remarks: list[str]
) -> DataRecipe:
    labels = {source.label for source in sources}
    if not data.only_labels or any(matches(label, data.only_labels) for label in labels):
        return data
    remarks.append(
        f"the data have no label {_listed(data.only_labels)} (data.only_labels); all are used"
    )
    return data.model_copy(update={"only_labels": ()})


def _with_known_shares(
    data: DataRecipe, sources: Sequence[PhotoSource], remarks: list[str]
) -> DataRecipe:
    groups = {source.group for source in sources}
    known = {name: share for name, share in data.mix.items() if name in groups}
    if len(known) == len(data.mix):
        return data
    absent = _listed(set(data.mix) - groups)
    if not any(known.values()):
        known = {}
        text = "all groups are used in proportion to their sizes"
    else:
        text = f"used: {_listed(known)}"
        if unused := groups - set(known):
            text += f"; not used: {_listed(unused)}"
    remarks.append(f"the data have no group {absent} (data.mix); {text}")
    return data.model_copy(update={"mix": known})


def _listed(names: Sequence[str] | set[str] | dict[str, float]) -> str:
    """At most three names, for a line."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return ", ".join(map(brief, ordered[:3])) + more
