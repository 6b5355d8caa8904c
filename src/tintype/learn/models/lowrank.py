"""Low-rank convolutions: a projection of the inputs, then the filters over it.

Features that were rectified, enlarged and smoothed are largely redundant: of 192 or
256 channels some tens of mixtures carry all that the filters make use of. Finding them needs no
training, only what goes into the layer for some photographs.

Source: X. Zhang et al., "Accelerating Very Deep Convolutional Networks for Classification and
Detection", TPAMI 2016, section 3.1: the response is kept as well as possible, not the filter. There
the outputs are of low rank; here it is the inputs, as mixtures of them can be made before they are
enlarged, for a quarter of the work.
"""

import torch
from torch import Tensor, nn


def factor(
    conv: nn.Conv2d, inputs: Tensor, channels: int, rank: int
) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Splits a convolution so that its response to some inputs changes as little as possible.

    Args:
        conv: With square filters, without a bias, not grouped.
        inputs: (B, C, H, W), what it was given.
        channels: So many of the inputs, the first ones, are mixed; the filters see the others as
            before.
        rank: How many mixtures.

    Returns:
        1 x 1 from the first inputs to the mixtures, and the filters over mixtures and other inputs.
    """
    weight = conv.weight.detach().double()
    root, inverse = _roots(inputs[:, :channels].double())
    rows = weight[:, :channels].permute(0, 2, 3, 1) @ root  # (outputs, k, k, channels)
    left, strengths, right = torch.linalg.svd(rows.flatten(0, 2), full_matrices=False)
    over_mixtures = (left[:, :rank] * strengths[:rank]).view(*rows.shape[:3], -1)
    mixed, outputs = len(right[:rank]), len(weight)
    mix = nn.Conv2d(channels, mixed, 1, bias=False)
    others = weight[:, channels:]
    kernel, padding = conv.kernel_size[0], int(conv.padding[0])
    filters = nn.Conv2d(mixed + others.shape[1], outputs, kernel, padding=padding, bias=False)
    with torch.no_grad():
        mix.weight.copy_((right[:rank] @ inverse)[:, :, None, None])
        filters.weight.copy_(torch.cat([over_mixtures.permute(0, 3, 1, 2), others], dim=1))
    return mix, filters


def _roots(features: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of the second moments of (B, C, H, W), and its inverse: (C, C) each."""
    flat = features.transpose(0, 1).flatten(1)
    values, vectors = torch.linalg.eigh(flat @ flat.T / flat.shape[1])
    # Directions that do not occur get a small eigenvalue, so that there is an inverse.
    values = values.clamp_min(1e-8 * float(values.max()))
    return vectors * values.sqrt() @ vectors.T, vectors / values.sqrt() @ vectors.T
