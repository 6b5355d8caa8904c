"""How fast a run goes, and when it will end: what somebody who watches it wants to know."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

_STEPS = 50  # over which the speed is measured


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run is going.

    Attributes:
        samples: Photographs trained on, repetitions included.
        loss: As it was logged last; None before that.
        speed: Samples a second over the last steps.
        left: Seconds until this session ends; None where only a signal ends it.
        share: How much of this session is done, 0 to 1; None where nobody knows.
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
        seconds: How long it may take; None for no limit.
        samples: Where it begins.
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
            samples: Of the run.
            elapsed: Seconds since the session began.
            loss: Where it was logged.
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
