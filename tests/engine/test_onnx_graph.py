"""The part of a graph that is needed gives the answers of the whole."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
import pytest

from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.devices import device_of
from tintype.engine.network import Network
from tintype.engine.onnx_file import check_self_contained, read_metadata
from tintype.engine.onnx_graph import output_names, reduced
from tintype.engine.sessions import OnnxRuntime

Shape = Sequence[int | str | None]

L = np.linspace(0, 100, 64 * 96, dtype=np.float32).reshape(1, 1, 64, 96)
_SAME: Shape = (1, 1, "h", "w")


@pytest.fixture(scope="module")
def own() -> bytes:
    return load_bundle().data


@pytest.fixture(scope="module")
def small(own: bytes) -> bytes:
    return reduced(own, without=("ab",), zero=("hints",))


def test_the_embedded_model_loses_what_is_not_needed(own: bytes, small: bytes) -> None:
    assert output_names(own) == {"ab", "logits", "features"}
    assert output_names(small) == {"logits", "features"}
    assert [value.name for value in _session(small).get_inputs()] == ["L"]
    for what in (b"MaxPool", b"moments", b"hints.out.0.weight"):
        assert what in own
        assert what not in small
    assert read_metadata(small, where="part") == read_metadata(own, where="whole")
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


def _field(number: int, value: bytes | str | int) -> bytes:
    """A field of a protocol buffer, of up to 127 bytes."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    value = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(value)]) + value


def _node(operator: str, inputs: str, output: str) -> bytes:
    names = b"".join(_field(1, name) for name in inputs.split())
    return _field(1, names + _field(2, output) + _field(4, operator))


def _value(name: str, shape: Shape | None) -> bytes:
    """A float32 tensor; the shape has sizes and names, or nothing where it is not known."""
    sides = [
        b"" if side is None else _field(1 + isinstance(side, str), side) for side in shape or ()
    ]
    dimensions = b"".join(_field(1, side) for side in sides)
    told = b"" if shape is None else _field(2, dimensions)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + told))


def _tensor(name: str, dims: int, number: float) -> bytes:
    data = np.float32(number).tobytes()
    return _field(5, _field(1, 1) * dims + _field(2, 1) + _field(8, name) + _field(9, data))


def _model(nodes: Sequence[bytes], told: Shape) -> bytes:
    """L and hints to ab; `told` is the shape of the value "side"."""
    graph = b"".join(nodes) + _field(2, "graph") + _tensor("weight", 4, 1) + _tensor("bias", 1, 1)
    graph += b"".join(_field(11, _value(name, _SAME)) for name in ("L", "hints"))
    graph += _field(12, _value("ab", None))
    graph += _field(13, _value("side", told)) + _field(13, _value("sum", _SAME))
    size = bytes([len(graph) & 0x7F | 0x80, len(graph) >> 7])
    return _field(1, 10) + bytes([7 << 3 | 2]) + size + graph + _field(8, _field(2, 18))


def _added(operator: str, inputs: str) -> list[bytes]:
    """The rectified L plus what an operator makes of some inputs."""
    return [
        _node(operator, inputs, "zero"),
        _node("Relu", "L", "side"),
        _node("Add", "side zero", "sum"),
        _node("Relu", "sum", "ab"),
    ]


@pytest.mark.parametrize(
    ("nodes", "told", "gone"),
    [
        (_added("Conv", "hints weight"), _SAME, True),
        (_added("Mul", "L hints"), _SAME, True),
        (_added("Relu", "hints"), _SAME, True),
        # A bias, an operator that is not known, and a division of zero by zero.
        (_added("Conv", "hints weight bias"), _SAME, False),
        (_added("Cos", "hints"), _SAME, False),
        (_added("Div", "hints hints"), _SAME, False),
        # The sum has another shape than what is added to, or nobody knows.
        (_added("Relu", "hints"), (1, 1, 1, 1), False),
        (_added("Relu", "hints"), (1, 1, "h", None), False),
    ],
)
def test_an_addition_goes_only_where_it_adds_nothing(
    nodes: Sequence[bytes], told: Shape, gone: bool
) -> None:
    data = _model(nodes, told)
    part = reduced(data, zero=("hints",))
    assert ("hints" not in {value.name for value in _session(part).get_inputs()}) == gone
    both = {"L": L, "hints": np.zeros_like(L)}
    (whole,) = _run(data, both, ["ab"])
    np.testing.assert_array_equal(_run(part, {"L": L} if gone else both, ["ab"])[0], whole)


def _session(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _run(data: bytes, feed: dict[str, np.ndarray], outputs: Sequence[str]) -> list[np.ndarray]:
    """As the engine runs it: in int8, ONNX Runtime's own settings give the parts other results."""
    found = OnnxRuntime(data, device_of("cpu"), "a model", threads=1).run(feed)
    return [found[name] for name in outputs]
