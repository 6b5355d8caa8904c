"""Weights of a wider network cut down to a narrower one of the same shape, by structured pruning.

A decoder that has learned at one width need not begin anew at another: the channels that count most
stay, the others go, and a short training heals the cut.

The measure of a channel is what leaves its layer times what the next layer makes of it, in the
spirit of Z. Liu et al., "Learning Efficient Convolutional Networks through Network Slimming",
ICCV 2017, section 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tintype.errors import LearnError


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer whose outputs can be fewer.

    Attributes:
        rows: Tensors whose first dimension counts the outputs; the first is the filters.
        gain: The tensor that says how strongly each output leaves: a norm's scale, or the filters.
        reader: Filters of the next layer, whose first inputs are these outputs.
    """

    rows: tuple[str, ...]
    gain: str
    reader: str


def narrow(
    weights: Mapping[str, Tensor], layers: Sequence[Layer], widths: Sequence[int]
) -> dict[str, Tensor]:
    """Keeps the channels of each layer that count most, in their order.

    Args:
        weights: By name; not changed.
        layers: From the bottom of the decoder to its top.
        widths: How many outputs each of them shall have.

    Returns:
        The weights of the narrower network.

    Raises:
        LearnError: A layer has fewer outputs than are wanted.
    """
    cut = dict(weights)
    for layer, width in zip(layers, widths, strict=True):
        filters, reader = cut[layer.rows[0]], cut[layer.reader]
        had = len(filters)
        if width > had:
            raise LearnError(
                f"The checkpoint has {had} channels in {layer.rows[0]}, the recipe wants {width}.",
                advice=f"Set that one of model.widths to {had} or less.",
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
