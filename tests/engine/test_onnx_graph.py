"""The part of a graph that is needed gives the answers of the whole."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.network import Network
from tintype.engine.onnx_file import check_self_contained
from tintype.engine.onnx_graph import output_names, reduced

onnx = pytest.importorskip("onnx", reason="the learn extra is not installed")
helper, float32 = onnx.helper, onnx.TensorProto.FLOAT

Nodes = Callable[[], Sequence[Any]]

L = np.linspace(0, 100, 64 * 96, dtype=np.float32).reshape(1, 1, 64, 96)


@pytest.fixture(scope="module")
def own() -> bytes:
    return load_bundle().data


@pytest.fixture(scope="module")
def small(own: bytes) -> bytes:
    return reduced(own, without=("ab",), zero=("hints",))


def test_the_embedded_model_loses_what_is_not_needed(own: bytes, small: bytes) -> None:
    whole, part = onnx.load_from_string(own), onnx.load_from_string(small)
    assert output_names(small) == {"logits", "features"}
    assert [value.name for value in part.graph.input] == ["L"]
    assert {"ReduceMax", "Exp", "MaxPool"} <= {node.op_type for node in whole.graph.node}
    assert not {"ReduceMax", "Exp", "MaxPool"} & {node.op_type for node in part.graph.node}
    names = {tensor.name for tensor in part.graph.initializer}
    assert not any("hints" in name for name in names)
    assert names < {tensor.name for tensor in whole.graph.initializer}
    assert list(part.metadata_props) == list(whole.metadata_props)
    check_self_contained(small, where="part")


def test_its_answers_are_the_same_to_the_bit(own: bytes, small: bytes) -> None:
    hints = np.zeros((1, 3, *L.shape[2:]), np.float32)
    expected = _run(own, {"L": L, "hints": hints}, ["logits", "features"])
    for one, other in zip(expected, _run(small, {"L": L}, ["logits", "features"]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_hints_are_looked_for_where_there_are_some(hinted: Bundle) -> None:
    network = Network(hinted.data, name="tiny", threads=1, without=("ab",))
    hints = np.zeros((1, 3, *L.shape[2:]), np.float32)
    without, with_none = network.run(L), network.run(L, hints)
    np.testing.assert_array_equal(without.logits, with_none.logits)
    assert without.ab is None
    hints[0, :, 20:40, 20:40] = np.array([60, -60, 1], np.float32)[:, None, None]
    told = network.run(L, hints)
    assert told.logits is not None
    assert np.abs(told.logits - with_none.logits).max() > 1e-3


def test_the_only_output_stays(tiny_ab: Bundle) -> None:
    assert output_names(reduced(tiny_ab.data, without=("ab",))) == {"ab"}
    assert Network(tiny_ab.data, name="tiny", without=("ab",)).run(L).ab is not None


@pytest.mark.parametrize("data", [b"", b"no model", b"\x3a\x7f\x00", b"\x3a\x00\x3a\x00"])
def test_what_is_no_model_is_left_as_it_is(data: bytes) -> None:
    assert reduced(data, without=("ab",), zero=("hints",)) == data
    assert output_names(data) == frozenset()


def _graph(make: Nodes, told: Sequence[int | str]) -> bytes:
    """L and hints to ab by some nodes; `told` is the shape of the value "side"."""
    shape: list[int | str] = [1, 1, "h", "w"]
    graph = helper.make_graph(
        make(),
        "graph",
        [helper.make_tensor_value_info(name, float32, shape) for name in ("L", "hints")],
        [helper.make_tensor_value_info("ab", float32, None)],
        [
            onnx.numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "weight"),
            onnx.numpy_helper.from_array(np.ones(1, np.float32), "bias"),
        ],
        value_info=[
            helper.make_tensor_value_info("side", float32, told),
            helper.make_tensor_value_info("sum", float32, shape),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return model.SerializeToString()


def _added(*side: Any) -> Nodes:
    last = [
        helper.make_node("Relu", ["L"], ["side"]),
        helper.make_node("Add", ["side", "zero"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["ab"]),
    ]
    return lambda: [*side, *last]


_SAME = (1, 1, "h", "w")


@pytest.mark.parametrize(
    ("make", "told", "gone"),
    [
        (_added(helper.make_node("Conv", ["hints", "weight"], ["zero"])), _SAME, True),
        (_added(helper.make_node("Mul", ["L", "hints"], ["zero"])), _SAME, True),
        (_added(helper.make_node("Relu", ["hints"], ["zero"])), _SAME, True),
        # A bias, an operator that is not known, and a division of zero by zero.
        (_added(helper.make_node("Conv", ["hints", "weight", "bias"], ["zero"])), _SAME, False),
        (_added(helper.make_node("Cos", ["hints"], ["zero"])), _SAME, False),
        (_added(helper.make_node("Div", ["hints", "hints"], ["zero"])), _SAME, False),
        # The sum has another shape than what is added to, or nobody knows.
        (_added(helper.make_node("Relu", ["hints"], ["zero"])), (1, 1, 1, 1), False),
        (_added(helper.make_node("Relu", ["hints"], ["zero"])), (1, 1, "h", None), False),
    ],
)
def test_an_addition_goes_only_where_it_adds_nothing(
    make: Nodes, told: Sequence[int | str], gone: bool
) -> None:
    data = _graph(make, told)
    part = onnx.load_from_string(reduced(data, zero=("hints",)))
    assert ("hints" not in {value.name for value in part.graph.input}) == gone
    feed = {"L": L} if gone else {"L": L, "hints": np.zeros_like(L)}
    whole = _run(data, {"L": L, "hints": np.zeros_like(L)}, ["ab"])
    np.testing.assert_array_equal(_run(part.SerializeToString(), feed, ["ab"]), whole)


def _run(data: bytes, feed: dict[str, np.ndarray], outputs: Sequence[str]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    found: list[np.ndarray] = session.run(list(outputs), feed)
    return found
