"""LPIPS and FID, where their packages and their networks are installed.

Both rest on networks that others trained: LPIPS (R. Zhang et al., CVPR 2018) on an AlexNet, FID (M.
Heusel et al., NeurIPS 2017) on an Inception. The packages ``lpips`` and ``torch-fidelity`` would
fetch them when first used; nothing is fetched here, so the files must lie in torch's own folder of
checkpoints. A figure's name says what it was measured with: values of two ports of Inception, or of
two sets of pictures, cannot be compared.
"""

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from tintype.learn.evaluate.figures import Figure
from tintype.learn.evaluate.metrics import interval

Pictures = Sequence[NDArray[np.uint8]]

_ALEXNET = "alexnet-owt-7be5be79.pth"
_INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
_LEAST = 2  # pictures, below which there is no covariance


def perceptual(painted: Pictures, truths: Pictures) -> dict[str, Figure]:
    """What the installed networks say of a method.

    Args:
        painted: Coloured pictures, each (H, W, 3); at least two, or nothing is measured.
        truths: The true ones, in the same order and of the same size.

    Returns:
        A figure for each metric whose package and network are there, by its exact name. FID is one
        number for the whole set and has no interval: all three of its values are the same.
    """
    found: dict[str, Figure] = {}
    if len(truths) < _LEAST:
        return found
    for package in installed():
        name, figure = _METRICS[package][1](painted, truths)
        found[f"{name}, {package} {importlib.metadata.version(package)}"] = figure
    return found


def installed() -> list[str]:
    """The packages that are there together with the network they need."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return [
        package
        for package, (weights, _) in _METRICS.items()
        if importlib.util.find_spec(package.replace("-", "_")) and (folder / weights).exists()
    ]


def _lpips(painted: Pictures, truths: Pictures) -> tuple[str, Figure]:
    """The mean over pictures, with its interval."""
    network = importlib.import_module("lpips").LPIPS(net="alex", verbose=False)
    with torch.no_grad():
        distances = [
            float(network(_signed(one), _signed(other)))
            for one, other in zip(painted, truths, strict=True)
        ]
    return "LPIPS 0.1 (AlexNet)", (float(np.mean(distances)), *interval(np.array(distances)))


def _signed(rgb_u8: NDArray[np.uint8]) -> torch.Tensor:
    """(H, W, 3) -> (1, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(rgb_u8.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def _fid(painted: Pictures, truths: Pictures) -> tuple[str, Figure]:
    """The distance between the two sets."""
    said = importlib.import_module("torch_fidelity").calculate_metrics(
        input1=_Set(painted), input2=_Set(truths), fid=True, cuda=False, verbose=False
    )
    value = float(said["frechet_inception_distance"])
    return f"FID (Inception, {len(truths)} pictures)", (value, value, value)


class _Set(Dataset[torch.Tensor]):
    """Pictures as torch-fidelity wants them: (3, H, W) bytes."""

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.pictures[index].copy()).permute(2, 0, 1)


_Ask = Callable[[Any, Any], tuple[str, Figure]]
_METRICS: Mapping[str, tuple[str, _Ask]] = {
    "lpips": (_ALEXNET, _lpips),
    "torch-fidelity": (_INCEPTION, _fid),
}
