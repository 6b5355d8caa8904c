"""An EfficientNet-Lite that recognises grey pictures: the student of a distillation.

ImageNet's networks learned on colours; on grey pictures they recognise less. Here the published
network, in colour, teaches one that sees the lightness alone. `OwnNet` starts from the result.

Sources: G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015;
A. Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015. The idea of a trunk pretrained on
grey pictures is the report's.
"""

from torch import nn

from tintype.errors import LearnError
from tintype.learn.models.efficientnet import VARIANTS, Classifier, imagenet_weights
from tintype.learn.recipe import ModelRecipe

TITLE = "Grey EfficientNet-Lite, distilled"
PAPER = "G. Hinton, O. Vinyals, J. Dean, Distilling the Knowledge in a Neural Network, 2015"


class GreyEncoder(Classifier):
    """L to features and ImageNet's classes. It does not colour.

    Args:
        variant: ``lite0`` or ``lite2``.
    """

    def __init__(self, variant: str) -> None:
        super().__init__(variant, inputs=1)
        self.variant = variant

    def load_pretrained(self) -> None:
        """Starts from the published weights, the stem summed over the colours.

        Raises:
            LearnError: The package that carries them is not installed.
        """
        self.load_imagenet(imagenet_weights(self.variant))


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe.

    Raises:
        LearnError: The encoder is no EfficientNet-Lite.
    """
    if recipe.encoder not in VARIANTS:
        raise LearnError(
            f"There is no teacher for the encoder {recipe.encoder}.",
            advice=f"Set model.encoder to {' or '.join(VARIANTS)}.",
        )
    return GreyEncoder(recipe.encoder)
