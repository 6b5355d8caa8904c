"""What the commands of training write replaces only what they wrote themselves."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tintype.engine.bundle import load_bundle
from tintype.engine.onnx_file import is_own_model
from tintype.errors import LearnError, TargetExistsError
from tintype.learn.compare.page import _INTRO, is_page, write_page
from tintype.learn.data.manifest import find_sources
from tintype.learn.evaluate.sheet import contact_sheets, is_sheet
from tintype.learn.evaluate.table import ScoreRow, is_rows, rows_to_json
from tintype.learn.train.checkpoint import Progress, is_checkpoint, save_weights
from tintype.learn.train.run import _write_recipe

pytestmark = pytest.mark.learn

STRANGERS = [
    b"",
    b"mine",
    b"[]x",
    b"[1]",
    b"{}",
    b"\xff" * 100,
    b"[" * 100_000,
    b"\x89PNG\r\n\x1a\n",
]


def test_each_kind_of_file_is_known_again(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", {"a": torch.zeros(2)}, Progress(), {})
    own = {
        is_checkpoint: (tmp_path / "w.safetensors").read_bytes(),
        is_own_model: load_bundle().data,
        is_rows: json.dumps([{field.name: 0 for field in fields(ScoreRow)}]).encode(),
        is_page: (_INTRO + "more").encode(),
    }
    for is_own, data in own.items():
        assert is_own(data)
        assert not any(is_own(other) for other in STRANGERS)
        assert not any(is_own(other) for kind, other in own.items() if kind is not is_own)
    assert is_rows(rows_to_json([]).encode())


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_comparison_sheet_replaces_only_one(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(folder / "a.png")
    for _ in range(2):
        (file,) = contact_sheets([], find_sources([folder]), tmp_path / f"s{suffix}", height=32)
        assert is_sheet(file.read_bytes())
    Image.new("RGB", (9, 9)).save(file)
    before = file.read_bytes()
    with pytest.raises(TargetExistsError, match="comparison sheet"):
        contact_sheets([], find_sources([folder]), tmp_path / f"s{suffix}", height=32)
    assert file.read_bytes() == before


def test_notes_beside_the_results_are_no_page(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (tmp_path / "notes.md").write_text("# My notes\n")
    with pytest.raises(TargetExistsError, match=r"notes\.md exists"):
        write_page(folder, [])
    assert (tmp_path / "notes.md").read_text() == "# My notes\n"


def test_a_recipe_in_the_folder_of_a_run_stays(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    _write_recipe(path, b"seed = 1\n")
    _write_recipe(path, b"seed = 1\n")  # the run was killed before its first checkpoint
    path.write_bytes(b"# mine, with comments\nseed = 1\n")
    with pytest.raises(LearnError, match="different recipe"):
        _write_recipe(path, b"seed = 1\n")
    assert path.read_bytes() == b"# mine, with comments\nseed = 1\n"
