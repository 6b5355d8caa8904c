"""The devices that a network can run on: one table for every interface.

Nothing heavy is imported, since the help of the command is made from the table of settings, which
has these names. Whether a device is there is for `tintype.engine.sessions` to see.

Sources: ONNX Runtime's pages of its execution providers, and OpenVINO's page of its CPU device.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

DeviceName = Literal["auto", "cpu", "openvino", "openvino-bf16", "cuda", "directml", "coreml"]

Runtime = Literal["onnxruntime", "openvino"]

AUTOMATIC = "cpu"
"""What "auto" is. The same photograph gives the same bytes whatever else is installed, and no
device was measured to be both faster and equal: docs/how-to/use-another-device.md."""

ALIKE = 0.999
"""The share of pixels that are at most one step from the CPU's, from which nothing is said."""

_OPENVINO = "Type: pip install 'tintype[openvino]'"


@dataclass(frozen=True, slots=True)
class Device:
    """A row of the table.

    Attributes:
        name: What ``--device`` takes.
        title: For messages.
        runtime: The library that runs the network.
        provider: Its own name for the device.
        options: What it is told, beside threads.
        bfloat16: Whether it computes in bfloat16.
        tried: Whether somebody has run it; what nobody has is not called supported.
        install: What to do where it is missing; a sentence.
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
        # Left to itself it would take bfloat16 where the processor has it.
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
        # TensorFloat-32 has ten bits, and the best of all kernels would be looked for anew for each
        # shape of photograph.
        {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"},
        install="In an environment of its own, replace onnxruntime: pip uninstall onnxruntime, "
        "then pip install 'onnxruntime-gpu[cuda,cudnn]'",
    ),
    Device(
        "directml",
        "a GPU through DirectML",
        "onnxruntime",
        "DmlExecutionProvider",
        install="On Windows, in an environment of its own, replace onnxruntime: pip uninstall "
        "onnxruntime, then pip install onnxruntime-directml",
    ),
    Device(
        "coreml",
        "Core ML",
        "onnxruntime",
        "CoreMLExecutionProvider",
        {"ModelFormat": "MLProgram"},
        install="It comes with onnxruntime on macOS, and nowhere else.",
    ),
)

DEVICES: Mapping[str, Device] = MappingProxyType({row.name: row for row in _ROWS})
"""All devices, the CPU first."""


def device_of(name: DeviceName) -> Device:
    """The device of a name; "auto" is one of the others."""
    return DEVICES[AUTOMATIC if name == "auto" else name]
