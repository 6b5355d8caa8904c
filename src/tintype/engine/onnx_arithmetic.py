"""Refuses arithmetic at which ONNX Runtime would end the whole process, with SIGFPE.

A processor traps when it divides an integer by zero, or the smallest one by -1. ONNX Runtime checks
a divisor for zero only. The divisor may depend on the picture, so a model could pass every trial
and end a server later; whether that is possible has to be decided from the file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from struct import calcsize, unpack
from types import MappingProxyType

from tintype.engine.protobuf import fields, messages, texts, varints
from tintype.errors import ModelError

_GRAPH = 7  # ModelProto.graph
_NODE, _INITIALIZER, _GRAPH_INPUT, _SPARSE = 1, 5, 11, 15  # of a GraphProto
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE = 1, 2, 4, 5  # of a NodeProto
_INT, _TENSOR, _INTS = 3, 5, 8  # of an AttributeProto, whose name is field 1
_SUBGRAPHS = (6, 11)
_DATA_TYPE, _NAME = 2, 8  # of a TensorProto
_DATA = range(4, 12)
_PACKED, _RAW = (5, 7), 9  # int32_data and int64_data, raw_data

# TensorProto.DataType
_FLOATS = frozenset({1, 10, 11, 16})
_INTEGERS: Mapping[int, str] = MappingProxyType(
    {2: "B", 3: "b", 4: "H", 5: "h", 6: "i", 7: "q", 12: "I", 13: "Q"}
)

_SMALLEST = frozenset(-(1 << bits - 1) for bits in (8, 16, 32, 64))

_CONVOLUTIONS = frozenset({b"Conv", b"ConvInteger", b"ConvTranspose", b"QLinearConv"})
_DIVISIONS = frozenset({b"Div", b"Mod"})
_NO_FLOATS = frozenset(
    b"And ArgMax ArgMin ConvInteger DynamicQuantizeLinear Equal Greater GreaterOrEqual IsInf IsNaN "
    b"Less LessOrEqual MatMulInteger Not Or QLinearConv QLinearMatMul QuantizeLinear Shape Size "
    b"Xor".split()
)
_TYPED_BY: Mapping[bytes, int] = MappingProxyType(
    {b"CastLike": 1, b"DequantizeLinear": 1, b"OneHot": 2, b"Where": 1}
)
"""The input that has the type of the first output; for all others it is the first input."""


def check_arithmetic(model: memoryview, *, where: str) -> None:
    """Refuses integer divisions that may trap, and convolutions in zero groups.

    An integer `Div` or `Mod` needs a constant divisor without 0 and -1, or a constant dividend
    without the smallest integer.

    Args:
        model: The file, with operators of `tintype.engine.onnx_file.OPERATORS` only.
        where: The file's name, for the message.

    Raises:
        ModelError: There is such an operator, or one that may be.
        IndexError: The file is truncated.
        ValueError: Its structure is damaged.
    """
    values = _Values(model)
    for node in values.nodes:
        name = _operator(node)
        if name in _CONVOLUTIONS and not all(map(_is_positive, _attributes(node, b"group"))):
            raise ModelError(
                f"{where} has the operator {name.decode()!r} in no groups, which is not allowed.",
                advice="Export the model again with a `group` of at least 1.",
            )
        if name in _DIVISIONS and not values.is_safe_division(node):
            raise ModelError(
                f"{where} divides integers by what may be 0 or -1 (operator {name.decode()!r}), "
                "which can end the process and is not allowed.",
                advice="Divide floats, or by a constant.",
            )


class _Values:
    """What is known about the values of a model: which are floats, and which are constant.

    Graphs that a parser would merge, and graphs within graphs, count as one. Of a name that is
    given twice, nothing is known.

    Attributes:
        nodes: All nodes, in file order.
    """

    def __init__(self, model: memoryview) -> None:
        self.nodes: list[memoryview] = []
        self._tensors: dict[bytes, memoryview] = {}  # initializers and constants
        self._numbers: dict[bytes, list[int]] = {}  # constants without a tensor
        self._floats: set[bytes] = set()
        self._given: Counter[bytes] = Counter()
        for number, graph in messages(model):
            if number == _GRAPH:
                self._read(graph)
        for node in self.nodes:
            self._given.update(texts(node, _OUTPUT))
        self._floats = {name for name in self._floats if self._given[name] == 1}
        for node in self.nodes:
            outputs = texts(node, _OUTPUT)
            if self._gives_floats(node):
                typed = outputs if _operator(node) == b"Split" else outputs[:1]
                self._floats.update(name for name in typed if self._given[name] == 1)
            if _operator(node) == b"Constant" and outputs:
                self._add_constant(outputs[0], node)

    def is_safe_division(self, node: memoryview) -> bool:
        """Whether a `Div` or `Mod` cannot trap."""
        inputs = texts(node, _INPUT)
        if len(inputs) != 2:
            return False
        dividend, divisor = inputs
        if dividend in self._floats or divisor in self._floats:  # both have the same type
            return True
        by, of = self._integers(divisor), self._integers(dividend)
        if by is not None and not {0, -1} & set(by):
            return True
        return of is not None and not _SMALLEST & set(of)

    def _read(self, graph: memoryview) -> None:
        for part, value in messages(graph):
            if part == _NODE:
                self.nodes.append(value)
                for field, attribute in messages(value):
                    for inner, nested in messages(attribute) if field == _ATTRIBUTE else ():
                        if inner in _SUBGRAPHS:
                            self._read(nested)
            elif part == _INITIALIZER:
                names = texts(value, _NAME)
                self._given.update(names)
                self._tensors.update(dict.fromkeys(names, value))
                self._floats.update(names if _type(value) in _FLOATS else ())
            elif part == _GRAPH_INPUT:
                names = texts(value, 1)
                self._given.update(names)
                self._floats.update(names if _input_type(value) in _FLOATS else ())
            elif part == _SPARSE:
                self._given.update(
                    name
                    for field, tensor in messages(value)
                    if field == 1
                    for name in texts(tensor, _NAME)
                )

    def _gives_floats(self, node: memoryview) -> bool:
        """Whether the first output of a node is certain to be of floats."""
        name, inputs = _operator(node), texts(node, _INPUT)
        if name in _NO_FLOATS:
            return False
        if name == b"Cast":
            kinds = [v for a in _attributes(node, b"to") for n, v in fields(a) if n == _INT]
            return len(kinds) == 1 and kinds[0] in _FLOATS
        if name in (b"Constant", b"ConstantOfShape"):
            found = _only_attribute(node)
            if found is None:
                return name == b"ConstantOfShape" and not list(_attributes(node))  # of 0.0
            key, attribute = found
            if key == b"value":
                return _type(_only_tensor(attribute)) in _FLOATS
            return key in (b"value_float", b"value_floats")
        index = _TYPED_BY.get(name, 0)
        return index < len(inputs) and inputs[index] in self._floats

    def _add_constant(self, name: bytes, node: memoryview) -> None:
        key, attribute = _only_attribute(node) or (b"", memoryview(b""))
        if key == b"value":
            self._tensors[name] = _only_tensor(attribute)
        elif key in (b"value_int", b"value_ints"):
            values = [value for number, value in fields(attribute) if number in (_INT, _INTS)]
            if len(values) == 1:
                only = values[0]
                packed = varints(only) if isinstance(only, memoryview) else [only]
                self._numbers[name] = _signed(v for v in packed if isinstance(v, int))

    def _integers(self, name: bytes) -> list[int] | None:
        """The elements of a constant; None if it is not one of integers in a usual form."""
        if self._given[name] != 1:
            return None
        tensor = self._tensors.get(name)
        return self._numbers.get(name) if tensor is None else _elements(tensor)


def _elements(tensor: memoryview) -> list[int] | None:
    kind = _INTEGERS.get(_type(tensor))
    data = [(number, value) for number, value in fields(tensor) if number in _DATA and number != 8]
    if kind is None or len(data) != 1:
        return None
    number, value = data[0]
    if not isinstance(value, memoryview) or number not in (*_PACKED, _RAW):
        return None
    size = calcsize(f"<{kind}")
    if number != _RAW:
        value = memoryview(
            b"".join((v % (1 << 64)).to_bytes(8, "little")[:size] for v in varints(value))
        )
    if len(value) % size:
        raise ValueError("part of a number")
    return list(unpack(f"<{len(value) // size}{kind}", value))


def _signed(values: Iterable[int]) -> list[int]:
    wrapped = (value % (1 << 64) for value in values)
    return [value - (1 << 64) if value >> 63 else value for value in wrapped]


def _operator(node: memoryview) -> bytes:
    return b"".join(texts(node, _OP_TYPE)[-1:])


def _attributes(node: memoryview, name: bytes | None = None) -> Iterator[memoryview]:
    for number, attribute in messages(node):
        if number == _ATTRIBUTE and (name is None or name in texts(attribute, 1)):
            yield attribute


def _only_attribute(node: memoryview) -> tuple[bytes, memoryview] | None:
    """The only attribute of a node, with its name; None if it has several, or several names."""
    found = [(texts(attribute, 1), attribute) for attribute in _attributes(node)]
    if len(found) != 1 or len(found[0][0]) != 1:
        return None
    ((name,), attribute) = found[0]
    return name, attribute


def _only_tensor(attribute: memoryview) -> memoryview:
    """The tensor of an attribute; one without a type if there is not exactly one."""
    found = [value for number, value in messages(attribute) if number == _TENSOR]
    return found[0] if len(found) == 1 else memoryview(b"")


def _is_positive(attribute: memoryview) -> bool:
    found = [value for number, value in fields(attribute) if number == _INT]
    return bool(found) and all(isinstance(v, int) and 0 < v < 1 << 63 for v in found)


def _type(tensor: memoryview) -> int:
    """The data type of a tensor; 0, which is undefined, if there is no single one."""
    found = [value for number, value in fields(tensor) if number == _DATA_TYPE]
    return found[0] if len(found) == 1 and isinstance(found[0], int) else 0


def _input_type(value: memoryview) -> int:
    """The data type of a graph's input; 0 if there is no single one."""
    types = [part for number, part in messages(value) if number == 2]  # ValueInfoProto.type
    tensors = [part for kind in types for number, part in messages(kind) if number == 1]
    found = [kind for tensor in tensors for number, kind in fields(tensor) if number == 1]
    return found[0] if len(found) == 1 and isinstance(found[0], int) else 0
