"""Losses: tensors in, a scalar out; weighting and reduction explicit."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.abgrid import AB_LIMIT, soft_code_table
from tintype.learn.models.blocks import AnnealedMean

_SLICES = 8
"""Directions of the plane of a and b along which colours are compared, over half a turn."""
_NEAR = 5.0
"""Units of a and b up to which what is apart along a slice counts by its square."""


class SoftCrossEntropy(nn.Module):
    """Cross-entropy against softly coded colours, without ever building the 313-channel target.

    Source: Zhang et al. 2016, equation 2, with the soft encoding of section 2.2.

    Args:
        neighbors: Bins that share the mass of one colour.
        sigma: Width of their Gaussian in ab units.
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
            A scalar, in nats a pixel (above the entropy of the soft code itself by the KL).
        """
        cell = (ab.round().long() + AB_LIMIT).clamp(0, 2 * AB_LIMIT)
        where = self.indices[cell[:, 0], cell[:, 1]].long()  # (B, h, w, n)
        share = self.weights[cell[:, 0], cell[:, 1]]
        # The bins last: one pass over them, and one back, for what is laid out channels-last.
        log_shares = F.log_softmax(logits.permute(0, 2, 3, 1), dim=-1, dtype=torch.float32)
        per_pixel = -(log_shares.gather(-1, where) * share).sum(dim=-1)  # (B, h, w)
        if self.class_weights is not None:
            per_pixel = per_pixel * self.class_weights[where[..., 0]]
        if weights is not None:
            per_pixel = per_pixel * weights[:, None, None]
        return per_pixel.mean()


class Decoded(NamedTuple):
    """Decoded colours and their losses: scalars in CIELAB units.

    Attributes:
        ab: (B, 2, h, w) what is decoded.
        distance: Mean distance in ab, place by place.
        found: Colourfulness of what is decoded, mean over the pictures.
        true: The same of the truth.
        transport: Sliced Wasserstein distance between all colours decoded and all true ones: the
            mean over slices and ranks of what is apart, less up to half of `_NEAR`.
    """

    ab: Tensor
    distance: Tensor
    found: Tensor
    true: Tensor
    transport: Tensor


class DecodedColors(nn.Module):
    """Losses on decoded colours: distance from the true ones, and match of their frequencies.

    The distribution is decoded as the engine does it, ``softmax((logits + tau log w) / T)``, and
    the gradient goes through that: what is learned is which colour to show, and not only how likely
    each one is.

    All are measured plainly on purpose. A difference that grows more slowly for strong colours
    (CIE94, CIEDE2000) and a colourfulness made of squares (Hasler and Suesstrunk 2003) can be
    pleased by a few saturated spots, and a network finds that out; the mean chroma can be pleased
    by a brown veil. So the colourfulness is theirs over a and b, with the mean distance from the
    picture's mean colour in place of the standard deviation. A veil has that too; what it has not
    is as many greens, blues and greys as there are in truth, and that is what the Wasserstein
    distance counts, of all colours of a step together. It is Huber's of what is apart, not the
    square: a square pulls hardest at the few most saturated places, and makes spots again.

    Sources: Zhang et al. 2016, equation 5, for the decoding; Rabin, Peyre, Delon, Bernot,
    "Wasserstein Barycenter and its Application to Texture Mixing", SSVM 2011, section 3, for the
    distance along slices.

    Args:
        log_weights: (313,) log w.
        vividness: tau.
        temperature: T in (0, 1].
    """

    bias: Tensor
    slices: Tensor

    def __init__(self, log_weights: Tensor, vividness: float, temperature: float) -> None:
        super().__init__()
        self.mean = AnnealedMean(temperature)
        bias = vividness * log_weights.float()[:, None, None]
        self.register_buffer("bias", bias, persistent=False)
        angle = torch.arange(_SLICES) * (torch.pi / _SLICES)
        self.register_buffer("slices", torch.stack([angle.cos(), angle.sin()]), persistent=False)

    def forward(self, logits: Tensor, ab: Tensor) -> Decoded:
        """Decodes, and compares.

        Args:
            logits: (B, 313, h, w).
            ab: (B, 2, h, w) true chroma in CIELAB units.
        """
        # In bfloat16 a colour would be rounded to half a unit.
        with torch.autocast(logits.device.type, enabled=False):
            found = self.mean(logits.float() + self.bias)  # (B, 2, h, w)
            return Decoded(
                found,
                _length(found - ab).mean(),
                _colorfulness(found),
                _colorfulness(ab),
                F.huber_loss(self._along_slices(found), self._along_slices(ab), delta=_NEAR)
                / _NEAR,
            )

    def _along_slices(self, ab: Tensor) -> Tensor:
        """(B, 2, h, w) -> (B h w, slices) all colours along each direction, in order."""
        return (ab.permute(0, 2, 3, 1).reshape(-1, 2) @ self.slices).sort(dim=0).values


def _colorfulness(ab: Tensor) -> Tensor:
    """(B, 2, h, w) in CIELAB units -> a scalar, the mean over the pictures."""
    mean = ab.mean(dim=(2, 3), keepdim=True)
    return _length(ab - mean).mean() + 0.3 * _length(mean).mean()


def _length(ab: Tensor) -> Tensor:
    """(B, 2, h, w) -> (B, h, w), with a gradient at zero too, where the root's has no bound."""
    return torch.sqrt((ab * ab).sum(dim=1) + 1e-4)
