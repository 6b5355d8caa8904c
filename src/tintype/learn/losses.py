"""Losses: tensors in, a scalar out; weighting and reduction explicit."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.abgrid import AB_LIMIT, soft_code_table


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
