"""The program that trains for a given time leaves parts that join to weights one can go on from."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tintype.learn.train.checkpoint import load_checkpoint, part

PROGRAM = Path(__file__).parents[2] / "recipes" / "train_for.py"
RECIPE = """
name = "small"
[model]
pretrained = false
widths = [16, 16, 16, 16]
[data]
size = 32
dev_share = 0.25
[train]
batch = 2
"""


@pytest.fixture
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_for", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(program: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr("sys.argv", [str(PROGRAM), *map(str, words)])
    program.main()


def test_parts_join_to_the_average_of_the_run(
    program: ModuleType, photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE)
    words = [recipe, "--data", photo_folder, "--device", "cpu", "--cache", tmp_path / "cache"]
    words += ["--run", tmp_path / "run", "--out", tmp_path / "out", "--seconds", 0.5]
    monkeypatch.setattr(program, "PART", 1 << 20)
    call(program, monkeypatch, *words)
    call(program, monkeypatch, *words)  # goes on where it stopped
    assert len(list((tmp_path / "out").iterdir())) > 1
    joined = tmp_path / "joined.safetensors"
    call(program, monkeypatch, "--join", tmp_path / "out", joined)
    tensors, progress, _ = load_checkpoint(joined)
    kept, after, _ = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors")
    assert progress.samples == after.samples > 0
    for name, tensor in part(kept, "ema.").items():
        found = tensors[f"ema.{name}"].float()
        torch.testing.assert_close(found, tensor.float(), rtol=1e-3, atol=1e-4)


def test_missing_parts_and_missing_words_are_named(
    program: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    with pytest.raises(SystemExit, match=r"holds no weights\.safetensors\.00"):
        call(program, monkeypatch, "--join", tmp_path, tmp_path / "x")
    with pytest.raises(SystemExit):
        call(program, monkeypatch)
    assert "--seconds" in capsys.readouterr().err
