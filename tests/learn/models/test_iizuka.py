from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tintype.learn.data.batches import Batch
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.models.iizuka import IizukaNet, build
from tintype.learn.recipe import ModelRecipe
from tintype.learn.train.objectives.joint import Joint


def small(**changes: int) -> IizukaNet:
    torch.manual_seed(0)
    settings = {"classes": 3, "global_size": 32} | changes
    return IizukaNet(width=0.06, **settings)


def test_it_has_the_paper_s_layers():
    """Figure 2 and table 1 of the paper; parameters and products follow from them."""
    with torch.device("meta"):
        model = IizukaNet(classes=205).eval()
        L = torch.rand(1, 1, 224, 224)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, part in model.named_children():
        part.register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.update({name: tuple(output.shape)})
        )
    with torch.no_grad(), FlopCounterMode(display=False) as products:
        raw, logits = model.with_classes(L)
    assert shapes == {
        "low": (1, 512, 28, 28),
        "mid": (1, 256, 28, 28),
        "scene": (1, 512, 7, 7),
        "full1": (1, 1024),
        "full2": (1, 512),
        "full3": (1, 256),
        "fusion": (1, 256, 28, 28),
        "color8": (1, 128, 28, 28),
        "color4": (1, 64, 56, 56),
        "color2": (1, 2, 112, 112),
        "names": (1, 205),
    }
    assert raw.shape == (1, 2, 112, 112)
    assert logits.shape == (1, 205)
    assert sum(p.numel() for p in model.parameters()) == 42_360_591
    assert products.get_total_flops() / 2e9 == pytest.approx(8.6, abs=0.05)


@pytest.mark.parametrize("size", [(8, 8), (32, 32), (40, 104)])
def test_any_size_gives_half_of_it(size: tuple[int, int]):
    model = small().eval()
    assert isinstance(model, ColorizationNetwork)
    with torch.no_grad():
        raw = model(torch.rand(2, 1, *size) * 100)
    ab = model.to_ab(raw)
    assert ab.shape == (2, 2, size[0] // 2, size[1] // 2)
    assert torch.isfinite(ab).all()


def test_the_sigmoid_spans_two_hundred_units():
    raw = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3).expand(1, 2, 1, 3)
    assert small().to_ab(raw)[0, 0, 0].tolist() == [-100, 0, 100]


def test_a_picture_of_the_copy_s_size_is_its_own_copy(monkeypatch: pytest.MonkeyPatch):
    model = small(global_size=64).eval()
    L = torch.rand(1, 1, 64, 64) * 100
    with torch.no_grad():
        short = model(L)
        monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
        long = model(L)
    assert torch.allclose(short, long, atol=1e-6)


def test_the_whole_picture_matters_everywhere(awake: Callable[[nn.Module], nn.Module]):
    """What happens in one corner reaches the opposite one through the global stream alone."""
    model = awake(small())
    L = torch.rand(1, 1, 256, 256) * 100
    other = L.clone()
    other[..., :128, :128] = 0
    seen: list[Tensor] = []
    model.mid.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        before, after = model(L), model(other)
    assert torch.equal(seen[0][..., -8:, -8:], seen[1][..., -8:, -8:])
    assert (before - after)[..., -8:, -8:].abs().max() > 0.01


def test_both_heads_train_everything(
    batch: Batch, silent: Callable[[nn.Module, nn.Module, Batch], list[str]]
):
    assert silent(small(), Joint(1 / 300), batch) == []
    assert set(silent(small(), Joint(0.0), batch)) == {
        "names.0.0.weight", "names.0.1.weight", "names.0.1.bias", "names.1.weight", "names.1.bias"
    }  # fmt: skip


def test_without_classes_it_only_colours(
    batch: Batch, silent: Callable[[nn.Module, nn.Module, Batch], list[str]]
):
    model = build(ModelRecipe(kind="iizuka", width=0.06, global_size=32))
    assert not any(name.startswith("names") for name, _ in model.named_parameters())
    with pytest.raises(AssertionError):
        Joint(1 / 300)(model, batch)
