"""A non-local mean of logits over locations of the same surface."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_PARTS = 4
"""Sides are multiples of 32 pixels, that is, of 4 locations at 1/8."""
_PADDING = -1e4
"""Exponent for locations outside the picture."""


class NonLocalMean(nn.Module):
    """Averages the prediction of each location over nearby locations of the same surface.

    A network that predicts each location independently may change colour in the middle of a shawl.
    The weights are a Gaussian over distance, lightness and the direction of the decoder's features,
    which separate a face from leaves of the same lightness. Only the mean of each block of 2 x 2
    locations is averaged; their differences from it are kept. There are no parameters, so existing
    checkpoints can be loaded.

    Sources: A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising", CVPR
    2005, equation 2; P. Kraehenbuehl, V. Koltun, "Efficient Inference in Fully Connected CRFs with
    Gaussian Edge Potentials", NeurIPS 2011, equation 3, for lightness and distance in one kernel.
    """

    reach = 3.0
    """Standard deviation of the distance, in units of 8 input pixels."""
    lightness = 4.0
    """Standard deviation of the lightness, in units of L."""
    likeness = 8.0
    """Inverse variance of the features, which are normalised to length 1."""
    band = 6
    """Rows included above and below each quarter of the picture: two standard deviations, which
    leaves out 2 % of the weight on that side."""
    faintest = -60.0
    """Lower bound of the exponent of the Gaussian."""

    def forward(self, x: Tensor, L: Tensor, features: Tensor) -> Tensor:
        """Applies the mean.

        Args:
            x: (B, C, 2h, 2w) predictions, or features that they are linear in.
            L: (B, 1, 8h, 8w) lightness in [0, 100].
            features: (B, F, h, w) features that distinguish surfaces.

        Returns:
            (B, C, 2h, 2w).
        """
        coarse = F.avg_pool2d(x, 2)
        height, width = coarse.shape[2:]
        quarter, beyond = height // _PARTS * width, self.band * width
        # In float32: in bfloat16 the products are too coarse.
        with torch.autocast(features.device.type, enabled=False):
            # No gradient: the similarity of locations is an input and is not optimised.
            coordinates = self._coordinates(L, features.detach())
            length = coordinates.square().sum(dim=1, keepdim=True) / 2
            one = torch.ones_like(length)
            # In coordinates u the Gaussian is exp(-|u - v|^2 / 2), and its exponent, written out as
            # u v - |u|^2 / 2 - |v|^2 / 2, is one product of these. A quarter of the rows is
            # processed at a time, with the rows near it: all pairs of a panorama would take more
            # memory than everything else. The padding beyond the picture gets no weight.
            padding = F.pad(-length, (beyond, beyond), value=_PADDING)
            keys = torch.cat(
                [F.pad(torch.cat([coordinates, one], 1), (beyond, beyond)), padding], 1
            )
            values = F.pad(coarse.float().flatten(2), (beyond, beyond)).transpose(1, 2)
            queries = torch.cat([coordinates, -length, one], dim=1).transpose(1, 2)
            queries = queries.reshape(len(coordinates), _PARTS, quarter, queries.shape[2])
            parts = []
            for index, some_queries in enumerate(queries.unbind(1)):
                near = slice(index * quarter, (index + 1) * quarter + 2 * beyond)
                parts.append(self._kernel(some_queries @ keys[:, :, near]) @ values[:, near])
            mixed = torch.cat(parts, dim=1)
        change = mixed.transpose(1, 2).reshape(coarse.shape).to(x.dtype) - coarse
        return x + F.interpolate(change, scale_factor=2.0, mode="bilinear", align_corners=False)

    def _kernel(self, exponent: Tensor) -> Tensor:
        """(B, n, h w) exponents -> weights that sum to 1 for each of the n locations.

        Without the lower bound most weights would be subnormal in float32, and CPUs multiply such
        numbers many times more slowly.
        """
        return torch.softmax(exponent.clamp_min(self.faintest), dim=2)

    def _coordinates(self, L: Tensor, features: Tensor) -> Tensor:
        """(B, F + 3, h w) coordinates u, in standard deviations: similar locations are near."""
        batch, _, height, width = features.shape
        alike = F.normalize(features.float()) * self.likeness**0.5
        grey = F.avg_pool2d(L.float(), 8)
        grey = (grey - grey.mean(dim=(2, 3), keepdim=True)) / self.lightness
        row = torch.arange(height, device=L.device, dtype=torch.float32) - (height - 1) / 2
        column = torch.arange(width, device=L.device, dtype=torch.float32) - (width - 1) / 2
        rows = (row / self.reach)[None, None, :, None].expand(batch, 1, height, width)
        columns = (column / self.reach)[None, None, None, :].expand(batch, 1, height, width)
        return torch.cat([alike, grey, rows, columns], dim=1).flatten(2)
