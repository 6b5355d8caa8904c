"""What is hashed is all that runs: no weights in other files, no operators but those of the list.

The cases are made byte by byte, as a stranger would: no package is needed to make a model that
hides something.
"""

import contextlib
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tintype.engine.bundle import HASH_KEY, Bundle, load_bundle
from tintype.engine.onnx_file import OPERATORS, check_self_contained, read_metadata
from tintype.errors import ModelError

GRAPH, FUNCTIONS, TRAINING = 7, 25, 20
NODE, INITIALIZER, INPUT, SPARSE = 1, 5, 11, 15
TENSOR, SUBGRAPH, SUBGRAPHS, TENSORS, SPARSE_TENSOR = 5, 6, 11, 10, 22


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, value: bytes | int) -> bytes:
    """A field of a protocol buffer: a message or text, or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(name: bytes, *attributes: bytes, domain: bytes = b"") -> bytes:
    text = field(2, b"unused") + field(4, name) + b"".join(field(5, part) for part in attributes)
    return field(NODE, text + (field(7, domain) if domain else b""))


ELSEWHERE = field(8, b"w") + field(13, field(1, b"location") + field(2, b"secret.bin"))
"""A tensor whose bytes lie in another file."""
ONLY_SAID = field(8, b"w") + field(14, 1)
"""One that says so without naming the file."""


def signed(data: bytes) -> bytes:
    """With the hash that fits: what is wrong is inside, and its maker sealed it."""
    claimed = read_metadata(data, where="x")[HASH_KEY].encode()
    zeros = data.replace(claimed, b"0" * 64)
    return data.replace(claimed, hashlib.sha256(zeros).hexdigest().encode())


def loaded(folder: Path, tiny: Bundle, more: bytes) -> Bundle:
    # Appended: a parser merges a second graph with the first one.
    path = folder / "mine.onnx"
    path.write_bytes(signed(tiny.data + more))
    return load_bundle(path)


def test_what_is_appended_is_part_of_the_model(tmp_path: Path, tiny: Bundle) -> None:
    inside = field(8, b"w") + field(14, 0)
    more = field(GRAPH, field(INITIALIZER, inside) + node(b"Relu", field(TENSOR, inside)))
    assert loaded(tmp_path, tiny, more).name == "tiny"


@pytest.mark.parametrize(
    "graph",
    [
        field(INITIALIZER, ELSEWHERE),
        field(INITIALIZER, ONLY_SAID),
        field(SPARSE, field(1, ELSEWHERE)),
        field(SPARSE, field(2, ELSEWHERE)),
        node(b"Constant", field(TENSOR, ELSEWHERE)),
        node(b"Constant", field(TENSORS, ELSEWHERE)),
        node(b"Constant", field(SPARSE_TENSOR, field(1, ELSEWHERE))),
        node(b"Relu", field(SUBGRAPH, field(INITIALIZER, ELSEWHERE))),
        node(b"Relu", field(SUBGRAPHS, node(b"Relu", field(TENSOR, ELSEWHERE)))),
    ],
    ids=[
        "weights",
        "said",
        "sparse",
        "indices",
        "constant",
        "list",
        "in sparse",
        "graph",
        "graphs",
    ],
)
def test_weights_in_another_file_are_refused(tmp_path: Path, tiny: Bundle, graph: bytes) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(100))
    with pytest.raises(ModelError, match=r"mine\.onnx has weights in another file") as error:
        loaded(tmp_path, tiny, field(GRAPH, graph))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("graph", "name"),
    [
        (node(b"Loop"), "Loop"),
        (node(b"RandomNormal"), "RandomNormal"),
        (node(b"Conv", domain=b"com.microsoft"), "com.microsoft:Conv"),
        (node(b"EPContext", domain=b"com.microsoft"), "com.microsoft:EPContext"),
        (node(b""), ""),
        (node(b"relu"), "relu"),
        (node(b"\xff\x1b[2J\n" * 100), "xff"),
        (node(b"Relu", field(SUBGRAPH, node(b"If"))), "If"),
        (field(NODE, field(4, b"Relu") + field(4, b"Scan")), "Scan"),  # the last one counts
        (node(b"ScatterND"), "ScatterND"),
    ],
)
def test_other_operators_are_refused(tmp_path: Path, tiny: Bundle, graph: bytes, name: str) -> None:
    with pytest.raises(ModelError, match="which is not allowed") as error:
        loaded(tmp_path, tiny, field(GRAPH, graph))
    assert name in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


def boolean(value: bytes, name: bytes = b"flag") -> bytes:
    """A tensor of one Boolean."""
    return field(2, 9) + field(8, name) + field(9, value)


def dropout(*inputs: bytes) -> bytes:
    return field(
        NODE,
        b"".join(field(1, name) for name in (b"x", *inputs))
        + field(2, b"unused")
        + field(4, b"Dropout"),
    )


def constant(*attributes: bytes) -> bytes:
    parts = b"".join(field(5, attribute) for attribute in attributes)
    return field(NODE, field(2, b"flag") + field(4, b"Constant") + parts)


def mode(value: int) -> bytes:
    return field(1, b"training_mode") + field(3, value)


TRAINS = dropout(b"", b"flag")
FALSE, TRUE = field(INITIALIZER, boolean(b"\0")), field(INITIALIZER, boolean(b"\1"))
VALUE = field(1, b"value")


@pytest.mark.parametrize(
    "graph",
    [
        dropout(),
        dropout(b"ratio"),
        dropout(b"ratio", b""),
        TRAINS + FALSE,
        TRAINS + field(INITIALIZER, field(2, 9) + field(8, b"flag") + field(5, 0)),
        TRAINS + constant(VALUE + field(TENSOR, boolean(b"\0", b""))),
        node(b"BatchNormalization"),
        node(b"BatchNormalization", mode(0)),
    ],
)
def test_operators_in_inference_mode_are_allowed(
    tmp_path: Path, tiny: Bundle, graph: bytes
) -> None:
    assert loaded(tmp_path, tiny, field(GRAPH, graph)).name == "tiny"


@pytest.mark.parametrize(
    ("graph", "name"),
    [
        (TRAINS + TRUE, "Dropout"),
        (TRAINS, "Dropout"),
        (TRAINS + FALSE + TRUE, "Dropout"),
        (TRUE + FALSE + TRAINS, "Dropout"),
        (TRAINS + FALSE + field(INPUT, field(1, b"flag")), "Dropout"),
        (TRAINS + FALSE + field(NODE, field(2, b"flag") + field(4, b"Not")), "Dropout"),
        (TRAINS + FALSE + field(SPARSE, field(1, field(8, b"flag"))), "Dropout"),
        # Of a name that is given twice the last one counts, and two tensors are merged.
        (TRAINS + field(INITIALIZER, field(8, b"flag") + boolean(b"\0", b"other")), "Dropout"),
        (TRAINS + field(INITIALIZER, boolean(b"\0") + field(9, b"\1")), "Dropout"),
        (TRAINS + constant(VALUE + field(TENSOR, boolean(b"\1", b""))), "Dropout"),
        (TRAINS + constant(VALUE + 2 * field(TENSOR, boolean(b"\0", b""))), "Dropout"),
        (
            TRAINS + constant(field(1, b"sparse_value") + field(TENSOR, boolean(b"\0", b""))),
            "Dropout",
        ),
        (node(b"Relu", field(SUBGRAPH, TRAINS)), "Dropout"),
        (node(b"BatchNormalization", mode(1)), "BatchNormalization"),
        (node(b"BatchNormalization", mode(0), mode(1)), "BatchNormalization"),
        # Before opset 14 the number of outputs decides; they need not be used.
        (
            field(NODE, field(2, b"y") + 4 * field(2, b"") + field(4, b"BatchNormalization")),
            "BatchNormalization",
        ),
    ],
)
def test_operators_in_training_mode_are_refused(
    tmp_path: Path, tiny: Bundle, graph: bytes, name: str
) -> None:
    """Dropout would give other colours in every run, and BatchNormalization change its weights."""
    with pytest.raises(ModelError, match=f"'{name}' in training mode, which is not all") as error:
        loaded(tmp_path, tiny, field(GRAPH, graph))
    assert str(error.value).isprintable()


def test_graphs_are_merged_before_their_modes_are_checked(tmp_path: Path, tiny: Bundle) -> None:
    with pytest.raises(ModelError, match="training mode"):
        loaded(tmp_path, tiny, field(GRAPH, TRAINS + FALSE) + field(GRAPH, TRUE))


def test_a_number_in_the_place_of_a_name_is_damage(tmp_path: Path, tiny: Bundle) -> None:
    """A parser skips a field of the wrong type: this node would be a loop."""
    for kind, name in ((5, b"Relu"), (1, b"Identity")):
        hidden = field(NODE, field(4, b"Loop") + varint(4 << 3 | kind) + name)
        with pytest.raises(ModelError, match="not an ONNX model"):
            loaded(tmp_path, tiny, field(GRAPH, hidden))


@pytest.mark.parametrize("number", [FUNCTIONS, TRAINING])
def test_functions_and_training_are_refused(tmp_path: Path, tiny: Bundle, number: int) -> None:
    with pytest.raises(ModelError, match="which is not allowed"):
        loaded(tmp_path, tiny, field(number, field(1, b"f")))


def test_a_tag_that_parsers_read_differently_is_damage(tmp_path: Path, tiny: Bundle) -> None:
    """The usual parser drops the upper bits of a tag's fifth byte: this would be a graph."""
    graph = field(INITIALIZER, ELSEWHERE)
    hidden = varint((GRAPH << 3 | 2) + (1 << 32)) + varint(len(graph)) + graph
    with pytest.raises(ModelError, match="not an ONNX model"):
        loaded(tmp_path, tiny, hidden)


def test_graphs_within_graphs_without_end_are_damage(tmp_path: Path, tiny: Bundle) -> None:
    graph = b""
    for _ in range(3000):
        graph = node(b"Relu", field(SUBGRAPH, graph))
    with pytest.raises(ModelError, match="not an ONNX model"):
        loaded(tmp_path, tiny, field(GRAPH, graph))


FLOAT, UINT8, INT32, INT64 = 1, 2, 6, 7


def tensor(name: bytes, kind: int, *data: tuple[int, bytes | int]) -> bytes:
    """A tensor, from the fields that hold its elements."""
    return field(2, kind) + field(8, name) + b"".join(field(*part) for part in data)


def numbers(name: bytes, *values: int, kind: int = INT64) -> bytes:
    """An initializer of integers."""
    size = {INT32: 4, INT64: 8}[kind]
    raw = b"".join(value.to_bytes(size, "little", signed=True) for value in values)
    return field(INITIALIZER, tensor(name, kind, (9, raw)))


def step(name: bytes, inputs: bytes, outputs: bytes, *attributes: bytes) -> bytes:
    """A node, with the names of its inputs and outputs divided by spaces."""
    text = b"".join(field(1, one) for one in inputs.split())
    text += b"".join(field(2, one) for one in outputs.split()) + field(4, name)
    return field(NODE, text + b"".join(field(5, part) for part in attributes))


def given_input(name: bytes, kind: int) -> bytes:
    return field(INPUT, field(1, name) + field(2, field(1, field(1, kind))))


def packed(*values: int) -> bytes:
    return b"".join(varint(value % (1 << 64)) for value in values)


DIVIDE = step(b"Div", b"i j", b"k")
INT_I = given_input(b"i", INT64)
TO_INT = step(b"Cast", b"L", b"i", field(1, b"to") + field(3, INT64))
VALUE_INT = step(b"Constant", b"", b"j", field(1, b"value_int") + field(3, 2))


@pytest.mark.parametrize(
    "graph",
    [
        INT_I + given_input(b"j", INT64) + DIVIDE,
        INT_I + numbers(b"j", -1) + DIVIDE,
        INT_I + numbers(b"j", 2, -1) + DIVIDE,
        INT_I + numbers(b"j", 0) + DIVIDE,
        INT_I + numbers(b"j", 3, -1, kind=INT32) + DIVIDE,
        INT_I + field(INITIALIZER, tensor(b"j", INT64, (7, packed(-1)))) + DIVIDE,
        INT_I + field(INITIALIZER, tensor(b"j", INT32, (5, packed((1 << 32) - 1)))) + DIVIDE,
        # Two sets of elements: which one counts is not defined.
        INT_I + field(INITIALIZER, tensor(b"j", INT64, (7, packed(2)), (9, b"\xff" * 8))) + DIVIDE,
        INT_I + numbers(b"j", 2) + numbers(b"j", -1) + DIVIDE,
        INT_I + VALUE_INT.replace(varint(3 << 3) + b"\2", varint(3 << 3) + b"\0") + DIVIDE,
        INT_I + given_input(b"c", INT64) + step(b"Mod", b"i c", b"k"),
        numbers(b"i", -(1 << 63)) + given_input(b"j", INT64) + DIVIDE,
        TO_INT + given_input(b"j", INT64) + DIVIDE,
        # Of unknown type.
        DIVIDE,
        step(b"Shape", b"L", b"i") + step(b"Add", b"i i", b"j") + DIVIDE,
        step(b"ArgMax", b"L", b"i") + step(b"Mul", b"i i", b"j") + DIVIDE,
        step(b"MaxPool", b"L", b"x i") + step(b"Neg", b"i", b"j") + DIVIDE,
        step(b"TopK", b"L n", b"x i") + step(b"Identity", b"i", b"j") + DIVIDE,
        step(b"QuantizeLinear", b"L L L", b"i") + step(b"Abs", b"i", b"j") + DIVIDE,
        INT_I + step(b"Where", b"L i i", b"j") + DIVIDE,
        INT_I + step(b"CastLike", b"L i", b"j") + DIVIDE,
        # A float in one graph, and an integer in another that a parser merges with it.
        given_input(b"i", FLOAT) + numbers(b"i", -5) + step(b"Relu", b"i", b"j") + DIVIDE,
        # The kind of the attribute is what its name says.
        step(
            b"Constant",
            b"",
            b"i",
            field(1, b"value_int") + field(3, 5) + field(TENSOR, tensor(b"", FLOAT)),
        )
        + given_input(b"j", INT64)
        + step(b"Neg", b"i", b"m")
        + step(b"Div", b"m j", b"k"),
        node(b"Relu", field(SUBGRAPH, INT_I + given_input(b"j", INT64) + DIVIDE)),
    ],
)
def test_divisions_of_integers_that_may_trap_are_refused(
    tmp_path: Path, tiny: Bundle, graph: bytes
) -> None:
    """ONNX Runtime divides the smallest integer by -1, at which a processor ends the process."""
    with pytest.raises(ModelError, match="divides integers by what may be 0 or -1") as error:
        loaded(tmp_path, tiny, field(GRAPH, graph))
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "graph",
    [
        INT_I + numbers(b"j", 2, 3, -2) + DIVIDE,
        INT_I + field(INITIALIZER, tensor(b"j", INT64, (7, packed(2, -2)))) + DIVIDE,
        INT_I + field(INITIALIZER, tensor(b"j", UINT8, (5, packed(255)))) + DIVIDE,
        INT_I + VALUE_INT + DIVIDE,
        numbers(b"i", 1, -5) + given_input(b"j", INT64) + DIVIDE,
        given_input(b"i", FLOAT) + DIVIDE,
        given_input(b"j", FLOAT) + DIVIDE,
        given_input(b"f", FLOAT) + step(b"Split", b"f", b"i j") + DIVIDE,
        given_input(b"f", FLOAT) + step(b"Where", b"b f f", b"i") + DIVIDE,
        TO_INT.replace(varint(3 << 3) + b"\7", varint(3 << 3) + b"\1") + DIVIDE,
        step(b"Constant", b"", b"i", VALUE + field(TENSOR, tensor(b"", FLOAT))) + DIVIDE,
        step(b"ConstantOfShape", b"s", b"i") + DIVIDE,
    ],
)
def test_divisions_that_cannot_trap_are_allowed(tmp_path: Path, tiny: Bundle, graph: bytes) -> None:
    assert loaded(tmp_path, tiny, field(GRAPH, graph)).name == "tiny"


@pytest.mark.parametrize("operator", ["Conv", "ConvInteger", "ConvTranspose", "QLinearConv"])
def test_convolutions_in_no_groups_are_refused(tmp_path: Path, tiny: Bundle, operator: str) -> None:
    """ONNX Runtime divides the number of channels by that of the groups."""
    for group in (field(3, 0), b"", field(3, (1 << 64) - 1)):
        graph = step(operator.encode(), b"x w", b"y", field(1, b"group") + group)
        with pytest.raises(ModelError, match=f"'{operator}' in no groups"):
            loaded(tmp_path, tiny, field(GRAPH, graph))
    graph = step(operator.encode(), b"x w", b"y", field(1, b"group") + field(3, 2))
    assert loaded(tmp_path, tiny, field(GRAPH, graph)).name == "tiny"


def test_the_models_of_the_package_and_of_the_tests_pass(tiny: Bundle) -> None:
    check_self_contained(load_bundle().data, where="own")
    for path in Path(__file__).parent.glob("*.onnx"):
        check_self_contained(path.read_bytes(), where=path.name)
    assert {"Conv", "Resize", "QLinearConv"} <= OPERATORS
    assert not {"If", "Loop", "Scan", "RandomNormal", "ImageDecoder", "StringSplit"} & OPERATORS


@given(st.binary(max_size=200))
def test_any_bytes_are_a_model_or_one_line(data: bytes) -> None:
    for more in (data, field(GRAPH, data), field(GRAPH, field(NODE, data))):
        with contextlib.suppress(ModelError):
            check_self_contained(more, where="x")
