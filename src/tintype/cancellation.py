"""Cooperative cancellation: work that is no longer wanted ends at its next check.

The code that starts work in a thread installs a predicate (`cancelled_when`); long computations
call `check` between slices. Without a predicate, a check costs next to nothing and never raises.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class WorkCancelledError(Exception):
    """The work is no longer wanted: nobody is waiting for it, or it has timed out."""


_unwanted: ContextVar[Callable[[], bool] | None] = ContextVar("unwanted", default=None)


@contextmanager
def cancelled_when(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Within this block, `check` ends this thread's work as soon as it is unwanted.

    Args:
        unwanted: Returns whether the work is unwanted; called often.
    """
    token = _unwanted.set(unwanted)
    try:
        yield
    finally:
        _unwanted.reset(token)


def check() -> None:
    """Ends unwanted work; to be called every few milliseconds of computation.

    Raises:
        WorkCancelledError: The work is no longer wanted.
    """
    unwanted = _unwanted.get()
    if unwanted is not None and unwanted():
        raise WorkCancelledError
