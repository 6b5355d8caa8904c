"""Signals that ask the command to end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""The exit code of a command that was ended."""

ENDING = tuple(
    number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)
"""What a system, a container or a terminal that is closed sends; Windows has no SIGHUP."""


@contextmanager
def ending_as_interrupts() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP do what Ctrl-C does: what is begun is cleaned up.

    Who has decided otherwise keeps it, so that ``nohup`` works. Only the main thread may decide.
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
