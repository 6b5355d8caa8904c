"""The ONNX graph of a network, with the annealed mean, in float32 or with float16 weights."""

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor, nn

from tintype.color.abgrid import BINS, bin_centers
from tintype.learn.export.weights import Trained
from tintype.learn.models.contract import (
    ColorizationNetwork,
    MatchingNetwork,
    run_network,
    takes_hints,
)

OPSET = 18
_SMALL = 1024  # values; smaller tensors, such as biases, stay in float32


def predicts_distribution(model: nn.Module) -> bool:
    """Whether a network predicts logits over the 313 colours."""
    return getattr(model, "bins", 0) == BINS


def output_names(model: nn.Module) -> list[str]:
    """Names of the outputs of a network's graph, in order."""
    if not predicts_distribution(model):
        return ["ab"]
    return ["ab", "logits", "features"] if isinstance(model, MatchingNetwork) else ["ab", "logits"]


class _DistributionGraph(nn.Module):
    """Outputs ``ab`` at the card's vividness and temperature, the logits, and any features."""

    bias: Tensor
    moments: Tensor

    def __init__(self, model: nn.Module, bias: NDArray[np.float32], temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        moments = np.vstack([bin_centers().T, np.ones((1, BINS), np.float32)])
        self.register_buffer("moments", torch.from_numpy(moments)[:, :, None, None])
        self.register_buffer("bias", torch.from_numpy(bias).view(1, BINS, 1, 1))

    def forward(self, L: Tensor, hints: Tensor | None = None) -> tuple[Tensor, ...]:
        features: tuple[Tensor, ...] = ()
        if isinstance(self.model, MatchingNetwork):
            logits, *found = self.model.with_features(L, hints)
            features = tuple(found)
        else:
            logits = run_network(self.model, L, hints)
        sharp = (logits + self.bias) / self.temperature
        # Not softmax, for which ONNX Runtime transposes to the last axis and back, which took a
        # fifth of the inference time. One convolution computes both moments and the total.
        mass = torch.exp(sharp - _largest(sharp))
        total = torch.nn.functional.conv2d(mass, self.moments)
        return total[:, :2] / total[:, 2:], logits, *features


def _largest(values: Tensor) -> Tensor:
    """The maximum over channels, (B, 1, H, W), of (B, C, H, W).

    It compares halves, whose elements are contiguous. ONNX Runtime's own reduction over channels
    took eight times as long: 3.7 ms of 59 at 256 pixels.
    """
    while (channels := values.shape[1]) > 1:
        half = (channels + 1) // 2
        values = torch.maximum(values[:, :half], values[:, channels - half :])
    return values


class _ChromaGraph(nn.Module):
    """Outputs ``ab`` only, for networks without a distribution."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, L: Tensor, hints: Tensor | None = None) -> tuple[Tensor]:
        model = self.model
        assert isinstance(model, ColorizationNetwork)
        return (model.to_ab(run_network(self.model, L, hints)),)


def graph_of(trained: Trained, *, vividness: float, temperature: float) -> nn.Module:
    """The module to export: from lightness (and hints) to the outputs in `output_names`."""
    if predicts_distribution(trained.model):
        bias = vividness * trained.log_weights
        return _DistributionGraph(trained.model, bias, temperature).eval()
    return _ChromaGraph(trained.model).eval()


def write_float32(trained: Trained, graph: nn.Module, path: Path) -> None:
    """Exports the graph in float32, for inputs of any size that is a multiple of the network's."""
    model = trained.model
    assert isinstance(model, ColorizationNetwork)
    multiple = model.multiple
    most = max(2, 8192 // multiple)
    height, width = (torch.export.Dim(name, min=1, max=most) for name in ("rows", "columns"))
    sides = {2: multiple * height, 3: multiple * width}
    L = torch.rand(1, 1, 3 * multiple, 4 * multiple) * 100
    inputs: dict[str, Tensor] = {"L": L}
    if takes_hints(model):
        inputs["hints"] = torch.zeros(1, 3, *L.shape[2:])
    # It logs a line for each torchvision operator that it does not need.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter itself uses deprecated functions; its result is compared with torch.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=output_names(model),
            opset_version=OPSET,
            dynamic_shapes=dict.fromkeys(inputs, sides),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(str(path), external_data=False)


def halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Stores the weights in float16; a cast that is folded on loading makes computation float32.

    This halves the file without a cost in speed: no float16 kernels are needed, and all CPUs
    compute the same result up to the last bits.
    """
    casts = []
    steps = {name for node in model.graph.node if "Linear" in node.op_type for name in node.input}
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < _SMALL or weight.name in steps:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.float16"))
        casts.append(helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT))
    for place, node in enumerate(casts):
        model.graph.node.insert(place, node)
    return model
