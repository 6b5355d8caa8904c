"""Where the work is done: a few threads, a short queue, and an honest no when it is full."""

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
    """Runs work in threads, a bounded number at a time.

    Work that nobody waits for any more (its time is over, its client has gone, the server stops) is
    taken out of the queue, or ends at its next slice (`tintype.cancellation`).

    Args:
        workers: How many run at once.
        waiting: How many may wait; more are refused.
        seconds: How long an answer may take, waiting included.
        sandbox: Where files are decoded; None is this process.

    Attributes:
        grace: Seconds that running work still has when the server stops.
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
        self._usual = 1.0  # seconds of a piece of work, a running mean
        self._jobs: dict[Future[Any], threading.Event] = {}  # with what ends each of them
        self._over = asyncio.Event()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="tintype")

    async def run(
        self, work: Callable[[], _T], *, gone: Callable[[], Awaitable[None]] | None = None
    ) -> _T:
        """Does a piece of work as soon as a thread is free. To be called on the event loop.

        Args:
            work: What is done, in a thread.
            gone: Returns once the client has gone away.

        Raises:
            BusyError: The queue is full, or the server stops.
            SlowError: It took too long.
            MalformedError: The client has gone away; nobody reads that.
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
            job.cancel()  # where it still waits
            for end in ends:
                end.cancel()

    def _unfinished(self, *, gone: bool) -> WebError:
        if self.draining:
            return self.stopping()
        if gone:
            return MalformedError("The client disconnected.")
        return SlowError(f"The work took longer than {self._seconds:g} seconds.")

    def stopping(self) -> BusyError:
        """What is answered while the server stops."""
        return BusyError("Tintype is stopping.", retry_after=5)

    def check(self) -> None:
        """Refuses early, before a body is read, what `run` would refuse.

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
        """Takes nothing more, and refuses what waits; what runs has `grace` seconds left.

        To be called on the event loop.
        """
        self.draining = True
        for job in list(self._jobs):
            job.cancel()
        asyncio.get_running_loop().call_later(self.grace, self._over.set)

    def close(self) -> None:
        """Ends what runs at its next slice, and waits for that."""
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
            future.exception()  # looked at: after a timeout nobody else does
