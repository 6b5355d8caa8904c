"""Every network by name. A literal mapping: no decorators, no scans, no import side effects."""

import difflib
from collections.abc import Callable, Mapping

from torch import nn

from tintype.errors import LearnError
from tintype.learn.models import cheng, iizuka, larsson, own
from tintype.learn.recipe import ModelRecipe

MODELS: Mapping[str, Callable[[ModelRecipe], nn.Module]] = {
    "cheng": cheng.build,
    "iizuka": iizuka.build,
    "larsson": larsson.build,
    "own": own.build,
}


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe, with random weights.

    Raises:
        LearnError: There is no network of that kind, or no such variant of it.
    """
    if recipe.kind not in MODELS:
        near = difflib.get_close_matches(recipe.kind, MODELS, n=1, cutoff=0.0)
        raise LearnError(
            f"There is no network model.kind = {recipe.kind}.", hint=f"Did you mean {near[0]}?"
        )
    return MODELS[recipe.kind](recipe)
