"""Extracts the part of a model's graph that the requested outputs need, as an ONNX file.

ONNX Runtime computes every node of a graph, whichever outputs are requested. A model with logits
also decodes them to ``ab``, which the engine does itself for each vividness, and a model with a
hint input processes it even without hints: together a sixth of the time. Nothing is added here: the
remaining nodes and weights are those of the hashed file, and their results are bit-identical.

Source of the field numbers: onnx.proto3, release 1.20.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from tintype.engine.protobuf import fields

_GRAPH = 7  # ModelProto.graph
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE = 1, 5, 11, 12, 13  # of a GraphProto
_NAME = {_INITIALIZER: 8, _INPUT: 1, _OUTPUT: 1, _VALUE: 1}  # TensorProto and ValueInfoProto

_FIRST = frozenset({"AveragePool", "Conv", "Div", "MaxPool", "Relu", "Slice"})
"""Operators whose output is zero where their first input is, with the exceptions in `_is_zero`."""


@dataclass(frozen=True, slots=True)
class _Node:
    data: memoryview
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A field of a graph: its name if it is a value, and its type for `_VALUE`."""

    field: int
    data: memoryview
    name: str
    type: bytes


def reduced(data: bytes, *, without: Collection[str] = (), zero: Collection[str] = ()) -> bytes:
    """An equivalent model without some outputs, for the case that some inputs are zero.

    Args:
        data: An ONNX file that `tintype.engine.onnx_file.check_self_contained` accepts.
        without: Outputs to remove, with all nodes that only they need. A sole output stays.
        zero: Inputs that are zero everywhere. Nodes that are then certain to be zero are removed,
            and so is an input on which no remaining node depends.

    Returns:
        An ONNX file; the same one if nothing can be removed or its structure is unknown.
    """
    try:
        return _reduced(data, without, zero)
    except (IndexError, ValueError):
        return data  # loading it reports what is wrong


def input_names(data: bytes) -> frozenset[str]:
    """The inputs of a model; empty if it is not an ONNX file."""
    return _names(data, _INPUT)


def output_names(data: bytes) -> frozenset[str]:
    """The outputs of a model; empty if it is not an ONNX file."""
    return _names(data, _OUTPUT)


def _names(data: bytes, kind: int) -> frozenset[str]:
    try:
        found = ((field, value) for field, value in _fields_of_graph(data) if field == kind)
        return frozenset(_part(field, _message(value)).name for field, value in found)
    except (IndexError, ValueError):
        return frozenset()


def _reduced(data: bytes, without: Collection[str], zero: Collection[str]) -> bytes:
    nodes, parts = _opened(data)
    kept = [part for part in parts if part.field == _OUTPUT and part.name not in without]
    outputs = {part.name for part in kept} or {p.name for p in parts if p.field == _OUTPUT}
    if zero:
        types = {part.name: part.type for part in parts if part.type}
        nodes = _without_zeros(nodes, types, set(zero), outputs)
    needed, rest = set(outputs), []
    for node in reversed(nodes):
        if needed & set(node.outputs):
            needed.update(node.inputs)
            rest.append(node)
    made = needed | {name for node in rest for name in node.outputs}
    graph = [piece for node in reversed(rest) for piece in _field(_NODE, node.data)]
    for part in parts:
        unused = part.field in (_INITIALIZER, _VALUE) and part.name not in made
        unwanted = part.field == _OUTPUT and part.name not in outputs
        empty = part.field == _INPUT and part.name in zero and part.name not in needed
        if not (unused or unwanted or empty):
            graph += _field(part.field, part.data)
    model: list[bytes | memoryview] = []
    for number, value in fields(memoryview(data)):
        if number == _GRAPH:
            model += (_varint(number << 3 | 2), _varint(sum(map(len, graph))), *graph)
        else:
            model += _field(number, value)
    return b"".join(model)


def _opened(data: bytes) -> tuple[list[_Node], list[_Part]]:
    """The nodes of a graph, in order, and everything else in it."""
    nodes, parts = [], []
    for field, value in _fields_of_graph(data):
        if field == _NODE:
            nodes.append(_node(_message(value)))
        else:
            parts.append(_part(field, _message(value)))
    return nodes, parts


def _fields_of_graph(data: bytes) -> Iterator[tuple[int, memoryview | bytes | int]]:
    # A parser would merge several graphs; an exporter writes only one.
    (graph,) = (value for number, value in fields(memoryview(data)) if number == _GRAPH)
    return fields(_message(graph))


def _node(data: memoryview) -> _Node:
    inputs: list[str] = []
    outputs: list[str] = []
    operator = ""
    for number, value in fields(data):
        if number in (1, 2):
            (inputs if number == 1 else outputs).append(_text(value))
        elif number == 4:
            operator = _text(value)
    return _Node(data, operator, tuple(inputs), tuple(outputs))


def _part(field: int, data: memoryview) -> _Part:
    name, kind = "", b""
    for number, value in fields(data) if field in _NAME else ():
        if number == _NAME[field]:
            name = _text(value)
        elif number == 2 and field == _VALUE:
            kind = bytes(_message(value))
    return _Part(field, data, name, kind)


def _without_zeros(
    nodes: Sequence[_Node], types: dict[str, bytes], zero: set[str], outputs: set[str]
) -> list[_Node]:
    """Removes additions of zero; the names of all zero values are added to `zero`."""
    instead: dict[str, str] = {}
    rest = []
    for original in nodes:
        node = _renamed(original, instead)
        if _is_zero(node, zero):
            zero.update(node.outputs)
        elif node.operator == "Add" and sum(name in zero for name in node.inputs) == 1:
            (other,) = (name for name in node.inputs if name not in zero)
            # It must have the shape of the sum; otherwise the addition would broadcast it.
            same = _known(types.get(other)) and types[other] == types.get(node.outputs[0])
            if same and node.outputs[0] not in outputs:
                instead[node.outputs[0]] = other
                continue
        rest.append(node)
    return rest


def _is_zero(node: _Node, zero: Collection[str]) -> bool:
    """Whether a node's output is zero everywhere, with finite weights."""
    known = [name in zero for name in node.inputs]
    if node.operator == "Concat":
        return all(known)
    if node.operator == "Mul":
        return any(known)
    if node.operator not in _FIRST or not known[0]:
        return False
    # A convolution may have a bias, and zero divided by zero is NaN.
    if node.operator == "Conv":
        return not any(node.inputs[2:])
    return not (node.operator == "Div" and known[1])


def _renamed(node: _Node, instead: dict[str, str]) -> _Node:
    if not any(name in instead for name in node.inputs):
        return node
    inputs = tuple(instead.get(name, name) for name in node.inputs)
    data = [piece for name in inputs for piece in _field(1, name.encode())]
    for number, value in fields(node.data):
        if number != 1:
            data += _field(number, value)
    return replace(node, data=memoryview(b"".join(data)), inputs=inputs)


def _known(kind: bytes | None) -> bool:
    """Whether a type (TypeProto) is a tensor whose dimensions all have a size or a name."""
    for number, tensor in fields(memoryview(kind or b"")):
        for field, shape in fields(_message(tensor)) if number == 1 else ():
            if field == 2:
                return all(len(_message(dim)) > 0 for _, dim in fields(_message(shape)))
    return False


def _message(value: memoryview | bytes | int) -> memoryview:
    if not isinstance(value, memoryview):
        raise ValueError("a number where a message should be")
    return value


def _text(value: memoryview | bytes | int) -> str:
    return bytes(_message(value)).decode()


def _field(number: int, value: memoryview | bytes | int) -> tuple[bytes | memoryview, ...]:
    """A serialised field, in pieces: weights are copied only once, when everything is joined."""
    if isinstance(value, int):
        return _varint(number << 3), _varint(value)
    return _varint(number << 3 | 2), _varint(len(value)), value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
