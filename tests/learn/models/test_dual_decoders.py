"""Dual decoders: the layers and the numbers of the paper, attention as torch has it, the losses."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.cielab import lab_to_rgb01
from tintype.errors import LearnError
from tintype.learn.compare.measure import count_gmac
from tintype.learn.data.batches import Batch
from tintype.learn.evaluate.metrics import colorfulness as measured_colorfulness
from tintype.learn.models.dual_decoders import (
    ColorDecoder,
    DualDecodersNet,
    PixelDecoder,
    QueryBlock,
    ShuffleUp,
    build,
    sine_positions,
)
from tintype.learn.models.registry import build_discriminator
from tintype.learn.recipe import LossRecipe, ModelRecipe, make_recipe
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.dual_decoders_step import DualDecodersStep
from tintype.learn.train.objectives.dual_decoders import DualDecoders, colorfulness

CONVNEXT = {
    "tiny": (27_823_008, (96, 192, 384, 768)),
    "large": (196_236_096, (192, 384, 768, 1536)),
}
"""Parameters of the paper's encoders without their classifier, and channels of their features."""


def count(*parts: nn.Module) -> int:
    return sum(p.numel() for part in parts for p in part.parameters())


def small() -> DualDecodersNet:
    torch.manual_seed(0)
    return DualDecodersNet("lite0", width=0.125, count=7)


@pytest.mark.parametrize(("encoder", "table"), [("tiny", 55_006_640), ("large", 227_869_328)])
def test_as_many_parameters_as_in_the_paper_s_table(encoder: str, table: int):
    """55.0 and 227.9 million with the paper's encoders; the authors' code has these numbers."""
    of_encoder, channels = CONVNEXT[encoder]
    pixels = PixelDecoder(channels, 256)
    colors = ColorDecoder((512, 512, 256), 256, 100)
    fused = 2 * (100 + 3) + 2  # here the grey has one channel, there three
    assert of_encoder + count(pixels, colors) + fused == table
    assert count(colors) == 14_787_072


def test_our_own_encoder_with_the_published_decoders():
    model = DualDecodersNet()
    assert count(model.encoder) == 4_329_608
    assert count(model) == 28_614_356
    assert count(model.fuse) == 2 * 101 + 2
    assert [len(model.colors.blocks), *model.colors.queries.shape] == [9, 100, 256]
    narrow = DualDecodersNet(width=0.25)
    assert count(narrow) == 6_161_876
    assert [len(narrow.colors.blocks), *narrow.colors.queries.shape] == [9, 100, 64]


def test_queries_attend_to_three_sizes_in_turn():
    model = small().eval()
    seen: list[int] = []
    for block in model.colors.blocks:
        block.register_forward_hook(lambda _, inputs, __: seen.append(inputs[2].shape[1]))
    with torch.no_grad():
        raw = model(torch.rand(1, 1, 64, 96) * 100)
    assert raw.shape == (1, 2, 64, 96)
    assert seen == 3 * [4 * 6, 8 * 12, 16 * 24]


def test_a_block_is_torch_s_attention():
    """The same weights in torch's own layers, with positions where DETR adds them."""
    torch.manual_seed(0)
    block, width = QueryBlock(64), 64
    for parameter in block.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    queries, places = torch.randn(2, 5, width), torch.randn(2, 12, width)
    identity, positions = torch.randn(5, width), torch.randn(12, width)
    layers = []
    for weights, out in ((block.cross, block.cross_out), (block.own, block.own_out)):
        layer = nn.MultiheadAttention(width, width // 32, batch_first=True)
        layer.in_proj_weight.data, layer.in_proj_bias.data = weights.weight.data, weights.bias.data
        layer.out_proj.load_state_dict(out.state_dict())
        layers.append(layer)
    cross, own = layers
    x = queries
    x = block.norm_cross(x + cross(x + identity, places + positions, places)[0])
    x = block.norm_own(x + own(x + identity, x + identity, x)[0])
    x = block.norm(x + block.narrower(F.relu(block.wider(x))))
    assert block.wider.out_features == 8 * width
    assert torch.allclose(block(queries, identity, places, positions), x, atol=1e-5)


def test_positions_are_waves_of_one_turn_and_slower():
    found = sine_positions(2, 4, 8, torch.device("cpu")).view(2, 4, 8)
    row, column = 1, 2
    half, three_quarters = math.pi, 1.5 * math.pi
    down, across = 2 * half * (row + 1) / 2, 2 * half * (column + 1) / 4
    assert across == pytest.approx(three_quarters)
    slower = 10_000 ** (2 / 4)
    expected = [
        wave(angle)
        for full in (down, across)
        for angle in (full, full / slower)
        for wave in (math.sin, math.cos)
    ]
    assert found[row, column].tolist() == pytest.approx(expected, abs=1e-6)


def test_enlarging_starts_as_repetition_and_is_blurred():
    torch.manual_seed(0)
    up = ShuffleUp(3, 2, 4, norm=False)
    with torch.no_grad():
        x = torch.randn(1, 3, 2, 2)
        repeated = up.shuffle(F.relu(up.conv(x)))
        cells = repeated.unfold(2, 4, 4).unfold(3, 4, 4)
        assert torch.equal(cells, cells[..., :1, :1].expand_as(cells))
        found = up(x)
    assert found.shape == (1, 2, 8, 8)
    # The mean with the pixels above and to the left; within a cell nothing changes.
    assert torch.allclose(found[..., 1:4, 1:4], repeated[..., 1:4, 1:4])
    seam = repeated[..., 3:5, 3:5].mean(dim=(2, 3))
    assert torch.allclose(found[..., 4, 4], seam)


def test_a_colour_is_the_product_of_queries_and_features():
    model = small().eval()
    kept: dict[str, Tensor] = {}
    model.colors.register_forward_hook(lambda *found: kept.update(queries=found[2]))
    model.pixels.register_forward_hook(lambda *found: kept.update(full=found[2][-1]))
    L = torch.rand(2, 1, 32, 32) * 100
    with torch.no_grad():
        raw = model(L)
        maps = torch.einsum("bqc,bchw->bqhw", kept["queries"], kept["full"])
        weights, bias = model.fuse.weight[..., 0, 0], model.fuse.bias
        expected = torch.einsum("oq,bqhw->bohw", weights[:, :7], maps) + bias[:, None, None]
        expected += weights[:, 7].view(1, 2, 1, 1) * (L - 50) / 25
    assert torch.allclose(raw, expected, atol=1e-5)
    assert torch.equal(model.to_ab(raw), 110 * raw)
    lab = torch.rand(1, 3, 4, 4) * 100
    assert torch.allclose(model.to_ab(model.from_lab(lab)), lab[:, 1:], atol=1e-4)


def test_onnx_agrees_at_every_size(
    differs_from_onnx: Callable[..., float], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tintype.learn.models.dual_decoders._BLOCKS", 3)  # nine take 20 s to export
    model = small()
    model.fuse.weight.data *= 100  # its first answers are nearly grey
    assert differs_from_onnx(model, (64, 64), (32, 160)) < 2e-3


def test_its_operations_can_be_counted():
    """Also where a part is called with a parameter, as the identity of the queries is."""
    model = small()
    assert 0.1 < count_gmac(model) < 2
    assert model.colors.identity.requires_grad


def test_recipes_choose_encoder_queries_and_frozen_blocks():
    model = build(ModelRecipe(kind="dual-decoders", width=0.125, color_queries=5))
    assert model.colors.queries.shape == (5, 32)
    frozen = build(ModelRecipe(kind="dual-decoders", width=0.125, train_encoder_from=7))
    assert frozen.colors.queries.shape == (100, 32)
    assert not frozen.encoder.stem.conv.weight.requires_grad
    trained = [any(p.requires_grad for p in block.parameters()) for block in frozen.encoder.blocks]
    assert trained == [index >= 7 for index in range(len(trained))]
    with pytest.raises(LearnError, match="need an EfficientNet-Lite"):
        build(ModelRecipe(kind="dual-decoders", encoder="resnet18"))


def test_two_photographs_are_learned(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    """Decoders at full size take a tenth of a second a step, so the pictures are small."""
    monkeypatch.setattr("tintype.learn.models.dual_decoders._BLOCKS", 3)
    L, ab = (some[:2, :, ::2, ::2].contiguous() for some in (batch.L, batch.ab))
    model = small().train()
    optimizer = torch.optim.Adam(model.parameters(), 0.005)
    losses = []
    for _ in range(36):
        optimizer.zero_grad()
        loss = (model.to_ab(model(L)) - ab).abs().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


class Apart(nn.Module):
    """A perceptual distance that is known."""

    def forward(self, batch: Batch, ab: Tensor) -> Tensor:
        return (ab - batch.ab).square().mean() / 1000


def objective() -> DualDecoders:
    return DualDecoders(LossRecipe(kind="dual-decoders"), Apart())


def test_losses_have_the_published_weights(batch: Batch):
    raw = (batch.ab + 3) / 110
    found = objective().terms(batch, raw)
    lab = torch.cat([batch.L, 110 * raw], dim=1).permute(0, 2, 3, 1).double().numpy()
    shown = np.rint(255 * lab_to_rgb01(lab).clip(0, 1)).astype(np.uint8)
    dull = 1 - np.mean([measured_colorfulness(picture) for picture in shown]) / 100
    assert float(found["distance"]) == pytest.approx(3, rel=1e-4)
    assert float(found["lpips"]) == pytest.approx(0.009, rel=1e-3)
    assert float(found["dull"]) == pytest.approx(dull, abs=2e-3)
    expected = 0.1 * 3 + 5 * 0.009 + 0.5 * dull
    assert float(found["loss"]) == pytest.approx(expected, abs=2e-3)


def test_colourfulness_is_the_measured_one_and_grey_has_a_gradient(batch: Batch):
    pictures = np.rint(255 * batch.rgb.permute(0, 2, 3, 1).numpy()).astype(np.uint8)
    expected = [measured_colorfulness(picture) for picture in pictures]
    found = colorfulness(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255)
    assert found.tolist() == pytest.approx(expected, rel=1e-4)
    grey = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    colorfulness(grey).sum().backward()
    assert torch.isfinite(grey.grad).all()


def test_a_step_trains_both_networks_and_adds_the_verdict(batch: Batch):
    recipe = make_recipe(
        {
            "name": "x",
            "model": {"kind": "dual-decoders", "width": 0.125},
            "loss": {"kind": "dual-decoders", "smoothing": 1.0},
            "train": {"amp": False, "warmup_samples": 0},
        },
        name="x",
    )
    torch.manual_seed(0)
    judge = build_discriminator(recipe.model)
    step = DualDecodersStep(small(), judge, objective(), recipe, ProcessGroup())
    before = {
        (name, key): value.detach().clone()
        for name, module in step.modules.items()
        for key, value in module.named_parameters()
    }
    values = step(batch, 1.0)
    still = [
        key
        for key, value in before.items()
        if torch.equal(value, step.modules[key[0]].get_parameter(key[1]))
    ]
    assert still == []
    terms = 0.1 * values["distance"] + 5 * values["lpips"] + 0.5 * values["dull"]
    assert float(values["loss"]) == pytest.approx(float(terms + values["g_loss"]), rel=1e-4)
    with torch.no_grad():
        measured = step.measure(step.modules["model"], batch)
        away = (step.modules["model"](batch.L) - batch.ab / 110).abs().mean()
    assert 0 <= float(measured["d_accuracy"]) <= 1
    # On dev the loss is the mean absolute difference of a and b divided by 110.
    assert float(measured["loss"]) == pytest.approx(float(away), rel=1e-3)
