from collections.abc import Callable

import pytest
import torch
from torch import nn

from tintype.errors import LearnError
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.models.pix2pix import (
    PatchDiscriminator,
    Pix2pixNet,
    build,
    build_discriminator,
)
from tintype.learn.recipe import ModelRecipe


def small(variant: str = "64") -> Pix2pixNet:
    torch.manual_seed(0)
    return Pix2pixNet(variant, width=0.05)


def shapes_of(model: nn.Module, side: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Channels and side of every layer on the way down, and on the way up."""
    down, up = [], []
    for layers, shapes in ((model.down, down), (model.up, up)):
        for layer in layers:
            layer.register_forward_hook(
                lambda _module, _inputs, output, shapes=shapes: shapes.append(
                    (output.shape[1], output.shape[2])
                )
            )
    model(torch.rand(1, 1, side, side))
    return down, up


def test_it_has_the_paper_s_layers():
    """Section 6.1.1: C64-C128-C256-C512 five times, and back with mirror layers."""
    with torch.device("meta"):
        model = Pix2pixNet().eval()
        down, up = shapes_of(model, 256)
        parameters = sum(p.numel() for p in model.parameters())
    wide = [(512, side) for side in (16, 8, 4, 2, 1)]
    assert down == [(64, 128), (128, 64), (256, 32), *wide]
    wide = [(1024, side) for side in (2, 4, 8, 16)]
    assert up == [*wide, (512, 32), (256, 64), (128, 128)]
    # The released network from three channels to three has 54,413,955; ours has two channels less
    # in, one less out (with its bias), and biases where no norm follows: in the first and the last
    # layer on the way down.
    assert parameters == 54_413_955 - 2 * 64 * 16 - (128 * 16 + 1) + 64 + 512


@pytest.mark.parametrize(("variant", "depth"), [("256", 8), ("128", 7), ("64", 6)])
def test_every_variant_ends_in_a_single_place(variant: str, depth: int):
    model = small(variant).eval()
    assert model.multiple == int(variant)
    down, up = shapes_of(model, model.multiple)
    assert len(down) == depth
    assert down[-1][1] == 1
    assert up[-1][1] == model.multiple // 2


def test_the_discriminator_looks_at_seventy_pixels():
    torch.manual_seed(0)
    judge = PatchDiscriminator(width=0.1)
    for layer in judge.down:
        layer.norm = None  # batch statistics would let every pixel count everywhere
    colors = torch.rand(1, 2, 128, 128, requires_grad=True)
    verdict = judge(torch.rand(1, 1, 128, 128) * 100, colors)
    assert verdict.shape == (1, 1, 14, 14)
    verdict[0, 0, 7, 7].backward()
    rows = colors.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    columns = colors.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (70, 70)


def test_the_discriminator_has_the_paper_s_channels():
    layers = [layer.conv for layer in PatchDiscriminator().down]
    assert [(c.in_channels, c.out_channels, c.stride[0]) for c in layers] == [
        (3, 64, 2),
        (64, 128, 2),
        (128, 256, 2),
        (256, 512, 1),
    ]


def test_norms_are_everywhere_but_in_the_first_and_the_innermost_layer():
    model = small("256")
    assert [layer.norm is None for layer in model.down] == [True, *[False] * 6, True]
    assert all(isinstance(layer.norm, nn.BatchNorm2d) for layer in model.up)


def test_a_single_picture_can_be_trained_on():
    """The innermost layer has one value in each channel; the paper's batches have one picture."""
    model = small().train()
    model(torch.rand(1, 1, 64, 64) * 100).square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_any_multiple_gives_colours_of_its_size():
    model = small().eval()
    assert isinstance(model, ColorizationNetwork)
    with torch.no_grad():
        raw = model(torch.rand(2, 1, 64, 192) * 100)
    assert raw.shape == model.to_ab(raw).shape == (2, 2, 64, 192)


def test_lab_goes_to_the_generator_s_scale_and_back():
    lab = torch.tensor([[0.0, -110.0, 55.0], [100.0, 22.0, 0.0]]).view(2, 3, 1, 1)
    model = small()
    raw = model.from_lab(lab)
    assert raw.flatten().tolist() == pytest.approx([-1, 0.5, 0.2, 0])
    assert torch.allclose(model.to_ab(raw), lab[:, 1:])


def test_dropout_is_in_the_first_layers_up_and_only_in_training(
    awake: Callable[[nn.Module], nn.Module],
):
    assert [up.dropout.p for up in small("256").up] == [0.5, 0.5, 0.5, 0, 0, 0, 0]
    assert [up.dropout.p for up in small("128").up] == [0.5, 0.5, 0, 0, 0, 0]
    model, L = awake(small()), torch.rand(2, 1, 64, 64) * 100
    with torch.no_grad():
        assert torch.equal(model(L), model(L))
        assert torch.allclose(model(L)[:1], model(L[:1]), atol=1e-6)
        for up in model.up:
            up.dropout.train()
        assert not torch.equal(model(L), model(L))


def test_onnx_agrees_at_every_size(differs_from_onnx: Callable[..., float]):
    model = small()
    for part in model.modules():  # filters of 0.02 whisper in a network this narrow
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.weight.data *= 10
    assert differs_from_onnx(model, (64, 64), (128, 192)) < 1e-3


def test_a_recipe_chooses_variant_and_width():
    assert build(ModelRecipe(kind="pix2pix", width=0.05)).multiple == 256
    narrow = build(ModelRecipe(kind="pix2pix", width=0.05, variant="128"))
    assert narrow.multiple == 128
    assert narrow.down[0].conv.out_channels == 3
    judge = build_discriminator(ModelRecipe(kind="pix2pix", width=0.05))
    assert judge.down[0].conv.out_channels == 3
    with pytest.raises(LearnError, match=r"no variant 512.*256, 128, 64"):
        build(ModelRecipe(kind="pix2pix", variant="512"))
