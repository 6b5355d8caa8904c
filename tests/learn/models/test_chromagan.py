from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.learn.models.chromagan import (
    ChromaganCritic,
    ChromaganNet,
    build,
    build_discriminator,
)
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.recipe import ModelRecipe


def small(**changes: int) -> ChromaganNet:
    torch.manual_seed(0)
    settings = {"classes": 5, "global_size": 32} | changes
    return ChromaganNet(width=0.06, **settings)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def conv(inputs: int, outputs: int, kernel: int = 3) -> int:
    return inputs * outputs * kernel**2 + outputs


def test_it_has_the_authors_layers():
    """Figure 2 of the paper and the released code; the numbers follow from them."""
    with torch.device("meta"):
        model = ChromaganNet().eval()
        L = torch.rand(1, 1, 224, 224)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, part in model.named_children():
        part.register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.update({name: tuple(output.shape)})
        )
    with torch.no_grad():
        raw, logits = model.with_classes(L)
    assert shapes == {
        "vgg": (1, 512, 28, 28),
        "scene": (1, 512 * 7 * 7),
        "vector": (1, 256),
        "names": (1, 1000),
        "mid": (1, 256, 28, 28),
        "color8": (1, 128, 28, 28),
        "color4": (1, 64, 56, 56),
        "color2": (1, 2, 112, 112),
    }
    assert raw.shape == (1, 2, 112, 112)
    assert logits.shape == (1, 1000)


def test_it_has_as_many_parameters_as_the_authors():
    """Trainable ones; a norm has a scale and a shift for each channel."""
    with torch.device("meta"):
        model, critic = ChromaganNet(), ChromaganCritic()
    flat = 512 * 7 * 7
    expected = {
        # VGG-16 up to conv4_3.
        "vgg": 7_635_264,
        "scene": 4 * (conv(512, 512) + 2 * 512),
        "vector": (flat + 1) * 1024 + 1025 * 512 + 513 * 256,
        "names": (flat + 1) * 4096 + 4097 * 4096 + 4097 * 1000,
        "mid": conv(512, 512) + 2 * 512 + conv(512, 256) + 2 * 256,
        "color8": conv(512, 256, 1) + conv(256, 128),
        "color4": conv(128, 64) + conv(64, 64),
        "color2": conv(64, 32) + conv(32, 2),
    }
    assert {name: count(part) for name, part in model.named_children()} == expected
    assert count(model) == 171_166_090
    channels = ((3, 64), (64, 128), (128, 256), (256, 512), (512, 1))
    assert count(critic) == sum(conv(*pair, 4) for pair in channels) == 2_764_737


def test_a_quarter_of_the_channels_is_what_the_recipe_says():
    with torch.device("meta"):
        recipe = ModelRecipe(kind="chromagan", width=0.25, global_size=64)
        assert count(build(recipe)) == 4_098_514
        assert count(build_discriminator(recipe)) == 175_089


@pytest.mark.parametrize("size", [(8, 8), (32, 32), (40, 104)])
def test_any_size_gives_half_of_it(size: tuple[int, int]):
    model = small().eval()
    assert isinstance(model, ColorizationNetwork)
    with torch.no_grad():
        raw = model(torch.rand(2, 1, *size) * 100)
    assert model.to_ab(raw).shape == (2, 2, size[0] // 2, size[1] // 2)


def test_the_sigmoid_spans_eight_bits_of_a_and_b():
    raw = torch.tensor([0.0, 128 / 255, 1.0]).view(1, 1, 1, 3).expand(1, 2, 1, 3)
    ab = small().to_ab(raw)
    assert ab[0, 0, 0].tolist() == pytest.approx([-128, 0, 127], abs=1e-4)
    assert torch.allclose(small().from_ab(ab), raw)


def test_halving_pads_after_the_picture():
    """As in TensorFlow: at stride 2 the first location sees the pixels 0, 1 and 2."""
    layer = small().scene[0]
    pixels = torch.zeros(1, layer[1].in_channels, 4, 4, requires_grad=True)
    layer[1](layer[0](pixels))[0, :, 1, 1].sum().backward()
    seen = pixels.grad.abs().sum(dim=(0, 1)) > 0
    assert seen.any(dim=1).tolist() == seen.any(dim=0).tolist() == [False, False, True, True]


def test_norms_follow_the_activation():
    kinds = [type(part).__name__ for part in small().mid[0]]
    assert kinds == ["ZeroPad2d", "Conv2d", "ReLU", "BatchNorm2d"]
    assert not any(isinstance(m, nn.BatchNorm2d) for m in ChromaganCritic(width=0.1).modules())


def test_the_vector_has_no_activations():
    model = small()
    scene = torch.randn(1, model.vector[0].in_features)
    bias = model.vector(torch.zeros_like(scene))
    assert torch.allclose(model.vector(-scene) - bias, bias - model.vector(scene), atol=1e-5)


def test_a_picture_of_the_copy_s_size_is_its_own_copy(monkeypatch: pytest.MonkeyPatch):
    model = small(global_size=64).eval()
    L = torch.rand(1, 1, 64, 64) * 100
    with torch.no_grad():
        short = model(L)
        monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
        assert torch.allclose(short, model(L), atol=1e-6)


def test_the_whole_picture_matters_everywhere(awake: Callable[[nn.Module], nn.Module]):
    model = awake(small())
    L = torch.rand(1, 1, 256, 256) * 100
    other = L.clone()
    other[..., :64, :64] = 0
    seen: list[Tensor] = []
    model.mid.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        before, after = model(L), model(other)
    assert torch.equal(seen[0][..., -8:, -8:], seen[1][..., -8:, -8:])
    assert (before - after)[..., -8:, -8:].abs().max() > 1e-4


def test_onnx_agrees_at_every_size(differs_from_onnx: Callable[..., float]):
    assert differs_from_onnx(small(), (64, 64), (32, 160)) < 2e-3


def test_the_critic_scores_patches_by_hand():
    """With filters of ones in the last layer and nothing before it, a sum of what it sees."""
    critic = ChromaganCritic(width=0.02)  # 1, 3, 5 and 10 channels
    for layer in critic.layers:
        nn.init.zeros_(layer.weight)
    # The channel of a, at the second row and column of each filter, goes through unchanged.
    for layer in critic.layers:
        layer.weight.data[0, 0, 1, 1] = 1
    critic.layers[0].weight.data[0, :, 1, 1] = torch.tensor([0.0, 1.0, 0.0])
    colors = torch.zeros(1, 2, 16, 16)
    colors[0, 0] = -1
    colors[0, 0, 8, 0] = 2
    scores = critic(torch.rand(1, 1, 16, 16) * 100, colors)
    assert scores.shape == (1, 1, 2, 2)
    # Four leaky ReLUs: -1 becomes -0.3 to the power of four; 2 stays.
    assert scores.flatten().tolist() == pytest.approx([-(0.3**4), -(0.3**4), 2, -(0.3**4)])


def test_the_critic_sees_the_lightness_too():
    torch.manual_seed(0)
    critic, colors = ChromaganCritic(width=0.05), torch.rand(1, 2, 32, 32)
    dark, bright = (critic(torch.full((1, 1, 32, 32), L), colors) for L in (10.0, 90.0))
    assert not torch.allclose(dark, bright)
    assert F.l1_loss(critic(torch.full((1, 1, 32, 32), 10.0), colors), dark) == 0
