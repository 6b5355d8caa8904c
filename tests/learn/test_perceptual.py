"""LPIPS and FID with stand-ins for their packages: what is handed over, and when."""

import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from tintype.learn.evaluate import perceptual as module
from tintype.learn.evaluate.perceptual import installed, perceptual

WEIGHTS = {
    "lpips": "alexnet-owt-7be5be79.pth",
    "torch-fidelity": "weights-inception-2015-12-05-6726825d.pth",
}


def pictures(seed: int) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(5)]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a stand-in of a package where it is looked for, with or without its network."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(importlib.metadata, "version", lambda _package: "9.9")
    (tmp_path / "checkpoints").mkdir()

    def put(package: str, *, network: bool = True, **attributes: object) -> None:
        name = package.replace("-", "_")
        stand_in = ModuleType(name)
        stand_in.__spec__ = importlib.util.spec_from_loader(name, loader=None)
        for key, value in attributes.items():
            setattr(stand_in, key, value)
        monkeypatch.setitem(sys.modules, name, stand_in)
        if network:
            (tmp_path / "checkpoints" / WEIGHTS[package]).touch()

    return put


class Distance:
    """In place of the network: the mean absolute difference."""

    def __init__(self, *, net: str, verbose: bool) -> None:
        assert net == "alex"
        assert not verbose

    def __call__(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        assert one.shape == other.shape == (1, 3, 8, 8)
        assert -1 <= one.min() < -0.9
        assert 0.9 < one.max() <= 1
        return (one - other).abs().mean().view(1, 1, 1, 1)


def test_lpips_is_the_mean_over_pictures_with_its_interval(install: Callable[..., None]):
    install("lpips", LPIPS=Distance)
    painted, truths = pictures(0), pictures(1)
    found = perceptual(painted, truths)
    assert list(found) == ["LPIPS 0.1 (AlexNet), lpips 9.9"]
    value, low, high = found["LPIPS 0.1 (AlexNet), lpips 9.9"]
    by_hand = [np.abs(a / 127.5 - b / 127.5).mean() for a, b in zip(painted, truths, strict=True)]
    assert value == pytest.approx(np.mean(by_hand), abs=1e-6)
    assert min(by_hand) <= low < value < high <= max(by_hand)


def test_fid_gets_both_sets_as_bytes(install: Callable[..., None]):
    painted, truths = pictures(0), pictures(1)

    def calculate_metrics(**asked: object) -> dict[str, float]:
        assert asked["fid"]
        assert not asked["cuda"]
        for key, expected in (("input1", painted), ("input2", truths)):
            given = [asked[key][index] for index in range(len(asked[key]))]
            assert all(picture.dtype == torch.uint8 for picture in given)
            assert all(
                np.array_equal(picture.permute(1, 2, 0).numpy(), wanted)
                for picture, wanted in zip(given, expected, strict=True)
            )
        return {"frechet_inception_distance": 12.5}

    install("torch-fidelity", calculate_metrics=calculate_metrics)
    assert perceptual(painted, truths) == {
        "FID (Inception, 5 pictures), torch-fidelity 9.9": (12.5, 12.5, 12.5)
    }
    assert perceptual(painted[:1], truths[:1]) == {}


def test_nothing_is_fetched_for_a_package_without_its_network(install: Callable[..., None]):
    install("lpips", network=False)
    assert installed() == []
    assert perceptual(pictures(0), pictures(1)) == {}
    assert set(module._METRICS) == set(WEIGHTS)
