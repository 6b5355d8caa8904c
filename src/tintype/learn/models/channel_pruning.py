"""Structured pruning: reduces the weights of a network to those of a narrower one.

A decoder trained at one width need not be trained from scratch at another: the most important
channels are kept, and a short fine-tuning restores the quality.

The importance of a channel is its gain times its weights in the next layer, after
Z. Liu et al., "Learning Efficient Convolutional Networks through Network Slimming", ICCV 2017,
section 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tintype.errors import LearnError


@dataclass(frozen=True, slots=True)
class PrunableLayer:
    """A layer whose output channels can be pruned.

    Attributes:
        rows: Tensors whose first dimension is the output channels; the first one holds the filters.
        gain: The tensor that scales each output: the weight of a norm, or the filters.
        reader: Filters of the next layer; its first inputs are these outputs.
    """

    rows: tuple[str, ...]
    gain: str
    reader: str


def narrow(
    weights: Mapping[str, Tensor], layers: Sequence[PrunableLayer], widths: Sequence[int]
) -> dict[str, Tensor]:
    """Keeps the most important channels of each layer, in their original order.

    Args:
        weights: By name; not modified.
        layers: From the bottom of the decoder to the top.
        widths: Number of channels to keep in each layer.

    Returns:
        The weights of the narrower network.

    Raises:
        LearnError: A layer has fewer channels than requested.
    """
    cut = dict(weights)
    for layer, width in zip(layers, widths, strict=True):
        filters, reader = cut[layer.rows[0]], cut[layer.reader]
        had = len(filters)
        if width > had:
            raise LearnError(
                f"The checkpoint has {had} channels in {layer.rows[0]}, the recipe has {width}.",
                advice=f"Set that entry of model.widths to {had} or less.",
            )
        if width == had:
            continue
        leaves = cut[layer.gain].abs().reshape(had, -1).sum(dim=1)
        read = reader[:, :had].abs().transpose(0, 1).reshape(had, -1).sum(dim=1)
        kept = (leaves * read).topk(width).indices.sort().values
        for name in layer.rows:
            if name in cut:
                cut[name] = cut[name][kept]
        cut[layer.reader] = torch.cat([reader[:, kept], reader[:, had:]], dim=1)
    return cut
