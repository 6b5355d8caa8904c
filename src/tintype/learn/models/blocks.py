"""Building blocks shared by networks. Networks never import each other."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.abgrid import bin_centers
from tintype.errors import LearnError

_TRUNK = "trunk."  # the prefix in `tintype.learn.models.resnet`
_MIDDLE, _SPREAD = 50.0, 25.0  # approximate mean and standard deviation of lightness in photographs


class Residual(nn.Module):
    """Two 3x3 convolutions with a residual connection.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR
    2016, figure 2 and option B of section 3.3: a 1x1 convolution where size or channels change.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.around: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.around = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, h / stride, w / stride)."""
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.around(x))


class GreyTrunk(nn.Module):
    """The first stages of ResNet-18 (He et al. 2016, table 1) on one channel.

    Args:
        stages: How many of the four; each but the first halves the size and doubles the channels.
        width: Factor of the paper's number of channels.
    """

    def __init__(self, stages: int, width: float = 1.0) -> None:
        super().__init__()
        first = max(4, round(64 * width))
        self.conv1 = nn.Conv2d(1, first, 7, stride=2, padding=3, bias=False)
        self.norm1 = nn.BatchNorm2d(first)
        self.layers = nn.ModuleList()
        inputs = first
        for stage in range(stages):
            outputs = first * 2**stage
            self.layers.append(
                nn.Sequential(
                    Residual(inputs, outputs, stride=1 if stage == 0 else 2),
                    Residual(outputs, outputs, stride=1),
                )
            )
            inputs = outputs
        self.channels = inputs
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, L: Tensor) -> Tensor:
        """(B, 1, H, W) in [0, 100] -> (B, channels, h, w): 1/4 of the size, or halves of it."""
        return self.pyramid(L)[-1]

    def pyramid(self, L: Tensor) -> list[Tensor]:
        """(B, 1, H, W) in [0, 100] -> the output of each stage, from 1/4 of the size on."""
        x = F.relu(self.norm1(self.conv1((L - _MIDDLE) / _SPREAD)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        found = []
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return found

    def load_classifier(self, weights: Mapping[str, Tensor]) -> None:
        """Loads the first layers of a grey classifier.

        Args:
            weights: All weights of the classifier by name; those of later layers are ignored.

        Raises:
            LearnError: A tensor of the trunk is missing or has another shape.
        """
        wanted = self.state_dict()
        for name, tensor in wanted.items():
            given = weights.get(_TRUNK + name)
            if given is None or given.shape != tensor.shape:
                what = "is missing" if given is None else f"is {tuple(given.shape)}"
                raise LearnError(
                    f"The classifier does not fit: {_TRUNK}{name} {what}, "
                    f"{tuple(tensor.shape)} is required.",
                    advice="Train one with recipes/report/grey-resnet18.toml at the same width.",
                )
        self.load_state_dict({name: weights[_TRUNK + name] for name in wanted})


class AnnealedMean(nn.Module):
    """From logits over the 313 colours to one colour (Zhang et al. 2016, equation 5).

    Args:
        temperature: T; 1 gives the mean, and values near 0 the mode.
    """

    centers: Tensor

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("centers", torch.from_numpy(bin_centers().copy()), persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """(B, 313, h, w) -> (B, 2, h, w) in CIELAB units."""
        # Bins in the last dimension: takes half the time, forward and backward, for channels-last
        # memory.
        mass = torch.softmax(logits.permute(0, 2, 3, 1).float() / self.temperature, dim=-1)
        return (mass @ self.centers).permute(0, 3, 1, 2)
