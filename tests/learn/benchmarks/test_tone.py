"""Monochrome pictures of every kind, and the table of how often the decision is wrong."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from learn.benchmarks.programs import program

tone, prints = program("tone"), program("tone_prints")
PHOTO = Image.fromarray(data.astronaut()).resize((200, 200))


@pytest.mark.parametrize("kind", [*prints.KINDS, *prints.UNFITTED])
def test_every_kind_keeps_the_photograph_and_can_be_made_again(kind: str) -> None:
    file, again = (prints.scanned(kind, PHOTO, np.random.default_rng(3), 256) for _ in range(2))
    assert file == again
    made = Image.open(io.BytesIO(file)).convert("RGB")
    assert min(made.size) >= 192
    small, grey = (np.asarray(picture.convert("L").resize((32, 32))) for picture in (made, PHOTO))
    if kind not in {"coloured mount", "colour target"}:  # of another shape than the photograph
        assert np.corrcoef(small.ravel(), grey.ravel())[0, 1] > 0.85


def test_photographs_are_drawn_alike_and_without_those_listed(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20):
            archive.writestr(f"a/{number:02d}.png", b"x")
    few = [name for name, _ in tone.photographs([f"{path}:5"], frozenset())]
    more = [name for name, _ in tone.photographs([f"{path}:10"], frozenset())]
    assert len(few) == 5
    assert set(few) < set(more)
    listed = frozenset(few[:1])
    assert [name for name, _ in tone.photographs([f"{path}:5"], listed)] == few[1:]


def test_the_regression_finds_a_line_and_its_scores_are_log_odds() -> None:
    draw = np.random.default_rng(0)
    features = draw.normal(0, 1, (2000, 3))
    color = draw.random(2000) < 1 / (1 + np.exp(-(2 * features[:, 0] - features[:, 1])))
    _, scales, weights = tone.fitted(features, color)
    np.testing.assert_allclose(weights[:3] / scales, [2, -1, 0], atol=0.25)
    assert np.corrcoef(tone.cross_validated(features, color), color)[0, 1] > 0.5


def test_pictures_that_are_clear_do_not_bend_the_border() -> None:
    draw = np.random.default_rng(0)
    features = draw.normal(0, 1, (2000, 2))
    color = draw.random(2000) < 1 / (1 + np.exp(-4 * features[:, 0]))
    clear = np.repeat([12.0, -12.0], 100)
    labels = clear > 0
    labels[:2] = False  # two that were sorted wrongly
    every = np.concatenate([features, np.column_stack([clear, np.zeros(200)])])
    both = np.concatenate([color, labels])
    slopes = {}
    for fit in (tone.fitted, tone.fitted_near):
        _, scales, weights = fit(every, both)
        slopes[fit] = weights[0] / scales[0]
    assert slopes[tone.fitted] < 3.2
    assert abs(slopes[tone.fitted_near] - 4) < 0.7


def test_a_row_has_wilsons_interval() -> None:
    assert tone._row("x", [True] + [False] * 99) == "| x | 100 | 1 | 1.0 % (0.2 to 5.4) |"


def test_the_list_names_files_of_packs() -> None:
    assert all(name.count(".zip/") == 1 for name in tone.listed())


def test_no_kind_is_both_fitted_and_held_back() -> None:
    assert not prints.KINDS.keys() & prints.UNFITTED.keys()
