"""All networks by name. A literal mapping: no decorators, no scanning, no import side effects."""

import difflib
from collections.abc import Callable, Mapping
from typing import Protocol

from torch import nn

from tintype.errors import LearnError
from tintype.learn.models import (
    cdcgan,
    cheng,
    chromagan,
    dual_decoders,
    ensemble,
    grey_encoder,
    iizuka,
    larsson,
    own,
    pix2pix,
    rescnn,
    resnet,
    user_guided,
    zhang,
)
from tintype.learn.recipe import ModelRecipe


class ModelFile(Protocol):
    """The attributes of a module in this folder.

    Attributes:
        TITLE: A one-line description.
        PAPER: The paper that it implements; empty for our own.
    """

    TITLE: str
    PAPER: str

    def build(self, recipe: ModelRecipe) -> nn.Module:
        """The network of a recipe, with random weights."""
        ...


MODELS: Mapping[str, ModelFile] = {
    "cdcgan": cdcgan,
    "cheng": cheng,
    "dual-decoders": dual_decoders,
    "chromagan": chromagan,
    "ensemble": ensemble,
    "grey-encoder": grey_encoder,
    "grey-resnet18": resnet,
    "iizuka": iizuka,
    "larsson": larsson,
    "own": own,
    "pix2pix": pix2pix,
    "rescnn": rescnn,
    "user-guided": user_guided,
    "zhang": zhang,
}

# Discriminators by generator; each is in the module of its generator, or of another with the
# same.
DISCRIMINATORS: Mapping[str, Callable[[ModelRecipe], nn.Module]] = {
    "cdcgan": cdcgan.build_discriminator,
    "dual-decoders": pix2pix.build_discriminator,
    "chromagan": chromagan.build_discriminator,
    "pix2pix": pix2pix.build_discriminator,
}


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe, with random weights.

    Raises:
        LearnError: There is no network of this kind, or no such variant.
    """
    if recipe.kind not in MODELS:
        near = difflib.get_close_matches(recipe.kind, MODELS, n=1, cutoff=0.0)
        raise LearnError(
            f"There is no network model.kind = {recipe.kind}.", advice=f"Did you mean {near[0]}?"
        )
    return MODELS[recipe.kind].build(recipe)


def build_discriminator(recipe: ModelRecipe) -> nn.Module:
    """The discriminator of a recipe's generator, with random weights.

    Raises:
        LearnError: The network is not a generator.
    """
    if recipe.kind not in DISCRIMINATORS:
        raise LearnError(
            f"model.kind = {recipe.kind} has no discriminator.",
            advice=f"Set model.kind to one of {', '.join(DISCRIMINATORS)}, or choose another "
            "loss.kind.",
        )
    return DISCRIMINATORS[recipe.kind](recipe)
