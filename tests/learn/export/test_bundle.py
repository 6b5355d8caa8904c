"""A bundle out of a run: accepted by the engine, equal to torch, refused when it differs."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from learn.command import main
from learn.inputs import write_photographs, write_recipe
from tintype.engine.bundle import load_bundle
from tintype.engine.color_distribution import colors
from tintype.engine.network import Network
from tintype.errors import LearnError, UsageError
from tintype.learn.data.manifest import file_hash, is_dev
from tintype.learn.evaluate.protocol import ScoreRow, at_colorfulness
from tintype.learn.export import bundle as exporting
from tintype.learn.export.card import default_card, with_vividness
from tintype.learn.export.weights import load_trained, mix_with_start, save_weights, with_ensemble

WriteRecipe = Callable[..., Path]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs, a run that nobody changes, and what is exported of it once."""
    folder = tmp_path_factory.mktemp("bundle")
    photographs = write_photographs(folder / "scenes")
    recipe = write_recipe(folder / "tiny.toml")
    words = ["--data", str(photographs), "--run", str(folder / "run"), "--max-samples", "64"]
    assert main("train", [str(recipe), *words, "--cache", str(folder / "cache")]) == 0
    return folder


@pytest.fixture(scope="module")
def run(home: Path) -> Path:
    return home / "run"


@pytest.fixture(scope="module")
def data(home: Path) -> list[str]:
    """The options that name the photographs."""
    return ["--data", str(home / "scenes"), "--cache", str(home / "cache")]


@pytest.fixture(scope="module")
def bundle_file(home: Path, run: Path, data: list[str]) -> Path:
    target = home / "tiny.onnx"
    weights = ["--checkpoint", str(home / "tiny.safetensors")]
    assert main("export", [str(run), "-o", str(target), *data, *weights]) == 0
    return target


@pytest.fixture(scope="module")
def float_file(home: Path, run: Path, data: list[str]) -> Path:
    """In float32, with the filters as they were trained."""
    target = home / "float.onnx"
    words = ["--precision", "float32", "--rank", "0"]
    assert main("export", [str(run), "-o", str(target), *data, *words]) == 0
    return target


def test_a_run_without_dev_photographs_is_refused_before_the_work(
    tmp_path: Path, home: Path, bundle_file: Path
):
    recipe = write_recipe(tmp_path / "no-dev.toml", data="").read_text().replace("0.25", "0.0")
    (tmp_path / "no-dev.toml").write_text(recipe)
    data = ["--data", str(home / "scenes"), "--cache", str(tmp_path / "cache")]
    words = [str(tmp_path / "no-dev.toml"), *data, "--run", str(tmp_path / "run")]
    assert main("train", [*words, "--max-samples", "4"]) == 0
    target = tmp_path / "x.onnx"
    with pytest.raises(LearnError, match="The run has no photographs of dev") as caught:
        main("export", [str(tmp_path / "run"), "-o", str(target), *data])
    assert "data.dev_share" in caught.value.advice
    few = tmp_path / "few"
    few.mkdir()
    pictures = [path.read_bytes() for path in sorted((home / "scenes").rglob("*.png"))]
    training = [one for one in pictures if not is_dev(file_hash(one), 0.04)]
    for number, picture in enumerate(training[:3]):
        (few / f"{number}.png").write_bytes(picture)
    words = ["--precision", "int8", "--data", str(few), "--cache", str(tmp_path / "cache")]
    with pytest.raises(LearnError, match="None of these 3 photographs belongs to dev"):
        main("export", [str(bundle_file), "-o", str(target), *words])
    assert not target.exists()


def test_a_run_becomes_a_bundle_that_agrees_with_torch(
    *, tmp_path: Path, home: Path, bundle_file: Path, run: Path, data: list[str]
):
    bundle = load_bundle(bundle_file)
    assert b"stack_trace" not in bundle.data
    assert __file__.encode() not in bundle.data
    assert bundle.card.name == "tiny"
    assert bundle.card.metrics["export"]["float32_max"] < 0.01
    assert bundle.card.metrics["export"]["rank64_mean"] < 0.5
    trained = load_trained(run)
    L = np.random.default_rng(0).random((1, 1, 96, 160), dtype=np.float32) * 100
    logits = Network(bundle.data, name="tiny").run(L).logits
    assert logits is not None
    with torch.no_grad():
        expected = trained.model(torch.from_numpy(L)).numpy()
    assert np.abs(logits - expected).mean() < 0.1 * np.abs(expected).mean()
    assert "features" in bundle.card.capabilities
    features = Network(bundle.data, name="tiny").run(L).features
    assert features is not None
    assert features.shape[2:] == (96 // 8, 160 // 8)
    np.testing.assert_allclose((features**2).sum(axis=1), 2, rtol=1e-3)  # two parts of length 1

    scored = tmp_path / "rows.json"
    words = ["--data", str(home / "scenes"), "--size", "64", "--limit", "6"]
    more = ["--json", str(scored), "--palettes", "5"]
    assert main("evaluate", [str(bundle_file), *words, *more]) == 0
    rows = {row["name"]: row for row in json.loads(scored.read_text())}
    best = "tiny, best of 5 palettes"
    assert set(rows) == {"grey input", "ground truth", "tiny", best}
    assert rows[best]["delta_e"] <= rows["tiny"]["delta_e"]
    assert rows["ground truth"]["ab"] == 0
    assert rows["ground truth"]["cf_ratio"] == 1
    assert rows["grey input"]["cf_ratio"] == 0
    assert rows["tiny"]["ab"] > 0

    sheet = ["--sheet", str(tmp_path / "sheet.jpg")]
    assert main("evaluate", [str(bundle_file), *words, *sheet]) == 0
    with Image.open(tmp_path / "sheet-01.jpg") as page:
        pixels = np.asarray(page).astype(int)
    assert pixels.shape == (18 + 6 * 68, 3 * 89, 3)
    saturation = np.ptp(pixels, axis=2)
    assert saturation[:, :72].max() < 12  # JPEG carries colour over a border of 16 pixels
    assert saturation[:, 105:161].max() > 60
    with pytest.raises(UsageError, match="one vividness"):
        main("evaluate", [str(bundle_file), *words, *sheet, "--vividness", "0", "1"])

    # What is exported of the weights alone is the same to the last bits.
    of_weights = load_trained(home / "tiny.safetensors")
    assert of_weights.log_weights == pytest.approx(trained.log_weights, abs=1e-3)
    with torch.no_grad():
        near = of_weights.model(torch.from_numpy(L)).numpy()
    assert np.abs(near - expected).mean() < 0.01 * np.abs(expected).mean()

    again = tmp_path / "again"
    weights = str(home / "tiny.safetensors")
    more = [*data, "--run", str(again), "--init", weights, "--max-samples", "4"]
    assert main("train", [str(home / "tiny.toml"), *more]) == 0


def test_a_network_that_averages_over_surfaces_becomes_a_graph_of_any_size(
    tmp_path: Path, data: list[str], recipe_file: WriteRecipe
):
    recipe, run, target = (
        recipe_file(model="non_local = true"),
        tmp_path / "even",
        tmp_path / "e.onnx",
    )
    main("train", [str(recipe), *data, "--run", str(run), "--max-samples", "8"])
    words = ["--precision", "float32", "--rank", "0"]
    assert main("export", [str(run), "-o", str(target), *data, *words]) == 0
    session = Network(load_bundle(target).data, name="e")
    model = load_trained(run).model
    for height, width in ((64, 64), (96, 224)):
        L = np.random.default_rng(0).random((1, 1, height, width), dtype=np.float32) * 100
        with torch.no_grad():
            expected = model(torch.from_numpy(L)).numpy()
        np.testing.assert_allclose(session.run(L).logits, expected, atol=1e-3)


def test_a_calibrated_bundle_shows_another_distribution_and_the_same_colours(
    tmp_path: Path, run: Path, data: list[str], float_file: Path
):
    surer = tmp_path / "surer.onnx"
    words = ["--precision", "float32", "--rank", "0", "--calibrate", "0.8"]
    assert main("export", [str(run), "-o", str(surer), *data, *words]) == 0
    L = np.random.default_rng(0).random((1, 1, 64, 96), dtype=np.float32) * 100
    bundles = [load_bundle(target) for target in (float_file, surer)]
    as_trained, sharp = (Network(bundle.data, name="x").run(L) for bundle in bundles)
    np.testing.assert_allclose(sharp.logits, as_trained.logits / 0.8, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(sharp.ab, as_trained.ab, atol=0.01)
    for vividness in (0.0, 0.5, 1.2):
        one, other = (
            colors(found.logits[0], bundle.card, vividness=vividness)
            for found, bundle in zip((as_trained, sharp), bundles, strict=True)
        )
        np.testing.assert_allclose(one, other, atol=0.01)


def test_a_rank_that_changes_the_colours_is_refused_with_what_to_type(
    tmp_path: Path, run: Path, data: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exporting, "_MOST", 1e-4)
    with pytest.raises(LearnError, match=r"With --rank 1 the colours differ by .* Give --rank 0"):
        main("export", [str(run), "-o", str(tmp_path / "x.onnx"), *data, "--rank", "1"])
    assert not (tmp_path / "x.onnx").exists()


def test_without_a_rank_the_filters_of_a_short_training_stay_as_they_are(
    *,
    tmp_path: Path,
    run: Path,
    data: list[str],
    float_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(exporting, "RANK", 1)
    monkeypatch.setattr(exporting, "_MOST", 1e-4)
    kept = tmp_path / "kept.onnx"
    assert main("export", [str(run), "-o", str(kept), *data, "--precision", "float32"]) == 0
    assert "filters stay as trained (--rank 0): with fewer mixtures" in capsys.readouterr().err
    L = np.random.default_rng(0).random((1, 1, 64, 96), dtype=np.float32) * 100
    one, other = (Network(load_bundle(path).data, name="x").run(L) for path in (kept, float_file))
    np.testing.assert_array_equal(one.ab, other.ab)
    metrics = load_bundle(kept).card.metrics["export"]
    assert "rank1_mean" not in metrics
    assert metrics[exporting.RANK_LEFT_OUT] > 1e-4
    assert exporting.RANK_LEFT_OUT not in load_bundle(float_file).card.metrics["export"]


def test_the_rank_that_the_help_shows_is_that_of_the_code():
    from tintype.cli.learning.export import EXPORT

    (option,) = (param for param in EXPORT.params if param.name == "rank")
    assert str(option.show_default).startswith(f"{exporting.RANK}, or 0")


def test_another_default_vividness_moves_the_default_colours_alone(
    tmp_path: Path, bundle_file: Path
):
    after = tmp_path / "after.onnx"
    before = load_bundle(bundle_file).card.vividness
    after.write_bytes(with_vividness(bundle_file.read_bytes(), before + 0.7))
    L = np.random.default_rng(0).random((1, 1, 64, 96), dtype=np.float32) * 100
    bundles = [load_bundle(target) for target in (bundle_file, after)]
    assert bundles[1].card.vividness == pytest.approx(before + 0.7)
    first, second = (Network(bundle.data, name="x").run(L) for bundle in bundles)
    np.testing.assert_array_equal(first.logits, second.logits)
    assert first.logits is not None
    expected = colors(first.logits[0], bundles[0].card, vividness=bundles[1].card.vividness)
    np.testing.assert_allclose(second.ab[0], expected, atol=0.01)
    assert np.abs(second.ab - first.ab).max() > 0.1
    with pytest.raises(LearnError, match=r"vividness 2\.5 is out of range"):
        with_vividness(bundle_file.read_bytes(), 2.5)
    ab_alone = Path(__file__).parents[2] / "engine" / "tiny-ab.onnx"
    with pytest.raises(LearnError, match="no distribution"):
        with_vividness(ab_alone.read_bytes(), 1.0)


def test_a_graph_that_differs_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    trained = load_trained(run)
    card = default_card(trained, vividness=0.4, temperature=0.38)
    pictures = [np.full((1, 1, 64, 64), 50, np.float32)]
    expected = exporting.torch_ab
    monkeypatch.setattr(
        exporting, "torch_ab", lambda graph, L: expected(graph, L) + np.float32(0.1)
    )
    target = tmp_path / "refused.onnx"
    with pytest.raises(LearnError, match="differs from torch"):
        exporting.export(trained, target, card=card, calibration=pictures, check=pictures)
    assert not target.exists()


def test_methods_are_compared_at_equal_colourfulness():
    def row(cf: float, ab: float, delta_e: float) -> ScoreRow:
        return ScoreRow("m", "g", 0.0, 1, cf, 20.0, ab, (0, 0), delta_e, (0, 0), 90.0)

    curve = [row(0.4, 10, 8), row(0.8, 12, 9)]
    assert at_colorfulness(curve, 0.6) == pytest.approx((11, 8.5))
    assert at_colorfulness(curve, 0.9) is None


def test_weights_are_drawn_back_to_where_they_began(run: Path, tmp_path: Path):
    trained = load_trained(run)
    start = tmp_path / "start.safetensors"
    save_weights(trained, start)
    moved = load_trained(run)
    with torch.no_grad():
        for parameter in moved.model.parameters():
            parameter.add_(1)
    mixed = mix_with_start(moved, [start], 0.25).model.state_dict()
    for name, tensor in trained.model.named_parameters():
        expected = tensor.half().float() * 0.25 + (tensor + 1) * 0.75
        assert torch.allclose(mixed[name], expected, atol=1e-3), name
    # What was given is left alone.
    for name, tensor in trained.model.named_parameters():
        assert torch.equal(moved.model.state_dict()[name], tensor + 1)


def test_runs_of_one_beginning_become_their_average(run: Path, tmp_path: Path):
    trained = load_trained(run)
    before = {name: tensor.clone() for name, tensor in trained.model.named_parameters()}
    others = []
    for number in (1, 2):
        with torch.no_grad():
            for parameter in trained.model.parameters():
                parameter.add_(3)
        others.append(tmp_path / f"{number}.safetensors")
        save_weights(trained, others[-1])
    first = load_trained(run)
    soup = mix_with_start(first, others, 2 / 3).model.state_dict()
    for name, tensor in before.items():  # the mean of + 0, + 3 and + 6
        assert torch.allclose(soup[name], tensor + 3, atol=5e-3), name


def test_networks_become_an_ensemble_that_its_weights_make_again(
    *, tmp_path: Path, run: Path, home: Path, bundle_file: Path, data: list[str]
):
    other = tmp_path / "other.safetensors"
    moved = load_trained(run)
    with torch.no_grad():
        for parameter in moved.model.parameters():
            parameter.mul_(1.1)
    save_weights(moved, other)
    target, weights = tmp_path / "two.onnx", tmp_path / "two.safetensors"
    words = [str(run), "-o", str(target), "--ensemble", str(other), "--ensemble-share", "0.25"]
    assert main("export", [*words, *data, "--rank", "0", "--checkpoint", str(weights)]) == 0
    L = np.random.default_rng(0).random((1, 1, 64, 96), dtype=np.float32) * 100
    found = Network(load_bundle(target).data, name="two").run(L).logits
    with torch.no_grad():
        first, second = (
            model(torch.from_numpy(L)) for model in (load_trained(run).model, moved.model)
        )
        expected = (0.75 * first + 0.25 * second).numpy()
    assert found is not None
    assert np.abs(found - expected).mean() < 0.01 * np.abs(expected).mean()
    again = load_trained(weights)
    with torch.no_grad():
        assert (
            np.abs(again.model(torch.from_numpy(L)).numpy() - expected).mean()
            < 0.01 * np.abs(expected).mean()
        )
    assert again.facts["data_hash"] == load_trained(run).facts["data_hash"]
    third = with_ensemble(load_trained(run), [other, other], 0.5)
    assert third.facts["recipe"]["model"]["member_shares"] == [0.5, 0.25, 0.25]
    with pytest.raises(LearnError, match="kind own"):
        with_ensemble(again, [other], 0.5)
    with pytest.raises(LearnError, match=r"model\.members"):
        with_ensemble(load_trained(run), [other] * 8, 0.5)
