"""The devices that a network can run on: one table for every interface.

Imports are kept light, since the command's help is generated from the table of settings, which
contains these names. `tintype.engine.sessions` checks whether a device is available.

Sources: ONNX Runtime's documentation of its execution providers, and OpenVINO's of its CPU device.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

DeviceName = Literal["auto", "cpu", "openvino", "openvino-bf16", "cuda", "directml", "coreml"]

Runtime = Literal["onnxruntime", "openvino"]

AUTOMATIC = "cpu"
"""The device that "auto" selects. The same photograph then produces the same bytes whatever else is
installed, and no other device measured was both faster and identical:
docs/how-to/use-another-device.md."""

ALIKE = 0.999
"""The share of pixels at most one step from the CPU's from which outputs carry no note."""

_OPENVINO = "Type: pip install 'tintype-colorizer[openvino]'"


@dataclass(frozen=True, slots=True)
class Device:
    """A row of the table.

    Attributes:
        name: Its name, as passed to ``--device``.
        title: Its name in messages.
        runtime: The library that runs the network.
        provider: The library's own name for the device.
        options: Options passed to the library, apart from threads.
        bfloat16: Whether it computes in bfloat16.
        tried: Whether the authors have run it; an untried device is not called supported.
        install: A sentence on how to install it if it is missing.
    """

    name: str
    title: str
    runtime: Runtime
    provider: str
    options: Mapping[str, str] = field(default_factory=dict)
    bfloat16: bool = False
    tried: bool = False
    install: str = ""


_ROWS = (
    Device("cpu", "the CPU", "onnxruntime", "CPUExecutionProvider", tried=True),
    Device(
        "openvino",
        "OpenVINO on the CPU",
        "openvino",
        "CPU",
        # By default it would use bfloat16 on processors that support it.
        {"INFERENCE_PRECISION_HINT": "f32"},
        tried=True,
        install=_OPENVINO,
    ),
    Device(
        "openvino-bf16",
        "OpenVINO on the CPU in bfloat16",
        "openvino",
        "CPU",
        {"INFERENCE_PRECISION_HINT": "bf16"},
        bfloat16=True,
        tried=True,
        install=_OPENVINO,
    ),
    Device(
        "cuda",
        "a CUDA GPU",
        "onnxruntime",
        "CUDAExecutionProvider",
        # TensorFloat-32 has only ten mantissa bits, and an exhaustive search for the best kernel
        # would be repeated for each input shape.
        {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"},
        install="In a separate environment, replace onnxruntime: pip uninstall onnxruntime, "
        "then pip install 'onnxruntime-gpu[cuda,cudnn]'",
    ),
    Device(
        "directml",
        "a GPU through DirectML",
        "onnxruntime",
        "DmlExecutionProvider",
        install="On Windows, in a separate environment, replace onnxruntime: pip uninstall "
        "onnxruntime, then pip install onnxruntime-directml",
    ),
    Device(
        "coreml",
        "Core ML",
        "onnxruntime",
        "CoreMLExecutionProvider",
        {"ModelFormat": "MLProgram"},
        install="It is included in onnxruntime on macOS only.",
    ),
)

DEVICES: Mapping[str, Device] = MappingProxyType({row.name: row for row in _ROWS})
"""All devices, the CPU first."""


def device_of(name: DeviceName) -> Device:
    """The device of a name; "auto" is resolved to one of them."""
    return DEVICES[AUTOMATIC if name == "auto" else name]
