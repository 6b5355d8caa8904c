"""A wider decoder cut down: what counts stays, in its order; the rest is not missed."""

import pytest
import torch

from tintype.errors import LearnError
from tintype.learn.models.own import OwnNet
from tintype.learn.models.registry import build
from tintype.learn.recipe import ModelRecipe

WIDE, SLIM = (20, 24, 16, 12), (16, 12, 16, 8)


def own(widths: tuple[int, int, int, int], *, hints: bool = True, seed: int = 0) -> OwnNet:
    torch.manual_seed(seed)
    model = build(ModelRecipe(pretrained=False, widths=widths, hints=hints))
    assert isinstance(model, OwnNet)
    return model.eval()


def silence_some(model: OwnNet) -> None:
    """Silences the first channels of each layer, more than the cut will take away."""
    with torch.no_grad():
        idle = torch.arange(4)
        for tensor in (model.lateral.weight, model.lateral.bias, model.whole.weight):
            tensor[idle] = 0
        model.whole.bias[idle] = 0
        for norm, count in ((model.up16.norm, 12), (model.up4.norm, 4), (model.norm, 4)):
            norm.weight[:count] = 0
            norm.bias[:count] = 0
        for out, count in (
            (model.hints.out[3], 4),
            (model.hints.out[2], 12),
            (model.hints.out[0], 4),
        ):
            out.weight[:count] = 0


def test_channels_that_say_nothing_are_the_ones_that_go():
    wide = own(WIDE)
    silence_some(wide)
    slim = own(SLIM, seed=1)
    slim.warm_start(wide.state_dict())
    L = torch.rand(2, 1, 64, 96) * 100
    hints = torch.zeros(2, 3, 64, 96)
    hints[:, :, 20:24, 30:34] = torch.tensor([50.0, -40.0, 1.0]).view(3, 1, 1)
    with torch.no_grad():
        assert torch.allclose(slim(L), wide(L), atol=1e-4)
        assert torch.allclose(slim(L, hints), wide(L, hints), atol=1e-4)


def test_the_same_width_takes_the_same_weights():
    first, second = own(SLIM), own(SLIM, seed=1)
    second.warm_start(first.state_dict())
    for name, tensor in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], tensor), name


def test_weights_without_hints_leave_the_hint_path_as_it_is():
    plain, hinted = own(WIDE, hints=False), own(SLIM, seed=1)
    fresh = [out.weight.clone() for out in hinted.hints.out]
    hinted.warm_start(plain.state_dict())
    for before, out in zip(fresh, hinted.hints.out, strict=True):
        assert torch.equal(before, out.weight)


def test_a_narrower_or_another_network_is_refused():
    with pytest.raises(LearnError, match=r"16 channels in lateral\.weight, the recipe has 20"):
        own(WIDE).warm_start(own(SLIM).state_dict())
    with pytest.raises(LearnError, match="a network of another kind or size"):
        own(SLIM, hints=False).warm_start(own(SLIM).state_dict())
    torch.manual_seed(0)
    lite2 = build(ModelRecipe(pretrained=False, encoder="lite2", widths=SLIM, hints=True))
    assert isinstance(lite2, OwnNet)
    with pytest.raises(LearnError, match="a network of another kind or size"):
        lite2.warm_start(own(SLIM).state_dict())
