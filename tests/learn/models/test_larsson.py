import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tintype.color.cielab import luma01_to_L, rgb01_to_lab
from tintype.color.gamut import LUMA_SHARES
from tintype.learn.models.contract import ColorizationNetwork
from tintype.learn.models.larsson import LarssonNet, build
from tintype.learn.recipe import ModelRecipe
from tintype.learn.train.objectives.histogram import hue_and_chroma

BINS = 32


def small() -> LarssonNet:
    torch.manual_seed(0)
    return LarssonNet(width=0.03)


def certain(hue_bin: int, chroma_bin: int, luma01: float) -> Tensor:
    """What a network without doubts says: (1, 65, 1, 1)."""
    raw = torch.full((1, 2 * BINS + 1, 1, 1), -40.0)
    raw[:, hue_bin] = raw[:, BINS + chroma_bin] = 40.0
    raw[:, -1] = luma01
    return raw


def test_it_has_the_layers_of_the_published_network():
    """A column of 12,417 channels, and the 588 MB of the published weights."""
    with torch.device("meta"):
        model = build(ModelRecipe(kind="larsson")).eval()
        L = torch.rand(1, 1, 256, 256)
    assert isinstance(model, LarssonNet)
    assert sum(model.column) == 12_417
    assert model.mix.weight.shape == (1024, 12_417, 1, 1)
    with torch.no_grad():
        shapes = [tuple(layer.shape[1:]) for layer in model._layers(L)]
        raw = model(L)
    assert shapes == [
        (1, 256, 256),
        *[(64, 256, 256)] * 2,
        *[(128, 128, 128)] * 2,
        *[(256, 64, 64)] * 3,
        *[(512, 32, 32)] * 3,
        *[(512, 16, 16)] * 3,
        *[(4096, 8, 8)] * 2,
    ]
    assert raw.shape == (1, 65, 64, 64)
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == 147_028_608
    assert parameters * 4 / 1e6 == pytest.approx(588, abs=0.5)


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_any_size_gives_a_quarter_of_it(size: tuple[int, int]):
    model = small().eval()
    assert isinstance(model, ColorizationNetwork)
    with torch.no_grad():
        ab = model.to_ab(model(torch.rand(2, 1, *size) * 100))
    assert ab.shape == (2, 2, size[0] // 4, size[1] // 4)
    assert torch.isfinite(ab).all()
    assert ab.abs().max() <= 110


def test_mixing_before_sampling_is_the_same_as_after(awake: Callable[[nn.Module], nn.Module]):
    model = awake(small())
    L = torch.rand(2, 1, 64, 96) * 100
    y, x = torch.meshgrid(torch.arange(16), torch.arange(24), indexing="ij")
    rows, columns = (
        (4 * place + 1.5).flatten().expand(2, -1) for place in (y, x)
    )  # the middles of squares of 4 x 4
    with torch.no_grad():
        dense = model(L)[:, : 2 * BINS]
        sparse = model.at_locations(L, rows, columns).flatten(1, 2).view_as(dense)
    assert dense.std(dim=(2, 3)).min() > 1e-3
    assert torch.allclose(dense, sparse, atol=1e-4)


def test_places_are_rows_and_columns_of_pixels():
    """With only the grey in its column, the network reads the pixel it was asked for."""
    model = small().eval()
    seen: list[Tensor] = []
    model.mix.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    L = luma01_to_L(torch.rand(1, 1, 32, 64), xp=torch)
    with torch.no_grad():
        model.at_locations(L, torch.tensor([[0, 5, 31]]), torch.tensor([[63, 7, 0]]))
    grey = seen[0][0, 0, 0] + 0.4488
    expected = torch.stack([L[0, 0, 0, 63], L[0, 0, 5, 7], L[0, 0, 31, 0]])
    assert torch.allclose(luma01_to_L(grey, xp=torch), expected, atol=1e-2)


@pytest.mark.parametrize("hue_bin", range(0, BINS, 3))
def test_a_certain_answer_is_decoded_to_its_colour(hue_bin: int):
    chroma_bin, luma01 = 6, 0.45  # well inside the gamut at every hue
    ab = small().to_ab(certain(hue_bin, chroma_bin, luma01))[0, :, 0, 0]
    # One certain hue of 32 has |z| = 1/32, just above the 0.03 where fading begins.
    hue, chroma = (hue_bin + 0.5) / BINS, (chroma_bin + 0.5) / BINS
    sixth = hue * 6
    rise = chroma * (1 - abs(sixth % 2 - 1))
    red, green, blue = (
        [chroma, rise, 0], [rise, chroma, 0], [0, chroma, rise],
        [0, rise, chroma], [rise, 0, chroma], [chroma, 0, rise],
    )[int(sixth)]  # fmt: skip
    rgb01 = torch.tensor([red, green, blue])
    rgb01 = rgb01 + luma01 - (rgb01 * torch.tensor(LUMA_SHARES)).sum()
    assert 0 <= rgb01.min() <= rgb01.max() <= 1
    assert torch.allclose(ab, rgb01_to_lab(rgb01, xp=torch)[1:], atol=1e-2)
    found_hue, found_chroma = hue_and_chroma(rgb01.view(1, 3, 1, 1))
    assert float(found_hue) == pytest.approx(hue, abs=1e-4)
    assert float(found_chroma) == pytest.approx(chroma, abs=1e-4)


def test_chroma_is_the_median_and_straight_within_a_bin():
    from tintype.learn.models.larsson import _median

    shares = torch.zeros(1, BINS, 1, 1)
    shares[0, [2, 10, 30], 0, 0] = torch.tensor([0.3, 0.4, 0.3])
    assert float(_median(shares)) == pytest.approx((10 + 0.5) / BINS, abs=1e-5)
    shares[0, [2, 10, 30], 0, 0] = torch.tensor([0.4, 0.4, 0.2])
    assert float(_median(shares)) == pytest.approx((10 + 0.25) / BINS, abs=1e-5)


def test_an_uncertain_hue_fades():
    """Two hues at right angles: |sum| = 0.7071, and the fade is |sum| / (32 * 0.03)."""
    doubtful = certain(4, 3, 0.5)
    doubtful[:, 12] = 40.0
    sure = certain(8, 3, 0.5)
    sure[:, 7] = 40.0  # bins 7 and 8: the same mean direction, |sum| = cos of half a bin
    model = small()
    faded = model.to_ab(doubtful).norm()
    full = model.to_ab(sure).norm()
    assert float(faded / full) == pytest.approx(math.sqrt(0.5) / 0.96, abs=0.02)


def test_no_hue_at_all_is_grey():
    raw = torch.zeros(1, 2 * BINS + 1, 1, 1)
    raw[:, -1] = 0.5
    assert small().to_ab(raw).abs().max() < 1e-3
    opposite = certain(0, 20, 0.5)
    opposite[:, 16] = 40.0
    assert small().to_ab(opposite).abs().max() < 1e-3
