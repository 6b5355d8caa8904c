"""Convolutions of an ONNX graph, and the nodes that make them compute in int8.

ONNX Runtime computes a convolution in int8 if its input, weights and bias are outputs of
DequantizeLinear nodes, and its output, with or without a ReLU, is the input of a QuantizeLinear.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tintype.learn.export.rounding import Rounded

Floats = NDArray[np.float32]

_ACTIVATIONS = ("Relu", "Clip")


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution whose weights are stored in the file.

    Attributes:
        node: The node, which has a bias.
        output: Its output, after the ReLU if one follows.
    """

    node: onnx.NodeProto
    output: str

    @property
    def name(self) -> str:
        """The name of its weights."""
        return str(self.node.input[1])

    @property
    def input(self) -> str:
        """The name of its input."""
        return str(self.node.input[0])

    def attribute(self, name: str, default: Sequence[int]) -> list[int]:
        """An integer list attribute."""
        for attribute in self.node.attribute:
            if attribute.name == name:
                value = helper.get_attribute_value(attribute)
                return [value] if isinstance(value, int) else list(value)
        return list(default)


def prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with weights in float32, and a bias in each convolution of the photograph.

    The exporter adds some biases after their convolution, and a previously exported model stores
    its weights in float16. The convolutions of hints keep no bias, which identifies them: without
    hints they add zero.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    for node in [node for node in graph.node if node.op_type == "Cast"]:
        stored = weights(graph).get(node.input[0])
        if stored is not None and stored.data_type == TensorProto.FLOAT16:
            values = numpy_helper.to_array(stored).astype(np.float32)
            stored.CopyFrom(numpy_helper.from_array(values, node.output[0]))
            graph.node.remove(node)
    stored_weights, users = weights(graph), _users(graph)
    seeing = reached(model, {"L"})
    for node in [node for node in graph.node if _has_weights(node, stored_weights)]:
        if len(node.input) > 2 or node.input[0] not in seeing:
            continue
        outputs = stored_weights[node.input[1]].dims[0]
        bias = np.zeros(outputs, np.float32)
        after = users.get(node.output[0], [])
        if len(after) == 1 and after[0].op_type == "Add" and after[0].input[1] in stored_weights:
            added = numpy_helper.to_array(stored_weights[after[0].input[1]])
            if added.size == outputs and added.ndim >= 3 and added.shape[-3] == outputs:
                bias = added.reshape(-1)
                node.output[0] = after[0].output[0]
                graph.node.remove(after[0])
        name = f"{node.input[1]}.bias"
        graph.initializer.append(numpy_helper.from_array(bias, name))
        node.input.append(name)
    return copy


def convolutions(model: onnx.ModelProto) -> list[Convolution]:
    """The convolutions of a prepared graph, in order."""
    stored, users, found = weights(model.graph), _users(model.graph), []
    for node in model.graph.node:
        if not _has_weights(node, stored):
            continue
        output = node.output[0]
        after = users.get(output, [])
        if len(after) == 1 and after[0].op_type in _ACTIVATIONS:
            output = after[0].output[0]
        found.append(Convolution(node, output))
    return found


def weights(graph: onnx.GraphProto) -> dict[str, TensorProto]:
    """The tensors stored in the file, by name."""
    return {tensor.name: tensor for tensor in graph.initializer}


def reached(model: onnx.ModelProto, names: Collection[str]) -> set[str]:
    """All tensors that depend on the given ones, including these."""
    found = set(names)
    for node in model.graph.node:
        if found & set(node.input):
            found.update(node.output)
    return found


def _has_weights(node: onnx.NodeProto, stored: Mapping[str, TensorProto]) -> bool:
    return node.op_type == "Conv" and node.input[1] in stored


def _users(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    # The outputs of the file count as used.
    for value in graph.output:
        users.setdefault(value.name, []).append(onnx.NodeProto())
    return users


class Int8Graph:
    """A prepared graph whose convolutions can be converted to int8."""

    def __init__(self, model: onnx.ModelProto, ranges: Mapping[str, tuple[float, float]]) -> None:
        """A graph, and the range of the inputs and outputs of its convolutions."""
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        self._ranges = ranges
        self._after: dict[str, list[onnx.NodeProto]] = {}
        self._first: list[onnx.NodeProto] = []
        self._instead: dict[str, str] = {}

    def with_int8(self, chosen: Mapping[str, Rounded]) -> onnx.ModelProto:
        """The graph with some convolutions in int8, by the name of their weights."""
        found = [conv for conv in convolutions(self._model) if conv.name in chosen]
        stored = weights(self._model.graph)
        for conv in found:
            bias = numpy_helper.to_array(stored[conv.node.input[2]])
            self._put(conv, chosen[conv.name], bias)
        for conv in found:
            self._instead[conv.output] = self._quantized(conv.output)
        nodes = list(self._model.graph.node)
        for node in nodes:
            for place, name in enumerate(node.input):
                node.input[place] = self._instead.get(name, name)
        self._write(nodes)
        return self._model

    def step(self, name: str) -> float:
        """The scale of a tensor."""
        return step_of(self._ranges[name])[0]

    def _put(self, conv: Convolution, weight: Rounded, bias: Floats) -> None:
        scale = weight.scale * np.float32(self.step(conv.input))
        steps = np.rint((bias + weight.shift).astype(np.float64) / scale).astype(np.int32)
        name = conv.name
        conv.node.input[0] = self._quantized(conv.input)
        conv.node.input[1] = self._constant(name, weight.weights, weight.scale)
        conv.node.input[2] = self._constant(f"{name}.bias", steps, scale)

    def _constant(self, name: str, values: NDArray[np.integer], scale: Floats) -> str:
        """An integer weight, with a scale for each output."""
        names = [f"{name}.{part}" for part in ("steps", "scale", "zero")]
        for part, array in zip(
            names, (values, scale, np.zeros(len(scale), values.dtype)), strict=True
        ):
            self._model.graph.initializer.append(numpy_helper.from_array(array, part))
        made = f"{name}.dequantized"
        self._first.append(helper.make_node("DequantizeLinear", names, [made], axis=0))
        return made

    def _quantized(self, name: str) -> str:
        """A tensor after rounding to uint8."""
        made = f"{name}.dequantized"
        if name not in self._after:
            self._tell_type(name, made)
            scale, zero = step_of(self._ranges[name])
            step, origin = f"{name}.scale", f"{name}.zero"
            for array, part in (
                (np.array(scale, np.float32), step),
                (np.array(zero, np.uint8), origin),
            ):
                self._model.graph.initializer.append(numpy_helper.from_array(array, part))
            steps = f"{name}.steps"
            self._after[name] = [
                helper.make_node("QuantizeLinear", [name, step, origin], [steps]),
                helper.make_node("DequantizeLinear", [steps, step, origin], [made]),
            ]
        return made

    def _tell_type(self, name: str, made: str) -> None:
        for value in self._model.graph.value_info:
            if value.name == name:
                same = self._model.graph.value_info.add()
                same.CopyFrom(value)
                same.name = made
                return

    def _write(self, nodes: Sequence[onnx.NodeProto]) -> None:
        graph = self._model.graph
        ordered = list(self._first)
        for value in graph.input:
            ordered += self._after.pop(value.name, [])
        for node in nodes:
            ordered.append(node)
            for name in node.output:
                ordered += self._after.pop(name, [])
        assert not self._after
        del graph.node[:]
        graph.node.extend(ordered)
        used = {name for node in ordered for name in node.input}
        kept = [tensor for tensor in graph.initializer if tensor.name in used]
        del graph.initializer[:]
        graph.initializer.extend(kept)


def step_of(span: tuple[float, float]) -> tuple[float, int]:
    """The scale and the zero point of uint8 for a range that includes zero."""
    low, high = min(span[0], 0.0), max(span[1], 0.0)
    step = max((high - low) / 255, 1e-8)
    return step, round(-low / step)
