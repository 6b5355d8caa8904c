"""Whether the tables of a recipe fit together, known before photographs are decoded."""

import torch
from torch import nn

from tintype.errors import LearnError
from tintype.learn.models.contract import ColorizationNetwork, PyramidNetwork, takes_hints
from tintype.learn.models.registry import build
from tintype.learn.recipe import Recipe
from tintype.learn.train.objectives import OBJECTIVES, objective_of

_MOST_NUMBERS = 2_000_000_000
"""Weights of a network. The largest here has 171 million, and training keeps four copies."""

_MOST_PIXELS = 2**29
"""Of a step, over all processes: 2,048 photographs of 512 x 512."""


def check_recipe(recipe: Recipe) -> None:
    """Refuses a recipe that contradicts itself, in milliseconds and without memory for its network.

    Raises:
        LearnError: As `check_network`; or the network of the recipe cannot be built.
    """
    # Tensors on this device have a shape and no numbers.
    with torch.device("meta"):
        model = build(recipe.model)
    check_network(recipe, model)


def check_network(recipe: Recipe, model: nn.Module) -> None:
    """Refuses a recipe that contradicts itself.

    Args:
        recipe: Its objective and the rest.
        model: Its network.

    Raises:
        LearnError: Two of its keys do not go together, or the network is far too large.
    """
    objective, kind = objective_of(recipe), recipe.model.kind
    objective.check(recipe)
    if not objective.fits(model):
        fitting = [name for name, other in OBJECTIVES.items() if other.fits(model)]
        raise LearnError(
            f"{recipe.name}: a network of kind {kind} cannot be trained with loss.kind = "
            f'"{recipe.loss.kind}".',
            advice=f"Set loss.kind to {' or '.join(fitting)}, or choose another model.kind.",
        )
    if recipe.loss.adversarial > 0 and not isinstance(model, PyramidNetwork):
        raise LearnError(
            f"{recipe.name}: {kind} cannot be trained with loss.adversarial.",
            advice='Set model.kind = "own", or leave loss.adversarial out.',
        )
    numbers = sum(parameter.numel() for parameter in model.parameters())
    if numbers > _MOST_NUMBERS:
        raise LearnError(
            f"{recipe.name}: its network would have {numbers / 1e6:,.0f} million weights, and the "
            f"limit is {_MOST_NUMBERS / 1e6:,.0f} million.",
            advice="Lower the sizes in [model].",
        )
    train = recipe.train
    if train.batch * recipe.data.size**2 > _MOST_PIXELS:
        raise LearnError(
            f"{recipe.name}: a step of {train.batch} photographs of {recipe.data.size} x "
            f"{recipe.data.size} pixels has more than {_MOST_PIXELS / 1e6:,.0f} megapixels.",
            advice="Lower train.batch or data.size.",
        )
    if train.rollback and not train.watch_collapse:
        raise LearnError(
            f"{recipe.name}: train.rollback has no effect without train.watch_collapse.",
            advice="Set watch_collapse = true.",
        )
    if takes_hints(model) != (recipe.data.hints > 0):
        raise LearnError(
            f"{recipe.name}: data.hints = {recipe.data.hints} and model.hints = "
            f"{str(recipe.model.hints).lower()} contradict each other.",
            advice="Set both (data.hints = 0.5, model.hints = true of kind own), or neither.",
        )
    if isinstance(model, ColorizationNetwork) and recipe.data.size % model.multiple:
        raise LearnError(
            f"{recipe.name}: data.size = {recipe.data.size} is not a multiple of {model.multiple}, "
            f"which {recipe.model.kind} needs.",
            advice=f"Set data.size = {-(-recipe.data.size // model.multiple) * model.multiple}.",
        )
