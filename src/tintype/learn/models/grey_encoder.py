"""An EfficientNet-Lite that recognises grey pictures: the student of a distillation.

ImageNet networks are trained on colour pictures and recognise less in grey ones. Here the published
network, which sees colour, teaches one that sees only lightness. `OwnNet` can be initialised from
the result.

Sources: G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015; A.
Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015. The idea of a trunk pretrained on
grey pictures is from the report.
"""

from torch import nn

from tintype.errors import LearnError
from tintype.learn.models.efficientnet import VARIANTS, Classifier, imagenet_weights
from tintype.learn.recipe import ModelRecipe

TITLE = "Grey EfficientNet-Lite, distilled"
PAPER = "G. Hinton, O. Vinyals, J. Dean, Distilling the Knowledge in a Neural Network, 2015"


class GreyEncoder(Classifier):
    """L to features and ImageNet's classes; not a colorization network.

    Args:
        variant: ``lite0`` or ``lite2``.
    """

    def __init__(self, variant: str) -> None:
        super().__init__(variant, inputs=1)
        self.variant = variant

    def load_pretrained(self) -> None:
        """Loads the published weights, with the stem summed over R, G and B.

        Raises:
            LearnError: The package that contains them is not installed.
        """
        self.load_imagenet(imagenet_weights(self.variant))


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe.

    Raises:
        LearnError: The encoder is not an EfficientNet-Lite.
    """
    if recipe.encoder not in VARIANTS:
        raise LearnError(
            f"There is no teacher for the encoder {recipe.encoder}.",
            advice=f"Set model.encoder to {' or '.join(VARIANTS)}.",
        )
    return GreyEncoder(recipe.encoder)
