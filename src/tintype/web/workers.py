"""The worker pool: a few threads and a bounded queue; requests are refused when it is full."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from tintype.cancellation import WorkCancelledError, cancelled_when
from tintype.photo.sandbox.sandbox import Sandbox
from tintype.photo.sandbox.scope import decoding_in
from tintype.web.errors import BusyError, MalformedError, SlowError, WebError

_T = TypeVar("_T")


class WorkerPool:
    """Runs work in a bounded number of threads.

    Work whose result is no longer needed (it timed out, the client disconnected, the server is
    stopping) is removed from the queue, or cancelled at its next check (`tintype.cancellation`).

    Args:
        workers: Number of threads.
        waiting: Maximum length of the queue; further work is refused.
        seconds: Time limit, including time in the queue.
        sandbox: Where files are decoded; None means in this process.

    Attributes:
        grace: Seconds that running work has to finish when the server stops.
    """

    grace: float = 2.0

    def __init__(
        self, *, workers: int, waiting: int, seconds: float, sandbox: Sandbox | None = None
    ) -> None:
        self.workers: int = workers
        self.capacity: int = workers + waiting
        self.pending: int = 0
        self.draining: bool = False
        self._seconds = seconds
        self._sandbox = sandbox
        self._usual = 1.0  # running mean of the duration of a job, in seconds
        self._jobs: dict[Future[Any], threading.Event] = {}  # with the event that cancels each
        self._over = asyncio.Event()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="tintype")

    async def run(
        self, work: Callable[[], _T], *, gone: Callable[[], Awaitable[None]] | None = None
    ) -> _T:
        """Runs a job as soon as a thread is free. Must be called on the event loop.

        Args:
            work: Called in a thread.
            gone: Returns once the client has disconnected.

        Raises:
            BusyError: The queue is full, or the server is stopping.
            SlowError: The job took too long.
            MalformedError: The client has disconnected; this response is never read.
        """
        self.check()
        self.pending += 1
        unwanted = threading.Event()
        job = self._pool.submit(self._timed, work, unwanted)
        self._jobs[job] = unwanted
        done = asyncio.wrap_future(job)
        done.add_done_callback(lambda future: self._done(job, future))
        ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._over.wait())]
        if gone is not None:
            ends.append(asyncio.ensure_future(gone()))
        try:
            every: set[asyncio.Future[Any]] = {done, *ends}
            await asyncio.wait(every, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                with contextlib.suppress(WorkCancelledError, asyncio.CancelledError):
                    return done.result()
            raise self._unfinished(gone=ends[-1].done())
        finally:
            unwanted.set()
            job.cancel()  # if it is still queued
            for end in ends:
                end.cancel()

    def _unfinished(self, *, gone: bool) -> WebError:
        if self.draining:
            return self.stopping()
        if gone:
            return MalformedError("The client disconnected.")
        return SlowError(f"The work took longer than {self._seconds:g} seconds.")

    def stopping(self) -> BusyError:
        """The error returned while the server is stopping."""
        return BusyError("Tintype is stopping.", retry_after=5)

    def check(self) -> None:
        """Refuses requests that `run` would refuse, before their body is read.

        Raises:
            BusyError: As for `run`.
        """
        if self.draining:
            raise self.stopping()
        if self.pending >= self.capacity:
            wait = self._usual * self.pending / self.workers
            raise BusyError(
                f"{self.pending} requests are already waiting.",
                retry_after=max(1, round(wait)),
            )

    def drain(self) -> None:
        """Accepts no more work and cancels queued work; running work has `grace` seconds left.

        Must be called on the event loop.
        """
        self.draining = True
        for job in list(self._jobs):
            job.cancel()
        asyncio.get_running_loop().call_later(self.grace, self._over.set)

    def close(self) -> None:
        """Cancels running work at its next check, and waits for it to end."""
        self.draining = True
        for unwanted in list(self._jobs.values()):
            unwanted.set()
        self._pool.shutdown(cancel_futures=True)
        if self._sandbox is not None:
            self._sandbox.close()

    def _timed(self, work: Callable[[], _T], unwanted: threading.Event) -> _T:
        began = time.monotonic()
        try:
            with cancelled_when(unwanted.is_set), decoding_in(self._sandbox):
                return work()
        finally:
            self._usual += 0.2 * (time.monotonic() - began - self._usual)

    def _done(self, job: Future[Any], future: "asyncio.Future[Any]") -> None:
        self.pending -= 1
        self._jobs.pop(job, None)
        if not future.cancelled():
            future.exception()  # retrieved here, since after a timeout nobody else does
