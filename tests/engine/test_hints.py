"""Hints: how they are written, and where they lie in a network's input."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tintype.color.gamut import solve_rgb01
from tintype.engine.geometry import plan_fit
from tintype.engine.hints import Hint, hint_of, hints_at, pale, parse_hint
from tintype.engine.layers import Scribbles
from tintype.engine.settings import Settings
from tintype.engine.settings_parsing import read_hints
from tintype.errors import UsageError


def test_a_hint_is_where_it_was_put() -> None:
    fit = plan_fit((200, 100), short_side=50, multiple=32, stride=4)  # half of the size
    assert fit.content == (100, 50)
    told = hints_at([Hint(20, 40, 30, -10, radius=3)], None, fit, cell=1)
    assert told.shape == (3, *fit.padded)
    # Rows 37 to 43 and columns 17 to 23 of the photograph; middles at 18.5 to 21.5, 8.5 to 11.5.
    rows, columns = np.nonzero(told[2])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (18, 21, 8, 11)
    assert (told[:, 20, 10] == [30, -10, 1]).all()
    assert told.sum() == pytest.approx(16 * (30 - 10 + 1))


@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    place=st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)),
    radius=st.integers(0, 40),
)
def test_every_hint_is_told_and_none_in_the_padding(
    height: int, width: int, place: tuple[float, float], radius: int
) -> None:
    fit = plan_fit((height, width), short_side=64, multiple=32, stride=4)
    hint = Hint(int(place[0] * width), int(place[1] * height), 5, 6, radius)
    mask = hints_at([hint], None, fit, cell=1)[2]
    assert mask.sum() >= 1
    assert mask[fit.content[0] :].sum() == mask[:, fit.content[1] :].sum() == 0


def test_a_later_hint_covers_an_earlier_one() -> None:
    fit = plan_fit((64, 64), short_side=64, multiple=32, stride=4)
    told = hints_at([Hint(10, 10, 1, 1, 4), Hint(10, 10, 9, 9, 1)], None, fit, cell=1)
    assert told[0, 10, 10] == 9
    assert told[0, 10, 13] == 1


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (0, -1), (64, 0), (0, 32)])
def test_a_hint_outside_is_refused(x: int, y: int) -> None:
    fit = plan_fit((32, 64), short_side=32, multiple=32, stride=4)
    with pytest.raises(UsageError, match=f"{x},{y} is outside the photograph of 64 x 32"):
        hints_at([Hint(x, y, 0, 0)], None, fit, cell=1)


def test_large_hints_that_overlap_are_bounded() -> None:
    hints = (Hint(5, 5, 1, 1, 10_000),) * 200
    with pytest.raises(UsageError, match="200 hints paint 2,400 million pixels"):
        Settings(hints=hints).check_size((3000, 4000))
    Settings(hints=hints).check_size((300, 400))
    Settings(hints=(Hint(9, 9, 1, 1, 500),) * 50).check_size((8_000, 12_000))


def test_a_hint_is_written_as_place_and_colour() -> None:
    hint = parse_hint("120,80,#c04030")
    assert (hint.x, hint.y, hint.radius) == (120, 80, 0)
    assert (hint.a, hint.b) == pytest.approx((50.3, 37.6), abs=0.1)
    assert parse_hint(" 120 , 80, C04030 , 4 ") == replace(hint, radius=4)
    assert parse_hint("120,80,RED") == parse_hint("120,80,#f00") == parse_hint("120,80,#ff0000")


@pytest.mark.parametrize(
    "text", ["", "1,2", "1,2,reed", "1,2,#c0403", "1,2,#c04030,x", "1,2,#c04030,3,4"]
)
def test_a_hint_that_is_written_otherwise_is_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="not understood"):
        parse_hint(text)


@pytest.mark.parametrize("text", ["-1,2,#c04030", "1,2,#c04030,-3"])
def test_numbers_below_zero_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="negative number"):
        parse_hint(text)


def test_hints_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "hints.json"
    path.write_text('[{"x": 120, "y": 80, "color": "#c04030", "radius": 4}]')
    assert read_hints(path) == [parse_hint("120,80,#c04030,4")]
    for text in ("{", '{"x": 1}', "[3]", '[{"x": 1, "y": 2}]', "3"):
        path.write_text(text)
        with pytest.raises(UsageError, match="is not a list of hints"):
            read_hints(path)
    for change in ('"color": "no"', '"x": -1', '"x": 1e12', '"radius": -1'):
        path.write_text(f'[{{"x": 1, "y": 2, "color": "red", {change}}}]')
        with pytest.raises(UsageError, match=re.escape(str(path))):
            read_hints(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_hints(tmp_path / "none.json")


def test_hints_and_warmth_are_part_of_what_was_done() -> None:
    assert Settings().canonical() == '{"quality":"high","vividness":null}'
    said = json.loads(Settings(warmth=1, hints=(Hint(1, 2, 3, 4, 5),)).canonical())
    assert said["warmth"] == 1.0
    assert said["hints"] == [[1, 2, 3.0, 4.0, 5]]
    with pytest.raises(UsageError, match="-1 to 1"):
        Settings(warmth=1.5)


def test_what_the_gamut_forbids_is_said() -> None:
    grey = np.full((40, 60), 128, np.uint8)
    grey[:, 30:] = 250
    fine, pale_one = hint_of(10, 10, "#a06050", 2), hint_of(50, 20, "#c00000", 2)
    assert pale([fine, hint_of(50, 20, "#808080")], None, grey) == []
    (said,) = pale([fine, pale_one], None, grey)
    assert "50,20" in said
    share = int(re.search(r"(\d+) %|(\d+)%", said)[0].rstrip(" %"))  # type: ignore[index]
    assert share < 30
    assert pale([pale_one], None, grey.astype(np.uint16) * 257) == [said]
    layer = np.zeros((40, 60, 4), np.uint8)
    layer[20, 30:] = (200, 0, 0, 255)
    rendered = Scribbles("x", "0", layer)
    assert "100%" in pale([], rendered, grey)[0]
    layer = np.zeros((40, 60, 4), np.uint8)
    layer[20, :30] = (160, 96, 80, 255)
    assert pale([], Scribbles("x", "1", layer), grey) == []


def test_hints_by_the_million_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    path.write_text("[" + ",".join(['{"x":1,"y":1,"color":"c04030"}'] * 10_001) + "]")
    with pytest.raises(UsageError, match="more than 10,000 hints"):
        read_hints(path)


def test_hints_of_many_colors_are_solved_together(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.random.default_rng(3).integers(0, 256, (40, 60), np.uint8)
    some = [Hint(x, x // 2, 90 - x, 3 * x - 80, 10 ** (x % 3)) for x in range(0, 60, 15)]
    one_by_one = [sentence for hint in some for sentence in pale([hint], None, grey)]
    asked = []

    def counted(luma01: NDArray[np.float64], ab: NDArray[np.float64]) -> NDArray[np.float64]:
        asked.append(len(luma01))
        return solve_rgb01(luma01, ab)

    monkeypatch.setattr("tintype.engine.hints.solve_rgb01", counted)
    assert 0 < len(one_by_one) < 4
    assert pale(some * 20, None, grey)[:20] == (one_by_one * 20)[:20]
    assert asked == [len(some)]


def test_notes_on_very_many_hints_are_counted() -> None:
    grey = np.full((9, 9), 250, np.uint8)
    said = pale([Hint(1, 1, 90, 60)] * 1_234, None, grey)
    assert len(said) == 21
    assert "1,214" in said[-1]
    assert len(pale([Hint(1, 1, 90, 60)] * 20, None, grey)) == 20


def test_hints_larger_than_the_photograph_are_measured_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grey = np.full((9, 9), 250, np.uint8)
    asked = []

    def counted(values: NDArray[np.uint8]) -> float:
        asked.append(values.shape)
        return 250.0

    monkeypatch.setattr(np, "median", counted)
    pale([Hint(x, 8 - x, 90, 60, 10**9) for x in range(9)], None, grey)
    assert asked == [(9, 9)]
