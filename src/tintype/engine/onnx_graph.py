"""The part of a model's graph that an answer needs, as an ONNX file of its own.

ONNX Runtime computes every node of a graph, whatever is asked of it. A model with logits also
decodes them to ``ab``, which the engine does itself for each vividness, and one that takes hints
looks for them where there are none: together a sixth of the time. Nothing is added here: what is
left are nodes and weights of the file that was hashed, and their answers are the same to the bit.

Source of the field numbers: onnx.proto3, release 1.20.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from tintype.engine.onnx_file import fields

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
    """A field of a graph: what it is called where it is a value, and its type for `_VALUE`."""

    field: int
    data: memoryview
    name: str
    type: bytes


def reduced(data: bytes, *, without: Collection[str] = (), zero: Collection[str] = ()) -> bytes:
    """A model that gives the same, without some outputs, where some inputs are zero.

    Args:
        data: An ONNX file that `tintype.engine.onnx_file.check_self_contained` accepts.
        without: Outputs that are not wanted, with all that only they need. An only one stays.
        zero: Inputs that are zero everywhere. What is certain to be zero with them is left out; an
            input of which nothing is left to compute is none any more.

    Returns:
        An ONNX file; the same one where nothing can be left out or its structure is not known.
    """
    try:
        return _reduced(data, without, zero)
    except (IndexError, ValueError):
        return data  # what is wrong with it is said by whoever loads it


def output_names(data: bytes) -> frozenset[str]:
    """The outputs of a model; none of what is no ONNX file."""
    try:
        found = ((field, value) for field, value in _fields_of_graph(data) if field == _OUTPUT)
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
    """The nodes of a graph, in their order, and everything else in it."""
    nodes, parts = [], []
    for field, value in _fields_of_graph(data):
        if field == _NODE:
            nodes.append(_node(_message(value)))
        else:
            parts.append(_part(field, _message(value)))
    return nodes, parts


def _fields_of_graph(data: bytes) -> Iterator[tuple[int, memoryview | int]]:
    # A parser would join several graphs; an exporter writes one.
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
    """Takes additions of zero out; `zero` gets the names of all that is found to be zero."""
    instead: dict[str, str] = {}
    rest = []
    for original in nodes:
        node = _renamed(original, instead)
        if _is_zero(node, zero):
            zero.update(node.outputs)
        elif node.operator == "Add" and sum(name in zero for name in node.inputs) == 1:
            (other,) = (name for name in node.inputs if name not in zero)
            # Of the same shape as the sum: otherwise what is added would repeat it.
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
    # A convolution may have a bias, and zero by zero is not a number.
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
    """Whether a type (TypeProto) is of a tensor whose dimensions all have a size or a name."""
    for number, tensor in fields(memoryview(kind or b"")):
        for field, shape in fields(_message(tensor)) if number == 1 else ():
            if field == 2:
                return all(len(_message(dim)) > 0 for _, dim in fields(_message(shape)))
    return False


def _message(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")
    return value


def _text(value: memoryview | int) -> str:
    return bytes(_message(value)).decode()


def _field(number: int, value: memoryview | bytes | int) -> tuple[bytes | memoryview, ...]:
    """A field as it is written, in pieces: weights are copied once, when all is joined."""
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
