"""Self-attention over the locations of a feature map."""

from torch import Tensor, nn
from torch.nn import functional as F

HEAD = 32
"""Channels of an attention head."""


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Multi-head attention without its projections.

    Source: Vaswani et al. 2017, section 3.2.

    Args:
        query: (B, n, width), a multiple of 32.
        key: (B, m, width).
        value: (B, m, width).

    Returns:
        (B, n, width).
    """

    def split(x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], -1, HEAD).transpose(1, 2)  # (B, heads, n, 32)

    attended = F.scaled_dot_product_attention(split(query), split(key), split(value))
    return attended.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Residual multi-head self-attention over all locations.

    Source: A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2. The output
    projection is initialised to zero, so the block starts as the identity.

    Args:
        channels: Channels of input and output, a multiple of 32.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = channels // 32
        self.norm = nn.GroupNorm(1, channels)
        # Queries, keys and values. Existing checkpoints contain this name.
        self.asked = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) -> the same."""
        batch, channels, height, width = x.shape
        qkv = self.asked(self.norm(x)).reshape(batch, 3, self.heads, 32, height * width)
        query, key, value = qkv.transpose(3, 4).unbind(1)  # (B, heads, h w, 32)
        attended = F.scaled_dot_product_attention(query, key, value).transpose(2, 3)
        added: Tensor = x + self.out(attended.reshape(batch, channels, height, width))
        return added
