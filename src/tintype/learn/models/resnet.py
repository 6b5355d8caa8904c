"""A classifier of grey pictures; its first layers initialise the report's CNN.

Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
table 1, 18 layers, with one input channel; M. Zhou, P. Zhou, "Automatic Colorization", 2019, which
uses such a network "pre-trained on grayscale images" as its trunk.

Deviations: trained here, on the available scenes, from random weights; the report does not name the
weights that it used. So the stem has one channel from the start, and is not an RGB stem summed over
its channels.
"""

from torch import Tensor, nn

from tintype.learn.models.blocks import GreyTrunk
from tintype.learn.recipe import ModelRecipe

TITLE = "Grey ResNet-18 classifier"
PAPER = "K. He, X. Zhang, S. Ren, J. Sun, Deep Residual Learning for Image Recognition, CVPR 2016"


class GreyResNet18(nn.Module):
    """L to the class of the picture; not a colorization network.

    Args:
        classes: Number of labels.
        width: Factor of the paper's number of channels.
    """

    multiple = 32

    def __init__(self, classes: int, width: float = 1.0) -> None:
        super().__init__()
        self.trunk = GreyTrunk(4, width)
        self.head = nn.Linear(self.trunk.channels, classes)

    def forward(self, L: Tensor) -> Tensor:
        """Predicts logits from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 32.

        Returns:
            (B, classes).
        """
        logits: Tensor = self.head(self.trunk(L).mean(dim=(2, 3)))
        return logits


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe."""
    return GreyResNet18(max(1, recipe.classes), width=recipe.width)
