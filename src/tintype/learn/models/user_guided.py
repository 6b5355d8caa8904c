"""User-guided colorization: a U-Net that receives lightness and some true colours.

Source: R. Zhang, J.-Y. Zhu, P. Isola, X. Geng, A. Lin, T. Yu, A. Efros, "Real-Time User-Guided
Image Colorization with Learned Deep Priors", SIGGRAPH 2017, section 3 (the local hints network), in
the version of its authors' PyTorch code: 529 classes, and hints with a centred mask. The
specification is `docs/explanation/user-guided.md`.

Deviations: weights are initialised as in He et al. 2015; in the paper the first eight blocks start
from those of Zhang et al. 2016. The distribution over colours is one layer on the eighth block, as
in the code; in the paper it has two layers on the features of all blocks.
"""

from torch import Tensor, cat, nn, tanh

from tintype.color.abgrid import AB_LIMIT
from tintype.learn.recipe import ModelRecipe

TITLE = "User-guided U-Net with 529 colours"
PAPER = (
    "R. Zhang, J.-Y. Zhu, P. Isola, X. Geng, A. Lin, T. Yu, A. Efros, Real-Time User-Guided "
    "Image Colorization with Learned Deep Priors, SIGGRAPH 2017"
)

STEP = 10
"""Distance of two classes, in CIELAB units."""
SIDE = 2 * AB_LIMIT // STEP + 1
"""Classes along a and along b: 23, from -110 to 110."""
CLASSES = SIDE * SIDE

# Number of filters, channels, dilation.
_ENCODER = (
    (2, 64, 1),
    (2, 128, 1),
    (3, 256, 1),
    (3, 512, 1),
    (3, 512, 2),
    (3, 512, 2),
    (3, 512, 1),
)
_SUBSAMPLED = 3  # blocks of which every second location is used
_SLOPE = 0.2  # of the leaky ReLU after block 10
_MASK_MIDDLE = 0.5


class _Up(nn.Module):
    """Doubles the size and adds a filtered shortcut, then applies the filters of the block."""

    def __init__(self, inputs: int, shortcut: int, outputs: int, count: int, *, last: bool) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
        self.shortcut = nn.Conv2d(shortcut, outputs, 3, padding=1)
        layers: list[nn.Module] = []
        for _ in range(count):
            layers += [nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1)]
        layers += [nn.LeakyReLU(_SLOPE)] if last else [nn.ReLU(), nn.BatchNorm2d(outputs)]
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """(B, inputs, h, w), (B, shortcut, 2h, 2w) -> (B, outputs, 2h, 2w)."""
        y: Tensor = self.block(self.up(x) + self.shortcut(shortcut))
        return y


class UserGuidedNet(nn.Module):
    """L and hints to a and b at full size, and to logits over 529 colours at a quarter of it.

    Args:
        width: Factor of the paper's number of channels.
        hints: Whether it accepts hints. Without, it has the same weights and sees empty hints.
    """

    multiple = 8
    stride = 1

    def __init__(self, *, width: float = 1.0, hints: bool = True) -> None:
        super().__init__()
        self.takes_hints = hints
        inputs = 4
        self.encoder_blocks = nn.ModuleList()
        outputs_of = []
        for count, channels, dilation in _ENCODER:
            outputs = _scaled(channels, width)
            self.encoder_blocks.append(_block(inputs, outputs, count, dilation))
            outputs_of.append(outputs)
            inputs = outputs
        c256, c128 = _scaled(256, width), _scaled(128, width)
        self.block8 = _Up(inputs, outputs_of[2], c256, 2, last=False)
        self.block9 = _Up(c256, outputs_of[1], c128, 1, last=False)
        self.block10 = _Up(c128, outputs_of[0], c128, 1, last=True)
        self.classes = nn.Conv2d(c256, CLASSES, 1)
        self.regression = nn.Conv2d(c128, 2, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        for head in (self.classes, self.regression):
            nn.init.normal_(head.weight, std=0.01)

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Tensor:
        """Predicts a and b.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 8.
            hints: (B, 3, H, W) a and b in CIELAB units and a mask of 0 and 1; None means no hints.

        Returns:
            (B, 2, H, W) in (-1, 1).
        """
        first, second, eighth = self._encoded(L, hints)
        return self._regressed(first, second, eighth)

    def with_branches(
        self, L: Tensor, hints: Tensor | None = None, *, train_classes: bool
    ) -> tuple[Tensor, Tensor]:
        """Both outputs; the gradient of one of them stays within its own layers.

        Args:
            L: As for `forward`.
            hints: As for `forward`.
            train_classes: Whether the classes train the first eight blocks (stage 1), or the
                regression does (stage 2).

        Returns:
            (B, 529, H/4, W/4) logits, and the output of `forward`.
        """
        first, second, eighth = self._encoded(L, hints)
        if train_classes:
            ab = self._regressed(first.detach(), second.detach(), eighth.detach())
            return self.classes(eighth), ab
        return self.classes(eighth.detach()), self._regressed(first, second, eighth)

    def to_ab(self, raw: Tensor) -> Tensor:
        """(B, 2, H, W) in (-1, 1) -> the same in CIELAB units."""
        return raw.float() * AB_LIMIT

    def _encoded(self, L: Tensor, hints: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """The features of blocks 1, 2 and 8, at full size, a half and a quarter."""
        if hints is None or not self.takes_hints:
            hints = L.new_zeros(len(L), 3, *L.shape[2:])
        x = cat([(L - 50) / 100, hints[:, :2] / AB_LIMIT, hints[:, 2:] - _MASK_MIDDLE], dim=1)
        found = []
        for index, block in enumerate(self.encoder_blocks):
            x = block(x)
            if index < _SUBSAMPLED:
                found.append(x)
                x = x[:, :, ::2, ::2]
        return found[0], found[1], self.block8(x, found[2])

    def _regressed(self, first: Tensor, second: Tensor, eighth: Tensor) -> Tensor:
        """(B, 2, H, W) in (-1, 1)."""
        x = self.block10(self.block9(eighth, second), first)
        return tanh(self.regression(x))


def nearest_class(ab: Tensor) -> Tensor:
    """The class of each colour.

    Args:
        ab: (B, 2, h, w) in CIELAB units, -110 to 110.

    Returns:
        (B, h, w) from 0 to 528, in order of a, then b.
    """
    place = ((ab + AB_LIMIT) / STEP).round().long().clamp(0, SIDE - 1)
    return place[:, 0] * SIDE + place[:, 1]


def _block(inputs: int, outputs: int, count: int, dilation: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(count):
        conv = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        layers += [conv, nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*layers, nn.BatchNorm2d(outputs))


def _scaled(channels: int, width: float) -> int:
    return max(4, round(channels * width))


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe."""
    return UserGuidedNet(width=recipe.width, hints=recipe.hints)
