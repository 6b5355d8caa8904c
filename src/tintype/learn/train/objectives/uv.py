"""Distance in U and V of YUV (Cheng et al. 2015, equation 1)."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from tintype.color.cielab import REC601
from tintype.learn.data.batches import Batch
from tintype.learn.models.cheng import ChengNet
from tintype.learn.train.objectives.contract import Objective

_U, _V = 0.492, 0.877  # BT.601


class Uv(Objective):
    """Mean squared distance between predicted and true U and V.

    For networks whose raw output starts with U and V. Post-processing, such as a filter, is not
    part of the gradient.
    """

    network: ClassVar[type] = ChengNet

    def forward(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The mean over pixels and both channels."""
        predicted = model(batch.L)[:, :2].float()
        error = predicted - rgb01_to_uv(batch.rgb)
        return {"loss": error.square().mean()}


def rgb01_to_uv(rgb01: Tensor) -> Tensor:
    """Encoded sRGB to U and V of YUV.

    Args:
        rgb01: (B, 3, H, W) in [0, 1].

    Returns:
        (B, 2, H, W): U in [-0.44, 0.44], V in [-0.62, 0.62].
    """
    red, green, blue = rgb01.unbind(dim=1)
    luma = REC601[0] * red + REC601[1] * green + REC601[2] * blue
    return torch.stack([_U * (blue - luma), _V * (red - luma)], dim=1)
