"""A model in int8 gives the colours of the one in float, on every processor."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from learn.command import main
from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.network import Network
from tintype.errors import LearnError, UsageError
from tintype.learn.export import bundle as exporting
from tintype.learn.export.check import make_feeds
from tintype.learn.export.equalize import equalize
from tintype.learn.export.graph import halve_weights
from tintype.learn.export.int8_graph import Int8Graph, convolutions, prepared, step_of
from tintype.learn.export.quantize import Quantized, _worthwhile, quantize
from tintype.learn.export.rounding import LARGEST, rounded

HINTED = Path(__file__).parents[2] / "engine" / "tiny-hints.onnx"


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    rows, columns = np.mgrid[0:64, 0:96] / 10
    waves = [50 + 30 * np.sin(rows + n) + 20 * np.cos(columns * n) for n in range(4)]
    return [
        np.clip(wave + draw.normal(0, 3, wave.shape), 0, 100).astype(np.float32)[None, None]
        for wave in waves
    ]


@pytest.fixture(scope="module")
def model() -> Bundle:
    return load_bundle(HINTED)


@pytest.fixture(scope="module")
def small(model: Bundle, pictures: list[np.ndarray]) -> Quantized:
    feeds = make_feeds(pictures, hinted=True)
    return quantize(onnx.load_from_string(model.data), feeds)


def test_the_colours_stay(model: Bundle, small: Quantized, pictures: list[np.ndarray]) -> None:
    made = halve_weights(small.model).SerializeToString()
    float32, int8 = (Network(data, name="tiny") for data in (model.data, made))
    far = []
    for L in pictures:
        one, other = float32.run(L).ab, int8.run(L).ab
        assert one is not None
        assert other is not None
        far.append(np.hypot(*(one - other)[0]).mean())
    assert 0 < np.mean(far) < 0.4
    kinds = [node.op_type for node in small.model.graph.node]
    assert kinds.count("QuantizeLinear") > 1


def test_no_pair_of_products_is_cut_without_vnni(small: Quantized) -> None:
    """Such a processor adds two neighbouring products in 16 bits, and cuts what does not fit."""
    found = [
        numpy_helper.to_array(tensor)
        for tensor in small.model.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and tensor.name.endswith(".steps")
    ]
    assert found
    bright = np.array([255, 255], np.int64)
    for steps in found:
        rows = np.sort(steps.reshape(len(steps), -1).astype(np.int64), axis=1)
        for pair in (rows[:, :2], rows[:, -2:]):  # the worst neighbours there could be
            exact = pair @ bright[: pair.shape[1]]
            np.testing.assert_array_equal(np.clip(exact, -(2**15), 2**15 - 1), exact)
    # With eight bits it would be cut.
    assert 2 * 255 * 127 > 2**15 - 1 >= 2 * 255 * LARGEST


def test_hints_stay_in_float(small: Quantized) -> None:
    """So that without hints their part adds exactly zero, and can be left out."""
    stored = {tensor.name: tensor.data_type for tensor in small.model.graph.initializer}
    assert stored["told"] == onnx.TensorProto.FLOAT
    assert onnx.TensorProto.INT8 in stored.values()
    network = Network(small.model.SerializeToString(), name="tiny")
    L = np.linspace(0, 100, 64 * 96, dtype=np.float32).reshape(1, 1, 64, 96)
    alone, with_none = network.run(L), network.run(L, np.zeros((1, 3, 64, 96), np.float32))
    np.testing.assert_array_equal(alone.logits, with_none.logits)
    (heard,) = (node for node in small.model.graph.node if "told" in node.input)
    assert len(heard.input) == 2  # without a bias it is certain to be zero


def test_rounding_for_the_inputs_beats_the_nearest_step() -> None:
    draw = np.random.default_rng(1)
    mixed = draw.normal(size=(8, 32)) @ draw.normal(size=(32, 32))  # correlated, as features are
    patches = (draw.normal(size=(2000, 8)) @ mixed + 1).astype(np.float32)[:, None]
    weight = draw.normal(size=(16, 32, 1, 1)).astype(np.float32)
    found = rounded(weight, patches, np.full(16, 1e-12))
    assert np.abs(found.weights).max() <= LARGEST
    flat = weight.reshape(16, 32)
    step = np.abs(flat).max(axis=1, keepdims=True) / LARGEST
    nearest = np.rint(flat / step) * step
    wanted = patches[:, 0] @ flat.T
    ours = patches[:, 0] @ (found.weights.reshape(16, 32) * found.scale[:, None]).T + found.shift
    assert np.mean((ours - wanted) ** 2) < 0.2 * np.mean((patches[:, 0] @ nearest.T - wanted) ** 2)
    np.testing.assert_allclose(ours.mean(axis=0), wanted.mean(axis=0), atol=1e-3)


def test_each_group_has_its_own_inputs() -> None:
    draw = np.random.default_rng(2)
    weight = draw.normal(size=(5, 1, 3, 3)).astype(np.float32)
    patches = draw.normal(size=(400, 5, 9)).astype(np.float32)
    whole = rounded(weight, patches, np.full(5, 1e-12))
    for group in range(5):
        alone = rounded(weight[group : group + 1], patches[:, group : group + 1], np.full(1, 1e-12))
        np.testing.assert_array_equal(whole.weights[group], alone.weights[0])


def test_scaled_channels_give_the_same(model: Bundle, pictures: list[np.ndarray]) -> None:
    plain = prepared(onnx.load_from_string(model.data))
    draw = np.random.default_rng(3)
    names = {name for conv in convolutions(plain) for name in (conv.input, conv.output)}
    channels = {c.output: len(_weight(plain, c.name)) for c in convolutions(plain)}
    channels |= {c.input: _weight(plain, c.name).shape[1] for c in convolutions(plain)}
    spans = {name: draw.uniform(0.1, 10, channels[name]).astype(np.float32) for name in names}
    scaled = equalize(plain, spans)
    before, after = (
        Network(data.SerializeToString(), name="tiny").run(pictures[0]).logits
        for data in (plain, scaled)
    )
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(after, before, atol=1e-3)


@pytest.mark.parametrize("span", [(0.0, 6.0), (-3.0, 5.0), (2.0, 4.0), (0.0, 0.0)])
def test_zero_is_a_step(span: tuple[float, float]) -> None:
    step, zero = step_of(span)
    assert 0 <= zero <= 255
    assert (0 - zero) * step <= min(span[0], 0) + step / 2
    assert (255 - zero) * step >= span[1] - step / 2


def test_nothing_is_changed_where_nothing_is_chosen(model: Bundle) -> None:
    plain = prepared(onnx.load_from_string(model.data))
    assert Int8Graph(plain, {}).with_int8({}).graph.node == plain.graph.node


def test_a_model_that_cannot_be_in_int8_is_refused(
    model: Bundle, pictures: list[np.ndarray]
) -> None:
    with pytest.raises(LearnError, match="No convolution"):
        quantize(onnx.load_from_string(model.data), make_feeds(pictures, hinted=True), goal=1e-9)


def test_what_saves_much_goes_first_and_cheap_ones_are_alike() -> None:
    harm = {"heavy": 0.2, "cheap": 0.1, "cheaper": 0.11, "bad": 0.5}
    work = {"heavy": 1000, "cheap": 20, "cheaper": 1, "bad": 20}
    assert _worthwhile(harm, work, 0.21) == ["heavy"]
    assert _worthwhile(harm, work, 0.3) == ["heavy", "cheap", "cheaper"]
    assert _worthwhile(harm, work, 0.05) == []


# ----- the command -----


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("photographs")
    draw = np.random.default_rng(0)
    for number in range(60):
        rgb = draw.uniform(0, 255, (9, 12, 3)).astype(np.uint8)
        Image.fromarray(rgb).resize((120, 90), Image.Resampling.BICUBIC).save(
            made / f"{number}.png"
        )
    return made


def _words(folder: Path, target: Path, *more: str) -> list[str]:
    cache = str(target.with_suffix(".cache"))
    return [str(HINTED), "-o", str(target), "--data", str(folder), "--cache", cache, *more]


def test_a_model_file_becomes_one_in_int8(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = exporting.lightness_of
    monkeypatch.setattr(
        exporting,
        "lightness_of",
        lambda paths, cache: few(paths, cache=cache, calibration=4, check=2),
    )
    target = tmp_path / "small.onnx"
    assert main("export", _words(folder, target, "--precision", "int8")) == 0
    bundle, before = load_bundle(target), load_bundle(HINTED)
    assert bundle.card.metrics["export"]["int8_mean"] < 0.5
    assert bundle.card.capabilities == before.card.capabilities
    assert json.dumps(bundle.card.log_weights) == json.dumps(before.card.log_weights)
    with pytest.raises(LearnError, match="in int8 already"):
        exporting.to_int8(bundle, tmp_path / "again.onnx", calibration=[], check=[])


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--precision", "float16"), "only be converted to int8"),
        (("--precision", "int8", "--vividness", "0.5"), "--vividness is only for runs"),
        (("--precision", "int8", "--rank", "0"), "--rank is only for runs"),
    ],
)
def test_what_a_model_file_cannot_become(
    tmp_path: Path, folder: Path, more: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        main("export", _words(folder, tmp_path / "small.onnx", *more))


def _weight(model: onnx.ModelProto, name: str) -> np.ndarray:
    (found,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    return np.asarray(numpy_helper.to_array(found))
