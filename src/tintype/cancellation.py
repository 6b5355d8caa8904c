"""Work that is no longer wanted ends at its next slice.

Whoever starts work in a thread says how it is known to be unwanted; what takes long asks between
two slices. Without anybody who says so, asking costs next to nothing and nothing ends.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class WorkCancelledError(Exception):
    """The work is no longer wanted: nobody waits for it, or its time is over."""


_unwanted: ContextVar[Callable[[], bool] | None] = ContextVar("unwanted", default=None)


@contextmanager
def cancelled_when(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Within this block, `check` ends the work of this thread once it is unwanted.

    Args:
        unwanted: Whether it is; called often.
    """
    token = _unwanted.set(unwanted)
    try:
        yield
    finally:
        _unwanted.reset(token)


def check() -> None:
    """To be called between two slices of work of some milliseconds.

    Raises:
        WorkCancelledError: The work is no longer wanted.
    """
    unwanted = _unwanted.get()
    if unwanted is not None and unwanted():
        raise WorkCancelledError
