"""Reads an ONNX file without the onnx package and without loading the network.

An ONNX file is a protocol buffer. This module reads what is needed to guarantee that a model is
exactly what was hashed: its metadata, whether weights are stored in other files, and which
operators it runs. A file that another protocol buffer parser could interpret differently is
refused.

Source of the field numbers: onnx.proto3, release 1.20.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from tintype.engine.onnx_arithmetic import check_arithmetic
from tintype.engine.protobuf import fields, messages, texts
from tintype.errors import ModelError, brief

_ADVICE = "Export the model again with `tintype export`."
_INFERENCE = "Export the model for inference; in PyTorch, call its `eval()` first."
_LIST = "Run `tintype models` to list the installed models."

_NAMES = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Cast
CastLike Ceil Celu Clip Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh
CumSum DepthToSpace DequantizeLinear Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp
Expand Flatten Floor Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool
GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Hardmax
Identity InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log
LogSoftmax LpNormalization LpPool MatMul MatMulInteger Max MaxPool Mean MeanVarianceNormalization
Min Mish Mod Mul Neg Not OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear
RMSNormalization Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round Selu Shape
Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze
Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor
"""
OPERATORS = frozenset(_NAMES.split())
"""The operators that a model may use: standard ONNX operators whose result depends only on their
inputs, outside training (see `_is_training`). None of them loops, draws random numbers, decodes
pictures or text, or names a file. ScatterElements and ScatterND are missing: if an index is
repeated, ONNX defines no result, and threads race; no check of the file finds computed indices."""
_DOMAINS = frozenset({b"", b"ai.onnx"})
"""Both names denote the standard ONNX domain."""

CARD_KEY = "tintype.card"
_METADATA_FIELD = 14  # ModelProto.metadata_props
_FUNCTIONS = 25  # ModelProto.functions
_TRAINING = 20  # ModelProto.training_info
_GRAPH = 7  # ModelProto.graph

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a TensorProto
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7  # of a NodeProto

# The fields of each message that contain messages to descend into: field number, kind of message.
_INSIDE: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "model": {_GRAPH: "graph"},
        "graph": {1: "node", 5: "tensor", 15: "sparse"},
        "node": {5: "attribute"},
        "attribute": {
            5: "tensor",
            6: "graph",
            10: "tensor",
            11: "graph",
            22: "sparse",
            23: "sparse",
        },
        "sparse": {1: "tensor", 2: "tensor"},
        "tensor": {},
    }
)
_DEEPEST = 16
"""Maximum nesting of messages; ours have 5 levels, and each nested graph adds 3."""


def read_metadata(data: bytes, *, where: str) -> dict[str, str]:
    """The metadata of an ONNX file.

    Args:
        data: The file.
        where: The file's name, for the message.

    Raises:
        ModelError: This is not an ONNX file, its structure is damaged, or a key is there twice.
    """
    found: dict[str, str] = {}
    try:
        for number, value in fields(memoryview(data)):
            if number == _METADATA_FIELD and isinstance(value, memoryview):
                key, text = _entry(value)
                if key in found:  # programs differ in which of them they take
                    raise ModelError(
                        f"{where} has the metadata {brief(repr(key))} twice.", advice=_ADVICE
                    )
                found[key] = text
    except (IndexError, ValueError):
        raise ModelError(f"{where} is not an ONNX model, or is damaged.", advice=_LIST) from None
    return found


def is_own_model(data: bytes) -> bool:
    """Whether a file is a model with a card."""
    try:
        return CARD_KEY in read_metadata(data, where="")
    except ModelError:
        return False


def check_self_contained(data: bytes, *, where: str) -> None:
    """Refuses a model with parts that are not hashed, or whose result is not always the same.

    Args:
        data: The file.
        where: The file's name, for the message.

    Raises:
        ModelError: Weights are stored in another file, an operator is not in `OPERATORS` or is in
            training mode or may divide an integer so that the process ends, the model defines its
            own functions, or its structure is damaged.
    """
    try:
        for number, _ in fields(memoryview(data)):
            if number in (_FUNCTIONS, _TRAINING):
                what = "functions of its own" if number == _FUNCTIONS else "a graph for training"
                raise ModelError(f"{where} has {what}, which is not allowed.", advice=_ADVICE)
        _check(memoryview(data), "model", where, 0, _false_constants(memoryview(data)))
        check_arithmetic(memoryview(data), where=where)
    except (IndexError, ValueError):
        raise ModelError(f"{where} is not an ONNX model, or is damaged.", advice=_LIST) from None


def _check(
    message: memoryview, kind: str, where: str, depth: int, false: Collection[bytes]
) -> None:
    if depth > _DEEPEST:
        raise ValueError("messages within messages")
    inside = _INSIDE[kind]
    names: dict[int, bytes] = {}
    for number, value in fields(message):
        # Parsers skip a field of the wrong type, such as a name that follows the real one.
        if isinstance(value, bytes) and kind not in ("attribute", "tensor"):
            raise ValueError("a number of fixed size where there is none")
        if kind == "tensor" and (
            number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)
        ):
            raise ModelError(
                f"{where} has weights in another file, which its SHA-256 does not cover.",
                advice=_ADVICE,
            )
        if not isinstance(value, memoryview):
            continue
        if number in inside:
            _check(value, inside[number], where, depth + 1, false)
        elif kind == "node" and number in (_OP_TYPE, _DOMAIN):
            names[number] = bytes(value)
    if kind == "node":
        name = names.get(_OP_TYPE, b"")
        _check_operator(names.get(_DOMAIN, b""), name, where)
        if _is_training(name, message, false):
            raise ModelError(
                f"{where} has the operator {name.decode('ascii')!r} in training mode, which is not "
                "allowed: its result is different in every run.",
                advice=_INFERENCE,
            )


def _check_operator(domain: bytes, name: bytes, where: str) -> None:
    text = name.decode("ascii", "backslashreplace")
    if domain not in _DOMAINS or text not in OPERATORS:
        full = f"{domain.decode('ascii', 'backslashreplace')}:{text}" if domain else text
        raise ModelError(
            f"{where} has the operator {full[:80]!r}, which is not allowed.",
            advice="docs/reference/models.md lists the operators that are.",
        )


def _is_training(operator: bytes, node: memoryview, false: Collection[bytes]) -> bool:
    """Whether a node may be in training mode.

    Dropout then draws random numbers, whatever its seed; BatchNormalization changes the loaded
    weights in every run. Dropout has a third input for it, since opset 12; BatchNormalization an
    attribute, since opset 14, and before that more than one output.
    """
    if operator == b"Dropout":
        return any(name and name not in false for name in texts(node, _INPUT)[2:])
    if operator == b"BatchNormalization":
        return len(texts(node, _OUTPUT)) > 1 or any(
            part == _ATTRIBUTE
            and b"training_mode" in texts(attribute, 1)
            and any(number == 3 and flag != 0 for number, flag in fields(attribute))
            for part, attribute in messages(node)
        )
    return False


def _false_constants(model: memoryview) -> frozenset[bytes]:
    """The names of a graph's values that are False, or zero, wherever they are defined."""
    known: dict[bytes, bool] = {}
    for number, graph in fields(model):  # a parser merges several graphs
        for part, value in messages(graph) if number == _GRAPH else ():
            if part == 5:  # GraphProto.initializer
                names, is_false = texts(value, 8)[-1:], _is_false(value)
            elif part == 1:  # GraphProto.node
                names, is_false = texts(value, _OUTPUT), _is_false_node(value)
            elif part == 11:  # GraphProto.input
                names, is_false = texts(value, 1)[-1:], False
            elif part == 15:  # GraphProto.sparse_initializer
                tensors = [tensor for field, tensor in messages(value) if field == 1]
                names, is_false = [n for tensor in tensors for n in texts(tensor, 8)], False
            else:
                continue
            for name in names:
                known[name] = known.get(name, True) and is_false
    return frozenset(name for name, is_false in known.items() if is_false)


def _is_false_node(node: memoryview) -> bool:
    """Whether a node is a Constant of one False, in the form that leaves no doubt."""
    attributes = [value for number, value in messages(node) if number == _ATTRIBUTE]
    if texts(node, _OP_TYPE)[-1:] != [b"Constant"] or len(attributes) != 1:
        return False
    tensors = [value for number, value in messages(attributes[0]) if number == 5]
    return texts(attributes[0], 1) == [b"value"] and len(tensors) == 1 and _is_false(tensors[0])


def _is_false(tensor: memoryview) -> bool:
    data = [value for number, value in fields(tensor) if number in (5, 9)]  # int32_data, raw_data
    return data in ([0], [b"\0"])


def _entry(message: memoryview) -> tuple[str, str]:
    parts = {number: bytes(v) for number, v in fields(message) if isinstance(v, memoryview)}
    return parts.get(1, b"").decode(), parts.get(2, b"").decode()
