"""Names of versions, from how their colours differ."""

import numpy as np
from numpy.typing import NDArray

from tintype.engine.looks import look_names


def version(*colors: tuple[float, float]) -> NDArray[np.float32]:
    """(2, 4, n) ab of a picture that has these colours in equal parts."""
    return np.repeat(np.array(colors, np.float32).T[:, None], 4, axis=1)


SUGGESTED = version((10, 5), (-10, 5), (0, -15), (0, 5))


def test_each_version_is_named_by_how_it_differs() -> None:
    assert look_names([SUGGESTED]) == ["suggested"]
    for name, shift in {
        "rosier": (9, 0),
        "warmer": (3, 9),
        "greener": (-9, 5),
        "cooler": (-2, -9),
    }.items():
        moved = SUGGESTED + np.array(shift, np.float32)[:, None, None]
        assert look_names([SUGGESTED, moved]) == ["suggested", name]
    assert look_names([SUGGESTED, SUGGESTED * 0.4]) == ["suggested", "quieter"]
    assert look_names([SUGGESTED, SUGGESTED * 2]) == ["suggested", "bolder"]


def test_more_of_the_same_hue_is_no_other_hue() -> None:
    brown = version((6, 10), (5, 12), (-3, 4), (0, -5))
    assert look_names([brown, brown * 1.8]) == ["suggested", "bolder"]
    assert look_names([brown, brown * 0.4]) == ["suggested", "quieter"]


def test_no_name_is_given_twice_and_the_best_fit_has_it() -> None:
    shift = np.array((-2, -5), np.float32)[:, None, None]
    versions = [SUGGESTED, SUGGESTED + shift, SUGGESTED + 2 * shift]
    assert look_names(versions)[2] == "cooler"
    names = [name for name in look_names(versions) if name]
    assert len(set(names)) == len(names)


def test_a_second_best_name_leaves_the_best_to_another() -> None:
    bluer = SUGGESTED + np.array((-4, -5), np.float32)[:, None, None]
    violet = 1.6 * SUGGESTED + np.array((1, -8), np.float32)[:, None, None]
    assert look_names([SUGGESTED, violet]) == ["suggested", "cooler"]
    assert look_names([SUGGESTED, bluer, violet]) == ["suggested", "cooler", "bolder"]


def test_a_red_photograph_that_turns_golden_is_not_called_greener() -> None:
    red = version((20, 4), (10, -6), (-6, 10), (14, -8))
    golden = red + np.array((-5, 11), np.float32)[:, None, None]
    assert look_names([red, golden]) == ["suggested", "warmer"]


def test_washes_are_left_out_but_not_the_suggested_or_a_quieter_one() -> None:
    yellow = version((2, 30), (0, 28), (-2, 31), (1, 26))
    assert look_names([SUGGESTED, yellow]) == ["suggested", None]
    # Of a photograph that has one tint itself, a quieter version has it too.
    assert look_names([yellow, yellow * 0.5, yellow * 1.5]) == ["suggested", "quieter", None]


def test_what_hardly_differs_has_no_name() -> None:
    assert look_names([SUGGESTED, SUGGESTED + 0.5]) == ["suggested", None]
    grey = np.zeros((2, 3, 3), np.float32)
    assert look_names([grey, grey]) == ["suggested", None]
