"""ChromaGAN: a local and a global stream on VGG-16, with classes, against a critic of patches.

Source: P. Vitoria, L. Raad, C. Ballester, "ChromaGAN: Adversarial Picture Colorization with
Semantic Class Distribution", WACV 2020, sections 3 and 4, and the authors' released code where the
paper gives no number. VGG-16 up to the last layer of its fourth block computes features at an
eighth of the size. One branch reduces them to a vector and, from the same features, to a
distribution over the 1,000 classes of ImageNet; the other keeps their size. Both are concatenated
at every location, and a decoder predicts a and b at half the size.

Layers (ReLU after every convolution, batch normalisation after the ReLU where it says BN):

    vgg     3x3: 64 64 | 128 128 | 256 256 256 | 512 512 512, halved at each bar
    scene   3x3: 512 /2 BN, 512 BN, 512 /2 BN, 512 BN, then flattened
    vector  1024, 512, 256, without activations
    names   4096, 4096, 1000, without activations
    mid     3x3: 512 BN, 256 BN
    color   1x1: 256; 3x3: 128 | 64 64 | 32, 2 with a sigmoid, doubled at each bar

The critic has 4x4 filters, 64 /2, 128 /2, 256 /2, 512, 1, with leaky ReLU of slope 0.3 between them
and without normalisation. It sees L, a and b at full size.

Deviations:
    - VGG-16 begins from random weights. The authors' begins from ImageNet's.
    - The picture's size is free; that of the copy from which the global stream computes its vector
      is a key of the recipe, since the size of the first fully connected layers depends on it. In
      the paper both are 224.
    - The lightness in [0, 1] is normalised with the mean and the deviation of ImageNet's pictures.
      In the released code it is not, although VGG-16 was trained on pictures that are.
    - Batch normalisation averages its statistics over about 10 steps, not 100: runs are short.
    - The last doubling, from half to full size, is the engine's, as for every other method here. In
      training it is the authors' (nearest neighbour).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.learn.recipe import ModelRecipe

TITLE = "VGG-16 with a global stream and classes, against a Wasserstein critic"
PAPER = (
    "P. Vitoria, L. Raad, C. Ballester, ChromaGAN: Adversarial Picture Colorization with Semantic "
    "Class Distribution, WACV 2020"
)

CLASSES = 1000
"""Of ImageNet."""
_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3))  # channels and layers of VGG-16, up to conv4_3
_MEAN, _DEVIATION = 0.449, 0.226  # of ImageNet's pictures, over R, G and B
_SLOPE = 0.3  # the default of the framework that the authors use
_OFFSET, _RANGE = 128.0, 255.0  # a and b in 8 bits, divided by 255
_EPSILON = 1e-3  # of batch normalisation, likewise


def _relu(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    """A convolution and ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.ReLU())


def _norm(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution, ReLU, then batch normalisation; padded as in TensorFlow."""
    # With stride 2 and an even size, TensorFlow pads after the picture only.
    pad = (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1)
    return nn.Sequential(
        nn.ZeroPad2d(pad),
        nn.Conv2d(inputs, outputs, 3, stride=stride),
        nn.ReLU(),
        nn.BatchNorm2d(outputs, eps=_EPSILON),
    )


class ChromaganNet(nn.Module):
    """L to a and b at half the size, and to the classes of ImageNet.

    Args:
        classes: Number of classes.
        global_size: Side of the copy that the global stream sees.
        width: Factor of the paper's number of channels.
    """

    multiple = 8
    stride = 2

    def __init__(
        self, *, classes: int = CLASSES, global_size: int = 224, width: float = 1.0
    ) -> None:
        super().__init__()
        c32, c64, c128, c256, c512, c1024, c4096 = (
            max(1, round(channels * width)) for channels in (32, 64, 128, 256, 512, 1024, 4096)
        )
        self.global_size = global_size
        self.vgg = nn.Sequential()
        channels = 3
        for index, (full, layers) in enumerate(_BLOCKS):
            if index > 0:
                self.vgg.append(nn.MaxPool2d(2))
            for _ in range(layers):
                inputs, channels = channels, max(1, round(full * width))
                self.vgg.append(_relu(inputs, channels))
        self.scene = nn.Sequential(
            _norm(c512, c512, stride=2),
            _norm(c512, c512),
            _norm(c512, c512, stride=2),
            _norm(c512, c512),
            nn.Flatten(),
        )
        flat = c512 * (global_size // 32) ** 2
        self.vector = nn.Sequential(
            nn.Linear(flat, c1024), nn.Linear(c1024, c512), nn.Linear(c512, c256)
        )
        self.names = nn.Sequential(
            nn.Linear(flat, c4096), nn.Linear(c4096, c4096), nn.Linear(c4096, classes)
        )
        self.mid = nn.Sequential(_norm(c512, c512), _norm(c512, c256))
        self.color8 = nn.Sequential(_relu(2 * c256, c256, kernel=1), _relu(c256, c128))
        self.color4 = nn.Sequential(_relu(c128, c64), _relu(c64, c64))
        self.color2 = nn.Sequential(_relu(c64, c32), nn.Conv2d(c32, 2, 3, padding=1))
        _start(self)
        for module in self.vgg.modules():
            if isinstance(module, nn.Conv2d):  # in place of ImageNet's
                nn.init.kaiming_normal_(module.weight)

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
        """Predicts colours and the classes of what is seen from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 8.

        Returns:
            The output of `forward`, and (B, classes) logits.
        """
        colors, scene = self._both(L)
        return colors, self.names(scene)

    def to_ab(self, raw: Tensor) -> Tensor:
        """(B, 2, h, w) in [0, 1] -> the same in CIELAB units, from -128 to 127."""
        return raw.float() * _RANGE - _OFFSET

    def from_ab(self, ab: Tensor) -> Tensor:
        """(B, 2, h, w) in CIELAB units -> the scale of `forward`."""
        return (ab + _OFFSET) / _RANGE

    def _both(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """The colours, and the flattened features of the global stream."""
        grey = (L / 100 - _MEAN) / _DEVIATION
        low = self.vgg(_three(grey))  # (B, 512, H/8, W/8)
        scene = self.scene(self._low_of_copy(grey, low))  # (B, 512 * (S/32)^2)
        mid = self.mid(low)  # (B, 256, H/8, W/8)
        everywhere = self.vector(scene)[:, :, None, None].expand_as(mid)
        x = self.color8(torch.cat([mid, everywhere], dim=1))  # (B, 128, H/8, W/8)
        x = self.color4(_double(x))  # (B, 64, H/4, W/4)
        x = self.color2(_double(x))  # (B, 2, H/2, W/2)
        return torch.sigmoid(x), scene

    def _low_of_copy(self, grey: Tensor, low: Tensor) -> Tensor:
        """Features of the copy, (B, 512, S/8, S/8); those of a picture of that size are reused.

        An exported graph has to work at every size, so it always makes the copy.
        """
        side = self.global_size
        if not torch.compiler.is_exporting() and grey.shape[2:] == (side, side):
            return low
        copy = F.interpolate(grey, size=(side, side), mode="bilinear", align_corners=False)
        features: Tensor = self.vgg(_three(copy))
        return features


class ChromaganCritic(nn.Module):
    """Scores patches: higher for real pictures. Its output is not bounded.

    Args:
        width: Factor of the paper's number of channels.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        c64, c128, c256, c512 = (
            max(1, round(channels * width)) for channels in (64, 128, 256, 512)
        )
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 4, stride=stride)
            for inputs, outputs, stride in (
                (3, c64, 2),
                (c64, c128, 2),
                (c128, c256, 2),
                (c256, c512, 1),
                (c512, 1, 1),
            )
        )
        _start(self)

    def forward(self, L: Tensor, colors: Tensor) -> Tensor:
        """Scores colours, given the lightness.

        Args:
            L: (B, 1, H, W) in [0, 100].
            colors: (B, 2, H, W), a and b scaled to [0, 1].

        Returns:
            (B, 1, H/8, W/8) scores.
        """
        x = torch.cat([L / 100, colors], dim=1)
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, nn.Conv2d)
            if index > 0:
                x = F.leaky_relu(x, _SLOPE)
            # An even filter has no centre; TensorFlow pads more after the picture.
            x = layer(F.pad(x, (1, 1, 1, 1) if layer.stride[0] == 2 else (1, 2, 1, 2)))
        return x


def _double(x: Tensor) -> Tensor:
    """Doubles the size by nearest-neighbour upsampling."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _three(grey: Tensor) -> Tensor:
    """(B, 1, H, W) -> (B, 3, H, W): the same in every channel."""
    return grey.expand(-1, 3, -1, -1)


def _start(network: nn.Module) -> None:
    """Glorot initialisation of all filters, as in the released code."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            assert module.bias is not None
            nn.init.zeros_(module.bias)


def build(recipe: ModelRecipe) -> nn.Module:
    """The generator of a recipe."""
    return ChromaganNet(
        classes=recipe.classes or CLASSES, global_size=recipe.global_size, width=recipe.width
    )


def build_discriminator(recipe: ModelRecipe) -> nn.Module:
    """The critic of a recipe."""
    return ChromaganCritic(width=recipe.width)
