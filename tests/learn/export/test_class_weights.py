"""Weights are fitted so that what is decoded is as frequent as what is true."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from learn.command import main
from tintype.color.abgrid import annealed_mean, bin_centers
from tintype.engine.bundle import load_bundle
from tintype.learn.export import bundle as exporting
from tintype.learn.export import class_weights
from tintype.learn.export.class_weights import (
    Decoding,
    PredictionSample,
    decoding_of,
    fit_log_weights,
    predict_dev,
)
from tintype.learn.export.weights import Trained, load_trained

WriteRecipe = Callable[..., Path]
BROWN, BLUE = (10.0, 30.0), (0.0, -40.0)
VIVIDNESS, TEMPERATURE = 0.8, 0.38


def _index(color: tuple[float, float]) -> int:
    return int(np.abs(bin_centers() - np.array(color)).sum(axis=1).argmin())


def _unsure(count: int = 4000) -> PredictionSample:
    """PredictionSample of which a third are blue, where brown is nearly always likelier."""
    draw = np.random.default_rng(0)
    blue = draw.random(count) < 1 / 3
    logits = np.full((313, count), -12.0, np.float32)
    logits[_index(BROWN)] = 0
    # Where it is blue, blue is likelier than elsewhere, and still less likely than brown.
    logits[_index(BLUE)] = np.where(blue, -1.0, -2.0) + draw.normal(0, 1, count)
    return PredictionSample(logits, np.where(blue[:, None], BLUE, BROWN), 200)


def _share_of_blue(places: PredictionSample, log_weights: np.ndarray) -> float:
    bias = (VIVIDNESS * log_weights).astype(np.float32)
    ab = annealed_mean(places.logits, temperature=TEMPERATURE, bias=bias)
    return float((ab[1] < 0).mean())


def test_a_colour_that_hardly_comes_out_is_lifted_until_it_is_about_as_frequent_as_in_truth():
    places = _unsure()
    before = np.zeros(313, np.float32)
    assert _share_of_blue(places, before) < 0.1
    after = fit_log_weights(places, before, vividness=VIVIDNESS, temperature=TEMPERATURE)
    assert 0.25 < _share_of_blue(places, after) < 0.45


def test_what_is_right_already_stays():
    places = _unsure()
    sure = PredictionSample(places.logits.copy(), places.ab, 200)
    blue = places.ab[:, 1] < 0
    sure.logits[_index(BLUE)] = np.where(blue, 12, -12)
    before = np.linspace(-1, 1, 313, dtype=np.float32)
    after = fit_log_weights(sure, before, vividness=VIVIDNESS, temperature=TEMPERATURE)
    np.testing.assert_allclose(after, before, atol=0.05)


def test_colours_that_neither_come_out_nor_are_true_are_left_alone():
    before = np.zeros(313, np.float32)
    after = fit_log_weights(_unsure(), before, vividness=VIVIDNESS, temperature=TEMPERATURE)
    assert abs(after[_index((60, 60))]) < 0.01
    assert np.isfinite(after).all()


def test_it_is_the_same_every_time():
    first, second = (
        fit_log_weights(
            _unsure(), np.zeros(313, np.float32), vividness=VIVIDNESS, temperature=TEMPERATURE
        )
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_export_fits_on_dev_where_dev_is_large_enough(
    tmp_path: Path,
    photo_folder: Path,
    recipe_file: WriteRecipe,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    run, cache = tmp_path / "run", tmp_path / "cache"
    data = ["--data", str(photo_folder), "--cache", str(cache)]
    main("train", [str(recipe_file()), *data, "--run", str(run), "--max-samples", "8"])
    trained = load_trained(run)
    places = predict_dev(trained, [photo_folder], size=64, cache=cache, limit=2)
    assert 1 <= places.photographs <= 2
    assert places.logits.shape == (313, len(places.ab))

    target, handed = tmp_path / "tiny.onnx", []
    export = exporting.export

    def before_the_graph(trained: Trained, *_: object, **__: object) -> dict[str, float]:
        handed.append(trained.log_weights)
        return {}

    # The graph takes long and is the same: of dev too small, only what it would be made of.
    monkeypatch.setattr(exporting, "export", before_the_graph)
    assert main("export", [str(run), "-o", str(target), *data]) == 0
    np.testing.assert_array_equal(handed[0], trained.log_weights)
    assert "too few to fit" in capsys.readouterr().err
    monkeypatch.setattr(exporting, "export", export)
    monkeypatch.setattr(class_weights, "FEWEST", 1)
    assert main("export", [str(run), "-o", str(target), *data]) == 0
    in_the_card = np.array(load_bundle(target).card.log_weights, np.float32)
    assert np.abs(in_the_card - trained.log_weights).max() > 0.01


def test_a_run_that_counted_decoded_colours_is_decoded_the_same_way(
    tmp_path: Path,
    photo_folder: Path,
    recipe_file: WriteRecipe,
    monkeypatch: pytest.MonkeyPatch,
):
    run = tmp_path / "run"
    data = ["--data", str(photo_folder), "--cache", str(tmp_path / "cache")]
    recipe = recipe_file(loss="decoded = 0.1\nvividness = 0.7\ntemperature = 0.5")
    assert main("train", [str(recipe), *data, "--run", str(run), "--max-samples", "8"]) == 0
    logged = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert {"loss", "nats", "distance", "gap"} <= logged[0].keys()
    trained = load_trained(run)

    def decoded(
        weights: str | None = None, vividness: float | None = None, temperature: float | None = None
    ) -> Decoding:
        return decoding_of(trained, weights=weights, vividness=vividness, temperature=temperature)

    assert decoded() == Decoding(fitted=False, vividness=0.7, temperature=0.5)
    assert decoded("fitted", 0.2, 1.0) == Decoding(fitted=True, vividness=0.2, temperature=1.0)
    handed = []
    monkeypatch.setattr(class_weights, "FEWEST", 1)
    monkeypatch.setattr(
        exporting,
        "export",
        lambda trained, *_, card, **__: handed.append((trained, card)) or {},
    )
    assert main("export", [str(run), "-o", str(tmp_path / "tiny.onnx"), *data]) == 0
    [(exported, card)] = handed
    np.testing.assert_array_equal(exported.log_weights, trained.log_weights)
    assert (card["vividness"], card["temperature"]) == (0.7, 0.5)
