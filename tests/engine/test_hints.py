"""Where a hint lies in a network's input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tintype.engine.bundle import Bundle
from tintype.engine.colorizer import Engine
from tintype.engine.fit import plan_fit
from tintype.engine.hints import Hint, hints_to_input
from tintype.errors import ModelError, UsageError
from tintype.photo.photo import Metadata, Photo


def test_a_hint_is_where_it_was_put() -> None:
    fit = plan_fit((200, 100), short_side=50, multiple=32, stride=4)  # half of the size
    assert fit.content == (100, 50)
    told = hints_to_input([Hint(20, 40, 30, -10, radius=3)], fit)
    assert told.shape == (1, 3, *fit.padded)
    # Rows 37 to 43 and columns 17 to 23 of the photograph; middles at 18.5 to 21.5, 8.5 to 11.5.
    rows, columns = np.nonzero(told[0, 2])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (18, 21, 8, 11)
    assert (told[0, :, 20, 10] == [30, -10, 1]).all()
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
    mask = hints_to_input([hint], fit)[0, 2]
    assert mask.sum() >= 1
    assert mask[fit.content[0] :].sum() == mask[:, fit.content[1] :].sum() == 0


def test_a_later_hint_covers_an_earlier_one() -> None:
    fit = plan_fit((64, 64), short_side=64, multiple=32, stride=4)
    told = hints_to_input([Hint(10, 10, 1, 1, 4), Hint(10, 10, 9, 9, 1)], fit)
    assert told[0, 0, 10, 10] == 9
    assert told[0, 0, 10, 13] == 1


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (0, -1), (64, 0), (0, 32)])
def test_a_hint_outside_is_refused(x: int, y: int) -> None:
    fit = plan_fit((32, 64), short_side=32, multiple=32, stride=4)
    with pytest.raises(UsageError, match=f"{x},{y} is outside the photograph of 64 x 32"):
        hints_to_input([Hint(x, y, 0, 0)], fit)


def test_a_model_without_hints_says_so(tiny: Bundle) -> None:
    photo = Photo(np.zeros((32, 32), np.uint8), None, "grey", Metadata("PNG"))
    with pytest.raises(ModelError, match="takes no hints"):
        Engine(tiny).colorize(photo, hints=[Hint(1, 1, 0, 0)])
