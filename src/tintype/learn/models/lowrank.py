"""Low-rank convolutions: a projection of the inputs, followed by filters on the projection.

Features that were rectified, upsampled and smoothed are largely redundant: some tens of linear
combinations of 192 or 256 channels contain everything that the filters use. Finding them needs no
training, only the inputs of the layer for some photographs.

Source: X. Zhang et al., "Accelerating Very Deep Convolutional Networks for Classification and
Detection", TPAMI 2016, section 3.1: the error of the response is minimised, not that of the filter.
There the outputs are of low rank; here the inputs are, since they can be projected before
upsampling, at a quarter of the cost.
"""

import torch
from torch import Tensor, nn


def factor(
    conv: nn.Conv2d, inputs: Tensor, channels: int, rank: int
) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Factors a convolution so that its response to given inputs changes as little as possible.

    Args:
        conv: A convolution with square filters, without bias and groups.
        inputs: (B, C, H, W) inputs of the convolution.
        channels: Number of input channels, from the first, that are projected; the others are
            unchanged.
        rank: Number of channels after the projection.

    Returns:
        The 1 x 1 projection, and the filters on its outputs and the other inputs.
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
    """The square root of the second-moment matrix of (B, C, H, W) features, and its inverse."""
    flat = features.transpose(0, 1).flatten(1)
    values, vectors = torch.linalg.eigh(flat @ flat.T / flat.shape[1])
    # Directions without any energy get a small eigenvalue, so that the matrix can be inverted.
    values = values.clamp_min(1e-8 * float(values.max()))
    return vectors * values.sqrt() @ vectors.T, vectors / values.sqrt() @ vectors.T
