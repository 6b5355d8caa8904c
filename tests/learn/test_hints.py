"""Hints in training: what is drawn, what the network does with them, and that it can do without."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from learn.command import main
from tintype.color.cielab import rgb01_to_lab
from tintype.engine.bundle import load_bundle
from tintype.engine.hints import Hint
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.errors import LearnError
from tintype.learn.data.batches import Batch, Sampler
from tintype.learn.data.hints import draw_hints, geometric
from tintype.learn.data.photos import open_photos
from tintype.learn.evaluate.protocol import true_hints
from tintype.learn.models.contract import run_network, takes_hints
from tintype.learn.models.registry import build
from tintype.learn.recipe import DataRecipe, LossRecipe, ModelRecipe, Recipe
from tintype.learn.train.objectives import make_objective
from tintype.photo.photo import Metadata, Photo

WriteRecipe = Callable[..., Path]
WIDTHS = (16, 16, 16, 16)
ALL = slice(None)


def drawn(ab: Tensor, *, share: float = 1.0, seed: int = 0, part: slice = ALL, count: int = 0):
    draw = torch.Generator().manual_seed(seed)
    return draw_hints(ab[part], share=share, draw=draw, part=part, count=count or len(ab))


def test_hints_are_means_of_the_truth_in_small_squares():
    ab = torch.randn(64, 2, 48, 48) * 30
    hints = drawn(ab)
    mask = hints[:, 2]
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert (hints[:, :2] * (1 - mask[:, None])).abs().max() == 0
    # A sample with a single square tells its mean.
    flat = ab.mean(dim=(2, 3), keepdim=True).expand_as(ab).contiguous()
    told = drawn(flat)
    inside = told[:, 2:].expand(-1, 2, -1, -1) > 0
    assert torch.allclose(told[:, :2][inside], flat[inside], atol=1e-3)
    lone = [i for i in range(64) if 0 < mask[i].sum() <= 81]
    rows = [torch.nonzero(mask[i]).tolist() for i in lone]
    alone = [
        (i, places)
        for i, places in zip(lone, rows, strict=True)
        if len(hints[i, 0][mask[i] > 0].unique()) == 1
    ]
    assert alone
    for i, places in alone:
        y0, x0 = places[0]
        y1, x1 = places[-1]
        mean = ab[i, :, y0 : y1 + 1, x0 : x1 + 1].mean(dim=(1, 2))
        assert torch.allclose(hints[i, :2, y0, x0], mean, atol=1e-3)
        assert max(y1 - y0, x1 - x0) <= 8


def test_their_number_is_geometric_and_their_share_kept():
    ab = torch.zeros(4000, 2, 16, 16)
    ab[:, 0] = torch.arange(256).view(16, 16)  # so that squares can be told apart
    given = (drawn(ab, share=0.5)[:, 2].amax(dim=(1, 2)) > 0).float()
    assert float(given.mean()) == pytest.approx(0.5, abs=0.03)
    single = drawn(ab, share=1.0)
    colours = [len(single[i, 0][single[i, 2] > 0].unique()) for i in range(1000)]
    # One square in an eighth of the samples; a few more where squares hide each other.
    assert np.mean(np.array(colours) == 1) == pytest.approx(0.125, abs=0.05)
    numbers = geometric(torch.rand(20_000, generator=torch.Generator().manual_seed(0))).double()
    assert int(numbers.min()) == 1
    assert int(numbers.max()) <= 64
    assert float(numbers.mean()) == pytest.approx(8, abs=0.2)
    assert float((numbers > 8).double().mean()) == pytest.approx((7 / 8) ** 8, abs=0.02)
    assert drawn(ab, share=0.0).abs().max() == 0


def test_two_processes_draw_what_one_would():
    ab = torch.randn(8, 2, 32, 32)
    whole = drawn(ab)
    for rank in range(2):
        part = slice(rank, None, 2)
        assert torch.equal(drawn(ab, part=part, count=8), whole[part])


def test_a_recipe_with_hints_sees_the_same_crops(photo_folder: Path, tmp_path: Path):
    batches = []
    for share in (0.0, 0.9):
        recipe = DataRecipe(size=64, dev_share=0.25, hints=share)
        photos = open_photos([photo_folder], recipe, cache=tmp_path / "cache")
        sampler = Sampler(photos, recipe, batch=8, seed=3, device=torch.device("cpu"))
        batches.append(sampler.batch(5))
    assert batches[0].hints is None
    assert batches[1].hints is not None
    assert batches[1].hints[:, 2].any()
    assert torch.equal(batches[0].L, batches[1].L)
    assert torch.equal(batches[0].ab, batches[1].ab)


def own(*, hints: bool) -> torch.nn.Module:
    torch.manual_seed(0)
    return build(ModelRecipe(pretrained=False, widths=WIDTHS, hints=hints))


def some_hints(L: Tensor) -> Tensor:
    hints = torch.zeros(len(L), 3, *L.shape[2:])
    hints[:, :, 20:24, 30:34] = torch.tensor([50.0, -40.0, 1.0]).view(3, 1, 1)
    return hints


def test_without_hints_nothing_is_added():
    model, plain = own(hints=True).eval(), own(hints=False).eval()
    assert takes_hints(model)
    assert not takes_hints(plain)
    plain.load_state_dict(
        {n: t for n, t in model.state_dict().items() if not n.startswith("hints.")}
    )
    L = torch.rand(2, 1, 64, 96) * 100
    with torch.no_grad():
        expected = plain(L)
        assert torch.equal(model(L), expected)
        assert torch.equal(model(L, torch.zeros(2, 3, 64, 96)), expected)
        assert torch.equal(run_network(plain, L, some_hints(L)), expected)
        assert not torch.allclose(model(L, some_hints(L)), expected, atol=1e-3)


def test_one_pixel_is_as_strong_as_its_cell():
    path = own(hints=True).eval().hints
    one, cell = torch.zeros(2, 1, 3, 32, 32)
    one[:, :, 9, 10] = torch.tensor([30.0, 20.0, 1.0])
    cell[:, :, 8:12, 8:12] = torch.tensor([30.0, 20.0, 1.0]).view(3, 1, 1)
    with torch.no_grad():
        for first, second in zip(path(one), path(cell), strict=True):
            assert torch.allclose(first, second, atol=1e-4)


@pytest.fixture
def batch() -> Batch:
    """Grey pictures, alike but for the colour, which only the hints tell."""
    torch.manual_seed(1)
    L = (torch.rand(1, 1, 8, 8) * 100).repeat_interleave(8, 2).repeat_interleave(8, 3)
    L = L.expand(4, 1, 64, 64).contiguous()
    colours = torch.tensor([[50.0, 40.0], [-50.0, 40.0], [-20.0, -60.0], [40.0, -50.0]])
    ab = colours[:, :, None, None].expand(4, 2, 64, 64).contiguous()
    hints = torch.zeros(4, 3, 64, 64)
    hints[:, :2, 30:33, 30:33] = ab[:, :, 30:33, 30:33]
    hints[:, 2, 30:33, 30:33] = 1
    return Batch(L, ab, L.expand(4, 3, 64, 64) / 100, torch.zeros(4, dtype=torch.long), hints)


@pytest.mark.parametrize("kind", ["l1", "l2"])
def test_distances_reach_the_hint_path_too(kind: str, batch: Batch):
    model = own(hints=True)
    objective = make_objective(Recipe(name="x", loss=LossRecipe(kind=kind)), torch.ones(313) / 313)
    objective(model.train(), batch)["loss"].backward()
    assert [
        n for n, p in model.hints.named_parameters() if p.grad is None or not p.grad.any()
    ] == []


def test_the_objective_reaches_the_hint_path_and_hints_are_learned(batch: Batch):
    model = own(hints=True)
    prior = torch.full((313,), 1 / 313)
    objective = make_objective(Recipe(name="x", loss=LossRecipe()), prior)
    objective(model.train(), batch)["loss"].backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []

    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(100):
        optimizer.zero_grad()
        loss = objective(model.train(), batch)["loss"]
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        told = float(objective(model, batch)["loss"])
        untold = float(objective(model, replace(batch, hints=None))["loss"])
    # The soft code itself costs 1.1 nats; four colours that the grey does not tell apart cost log 4
    # more, whoever guesses them.
    assert told < 1.8
    assert untold > told + 1


def test_hints_must_be_in_both_tables(photo_folder: Path, tmp_path: Path, recipe_file: WriteRecipe):
    words = ["--data", str(photo_folder), "--run", str(tmp_path / "run"), "--max-samples", "4"]
    words += ["--cache", str(tmp_path / "cache")]
    file = recipe_file()
    text = file.read_text()
    file.write_text(text.replace("[data]", "[data]\nhints = 0.5"))
    with pytest.raises(LearnError, match="contradict each other"):
        main("train", [str(file), *words])
    file.write_text(text.replace("[model]", "[model]\nhints = true"))
    with pytest.raises(LearnError, match="contradict each other"):
        main("train", [str(file), *words])


def test_from_a_checkpoint_without_hints_to_a_bundle_that_takes_them(
    photo_folder: Path, tmp_path: Path, recipe_file: WriteRecipe
):
    data = ["--data", str(photo_folder), "--cache", str(tmp_path / "cache")]
    file = recipe_file()
    text = file.read_text()
    plain, hinted = tmp_path / "plain", tmp_path / "hinted"
    main("train", [str(file), *data, "--run", str(plain), "--max-samples", "16"])
    text = text.replace("[model]", "[model]\nhints = true").replace("[data]", "[data]\nhints = 0.5")
    file.write_text(text)
    init = ["--init", str(plain / "checkpoint.safetensors")]
    main("train", [str(file), *data, *init, "--run", str(hinted), "--max-samples", "16"])

    target = tmp_path / "hinted.onnx"
    assert main("export", [str(hinted), "-o", str(target), *data]) == 0
    bundle = load_bundle(target)
    assert bundle.card.capabilities == ("logits", "features", "hints")
    assert bundle.card.metrics["export"]["float32_max"] < 0.01
    engine = Engine(bundle)
    grey = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    photo = Photo(grey, None, "grey", Metadata("PNG"))
    by_itself = engine.colorize(photo).color
    hints = [Hint(x, y, 70, 60, radius=4) for x in range(0, 64, 12) for y in range(0, 64, 12)]
    assert not np.array_equal(engine.colorize(photo, Settings(hints=tuple(hints))).color, by_itself)

    rows = tmp_path / "rows.json"
    words = ["--data", str(photo_folder), "--size", "64", "--limit", "3", "--json", str(rows)]
    assert main("evaluate", [str(target), *words, "--hints", "0", "5"]) == 0
    names = {row["name"] for row in json.loads(rows.read_text())}
    assert {"tiny", "tiny, 5 true colours given"} <= names


def test_true_hints_are_the_truth_and_nested():
    truth = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    assert true_hints(truth, 0) == []
    few, many = true_hints(truth, 3), true_hints(truth, 20)
    assert many[:3] == few
    ab = rgb01_to_lab(truth / 255)[..., 1:]
    for hint in many:
        y, x = hint.y, hint.x
        assert 0 <= x < 30
        assert 0 <= y < 40
        near = ab[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        assert (hint.a, hint.b) == pytest.approx(tuple(near.mean(axis=(0, 1))))


def test_the_path_of_hints_can_be_trained_alone() -> None:
    """Without hints the network stays what it was, through its norms' running means too."""
    recipe = ModelRecipe(
        kind="own",
        encoder="lite0",
        pretrained=False,
        widths=WIDTHS,
        hints=True,
        train_only_hints=True,
    )
    model = build(recipe)
    model.train()
    L = torch.rand(2, 1, 64, 64) * 100
    hints = torch.zeros(2, 3, 64, 64)
    hints[:, :, 20:30, 20:30] = torch.tensor([30.0, -20.0, 1.0])[:, None, None]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    plain, told = model(L), model(L, hints)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        model(L, hints).square().mean().backward()
        optimizer.step()
    moved = {n for n, value in model.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == {name for name in before if name.startswith("hints.")}
    assert torch.equal(model(L), plain)
    assert not torch.allclose(model(L, hints), told)
    with pytest.raises(LearnError, match=r"model\.hints"):
        build(recipe.model_copy(update={"hints": False}))
