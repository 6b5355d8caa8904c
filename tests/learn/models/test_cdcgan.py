from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tintype.errors import LearnError
from tintype.learn.models.cdcgan import (
    CdcganDiscriminator,
    CdcganNet,
    build,
    build_discriminator,
)
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.recipe import ModelRecipe


def small(variant: str = "cifar") -> CdcganNet:
    torch.manual_seed(0)
    return CdcganNet(variant, width=0.06)


@pytest.mark.parametrize(
    ("variant", "side", "parameters", "gmac", "stages"),
    [
        (
            "cifar",
            32,
            16_652_419,
            0.34,
            {
                "down.0": (64, 32),
                "down.1": (128, 16),
                "down.2": (256, 8),
                "down.3": (512, 4),
                "down.4": (512, 2),
                "up.0": (1024, 4),
                "up.1": (512, 8),
                "up.2": (256, 16),
                "up.3": (128, 32),
                "last": (3, 32),
            },
        ),
        (
            "places",
            256,
            42_019_203,
            9.19,
            {
                "down.0": (64, 256),
                "down.1": (64, 128),
                "down.2": (128, 64),
                "down.3": (256, 32),
                "down.4": (512, 16),
                "down.5": (512, 8),
                "down.6": (512, 4),
                "down.7": (512, 2),
                "up.0": (1024, 4),
                "up.1": (1024, 8),
                "up.2": (1024, 16),
                "up.3": (512, 32),
                "up.4": (256, 64),
                "up.5": (128, 128),
                "up.6": (128, 256),
                "last": (3, 256),
            },
        ),
    ],
)
def test_it_has_the_released_layers(
    variant: str, side: int, parameters: int, gmac: float, stages: dict[str, tuple[int, int]]
):
    with torch.device("meta"):
        model = CdcganNet(variant).eval()
        L = torch.rand(1, 1, side, side)
    shapes: dict[str, tuple[int, int]] = {}
    for name, part in model.named_modules():
        if name in stages:
            part.register_forward_hook(
                lambda _module, _inputs, output, name=name: shapes.update(
                    {name: (output.shape[1], output.shape[2])}
                )
            )
    with torch.no_grad(), FlopCounterMode(display=False) as products:
        model(L)
    assert shapes == stages
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert products.get_total_flops() / 2e9 == pytest.approx(gmac, abs=0.005)


def test_the_discriminator_has_the_released_layers():
    with torch.device("meta"):
        judge = CdcganDiscriminator()
        shapes = []
        x = torch.rand(2, 4, 32, 32)
        for down in judge.down:
            x = down(x)
            shapes.append(tuple(x.shape[1:]))
        verdict = judge(torch.rand(2, 1, 32, 32), torch.rand(2, 3, 32, 32))
    assert shapes == [(64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 4, 4)]
    assert verdict.shape == (2, 1, 4, 4)
    assert judge.down[0].norm is None
    assert all(down.norm is not None for down in judge.down[1:])


@pytest.mark.parametrize(("variant", "sides"), [("cifar", (1, 3)), ("places", (1, 2))])
def test_any_multiple_gives_a_picture_of_its_size(variant: str, sides: tuple[int, int]):
    model = small(variant).eval()
    assert isinstance(model, ColorizationNetwork)
    size = sides[0] * model.multiple, sides[1] * model.multiple
    with torch.no_grad():
        raw = model(torch.rand(2, 1, *size) * 100)
    assert raw.shape == (2, 3, *size)
    assert model.to_ab(raw).shape == (2, 2, *size)


def test_lab_goes_to_the_generator_s_scale_and_back():
    lab = torch.tensor([[0.0, -110.0, 55.0], [100.0, 22.0, 0.0]]).view(2, 3, 1, 1)
    model = small()
    raw = model.from_lab(lab)
    assert raw.flatten().tolist() == pytest.approx([-1, -1, 0.5, 1, 0.2, 0])
    assert torch.allclose(model.to_ab(raw), lab[:, 1:])


def test_both_networks_see_lightness_around_zero():
    """Black is -1 and white is 1; the released code gives 0 to 255."""
    seen: list[Tensor] = []

    def note(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])

    model, judge = small(), CdcganDiscriminator(width=0.06)
    L = torch.tensor([0.0, 100.0]).view(2, 1, 1, 1).expand(2, 1, 32, 32)
    model.down[0].register_forward_pre_hook(note)
    judge.down.register_forward_pre_hook(note)
    judge(L, model(L))
    assert [tuple(x[:, 0, 0, 0].tolist()) for x in seen] == [(-1, 1), (-1, 1)]


def test_dropout_is_where_the_table_has_it_and_only_in_training():
    assert [up.dropout.p for up in small("cifar").up] == [0.5, 0.5, 0, 0]
    assert {up.dropout.p for up in small("places").up} == {0}
    model, L = small().eval(), torch.rand(2, 1, 32, 32) * 100
    with torch.no_grad():
        assert torch.equal(model(L), model(L))
        # A picture's colours do not depend on its neighbours in a batch.
        assert torch.allclose(model(L)[:1], model(L[:1]), atol=1e-6)
        model.train()
        assert not torch.equal(model(L), model(L))


@pytest.mark.parametrize("variant", ["cifar", "places"])
def test_onnx_agrees_at_every_size(variant: str, differs_from_onnx: Callable[..., float]):
    model = small(variant)
    step = model.multiple
    assert differs_from_onnx(model, (step, step), (2 * step, 3 * step)) < 1e-3


def test_a_recipe_chooses_variant_and_width():
    assert build(ModelRecipe(kind="cdcgan", width=0.1)).multiple == 16
    places = build(ModelRecipe(kind="cdcgan", width=0.1, variant="places"))
    assert places.multiple == 128
    assert places.down[0].conv.out_channels == 6
    judge = build_discriminator(ModelRecipe(kind="cdcgan", width=0.1))
    assert judge.down[0].conv.out_channels == 6
    with pytest.raises(LearnError, match=r"no variant imagenet.*cifar, places"):
        build(ModelRecipe(kind="cdcgan", variant="imagenet"))


def test_without_batch_norm_there_are_biases_instead():
    recipe = ModelRecipe(kind="cdcgan", width=0.06, dropout=0.0)
    without = recipe.model_copy(update={"batch_norm": False})
    for make in (build, build_discriminator):
        normal, plain = make(recipe), make(without)
        norms = [m for m in normal.modules() if isinstance(m, nn.BatchNorm2d)]
        assert norms
        assert not any(isinstance(m, nn.BatchNorm2d) for m in plain.modules())
        # A bias for each channel, in place of a scale and a shift.
        scales = sum(norm.num_features for norm in norms)
        sizes = [sum(p.numel() for p in model.parameters()) for model in (normal, plain)]
        assert sizes[0] - sizes[1] == scales
    L = torch.rand(2, 1, 32, 32) * 100
    model = build(without).train()
    # In training, too, a picture does not depend on the others.
    with torch.no_grad():
        assert torch.allclose(model(L)[:1], model(L[:1]), atol=1e-5)
        normal = build(recipe).train()
        assert not torch.allclose(normal(L)[:1], normal(L[:1]), atol=1e-5)
    model(L).square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())
