"""The pace of a run: its speed, and when it will end."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

_STEPS = 50  # over which the speed is measured


@dataclass(frozen=True, slots=True)
class Pace:
    """The state of a run.

    Attributes:
        samples: Photographs trained on, counting repetitions.
        loss: The loss logged last; None before that.
        speed: Samples per second over the last steps.
        left: Seconds until this session ends; None if only a signal ends it.
        share: Completed share of this session, 0 to 1; None if unknown.
    """

    samples: int
    loss: float | None
    speed: float
    left: float | None
    share: float | None


class PaceMeter:
    """Measures the pace of one session.

    Args:
        ends: Samples at which the session ends, whichever comes first.
        seconds: Time limit; None for no limit.
        samples: Samples at the start.
    """

    def __init__(self, *, ends: list[int], seconds: float | None, samples: int) -> None:
        self._end = min(ends, default=None)
        self._seconds = seconds
        self._begun = samples
        self._loss: float | None = None
        self._steps: deque[tuple[float, int]] = deque([(0.0, samples)], maxlen=_STEPS)

    def step(self, samples: int, elapsed: float, loss: float | None = None) -> Pace:
        """The pace after a step.

        Args:
            samples: Samples of the run so far.
            elapsed: Seconds since the session began.
            loss: The loss, if it was logged.
        """
        self._loss = self._loss if loss is None else loss
        first, before = self._steps[0]
        self._steps.append((elapsed, samples))
        speed = (samples - before) / max(elapsed - first, 1e-9)
        left = min(self._left(samples, elapsed, speed), default=None)
        share = None if left is None else elapsed / max(elapsed + left, 1e-9)
        return Pace(samples, self._loss, speed, left, share)

    def _left(self, samples: int, elapsed: float, speed: float) -> Iterator[float]:
        if self._seconds is not None:
            yield max(0.0, self._seconds - elapsed)
        if self._end is not None and speed > 0:
            yield max(0, self._end - samples) / speed
