"""Hints as in Zhang et al. 2017: number, places and squares, and samples that are all told."""

import math

import pytest
import torch
from torch import Tensor

from tintype.learn.data.hints import Squares, _whole_squares, draw_hints

SIZE = 64
ALL = slice(None)
SHARE = 7 / 8


def drawn(ab: Tensor, *, seed: int = 0, part: slice = ALL, count: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return draw_hints(
        ab[part], share=SHARE, draw=draw, part=part, count=count or len(ab), published=True
    )


@pytest.fixture(scope="module")
def squares() -> Squares:
    draw = torch.Generator().manual_seed(1)
    return _whole_squares(SIZE, draw, ALL, 2000)


def test_squares_have_every_side_from_1_to_9_and_lie_inside(squares: Squares):
    height = squares.bottom - squares.top
    assert torch.equal(height, squares.right - squares.left)
    counts = torch.bincount(height.flatten(), minlength=10).double()
    assert counts[0] == 0
    assert len(counts) == 10
    assert torch.allclose(counts[1:] / counts.sum(), torch.full((9,), 1 / 9).double(), atol=0.01)
    assert min(squares.top.min(), squares.left.min()) == 0
    assert max(squares.bottom.max(), squares.right.max()) == SIZE


def test_places_are_gaussian_around_the_middle(squares: Squares):
    """The mean H / 2 and the deviation H / 4, as far as the picture does not limit it."""
    for first, last in ((squares.top, squares.bottom), (squares.left, squares.right)):
        middle = (first + last).double() / 2 / SIZE
        assert float(middle.mean()) == pytest.approx(0.5, abs=0.01)
        # Two deviations fit into the picture: the middle two thirds lie within one.
        within = ((middle - 0.5).abs() < 0.25 * 0.93).double().mean()
        assert float(within) == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.03)
    apart = torch.corrcoef(torch.stack([squares.top.flatten(), squares.left.flatten()]).double())
    assert abs(float(apart[0, 1])) < 0.02


def test_an_eighth_has_no_hints_and_one_in_a_hundred_has_everything():
    ab = torch.randn(6000, 2, 12, 12)
    hints = drawn(ab)
    share = hints[:, 2].mean(dim=(1, 2))
    told = (hints[:, :2] == ab).all(dim=(1, 2, 3))
    assert torch.equal(told, (share == 1) & told)
    assert float(told.double().mean()) == pytest.approx(0.01, abs=0.004)
    assert float((share == 0).double().mean()) == pytest.approx(1 / 8 * 0.99, abs=0.015)


def test_the_colour_is_the_mean_of_the_square():
    ab = torch.randn(200, 2, 32, 32) * 30
    hints = drawn(ab)
    checked = 0
    for one, true in zip(hints, ab, strict=True):
        rows, columns = torch.nonzero(one[2], as_tuple=True)
        if not 0 < len(rows) <= 81:
            continue
        box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        inside = one[:2][:, box[0], box[1]]
        if len(inside[0].unique()) > 1 or not one[2][box].all():
            continue  # several squares
        mean = true[:, box[0], box[1]].mean(dim=(1, 2))
        assert torch.allclose(inside, mean[:, None, None].expand_as(inside), atol=1e-3)
        checked += 1
    assert checked > 10


def test_two_processes_draw_what_one_would():
    ab = torch.randn(400, 2, 16, 16)
    whole = drawn(ab)
    for rank in range(2):
        part = slice(rank, None, 2)
        assert torch.equal(drawn(ab, part=part, count=400), whole[part])


def test_hints_of_our_own_recipes_are_drawn_as_before():
    """A run that began with an earlier version continues with the same samples."""
    ab = torch.arange(4 * 2 * 16 * 16).view(4, 2, 16, 16).float() / 100
    draw = torch.Generator().manual_seed(0)
    hints = draw_hints(ab, share=0.9, draw=draw, part=ALL, count=4)
    # The sums that the version before had.
    assert hints.sum(dim=(1, 2, 3)).tolist() == pytest.approx(EARLIER, rel=1e-5)


EARLIER = [770.3399047851562, 1168.31982421875, 5502.18994140625, 6226.46044921875]
