"""Filters over few mixtures of their inputs."""

import torch
from torch import nn

from tintype.learn.models.lowrank import factor
from tintype.learn.models.own import OwnNet


def test_inputs_of_low_rank_lose_nothing() -> None:
    draw = torch.Generator().manual_seed(1)
    conv = nn.Conv2d(12 + 3, 7, 3, padding=1, bias=False)
    few = torch.randn(2, 4, 9, 11, generator=draw)
    spread = torch.einsum("cm,bmhw->bchw", torch.randn(12, 4, generator=draw), few)
    x = torch.cat([spread, torch.randn(2, 3, 9, 11, generator=draw)], dim=1)
    mix, filters = factor(conv, x, 12, 4)
    assert (mix.out_channels, filters.in_channels) == (4, 4 + 3)
    with torch.no_grad():
        y = filters(torch.cat([mix(x[:, :12]), x[:, 12:]], dim=1))
        torch.testing.assert_close(y, conv(x), rtol=1e-4, atol=1e-4)


def test_more_mixtures_lose_less() -> None:
    draw = torch.Generator().manual_seed(2)
    conv = nn.Conv2d(16, 8, 3, padding=1, bias=False)
    x = torch.relu(torch.randn(4, 16, 8, 8, generator=draw))
    lost = []
    with torch.no_grad():
        for rank in (2, 6, 12, 16, 99):
            mix, filters = factor(conv, x, 16, rank)
            lost.append(float((filters(mix(x)) - conv(x)).square().mean()))
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > 100 * lost[-1]
    assert lost[-1] < 1e-8


def test_a_network_with_all_mixtures_answers_as_before() -> None:
    torch.manual_seed(3)
    model = OwnNet("lite0", (32, 24, 16, 16), hints=True).eval()
    L, hints = torch.rand(2, 1, 64, 64) * 100, torch.zeros(2, 3, 64, 64)
    hints[1, :, 20:24, 20:24] = torch.tensor([30.0, -20.0, 1.0])[:, None, None]
    small = model.factored(L, hints, 99)
    with torch.no_grad():
        torch.testing.assert_close(small(L, hints), model(L, hints), rtol=1e-3, atol=1e-3)
        for ours, theirs in zip(small.with_features(L), model.with_features(L), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    assert "up4.mix.weight" not in model.state_dict()
    fewer = model.factored(L, hints, 8)
    assert sum(p.numel() for p in fewer.parameters()) < sum(p.numel() for p in model.parameters())
