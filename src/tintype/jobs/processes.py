"""Several processes that each hold a model, and rows that still come in the plan's order."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from typing import Self

from tintype.engine.bundle import load_bundle
from tintype.errors import PhotoError, shown
from tintype.files.remote import tidy
from tintype.jobs.plan import Job
from tintype.jobs.report import Row
from tintype.jobs.work import Options, Worker

# A job and its row to come; or the row of what failed while the plan was walked.
_Waiting = deque[tuple[Job, Future[Row]] | Row]


class Pool:
    """Processes that each hold a model and one core.

    A window of a few jobs is kept in the processes' queues, so that neither the plan nor the rows
    pile up. One network session on one core for each process beats one session on all cores, and a
    thread pool would share one lock for decoding and encoding.
    """

    def __init__(self, options: Options, processes: int) -> None:
        self._options = options
        self._processes = processes
        self._pool = self._start(processes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        # What is in hand is finished and written; what only waits is dropped.
        try:
            self._pool.shutdown(wait=True, cancel_futures=True)
        except KeyboardInterrupt:
            # Asked a second time. What is lost is rubbish that the next run removes.
            for process in multiprocessing.active_children():
                process.kill()
            raise

    def run(self, plan: Iterable[Job | Row]) -> Iterator[Row]:
        """Does a plan.

        Args:
            plan: Jobs, and rows that are handed through.

        Yields:
            One row each, in the plan's order.
        """
        waiting: _Waiting = deque()
        for item in plan:
            waiting.append(item if isinstance(item, Row) else (item, self._submit(item)))
            if len(waiting) >= 4 * self._processes:
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def _next(self, waiting: _Waiting) -> Row:
        first = waiting.popleft()
        if isinstance(first, Row):
            return first
        job, future = first
        try:
            return _result(future)
        except BrokenProcessPool:
            self._recover(job, waiting)
            return self._do_alone(job)

    def _recover(self, first: Job, waiting: _Waiting) -> None:
        """Starts the pool again after a process died, and hands in again what it took along."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        # The pool ends its other processes as well, in the middle of whatever they write.
        jobs = [first, *(item[0] for item in waiting if not isinstance(item, Row))]
        for folder in {job.target.parent for job in jobs}:
            tidy(folder)
        self._pool = self._start(self._processes)
        for index, item in enumerate(waiting):
            if not isinstance(item, Row) and not (item[1].done() and not _broke(item[1])):
                waiting[index] = (item[0], self._submit(item[0]))

    def _do_alone(self, job: Job) -> Row:
        """Does a job that a process may have died of, in a process of its own."""
        with self._start(1) as single:
            try:
                return _result(_submit(single, self._options, job))
            except BrokenProcessPool:
                tidy(job.target.parent)
                error = PhotoError(
                    f"The process that coloured {shown(job.source)} was ended from outside, "
                    "most often for lack of memory.",
                    advice="Give --jobs 1, or a smaller picture.",
                )
                return Row.failure(job.source, error)

    def _submit(self, job: Job) -> Future[Row]:
        try:
            return _submit(self._pool, self._options, job)
        except BrokenProcessPool as error:
            broken: Future[Row] = Future()
            broken.set_exception(error)
            return broken

    @staticmethod
    def _start(processes: int) -> ProcessPoolExecutor:
        # "spawn" everywhere: the same on Windows, and no lock of a library is copied half-held.
        return ProcessPoolExecutor(
            processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=begin_process,
        )


def _broke(future: Future[Row]) -> bool:
    return future.cancelled() or isinstance(future.exception(), BrokenProcessPool)


def _result(future: Future[Row]) -> Row:
    # Waiting with a timeout, because on Windows Ctrl-C does not interrupt waiting without one.
    while True:
        try:
            return future.result(timeout=0.5)
        except TimeoutError:
            continue


def _submit(pool: ProcessPoolExecutor, options: Options, job: Job) -> Future[Row]:
    if sys.platform == "win32":
        return pool.submit(_do_in_process, options, job)
    # Submitting may start a process, which inherits what is blocked here. Otherwise a Ctrl-C while
    # it starts, before it can say that it ignores them, prints its traceback on the terminal.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(_do_in_process, options, job)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_process() -> None:
    """What a process does first: Ctrl-C is its parent's to answer, and it ends when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A killed parent does not close the queue that its processes wait on: they would stay for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@lru_cache(maxsize=1)
def _worker(options: Options) -> Worker:
    return Worker(options, load_bundle(options.model), threads=1)


def _do_in_process(options: Options, job: Job) -> Row:
    return _worker(options).do(job)
