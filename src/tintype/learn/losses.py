"""Losses: tensors in, a scalar out, with explicit weighting and reduction."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.abgrid import AB_LIMIT, soft_code_table
from tintype.learn.models.blocks import AnnealedMean

_SLICES = 8
"""Directions in the ab plane along which colours are compared, over half a turn."""
_NEAR = 5.0
"""Difference along a slice, in CIELAB units, up to which the loss is quadratic."""

_DIFFERENT = 20.0
"""Distance of a colour from those around it, in CIELAB units, at which its weight is largest."""


class SoftCrossEntropy(nn.Module):
    """Cross-entropy against soft-encoded colours, without materialising the 313-channel target.

    Source: Zhang et al. 2016, equation 2, with the soft encoding of section 2.2.

    Args:
        neighbors: Number of bins that share the probability mass of a colour.
        sigma: Standard deviation of their Gaussian in ab units.
        class_weights: (313,) weight of a pixel by its nearest bin (equation 3), or None for 1.
    """

    indices: Tensor
    weights: Tensor
    class_weights: Tensor | None

    def __init__(
        self, neighbors: int = 5, sigma: float = 5.0, class_weights: Tensor | None = None
    ) -> None:
        super().__init__()
        indices, weights = soft_code_table(neighbors, sigma)
        self.register_buffer("indices", torch.from_numpy(indices.copy()), persistent=False)
        self.register_buffer("weights", torch.from_numpy(weights.copy()), persistent=False)
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, logits: Tensor, ab: Tensor, weights: Tensor | None = None) -> Tensor:
        """The mean over all pixels.

        Args:
            logits: (B, 313, h, w).
            ab: (B, 2, h, w) true chroma in CIELAB units.
            weights: (B,) weight of each picture, or None for 1.

        Returns:
            A scalar, in nats per pixel: the entropy of the soft encoding plus the KL divergence.
        """
        # Bins in the last dimension: a single pass forward and backward for channels-last memory.
        log_shares = F.log_softmax(logits.permute(0, 2, 3, 1), dim=-1, dtype=torch.float32)
        per_pixel, where = self._per_pixel(log_shares, ab)
        if self.class_weights is not None:
            per_pixel = per_pixel * self.class_weights[where[..., 0]]
        if weights is not None:
            per_pixel = per_pixel * weights[:, None, None]
        return per_pixel.mean()

    def per_picture(self, log_shares: Tensor, ab: Tensor) -> Tensor:
        """The mean over the pixels of each picture, without class weights.

        Args:
            log_shares: (B, h, w, 313), log of the predicted distribution.
            ab: (B, 2, h, w) true chroma in CIELAB units.

        Returns:
            (B,) in nats per pixel.
        """
        return self._per_pixel(log_shares, ab)[0].mean(dim=(1, 2))

    def _per_pixel(self, log_shares: Tensor, ab: Tensor) -> tuple[Tensor, Tensor]:
        """(B, h, w) cross-entropy, and the (B, h, w, n) bins that share each true colour."""
        cell = (ab.round().long() + AB_LIMIT).clamp(0, 2 * AB_LIMIT)
        where = self.indices[cell[:, 0], cell[:, 1]].long()
        share = self.weights[cell[:, 0], cell[:, 1]]
        return -(log_shares.gather(-1, where) * share).sum(dim=-1), where


class Decoded(NamedTuple):
    """Decoded colours and their losses: scalars in CIELAB units.

    Attributes:
        ab: (B, 2, h, w) decoded colours.
        distance: Mean distance in ab over all locations, weighted as `DecodedColors` says.
        found: Colourfulness of the decoded colours, mean over the pictures.
        true: The same for the truth.
        transport: Sliced Wasserstein distance between all decoded and all true colours: the mean
            Huber loss of the differences over slices and ranks, with `_NEAR` as its threshold.
    """

    ab: Tensor
    distance: Tensor
    found: Tensor
    true: Tensor
    transport: Tensor


class DecodedColors(nn.Module):
    """Losses on decoded colours: distance from the true ones, and match of their frequencies.

    The distribution is decoded as in the engine, ``softmax((logits + tau log w) / T)``, and the
    gradient flows through the decoding: the network learns which colour to show, and not only how
    likely each one is.

    The measures are deliberately simple. A difference that grows more slowly for strong colours
    (CIE94, CIEDE2000) and a colourfulness based on squares (Hasler and Suesstrunk 2003) can be
    satisfied with a few saturated spots, and a network learns to do so; the mean chroma can be
    satisfied with a brown veil. So the colourfulness is theirs over a and b, with the mean distance
    from the picture's mean colour instead of the standard deviation. A veil can satisfy that too,
    but it lacks the greens, blues and greys of the truth; the Wasserstein distance over all colours
    of a step measures that. It uses the Huber loss and not the square, which would be dominated by
    the few most saturated locations and cause spots again.

    Sources: Zhang et al. 2016, equation 5, for the decoding; Rabin, Peyre, Delon, Bernot,
    "Wasserstein Barycenter and its Application to Texture Mixing", SSVM 2011, section 3, for the
    sliced distance.

    Args:
        log_weights: (313,) log w.
        vividness: tau.
        temperature: T in (0, 1].
        local_contrast: Additional weight in the distance of locations whose true colour differs by
            20 CIELAB units or more from the mean around it, where most of a photograph is 1.
    """

    bias: Tensor
    slices: Tensor

    def __init__(
        self,
        log_weights: Tensor,
        vividness: float,
        temperature: float,
        local_contrast: float = 0.0,
    ) -> None:
        super().__init__()
        self.local_contrast = local_contrast
        self.mean = AnnealedMean(temperature)
        bias = vividness * log_weights.float()[:, None, None]
        self.register_buffer("bias", bias, persistent=False)
        angle = torch.arange(_SLICES) * (torch.pi / _SLICES)
        self.register_buffer("slices", torch.stack([angle.cos(), angle.sin()]), persistent=False)

    def forward(self, logits: Tensor, ab: Tensor) -> Decoded:
        """Decodes the distribution and computes the losses.

        Args:
            logits: (B, 313, h, w).
            ab: (B, 2, h, w) true chroma in CIELAB units.
        """
        # In bfloat16 colours would be rounded to half a unit.
        with torch.autocast(logits.device.type, enabled=False):
            found = self.mean(logits.float() + self.bias)  # (B, 2, h, w)
            distances = _length(found - ab)
            if self.local_contrast:
                weights = 1 + self.local_contrast * _local_contrast(ab)
                distances = distances * weights / weights.mean()
            return Decoded(
                found,
                distances.mean(),
                _colorfulness(found),
                _colorfulness(ab),
                F.huber_loss(self._along_slices(found), self._along_slices(ab), delta=_NEAR)
                / _NEAR,
            )

    def _along_slices(self, ab: Tensor) -> Tensor:
        """(B, 2, h, w) -> (B h w, slices): all colours projected on each direction, sorted."""
        return (ab.permute(0, 2, 3, 1).reshape(-1, 2) @ self.slices).sort(dim=0).values


def _local_contrast(ab: Tensor) -> Tensor:
    """How far colours are from the mean around them: (B, 2, h, w) -> (B, h, w) in [0, 1].

    The surroundings are a square of half the picture's height, cut off at its edges.
    """
    reach = ab.shape[2] // 4
    around = F.avg_pool2d(ab, 2 * reach + 1, 1, reach, count_include_pad=False)
    return (_length(ab - around) / _DIFFERENT).clamp(max=1)


def _colorfulness(ab: Tensor) -> Tensor:
    """Colourfulness of (B, 2, h, w) in CIELAB units: a scalar, the mean over the pictures."""
    mean = ab.mean(dim=(2, 3), keepdim=True)
    return _length(ab - mean).mean() + 0.3 * _length(mean).mean()


def _length(ab: Tensor) -> Tensor:
    """The norm, (B, 2, h, w) -> (B, h, w), with a bounded gradient at zero."""
    return torch.sqrt((ab * ab).sum(dim=1) + 1e-4)
