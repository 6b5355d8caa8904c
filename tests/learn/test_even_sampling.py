import numpy as np
import pytest

from tintype.learn.data.even_sampling import evenly_spaced


@pytest.mark.parametrize("length", [0, 1, 2, 7, 100])
def test_all_are_chosen_where_there_are_not_more(length: int):
    assert evenly_spaced(length, 100).tolist() == list(range(length))


def test_the_first_and_the_last_are_chosen_and_the_steps_are_even():
    chosen = evenly_spaced(1000, 13)
    assert (len(chosen), chosen[0], chosen[-1]) == (13, 0, 999)
    assert set(np.diff(chosen).tolist()) <= {83, 84}
