"""Fusion of a local and a global stream (Iizuka et al. 2016).

Source: S. Iizuka, E. Simo-Serra, H. Ishikawa, "Let there be Color!", ACM Transactions on Graphics
35(4), 2016, section 3 and figure 2. A low-level network processes the picture and, with the same
weights, a copy of a fixed size. From the features of the copy, a global network computes one
vector, which is concatenated with the mid-level features of every location (equation 3). The
colours are predicted at half the size; a second head on the global vector classifies the scene,
which trains its features.

Deviations: the picture's size is free as in the paper, but that of the copy is a key of the recipe,
so that training at 128 px need not enlarge its input; the size of the first fully connected layer
depends on it. The copy is resized bilinearly inside the network. The lightness is that of the luma,
scaled to [0, 1]. Batch normalisation follows every layer but the last of each head. The engine
performs the last upsampling, from half to full size, as for every other method here.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.learn.recipe import ModelRecipe

TITLE = "Local and global streams with joint classification"
PAPER = "S. Iizuka, E. Simo-Serra, H. Ishikawa, Let there be Color!, ACM TOG 35(4), 2016"

_RANGE = 100.0  # of a and b: the range of the sigmoid, 0 to 1, is mapped to -100 to 100


def _layer(inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """A convolution with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _full(inputs: int, outputs: int) -> nn.Sequential:
    """A fully connected layer with batch normalisation and ReLU."""
    return nn.Sequential(nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU())


class IizukaNet(nn.Module):
    """L to a and b at half the size, and to the class of the scene.

    Args:
        classes: Number of classes of the class head; 0 leaves it out.
        global_size: Side of the copy that the global stream sees.
        width: Factor of the paper's number of channels.
    """

    multiple = 8
    stride = 2

    def __init__(self, *, classes: int = 0, global_size: int = 224, width: float = 1.0) -> None:
        super().__init__()
        c32, c64, c128, c256, c512, c1024 = (
            max(1, round(channels * width)) for channels in (32, 64, 128, 256, 512, 1024)
        )
        self.global_size = global_size
        self.low = nn.Sequential(
            _layer(1, c64, stride=2),
            _layer(c64, c128),
            _layer(c128, c128, stride=2),
            _layer(c128, c256),
            _layer(c256, c256, stride=2),
            _layer(c256, c512),
        )
        self.mid = nn.Sequential(_layer(c512, c512), _layer(c512, c256))
        self.scene = nn.Sequential(
            _layer(c512, c512, stride=2),
            _layer(c512, c512),
            _layer(c512, c512, stride=2),
            _layer(c512, c512),
        )
        self.full1 = _full(c512 * (global_size // 32) ** 2, c1024)
        self.full2 = _full(c1024, c512)
        self.full3 = _full(c512, c256)
        self.fusion = _layer(c256 + c256, c256, kernel=1)
        self.color8 = _layer(c256, c128)
        self.color4 = nn.Sequential(_layer(c128, c64), _layer(c64, c64))
        self.color2 = nn.Sequential(_layer(c64, c32), nn.Conv2d(c32, 2, 3, padding=1))
        self.names = (
            nn.Sequential(_full(c512, c256), nn.Linear(c256, classes)) if classes > 0 else None
        )

    def forward(self, L: Tensor) -> Tensor:
        """Predicts colours from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 8.

        Returns:
            (B, 2, H/2, W/2), a and b scaled to (0, 1).
        """
        colors, _ = self._both(L)
        return colors

    def with_classes(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """Predicts colours and the scene from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 8.

        Returns:
            The output of `forward`, and (B, classes) logits.
        """
        assert self.names is not None
        colors, whole = self._both(L)
        return colors, self.names(whole)

    def to_ab(self, raw: Tensor) -> Tensor:
        """(B, 2, h, w) in [0, 1] -> the same in CIELAB units, within 100 of neutral."""
        return (raw.float() * 2 - 1) * _RANGE

    def _both(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """The colours, and the global vector of 512 numbers."""
        grey = L / 100
        low = self.low(grey)  # (B, 512, H/8, W/8)
        whole = self.full2(self.full1(self.scene(self._low_of_copy(grey, low)).flatten(1)))
        mid = self.mid(low)  # (B, 256, H/8, W/8)
        everywhere = self.full3(whole)[:, :, None, None].expand_as(mid)
        x = self.fusion(torch.cat([mid, everywhere], dim=1))  # (B, 256, H/8, W/8)
        x = _twice(self.color8(x))  # (B, 128, H/4, W/4)
        x = _twice(self.color4(x))  # (B, 64, H/2, W/2)
        return torch.sigmoid(self.color2(x)), whole  # (B, 2, H/2, W/2), (B, 512)

    def _low_of_copy(self, grey: Tensor, low: Tensor) -> Tensor:
        """Low-level features of the copy, (B, 512, S/8, S/8) for a copy of side S.

        If the picture has that size already, its features are reused. An exported graph has to work
        at every size, so it always makes the copy.
        """
        side = self.global_size
        if not torch.compiler.is_exporting() and grey.shape[2:] == (side, side):
            return low
        copy = F.interpolate(grey, size=(side, side), mode="bilinear", align_corners=False)
        features: Tensor = self.low(copy)
        return features


def _twice(x: Tensor) -> Tensor:
    """Doubles the size by nearest-neighbour upsampling (section 3.4)."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def build(recipe: ModelRecipe) -> nn.Module:
    """The network of a recipe."""
    return IizukaNet(classes=recipe.classes, global_size=recipe.global_size, width=recipe.width)
