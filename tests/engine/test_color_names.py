"""Names of colours: one table, found as people type them."""

import re

import pytest
from PIL import ImageColor

from tintype.engine.color_names import color_names, rgb_of
from tintype.engine.hints import hint_of, parse_hint
from tintype.errors import UsageError


def test_both_lists_are_whole() -> None:
    names = color_names()
    assert {name for name in names if name in ImageColor.colormap} == set(ImageColor.colormap)
    survey = set(names) - set(ImageColor.colormap)
    assert len(survey) == 949
    assert all(re.fullmatch(r"#[0-9a-f]{6}", color) for color in names.values())
    assert all(name == name.lower().strip() for name in names)


@pytest.mark.parametrize(
    ("typed", "color"),
    [
        ("steelblue", "#4682b4"),
        (" SteelBlue ", "#4682b4"),
        ("steel blue", "#4682b4"),
        ("xkcd:steel blue", "#5a7d9a"),
        ("dusty rose", "#c0737a"),
        ("Dusty-Rose", "#c0737a"),
        ("dustyrose", "#c0737a"),
        ("dusty  rose", "#c0737a"),
        ("robin's egg blue", "#98eff9"),
        ("robins egg blue", "#98eff9"),
        ("teal", "#008080"),
        ("xkcd:teal", "#029386"),
        ("xkcd:dusty rose", "#c0737a"),
        ("#C04030", "#c04030"),
        ("c04030", "#c04030"),
        ("#c43", "#cc4433"),
    ],
)
def test_a_color_is_found_as_it_is_typed(typed: str, color: str) -> None:
    assert "#" + bytes(rgb_of(typed)).hex() == color


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("stealblue", "steelblue"), ("dusty rosse", "dusty rose"), ("burgandy", "burgundy")],
)
def test_a_wrong_name_gets_suggestions(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match="not understood") as found:
        rgb_of(typed)
    assert "Did you mean" in found.value.advice
    assert meant in found.value.advice


@pytest.mark.parametrize("typed", ["", "#", "#12", "#1234", "c43", "qqqqq", "rgb(1 2 3)", "é"])
def test_what_is_no_color_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="not understood"):
        rgb_of(typed)


@pytest.mark.parametrize("words", ["12,34,dusty rose", "12, 34, dusty rose ", "12,34,dusty rose,0"])
def test_a_hint_may_have_a_name_of_several_words(words: str) -> None:
    assert parse_hint(words) == hint_of(12, 34, "#c0737a")


def test_a_radius_is_not_part_of_a_name() -> None:
    assert parse_hint("1,2,brick red,7").radius == 7
    with pytest.raises(UsageError, match="not understood"):
        parse_hint("1,2,brick red,x")
