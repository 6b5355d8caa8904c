"""Learned colour queries: global colour information for every location.

A few vectors attend to the decoder's features at 1/16 and 1/8 and so collect which colours the
picture needs. The features of each location are then compared with them. A broadcast vector would
be the same for all locations; here each location weights the queries individually.

Source: X. Kang et al., "DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders",
ICCV 2023, section 3.3 and equation 4.

Deviations: fewer and narrower queries, one round over two sizes instead of three over three, no
positional encoding (so that pictures may have any size), and the similarities are added to logits
over colours, initialised to zero, instead of predicting ab directly.
"""

import torch
from torch import Tensor, nn

from tintype.learn.models.attention import attend


class CrossAttention(nn.Module):
    """A decoder layer: queries attend to the locations of a feature map, then to each other.

    Source: A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.

    Args:
        width: Channels of a query, a multiple of 32.
        features: Channels of the feature map.
    """

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.norm_queries = nn.LayerNorm(width)
        self.norm_places = nn.LayerNorm(features)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(features, 2 * width)
        self.out = nn.Linear(width, width)
        self.norm_self = nn.LayerNorm(width)
        self.self_qkv = nn.Linear(width, 3 * width)
        self.self_out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, queries: Tensor, features: Tensor) -> Tensor:
        """(B, count, width), (B, h w, features) -> (B, count, width)."""
        query = self.query(self.norm_queries(queries))
        key, value = self.key_value(self.norm_places(features)).chunk(2, dim=2)
        queries = queries + self.out(attend(query, key, value))
        query, key, value = self.self_qkv(self.norm_self(queries)).chunk(3, dim=2)
        queries = queries + self.self_out(attend(query, key, value))
        updated: Tensor = queries + self.mlp(self.norm_mlp(queries))
        return updated


class ColorQueries(nn.Module):
    """The contribution of the queries to the logits of each location.

    Args:
        count: Number of queries.
        width: Channels of the features that are compared with them, a multiple of 32.
        features16: Channels of the features at 1/16.
        features8: Channels of the features at 1/8.
        outputs: Number of logits per location.
    """

    def __init__(
        self, count: int, width: int, features16: int, features8: int, outputs: int
    ) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(count, width) / width**0.5)
        self.at16 = CrossAttention(width, features16)
        self.at8 = CrossAttention(width, features8)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Conv2d(count, outputs, 1, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, x16: Tensor, x8: Tensor) -> Tensor:
        """Compares the features of each location with the queries.

        Args:
            x: (B, width, h, w) features that are compared with the queries.
            x16: (B, features16, H/16, W/16).
            x8: (B, features8, H/8, W/8).

        Returns:
            (B, outputs, h, w), linear in `x`.
        """
        queries = self.queries.expand(len(x), -1, -1)
        queries = self.at16(queries, x16.flatten(2).transpose(1, 2))
        queries = self.norm(self.at8(queries, x8.flatten(2).transpose(1, 2)))
        similarity = queries @ x.flatten(2) / x.shape[1] ** 0.5  # (B, count, h w)
        added: Tensor = self.out(similarity.reshape(*similarity.shape[:2], *x.shape[2:]))
        return added
