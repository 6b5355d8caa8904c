"""Where the work is done: a few threads, a short queue, and an honest no when it is full."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tintype.web.errors import BusyError, SlowError

_T = TypeVar("_T")


class WorkerPool:
    """Runs work in threads, a bounded number at a time.

    Args:
        workers: How many run at once.
        waiting: How many may wait; more are refused.
        seconds: How long an answer may take, waiting included.
    """

    def __init__(self, *, workers: int, waiting: int, seconds: float) -> None:
        self.workers: int = workers
        self.capacity: int = workers + waiting
        self.pending: int = 0
        self._seconds = seconds
        self._usual = 1.0  # seconds of a piece of work, a running mean
        self._draining = False
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="tintype")

    async def run(self, work: Callable[[], _T]) -> _T:
        """Does a piece of work as soon as a thread is free. To be called on the event loop.

        Raises:
            BusyError: The queue is full, or the server is about to stop.
            SlowError: It took too long. The thread is not stopped, and counts until it is done.
        """
        self.check()
        self.pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._timed, work)
        future.add_done_callback(self._done)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            raise SlowError(f"The work took longer than {self._seconds:g} seconds.") from None

    def check(self) -> None:
        """Refuses early, before a body is read, what `run` would refuse.

        Raises:
            BusyError: As for `run`.
        """
        if self._draining:
            raise BusyError("Tintype is stopping.", retry_after=5)
        if self.pending >= self.capacity:
            wait = self._usual * self.pending / self.workers
            raise BusyError(
                f"{self.pending} requests are already waiting.",
                retry_after=max(1, round(wait)),
            )

    def drain(self) -> None:
        """Takes nothing more; what waits is still done."""
        self._draining = True

    def close(self) -> None:
        """Waits for what runs, and forgets what waits."""
        self._draining = True
        self._pool.shutdown(cancel_futures=True)

    def _timed(self, work: Callable[[], _T]) -> _T:
        began = time.monotonic()
        try:
            return work()
        finally:
            self._usual += 0.2 * (time.monotonic() - began - self._usual)

    def _done(self, future: "asyncio.Future[_T]") -> None:
        self.pending -= 1
        if not future.cancelled():
            future.exception()  # looked at: after a timeout nobody else does
