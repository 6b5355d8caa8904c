"""A non-local mean of logits over places of one surface."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_PARTS = 4
"""Sides are multiples of 32 pixels, that is of 4 places at 1/8."""
_PADDING = -1e4
"""Exponent of places beyond the picture."""


class NonLocalMean(nn.Module):
    """Averages the prediction of each place over nearby places of the same surface.

    A network that predicts each place by itself may change its colour in the middle of a shawl.
    Weights are a Gaussian over distance, lightness and the direction of the decoder's features,
    which separates a face from leaves of the same lightness. Only the mean of each block of two by
    two places is averaged; their differences from it are kept. There are no parameters, so existing
    checkpoints fit.

    Sources: A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising", CVPR
    2005, equation 2; P. Kraehenbuehl, V. Koltun, "Efficient Inference in Fully Connected CRFs with
    Gaussian Edge Potentials", NeurIPS 2011, equation 3, for lightness and distance in one kernel.
    """

    reach = 3.0
    """Standard deviation of the distance, in places of 8 pixels of the input."""
    lightness = 4.0
    """Standard deviation of the lightness, in units of L."""
    likeness = 8.0
    """Inverse variance of the features, which are normalised to length 1."""
    band = 6
    """Rows of places included above and below each quarter of the picture: two standard deviations,
    beyond which 2 % of the weight is left on that side."""
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
            # No gradient: the similarity of places is an input here, not something to optimise.
            place = self._places(L, features.detach())
            length = place.square().sum(dim=1, keepdim=True) / 2
            one = torch.ones_like(length)
            # In coordinates u the Gaussian is exp(-|u - v|^2 / 2), and its exponent, written out as
            # u v - |u|^2 / 2 - |v|^2 / 2, is one product of these. A quarter of the rows is
            # processed at a time, with the rows near it: all pairs of a panorama would take more
            # memory than everything else. The padding beyond the picture gets no weight.
            padding = F.pad(-length, (beyond, beyond), value=_PADDING)
            keys = torch.cat([F.pad(torch.cat([place, one], 1), (beyond, beyond)), padding], 1)
            values = F.pad(coarse.float().flatten(2), (beyond, beyond)).transpose(1, 2)
            queries = torch.cat([place, -length, one], dim=1).transpose(1, 2)
            queries = queries.reshape(len(place), _PARTS, quarter, queries.shape[2])
            parts = []
            for index, some_queries in enumerate(queries.unbind(1)):
                near = slice(index * quarter, (index + 1) * quarter + 2 * beyond)
                parts.append(self._kernel(some_queries @ keys[:, :, near]) @ values[:, near])
            mixed = torch.cat(parts, dim=1)
        change = mixed.transpose(1, 2).reshape(coarse.shape).to(x.dtype) - coarse
        return x + F.interpolate(change, scale_factor=2.0, mode="bilinear", align_corners=False)

    def _kernel(self, exponent: Tensor) -> Tensor:
        """(B, n, h w) exponents -> weights that sum to 1 for each of the n places.

        Without the lower bound most weights would be subnormal in float32, and processors multiply
        such numbers many times as slowly.
        """
        return torch.softmax(exponent.clamp_min(self.faintest), dim=2)

    def _places(self, L: Tensor, features: Tensor) -> Tensor:
        """(B, F + 3, h w) coordinates u: similar places are near, in standard deviations."""
        batch, _, height, width = features.shape
        alike = F.normalize(features.float()) * self.likeness**0.5
        grey = F.avg_pool2d(L.float(), 8)
        grey = (grey - grey.mean(dim=(2, 3), keepdim=True)) / self.lightness
        row = torch.arange(height, device=L.device, dtype=torch.float32) - (height - 1) / 2
        column = torch.arange(width, device=L.device, dtype=torch.float32) - (width - 1) / 2
        rows = (row / self.reach)[None, None, :, None].expand(batch, 1, height, width)
        columns = (column / self.reach)[None, None, None, :].expand(batch, 1, height, width)
        return torch.cat([alike, grey, rows, columns], dim=1).flatten(2)
