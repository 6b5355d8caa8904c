import pytest
import torch
from torch import nn

from tintype.errors import LearnError
from tintype.learn.models.registry import build
from tintype.learn.models.rescnn import ResCnn
from tintype.learn.models.resnet import GreyResNet18
from tintype.learn.recipe import ModelRecipe


@pytest.mark.parametrize(
    ("outputs", "channels", "parameters"), [("ab", 2, 1_216_834), ("bins", 313, 1_306_713)]
)
def test_it_has_the_table_s_layers(outputs: str, channels: int, parameters: int):
    """Table 1 of the report; 1.21 M and 1.30 M parameters."""
    with torch.device("meta"):
        model = build(ModelRecipe(kind="rescnn", outputs=outputs)).eval()
        L = torch.rand(1, 1, 256, 256)
    assert sum(p.numel() for p in model.parameters()) == parameters
    layers = [m for m in model.decoder if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert [m.out_channels for m in layers] == [128, 128, 64, 64, 32, channels]
    assert [m.kernel_size[0] for m in layers] == [4, 3, 3, 3, 3, 3]
    assert isinstance(layers[0], nn.ConvTranspose2d)
    with torch.no_grad():
        assert model.trunk(L).shape == (1, 128, 32, 32)
        assert model(L).shape == (1, channels, 64, 64)


def test_the_literal_reading_halves_what_one_stage_gives():
    with torch.device("meta"):
        model = build(ModelRecipe(kind="rescnn", outputs="ab", variant="layer1")).eval()
        L = torch.rand(1, 1, 256, 256)
    assert isinstance(model, ResCnn)
    assert model.stride == 8
    with torch.no_grad():
        assert model.trunk(L).shape == (1, 64, 64, 64)
        assert model(L).shape == (1, 2, 32, 32)


def test_another_variant_is_one_clear_line():
    with pytest.raises(LearnError, match="no variant layer3"):
        build(ModelRecipe(kind="rescnn", variant="layer3"))


def test_it_starts_from_the_classifier_s_first_layers():
    torch.manual_seed(0)
    classifier, model = GreyResNet18(5, width=0.1), ResCnn(width=0.1)
    decoder = model.decoder[0].weight.clone()
    model.load_classifier(classifier.state_dict())
    L = torch.rand(1, 1, 64, 64) * 100
    seen: list[torch.Tensor] = []
    classifier.trunk.layers[1].register_forward_hook(lambda _m, _i, out: seen.append(out))
    classifier.eval()(L)
    assert torch.equal(model.eval().trunk(L), seen[0])
    assert torch.equal(model.decoder[0].weight, decoder)


@pytest.mark.parametrize("width", [0.1, None])
def test_a_classifier_that_does_not_fit_is_one_clear_line(width: float | None):
    weights = {} if width is None else GreyResNet18(5, width=width).state_dict()
    with pytest.raises(LearnError, match=r"trunk\.conv1\.weight is"):
        ResCnn().load_classifier(weights)


def test_ab_stay_within_reach_and_bins_give_their_mean():
    model = ResCnn("ab", width=0.1).eval()
    nn.init.normal_(model.decoder[-1].weight, std=100)
    with torch.no_grad():
        ab = model.to_ab(model(torch.rand(1, 1, 64, 64) * 100))
    assert 100 < ab.abs().max() <= 110
    certain = torch.full((1, 313, 1, 1), -50.0)
    certain[:, 7] = 50
    over_bins = ResCnn(width=0.1)
    assert torch.allclose(over_bins.to_ab(certain)[0, :, 0, 0], over_bins.mean.centers[7])
