"""Every method is told the same colours, and the table says what more of them are worth."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from learn.benchmarks.programs import program
from tintype.errors import LearnError
from tintype.learn.evaluate.metrics import psnr
from tintype.learn.evaluate.protocol import true_hints

numbers = program("hint_numbers")


@pytest.fixture
def truth(colourful: Callable[[int], np.ndarray]) -> np.ndarray:
    return colourful(0)[:96, :96]


def test_scribbles_are_the_hints_of_the_networks(truth: np.ndarray):
    same = numbers.marked(truth, 3, 96)
    expected = np.zeros((96, 96), bool)
    for hint in true_hints(truth, 3):
        rows, columns = (
            slice(max(0, place - hint.radius), place + hint.radius + 1)
            for place in (hint.y, hint.x)
        )
        expected[rows, columns] = True
        assert same.ab[:, hint.y, hint.x] == pytest.approx([hint.a, hint.b], abs=1e-4)
    assert np.array_equal(same.marked, expected)
    half = numbers.marked(truth, 3, 48)
    assert half.marked.sum() == pytest.approx(expected.sum() / 4, rel=0.5)
    for hint in true_hints(truth, 3):
        assert half.marked[hint.y // 2, hint.x // 2]


def test_scribbles_are_nearer_than_grey_and_none_is_grey(truth: np.ndarray):
    without, some = (numbers.scribbled(truth, count) for count in (0, 40))
    assert (np.ptp(without, axis=2) == 0).all()
    assert psnr(some, truth) > psnr(without, truth)


def test_the_table_has_a_column_for_each_number(truth: np.ndarray):

    def halfway(truth: np.ndarray, count: int) -> np.ndarray:
        away = np.full(truth.shape, 10 if count == 0 else 1, np.uint8)
        return np.where(truth > 128, truth - away, truth + away)

    found = {"one": {n: numbers.distances(halfway, [truth, truth], n) for n in (0, 5)}}
    lines = numbers.table(found).splitlines()
    assert lines[0] == "| PSNR (dB) with hints | 0 | 5 |"
    # 20 log10(255 / 10) and 20 log10(255).
    assert lines[2] == "| one | 28.13 (28.13 to 28.13) | 48.13 (48.13 to 48.13) |"


def test_a_model_without_hints_is_refused(monkeypatch: pytest.MonkeyPatch):
    bundle = SimpleNamespace(name="plain", card=SimpleNamespace(capabilities=("logits",)))
    monkeypatch.setattr(numbers, "load_bundle", lambda _word: bundle)
    with pytest.raises(LearnError, match="plain takes no hints"):
        next(numbers.methods(["plain.onnx"]))


def test_a_network_alone_and_as_it_is_shown(truth: np.ndarray):
    """Without hints both are the same; with hints only the product holds them exactly."""
    (_, shown), (_, alone), (name, _) = numbers.methods([])
    assert name == "scribble"
    assert np.array_equal(shown(truth, 0), alone(truth, 0))
    assert not np.array_equal(shown(truth, 8), alone(truth, 8))
