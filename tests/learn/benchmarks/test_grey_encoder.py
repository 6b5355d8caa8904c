"""What a grey encoder recognises: ImageNet's weights first, then each checkpoint."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from learn.benchmarks.programs import program
from tintype.learn.models.registry import build
from tintype.learn.recipe import ModelRecipe
from tintype.learn.train.checkpoint import Progress, save_weights

grey_encoder = program("grey_encoder")


def test_a_row_for_each_encoder(
    colourful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "things" / "n03028079"
    folder.mkdir(parents=True)
    for seed in range(150):  # one in twenty-five is held out
        Image.fromarray(colourful(seed, 48, 64)).save(folder / f"{seed}.png")
    torch.manual_seed(0)
    spoilt = build(ModelRecipe(kind="grey-encoder", encoder="lite2"))
    weights = {f"ema.{name}": tensor for name, tensor in spoilt.state_dict().items()}
    save_weights(
        tmp_path / "w.safetensors",
        weights,
        Progress(samples=7),
        {"recipe": {}, "data_hash": "", "versions": {}},
    )
    words = [tmp_path / "w.safetensors", "--data", folder.parent, "--cache", tmp_path / "cache"]
    monkeypatch.setattr("sys.argv", ["grey_encoder.py", *map(str, words), "--limit", "2"])
    grey_encoder.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[3:]]
    assert [row[0].strip("| ") for row in rows] == [
        "in colour",
        "ImageNet, stem summed",
        "7 photographs",
    ]
    # Random weights are farther from the teacher than those of the published network.
    assert float(rows[1][2]) < float(rows[2][2])
    assert float(rows[1][3]) < float(rows[2][3])
