"""What a run that is watched says about its speed and its end."""

import pytest

from tintype.cli.learning.training_bar import sentence
from tintype.learn.train.pace import Pace, PaceMeter


def test_the_speed_is_that_of_the_last_steps() -> None:
    meter = PaceMeter(ends=[10_000], seconds=None, samples=0)
    for step in range(1, 101):
        pace = meter.step(8 * step, 2.0 * step)
    assert pace.speed == pytest.approx(4)
    for step in range(1, 61):
        pace = meter.step(800 + 8 * step, 200 + step)
    assert pace.speed == pytest.approx(8)
    assert pace.left == pytest.approx((10_000 - pace.samples) / 8)


@pytest.mark.parametrize(
    ("ends", "seconds", "left"),
    [
        ([400, 200], None, 25.0),  # the nearest end, at 4 samples a second
        ([400], 60, 35.0),
        ([200], 60, 25.0),
        ([], 60, 35.0),
        ([], 20, 0.0),
        ([], None, None),
        ([50], None, 0.0),
    ],
)
def test_the_end_is_whichever_comes_first(
    ends: list[int], seconds: float | None, left: float | None
) -> None:
    pace = PaceMeter(ends=ends, seconds=seconds, samples=0).step(100, 25.0)
    assert pace.left == left
    assert pace.share == (None if left is None else pytest.approx(25 / (25 + left)))


def test_a_resumed_run_is_not_faster_for_what_was_done_before() -> None:
    pace = PaceMeter(ends=[2_000], seconds=None, samples=1_000).step(1_010, 5.0)
    assert pace.speed == pytest.approx(2)
    assert pace.left == pytest.approx(495)


def test_the_loss_stays_until_the_next_is_logged() -> None:
    meter = PaceMeter(ends=[], seconds=None, samples=0)
    losses = [meter.step(step, step, loss).loss for step, loss in ((1, None), (2, 4.5), (3, None))]
    assert losses == [None, 4.5, 4.5]


def test_the_pace_in_words() -> None:
    assert sentence(Pace(1_280, 4.8123, 35.4, 3723.4, 0.5)) == (
        "1,280 samples, loss 4.81, 35.4 samples/s, 1:02:03 left"
    )
    assert sentence(Pace(4, None, 0.0, None, None)) == "4 samples, 0 samples/s"
