"""A classifier of grey pictures, from whose first layers the report's CNN starts.

Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
table 1, 18 layers, with one input channel; M. Zhou, P. Zhou, "Automatic Colorization", 2019, which
takes such a network "pre-trained on grayscale images" as the trunk of its own.

Deviations: trained here, on the scenes at hand, from random weights; the report does not say whose
weights it took. The stem therefore has one channel from the start and is not an RGB stem summed up.
"""

from torch import Tensor, nn

from tintype.learn.models.blocks import GreyTrunk
from tintype.learn.recipe import ModelRecipe

TITLE = "Grey ResNet-18 classifier"
PAPER = "K. He, X. Zhang, S. Ren, J. Sun, Deep Residual Learning for Image Recognition, CVPR 2016"


class GreyResNet18(nn.Module):
    """L to the class of the picture. It does not colour.

    Args:
        classes: Number of labels.
        width: Channels as a share of the paper's.
    """

    multiple = 32

    def __init__(self, classes: int, width: float = 1.0) -> None:
        super().__init__()
        self.trunk = GreyTrunk(4, width)
        self.head = nn.Linear(self.trunk.channels, classes)

    def forward(self, L: Tensor) -> Tensor:
        """Lightness to unnormalised log-probabilities.

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
