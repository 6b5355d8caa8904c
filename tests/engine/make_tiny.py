"""Makes ``tiny.onnx``: a model with random weights that keeps the contract, for tests only.

Needs the onnx package (the ``learn`` extra). Run: ``python tests/engine/make_tiny.py``
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tintype.color.abgrid import BINS, bin_centers

TEMPERATURE = 0.4
VIVIDNESS = 0.5


def weights_and_card() -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """Two convolutions of stride 2 and a look at the colours: small, smooth and never neutral."""
    rng = np.random.default_rng(7)
    hidden = 6
    log_w = np.round(rng.normal(0, 0.5, BINS), 3)
    # Blocks of neighbouring bins share a row, so that the file stays small when compressed by git
    # and the distribution has one broad peak rather than 313 spikes.
    direction = bin_centers() / 110
    mixing = np.concatenate([direction, direction**2, direction[:, :1] * direction[:, 1:]], 1)
    weights = {
        "w1": rng.normal(0, 0.5, (hidden, 1, 3, 3)).astype(np.float32),
        "b1": rng.normal(0, 0.5, hidden).astype(np.float32),
        "w2": rng.normal(0, 0.5, (5, hidden, 3, 3)).astype(np.float32),
        "b2": np.array([0.4, 0.9, -3, -3, 0.2], np.float32),
        "mixing": (6 * mixing).astype(np.float32).reshape(BINS, 5, 1, 1),
        "centers": bin_centers().T.reshape(2, BINS, 1, 1).copy(),
        "tau_log_w": (VIVIDNESS * log_w).astype(np.float32).reshape(1, BINS, 1, 1),
        "temperature": np.array(TEMPERATURE, np.float32),
        "hundredth": np.array(0.01, np.float32),
        "told": rng.normal(0, 0.02, (5, 3, 4, 4)).astype(np.float32),
    }
    card = {
        "name": "tiny",
        "version": "1",
        "title": "Random weights, for tests",
        "paper": "",
        "license": "Apache-2.0",
        "multiple": 32,
        "stride": 4,
        "sizes": {"fast": 32, "normal": 64, "high": 96},
        "capabilities": ["logits"],
        "bins": BINS,
        "log_weights": log_w.tolist(),
        "temperature": TEMPERATURE,
        "vividness": VIVIDNESS,
        "data": "none",
        "recipe": "tests/engine/make_tiny.py",
        "commit": "",
        "metrics": {},
        "created": "2026-11-23",
        "notes": "Never trained.",
    }
    return weights, card


def build(*, logits: bool = True, hints: bool = False, features: bool = False) -> onnx.ModelProto:
    weights, card = weights_and_card()
    seen = "h4" if hints else "h3"
    conv = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Mul", ["L", "hundredth"], ["x"]),
        helper.make_node("Conv", ["x", "w1", "b1"], ["h1"], **conv),
        helper.make_node("Relu", ["h1"], ["h2"]),
        helper.make_node("Conv", ["h2", "w2", "b2"], ["h3"], **conv),
        helper.make_node("Conv", [seen, "mixing"], ["logits"], kernel_shape=[1, 1]),
        helper.make_node("Add", ["logits", "tau_log_w"], ["biased"]),
        helper.make_node("Div", ["biased", "temperature"], ["scaled"]),
        helper.make_node("Softmax", ["scaled"], ["mass"], axis=1),
        helper.make_node("Conv", ["mass", "centers"], ["ab"], kernel_shape=[1, 1]),
    ]
    inputs = [helper.make_tensor_value_info("L", TensorProto.FLOAT, [1, 1, "h", "w"])]
    if hints:
        inputs.append(helper.make_tensor_value_info("hints", TensorProto.FLOAT, [1, 3, "h", "w"]))
        told = {"kernel_shape": [4, 4], "strides": [4, 4]}
        nodes.insert(4, helper.make_node("Conv", ["hints", "told"], ["heard"], **told))
        nodes.insert(5, helper.make_node("Add", ["h3", "heard"], ["h4"]))
        card |= {"name": "tiny-hints", "capabilities": ["logits", "hints"]}
    else:
        del weights["told"]
    shape = [1, None, "h4", "w4"]
    outputs = [helper.make_tensor_value_info("ab", TensorProto.FLOAT, shape)]
    if logits:
        outputs.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape))
    if features:
        pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
        nodes.append(helper.make_node("AveragePool", ["h3"], ["features"], **pool))
        halved = [1, 5, "h8", "w8"]
        outputs.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, halved))
        card |= {"name": "tiny-features", "capabilities": ["logits", "features"]}
    graph = helper.make_graph(
        nodes,
        "tiny",
        inputs,
        outputs,
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if not logits:
        card |= {"name": "tiny-ab", "capabilities": [], "bins": 0, "log_weights": []}
    helper.set_model_props(model, {"tintype.card": json.dumps(card), "tintype.sha256": "0" * 64})
    return model


def sign(data: bytes) -> bytes:
    """Puts the file's own hash into the 64 zeros of its metadata."""
    zeros = b"0" * 64
    if data.count(zeros) != 1:
        raise ValueError("the place for the hash is not unique")
    return data.replace(zeros, hashlib.sha256(data).hexdigest().encode())


def main() -> None:
    here = Path(__file__).parent
    for name, model in (
        ("tiny", build()),
        ("tiny-ab", build(logits=False)),
        ("tiny-hints", build(hints=True)),
        ("tiny-features", build(features=True)),
    ):
        data = sign(model.SerializeToString(deterministic=True))
        (here / f"{name}.onnx").write_bytes(data)
        sys.stdout.write(f"{name}.onnx: {len(data)} bytes\n")


if __name__ == "__main__":
    main()
