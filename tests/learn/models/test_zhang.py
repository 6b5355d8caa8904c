import pytest
import torch
from torch import nn

from tintype.learn.compare.measure import count_gmac
from tintype.learn.models.registry import build
from tintype.learn.models.zhang import ZhangNet
from tintype.learn.recipe import ModelRecipe


def test_it_has_the_published_layers():
    """Channels, dilations and sizes of the table; 32.2 M parameters and 41.8 GMAC at 256 px."""
    with torch.device("meta"):
        model = build(ModelRecipe(kind="zhang")).eval()
        L = torch.rand(1, 1, 256, 256)
    assert isinstance(model, ZhangNet)
    assert sum(p.numel() for p in model.parameters()) == 32_235_385
    norms = [layer for layer in model.blocks if isinstance(layer, nn.BatchNorm2d)]
    assert [norm.num_features for norm in norms] == [64, 128, 256, 512, 512, 512, 512]
    convs = [layer for layer in model.blocks if isinstance(layer, nn.Conv2d)]
    assert [conv.dilation[0] for conv in convs] == [1] * 10 + [2] * 6 + [1] * 3
    assert [index for index, conv in enumerate(convs) if conv.stride[0] == 2] == [1, 3, 6]
    sizes: list[int] = []
    for norm in norms:
        norm.register_forward_hook(lambda _module, _inputs, out: sizes.append(out.shape[-1]))
    with torch.no_grad():
        raw = model(L)
    assert sizes == [128, 64, 32, 32, 32, 32, 32]
    assert raw.shape == (1, 313, 64, 64)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in model.block8)


def test_it_multiplies_as_often_as_published():
    assert count_gmac(ZhangNet(width=0.25).eval()) == pytest.approx(2.68, abs=0.01)
    # All but the stem and the head shrink with the square of the width.
    assert count_gmac(ZhangNet().eval()) == pytest.approx(41.8, abs=0.05)


def test_dilation_makes_it_see_farther():
    """A change at one pixel reaches places that undilated filters could not reach."""

    def reach(model: ZhangNet) -> int:
        L = torch.full((1, 1, 448, 448), 50.0, requires_grad=True)
        model.eval().blocks(L)[0, :, 28, 28].sum().backward()
        assert L.grad is not None
        return int((L.grad[0, 0].abs().sum(dim=0) > 0).sum())

    def undilated(model: ZhangNet) -> ZhangNet:
        for layer in model.blocks:
            if isinstance(layer, nn.Conv2d):
                layer.dilation = layer.padding = (1, 1)
        return model

    def without_relu(model: ZhangNet) -> ZhangNet:
        for index, layer in enumerate(model.blocks):
            if isinstance(layer, nn.ReLU):
                model.blocks[index] = nn.Identity()
        return model

    # Six dilated convolutions at an eighth of the size, each one place more on either side.
    dilated = reach(without_relu(ZhangNet(width=0.1)))
    plain = reach(undilated(without_relu(ZhangNet(width=0.1))))
    assert dilated - plain == 6 * 2 * 8


def test_it_starts_without_an_opinion():
    torch.manual_seed(0)
    with torch.no_grad():
        mass = torch.softmax(ZhangNet(width=0.1)(torch.rand(4, 1, 64, 64) * 100), dim=1)
    assert mass.max() < 1.5 / 313
