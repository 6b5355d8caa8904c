"""From a folder of photographs to a model in use, in the words of docs/how-to/train.md."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.cli.app import main
from tintype.engine.bundle import load_bundle

RECIPE = """
name = "mine"

[model]
pretrained = false
widths = [16, 16, 16, 16]

[data]
size = 64

[train]
batch = 8
warmup_samples = 16
evaluate_samples = 32
log_every = 2
"""
CARD = """
title = "Our town, 1890 to 1930"
license = "CC-BY-4.0"
data = "200 photographs, used with permission"
"""


def test_two_hundred_photographs_become_a_model(
    tmp_path: Path,
    colourful: Callable[[int], np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINTYPE_HOME", str(tmp_path / "home"))
    for folder, count, first in (("photos", 200, 0), ("held-out", 8, 1000)):
        Path(folder).mkdir()
        for number in range(count):
            picture = Image.fromarray(colourful(first + number))
            picture.save(f"{folder}/{number:03}.jpg", quality=90)
    Path("mine.toml").write_text(RECIPE)
    Path("mine-card.toml").write_text(CARD)

    def said(*words: str) -> str:
        assert main(words) == 0, capfd.readouterr().err
        found = capfd.readouterr()
        assert "Warning" not in found.err
        assert all(line.startswith("tintype: ") for line in found.err.splitlines()), found.err
        return found.out

    train = ("train", "mine.toml", "--data", "photos", "--never", "held-out")
    assert said(*train, "--max-samples", "32") == "runs/mine/checkpoint.safetensors\n"
    said(*train, "--max-samples", "64", "--resume")
    rows = [json.loads(line) for line in Path("runs/mine/log.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows if "dev_loss" in row] == [32, 64]
    export = ("export", "runs/mine", "-o", "mine.onnx", "--data", "photos")
    assert said(*export, "--card", "mine-card.toml") == "mine.onnx\n"
    card = load_bundle(tmp_path / "mine.onnx").card
    assert (card.name, card.title) == ("mine", "Our town, 1890 to 1930")

    evaluate = ("evaluate", "mine.onnx", "tintype-own", "--data", "held-out")
    table = said(*evaluate, "--vividness", "0", "0.8", "--quality", "fast")
    for row in ("grey input", "ground truth", "mine | 0 ", "mine | 0.8", "tintype-own | 0.8"):
        assert f"| {row}" in table, row
    said(*evaluate, "--sheet", "sheet.jpg", "--quality", "fast")
    assert list(tmp_path.glob("sheet*.jpg"))

    Image.fromarray(colourful(5000)).convert("L").save("grandmother.jpg")
    assert said("grandmother.jpg", "--model", "mine.onnx") == "grandmother.color.jpg\n"
    Path("home/models").mkdir(parents=True)
    Path("mine.onnx").rename("home/models/mine.onnx")
    assert "Our town, 1890 to 1930" in said("models")
    said("grandmother.jpg", "--model", "mine", "-o", "named.jpg")
    assert Path("named.jpg").read_bytes() == Path("grandmother.color.jpg").read_bytes()
