"""Scales channels so that those sharing an int8 scale have similar ranges.

An int8 tensor has one scale for all its channels. When the decoder's mixtures, up to 8, are
concatenated with an encoder's features, up to 90, a shared scale leaves the mixtures 20 levels.
Scaling a channel where it is produced, and inversely where it is consumed, changes nothing else.

Source: Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", ICCV
2019, section 4.1; the exponent is that of Xiao et al., "SmoothQuant", ICML 2023, equation 4.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from tintype.learn.export.int8_graph import Convolution, convolutions, weights

Spans = Mapping[str, NDArray[np.float32]]
"""The maximum absolute value of each channel of a tensor, by name."""

_BALANCE = 0.5
"""Share of a difference absorbed by the activations; the weights absorb the rest."""
_OTHERS = 90
"""Percentile of the channels that cannot be scaled; the others are scaled to match it."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A convolution that produces channels, and the only one that consumes them, from an offset."""

    maker: Convolution
    reader: Convolution
    first: int


def equalize(model: onnx.ModelProto, spans: Spans) -> onnx.ModelProto:
    """Scales the channels of linear convolutions in a prepared graph.

    Args:
        model: As returned by `tintype.learn.export.int8_graph.prepared`.
        spans: Of the inputs and the outputs of its convolutions.

    Returns:
        A copy with the same output up to rounding.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    stored = weights(copy.graph)
    for pair in _pairs(copy):
        maker, reader, bias = (
            numpy_helper.to_array(stored[name]).copy()
            for name in (pair.maker.name, pair.reader.name, pair.maker.node.input[2])
        )
        scaled = slice(pair.first, pair.first + len(maker))
        scale = _scale(reader, spans[pair.maker.output], spans[pair.reader.input], scaled)
        maker *= scale[:, None, None, None]
        bias *= scale
        reader[:, scaled] /= scale[:, None, None]
        for name, array in (
            (pair.maker.name, maker),
            (pair.reader.name, reader),
            (pair.maker.node.input[2], bias),
        ):
            stored[name].CopyFrom(numpy_helper.from_array(array, name))
    return copy


def _scale(
    reader: NDArray[np.float32],
    made: NDArray[np.float32],
    read: NDArray[np.float32],
    scaled: slice,
) -> NDArray[np.float32]:
    """The factor of each channel where it is produced."""
    heights = np.maximum(np.abs(reader).max(axis=(0, 2, 3)), 1e-6)
    made = np.maximum(made, 1e-6)
    others = np.ones(len(read), bool)
    others[scaled] = False
    if others.any():
        span, height = (float(np.percentile(v[others], _OTHERS)) for v in (read, heights))
    else:
        span, height = float(np.exp(np.log(made).mean())), float(np.exp(np.log(heights).mean()))
    scale = (span / made) ** _BALANCE * (heights[scaled] / height) ** (1 - _BALANCE)
    return np.asarray(scale, np.float32)


def _pairs(model: onnx.ModelProto) -> Iterator[_Pair]:
    found = convolutions(model)
    makers = {conv.output: conv for conv in found if conv.output == conv.node.output[0]}
    nodes = {name: node for node in model.graph.node for name in node.output}
    uses: dict[str, int] = {}
    for node in model.graph.node:
        for name in node.input:
            uses[name] = uses.get(name, 0) + 1
    stored = weights(model.graph)
    for reader in found:
        if reader.attribute("group", [1]) != [1]:
            continue
        joined = nodes.get(reader.input)
        parts = [reader.input]
        if joined is not None and joined.op_type == "Concat" and uses[reader.input] == 1:
            parts = list(joined.input)
        first = 0
        for part in parts:
            source = part
            while (node := nodes.get(source)) is not None and node.op_type == "Resize":
                if uses[source] > 1:
                    break
                source = node.input[0]
            maker = makers.get(source)
            if maker is not None and uses[source] == 1 and uses[part] == 1:
                yield _Pair(maker, reader, first)
            width = _channels(source, nodes, stored)
            if width is None:
                break
            first += width


def _channels(
    name: str, nodes: Mapping[str, onnx.NodeProto], stored: Mapping[str, onnx.TensorProto]
) -> int | None:
    """The number of channels of a tensor, from the convolution that produced it."""
    node = nodes.get(name)
    while node is not None and node.op_type != "Conv":
        node = nodes.get(node.input[0])
    return None if node is None else int(stored[node.input[1]].dims[0])
