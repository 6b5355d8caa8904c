"""Signals that request termination."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""The exit code of an interrupted command."""

ENDING = tuple(
    number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)
"""Signals sent by a system or container that stops, or a terminal that closes; Windows has no
SIGHUP."""


@contextmanager
def ending_as_interrupts() -> Iterator[None]:
    """Makes SIGTERM and SIGHUP act like Ctrl-C, so unfinished work is cleaned up.

    Handlers that are already set stay in place, so ``nohup`` works. Only the main thread may set
    handlers.
    """
    taken = []
    if threading.current_thread() is threading.main_thread():
        taken = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
