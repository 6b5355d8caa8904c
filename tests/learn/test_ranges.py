"""Numbers, cards and rectangles that make no sense are refused before any work."""

from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

pytest.importorskip("torch", reason="the learn extra is not installed")

from learn.command import main
from tintype.engine.bundle import Card, load_bundle
from tintype.errors import LearnError
from tintype.learn.evaluate.distribution import DistributionSample, certainty_rank
from tintype.learn.evaluate.regions import read_regions
from tintype.learn.export.card import completed_by

TINY = Path(__file__).parents[1] / "engine" / "tiny.onnx"


@pytest.mark.parametrize(
    "words",
    [
        "evaluate m.onnx --data d --limit -1",
        "evaluate m.onnx --data d --limit 0",
        "evaluate m.onnx --data d --size 0",
        "evaluate m.onnx --data d --size 100000000",
        "evaluate m.onnx --data d --threads 0",
        "evaluate m.onnx --data d --threads 100000",
        "evaluate m.onnx --data d --hints 1000000000",
        "evaluate m.onnx --data d --palettes 17",
        "evaluate m.onnx --data d --vividness nan",
        "export r -o m.onnx --data d --start-share nan",
        "export r -o m.onnx --data d --vividness inf",
        "export r -o m.onnx --data d --temperature 0",
        "export r -o m.onnx --data d --calibrate inf",
        "train r.toml --data d --max-seconds nan",
        "train r.toml --data d --max-samples -1",
        "train r.toml --data d --cooldown -5",
        "compare r --data d --evaluation e --samples 0",
        "compare r --data d --evaluation e --budget nan",
        "compare r --data d --evaluation e --budget -5m",
        "compare r --data d --evaluation e --budget 1e999h",
        "data audit d --min-colorfulness nan",
        "data audit d --dev-share 1.5",
    ],
)
def test_numbers_out_of_range_are_refused(words: str) -> None:
    command, *rest = words.split()
    with pytest.raises(click.BadParameter, match=r"range|not a"):
        main(command, rest)


def _raw() -> dict[str, Any]:
    card: Card = load_bundle(TINY).card
    return {
        name: dict(value) if name in {"sizes", "metrics"} else value
        for name in Card.__slots__
        for value in [getattr(card, name)]
    }


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('vividness = "much"', "'vividness' to be a number"),
        ("temperature = nan", "'temperature' to be a number"),
        ("title = 5", "'title' to be a string"),
        ('name = "a\\u001b[31m"', "printable"),
        ("metrics = [1]", "'metrics' to be an object"),
        ("data = [inf]", "without NaN"),
        ("notes = 2026-11-30", "not JSON serializable"),
        ("bins = 5", "bins follows from the network"),
        ("stride = 64", "stride follows from the network"),
        ("title = ", "is not a TOML file"),
    ],
)
def test_a_card_that_no_model_may_have_is_one_line(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "card.toml"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(LearnError, match=rf"card\.toml.*{why}") as error:
        completed_by(_raw(), path)
    assert str(error.value).isprintable()


def test_a_card_of_a_file_replaces_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text('title = "Our town"\nvividness = 1.5\n', encoding="utf-8")
    assert completed_by(_raw(), path) == _raw() | {"title": "Our town", "vividness": 1.5}


@pytest.mark.parametrize(
    "box", ["[0, 0, inf, 9]", "[0, 0, nan, 9]", '["a", 0, 1, 1]', "[0, 0, 1]", "[0.5, 0, 9, 9]"]
)
def test_a_rectangle_that_is_none_is_named(tmp_path: Path, box: str) -> None:
    path = tmp_path / "regions.toml"
    path.write_text(f'[[region]]\nkind = "skin"\npicture = "00"\nbox = {box}\n')
    with pytest.raises(LearnError, match=r"regions\.toml: box \[.* is missing or wrong"):
        read_regions(path)


def test_a_model_that_is_equally_certain_everywhere_has_no_rank() -> None:
    draw = np.random.default_rng(0)
    places = draw.normal(0, 20, (16, 2)).astype(np.float32)
    sample = DistributionSample(np.zeros((16, 313), np.float16), places)
    assert np.isnan(certainty_rank([sample, sample], load_bundle(TINY).card, rounds=2)).all()
