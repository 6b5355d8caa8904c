"""Classification over 313 colours: a plain stack of convolutions with rebalanced classes.

Source: R. Zhang, P. Isola, A. A. Efros, "Colorful Image Colorization", ECCV 2016, section 2 and the
table of its supplement: eight blocks without pooling, batch normalisation at the end of the first
seven, dilation of 2 in the fifth and sixth. Soft targets, class weights and the annealed mean are
sections 2.1 to 2.3.

Deviations: weights are initialised as in He et al. 2015; the authors initialise theirs from the
data by k-means and warn that random weights got stuck, so the recipe's learning rate is far above
theirs. Lightness is normalised as (L - 50) / 100, as in their later code. One pixel's colour is the
target of each output and grey pictures are left out, as in the released layers; the soft encoding
has five neighbours, as in the paper. The class weights are computed from our own training pictures,
and multiply the loss; the released code multiplies its gradient.
"""

from torch import Tensor, nn

from tintype.color.abgrid import BINS
from tintype.learn.models.blocks import AnnealedMean
from tintype.learn.recipe import ModelRecipe

TITLE = "Classification over 313 colours"
PAPER = "R. Zhang, P. Isola, A. A. Efros, Colorful Image Colorization, ECCV 2016"

_TEMPERATURE = 0.38  # section 2.3
# Channels, number of convolutions, stride of the last one, dilation.
_BLOCKS = (
    (64, 2, 2, 1),
    (128, 2, 2, 1),
    (256, 3, 2, 1),
    (512, 3, 1, 1),
    (512, 3, 1, 2),
    (512, 3, 1, 2),
    (512, 3, 1, 1),
)
_LAST = 256


class ZhangNet(nn.Module):
    """L to logits over the 313 bins at a quarter of the size.

    Args:
        width: Factor of the paper's number of channels.
    """

    multiple = 8
    stride = 4
    bins = BINS

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 1
        for channels, count, stride, dilation in _BLOCKS:
            outputs = _scaled(channels, width)
            for index in range(count):
                step = stride if index == count - 1 else 1
                layers += [
                    nn.Conv2d(inputs, outputs, 3, step, padding=dilation, dilation=dilation),
                    nn.ReLU(),
                ]
                inputs = outputs
            layers.append(nn.BatchNorm2d(outputs))
        self.blocks = nn.Sequential(*layers)
        last = _scaled(_LAST, width)
        self.block8 = nn.Sequential(
            nn.ConvTranspose2d(inputs, last, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(last, last, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(last, last, 3, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Conv2d(last, BINS, 1)
        self.mean = AnnealedMean(_TEMPERATURE)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, L: Tensor) -> Tensor:
        """Predicts logits from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 8.

        Returns:
            (B, 313, H/4, W/4).
        """
        x = self.blocks((L - 50) / 100)  # (B, 512, H/8, W/8)
        logits: Tensor = self.head(self.block8(x))
        return logits

    def to_ab(self, raw: Tensor) -> Tensor:
        """(B, 313, h, w) logits -> (B, 2, h, w) in CIELAB units, by the annealed mean."""
        ab: Tensor = self.mean(raw)
        return ab


def _scaled(channels: int, width: float) -> int:
    return max(4, round(channels * width))


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe."""
    return ZhangNet(width=recipe.width)
