import math

import numpy as np
import pytest
import torch
from torch import nn

from tintype.color.cielab import luma01_to_L, rgb01_to_lab
from tintype.learn.data.batches import Batch
from tintype.learn.models.cheng import ChengNet, Daisy, build, joint_bilateral
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.recipe import ModelRecipe
from tintype.learn.train.objectives.uv import Uv, rgb01_to_uv


def small() -> ChengNet:
    torch.manual_seed(0)
    return ChengNet()


def test_it_has_the_paper_s_layers():
    """49 greys, DAISY's 32 and the wide histogram's 8; three layers of half as many."""
    with torch.device("meta"):
        model = build(ModelRecipe(kind="cheng")).eval()
        L = torch.rand(1, 1, 64, 96)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, part in model.named_children():
        part.register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.update({name: tuple(output.shape)})
        )
    with torch.no_grad():
        raw = model(L)
        features = model.features(L)
    assert features.shape == (1, 49 + 32 + 8, 64, 96)
    assert shapes == {
        "daisy": (1, 32, 64, 96),
        "first": (1, 44, 64, 96),
        "second": (1, 44, 64, 96),
        "third": (1, 44, 64, 96),
        "last": (1, 2, 64, 96),
    }
    assert raw.shape == (1, 3, 64, 96)
    assert sum(p.numel() for p in model.parameters()) == 90 * 44 + 2 * 45 * 44 + 45 * 2


@pytest.mark.parametrize("size", [(8, 8), (32, 40), (104, 16)])
def test_any_size_is_answered_at_full_size(size: tuple[int, int]):
    model = small().eval()
    assert isinstance(model, ColorizationNetwork)
    with torch.no_grad():
        ab = model.to_ab(model(torch.rand(2, 1, *size) * 100))
    assert ab.shape == (2, 2, *size)
    assert torch.isfinite(ab).all()
    assert ab.abs().max() <= 110


def test_the_patch_is_the_pixel_s_neighbourhood():
    luma01 = torch.rand(1, 1, 16, 24)
    patch = small().features(luma01)[0, :49, 9, 11].view(7, 7) + 0.5
    assert torch.allclose(patch, luma01[0, 0, 6:13, 8:15], atol=1e-6)


def test_daisy_agrees_with_its_definition():
    """Derivatives, Gaussians and interpolation by SciPy, one place after the other."""
    ndimage = pytest.importorskip("scipy.ndimage")
    picture = ndimage.gaussian_filter(np.random.default_rng(0).random((48, 48)), 1.5) * 4
    ours = Daisy()(torch.from_numpy(picture).float()[None, None])[0].numpy()
    ours = ours.reshape(8, 4, 48, 48)
    dx = ndimage.correlate1d(picture, [-0.5, 0, 0.5], axis=1, mode="nearest")
    dy = ndimage.correlate1d(picture, [-0.5, 0, 0.5], axis=0, mode="nearest")
    y, x = np.mgrid[14:34, 14:34]
    for place in range(4):
        sigma = 2.5 if place else 1.25
        angle = 2 * math.pi * (place - 1) / 3
        down, across = (5 * math.sin(angle), 5 * math.cos(angle)) if place else (0.0, 0.0)
        expected = []
        for direction in range(8):
            turn = 2 * math.pi * direction / 8
            slope = np.maximum(math.cos(turn) * dx + math.sin(turn) * dy, 0)
            smooth = ndimage.gaussian_filter(slope, sigma, mode="nearest", truncate=6)
            expected.append(ndimage.map_coordinates(smooth, [y + down, x + across], order=3))
        histogram = np.stack(expected)
        histogram /= np.sqrt((histogram**2).sum(axis=0) + 0.01**2)
        assert np.abs(ours[:, place, 14:34, 14:34] - histogram).max() < 0.01


def test_daisy_turns_with_the_picture_and_ignores_contrast():
    ramp = torch.linspace(0, 1, 48).expand(48, 48)[None, None]
    right = Daisy()(ramp)[0, :, 24, 24].view(8, 4)[:, 0]
    down = Daisy()(ramp.transpose(2, 3))[0, :, 24, 24].view(8, 4)[:, 0]
    weak = Daisy()(ramp * 0.5 + 0.2)[0, :, 24, 24].view(8, 4)[:, 0]
    assert int(right.argmax()) == 0
    assert torch.allclose(down, right.roll(2), atol=1e-6)
    assert torch.nn.functional.cosine_similarity(weak, right, dim=0) > 0.9999
    assert Daisy()(torch.full((1, 1, 32, 32), 0.7)).abs().max() < 1e-4


def test_the_wide_histogram_sees_the_levels_around():
    luma01 = torch.zeros(1, 1, 64, 64)
    luma01[..., 32:] = 1.0
    wide = small().features(luma01)[0, -8:]
    assert torch.allclose(wide.sum(dim=0), torch.ones(64, 64), atol=1e-5)
    assert wide[0, 32, 4] == 1
    assert wide[7, 32, 60] == 1
    assert 0.3 < wide[0, 32, 32] < 0.7


def test_the_filter_smooths_inside_and_keeps_edges():
    luma01 = torch.full((1, 1, 32, 32), 0.2)
    luma01[..., 16:] = 0.8
    clean = torch.full((1, 2, 32, 32), -0.2)
    clean[..., 16:] = 0.2
    torch.manual_seed(0)
    noisy = clean + 0.1 * torch.randn_like(clean)
    error = joint_bilateral(noisy, luma01) - clean
    assert error.std() < 0.25 * 0.1
    assert error[..., 14:18].abs().mean() < 0.05  # a blind filter would be 0.15 off here
    # The same filter without an edge in the grey mixes both sides.
    blind = joint_bilateral(clean, torch.full_like(luma01, 0.5)) - clean
    assert blind[..., 14:18].abs().mean() > 0.1
    assert torch.allclose(joint_bilateral(clean, luma01), clean, atol=1e-4)


def test_the_filter_is_part_of_the_answer():
    raw = torch.zeros(1, 3, 24, 24)
    raw[:, 2] = 0.5
    raw[:, 1, 12, 12] = 0.2  # a red dab in a grey area
    ab = small().to_ab(raw)[0]
    assert ab[0, 12, 12] < 5
    assert ab[0, 12, 14] > 0.1


@pytest.mark.parametrize("colour", [(0.2, 0.5, 0.7), (0.9, 0.8, 0.1), (0.4, 0.4, 0.4)])
def test_u_and_v_decode_to_the_colour_they_came_from(colour: tuple[float, float, float]):
    rgb = torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    luma01 = 0.299 * rgb[:, :1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:]
    ab = small().to_ab(torch.cat([rgb01_to_uv(rgb), luma01], dim=1))[0, :, 8, 8]
    assert torch.allclose(ab, rgb01_to_lab(torch.tensor(colour), xp=torch)[1:], atol=1e-2)


def test_forward_carries_the_luma():
    luma01 = torch.rand(1, 1, 16, 16)
    with torch.no_grad():
        raw = small()(luma01_to_L(luma01, xp=torch))
    assert torch.allclose(raw[:, 2:], luma01, atol=1e-4)


def test_the_objective_by_hand():
    class Says(nn.Module):
        def forward(self, L):
            return torch.tensor([0.1, -0.2, 9.0]).view(1, 3, 1, 1).expand(len(L), 3, 8, 8)

    rgb = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    batch = Batch(rgb[:, :1], rgb[:, :2], rgb, torch.zeros(1, dtype=torch.int64))
    u, v = -0.492 * 0.299, 0.877 * 0.701
    expected = ((0.1 - u) ** 2 + (-0.2 - v) ** 2) / 2
    assert float(Uv()(Says(), batch)["loss"]) == pytest.approx(expected, abs=1e-6)
