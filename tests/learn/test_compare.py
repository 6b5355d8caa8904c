"""One command from recipes to the page, on generated pictures and networks of a few channels."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image



from tintype.cli import learning
from tintype.errors import LearnError

RECIPE = """
name = "{name}"
[model]
pretrained = false
widths = [8, 8, 8, 8]
[data]
size = 64
dev_share = 0.25
[train]
batch = 4
warmup_samples = 8
amp = false
log_every = 1
evaluate_samples = 8
"""


@pytest.fixture
def place(tmp_path: Path, photo_folder: Path, colourful) -> Path:
    """A folder with recipes, evaluation pictures and originals."""
    for name in ("one", "two"):
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / f"{name}.toml").write_text(RECIPE.format(name=name))
    for folder, seed in (("evaluation/set/x", 500), ("originals", 600)):
        (tmp_path / folder).mkdir(parents=True)
        for index in range(3):
            picture = Image.fromarray(colourful(seed + index))
            picture.save(tmp_path / folder / f"{index}.jpg")
    return tmp_path


def words(place: Path, *more: str) -> list[str]:
    return [
        str(place / "recipes"),
        *("--data", str(place / "scenes"), "--evaluation", str(place / "evaluation" / "set")),
        *("--runs", str(place / "runs"), "--into", str(place / "results")),
        *("--originals", str(place / "originals"), "--cache", str(place / "cache")),
        *("--size", "64", "--threads", "1", "--device", "cpu", *more),
    ]


def test_one_command_makes_rows_and_page_and_does_nothing_twice(place, capsys):
    asked = words(place, "--samples", "8", "--only", "one", "grey-input", "ground-truth")
    assert learning.main("compare", asked) == 0
    result = json.loads((place / "results" / "one.json").read_text())
    assert result["samples"] == 8
    assert result["dev"][0]["dev_loss"] > 0
    assert set(result["published"]) == {"set", "all"}
    value, low, high = result["published"]["all"]["ab_mae"]
    assert 0 < low <= value <= high
    assert result["parameters"] > 1000
    assert result["gmac"] > 0
    assert set(result["distribution"]["all"]) == {"nll", "calibration", "coverage"}
    grey = json.loads((place / "results" / "grey-input.json").read_text())
    assert grey["published"]["all"]["cf_ratio"][0] == 0
    truth = json.loads((place / "results" / "ground-truth.json").read_text())
    assert truth["published"]["all"]["ab_mae"][0] == 0
    page = (place / "results.md").read_text()
    assert "| two | not trained yet |" in page
    assert "**short run**" in page
    assert "None of\nthis speaks of the published weights" in page

    before = (place / "results" / "one.json").stat().st_mtime_ns
    for run in (place / "runs" / "one").iterdir():
        if run.is_file():
            run.unlink()
    capsys.readouterr()
    assert learning.main("compare", asked) == 0
    assert (place / "results" / "one.json").stat().st_mtime_ns == before
    assert "one: done before" in capsys.readouterr().err
