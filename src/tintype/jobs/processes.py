"""A process pool whose workers each hold a model; yields results in the order of the plan."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from typing import Self

from tintype.engine.bundle import load_bundle
from tintype.errors import PhotoError, shown
from tintype.files.remote import clean_up
from tintype.jobs.color_files import RunOptions, Worker
from tintype.jobs.plan import Job, PlanItem
from tintype.jobs.report import JobResult

# A job with its future, or the result of an input that failed while the plan was walked.
_Pending = deque[tuple[Job, Future[JobResult]] | JobResult]


class ProcessPool:
    """A pool of processes that each hold a model and use one core.

    Only a few jobs are submitted ahead, so that neither jobs nor results accumulate. A single-core
    network session per process is faster than one session on all cores, and threads would contend
    for the interpreter lock in decoding and encoding.
    """

    def __init__(self, options: RunOptions, processes: int) -> None:
        self._options = options
        self._processes = processes
        self._pool = self._start(processes)
        self._pending: _Pending = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        # Running jobs are completed; waiting ones are cancelled.
        try:
            self._pool.shutdown(wait=True, cancel_futures=True)
        except KeyboardInterrupt:
            # A second Ctrl-C. Temporary files may remain, which the next run removes.
            for process in multiprocessing.active_children():
                process.kill()
            raise
        # Processes ended by a signal could not remove their temporary files.
        for folder in {job[0].target.parent for job in self._pending if isinstance(job, tuple)}:
            clean_up(folder)

    def run(self, plan: Iterable[PlanItem]) -> Iterator[JobResult]:
        """Runs a plan.

        Args:
            plan: Jobs, and results that are passed through.

        Yields:
            A result for each, in order.
        """
        pending = self._pending
        for item in plan:
            pending.append(item if isinstance(item, JobResult) else (item, self._submit(item)))
            if len(pending) >= 4 * self._processes:
                yield self._next(pending)
        while pending:
            yield self._next(pending)

    def _next(self, pending: _Pending) -> JobResult:
        first = pending.popleft()
        if isinstance(first, JobResult):
            return first
        job, future = first
        try:
            return _result(future)
        except BrokenProcessPool:
            self._recover(job, pending)
            return self._run_isolated(job)

    def _recover(self, first: Job, pending: _Pending) -> None:
        """Restarts the pool after a process has died, and submits its jobs again."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        # The pool terminates its other processes too, possibly while they are writing a file.
        jobs = [first, *(item[0] for item in pending if not isinstance(item, JobResult))]
        for folder in {job.target.parent for job in jobs}:
            clean_up(folder)
        self._pool = self._start(self._processes)
        for index, item in enumerate(pending):
            if not isinstance(item, JobResult) and not (item[1].done() and not _broke(item[1])):
                pending[index] = (item[0], self._submit(item[0]))

    def _run_isolated(self, job: Job) -> JobResult:
        """Runs a job that may have crashed its process in a separate process."""
        with self._start(1) as single:
            try:
                return _result(_submit(single, self._options, job))
            except BrokenProcessPool:
                clean_up(job.target.parent)
                error = PhotoError(
                    f"The process that coloured {shown(job.source)} was killed, most often for "
                    "lack of memory.",
                    advice="Give --jobs 1, or a smaller picture.",
                )
                return JobResult.failure(job.source, error)

    def _submit(self, job: Job) -> Future[JobResult]:
        try:
            return _submit(self._pool, self._options, job)
        except BrokenProcessPool as error:
            broken: Future[JobResult] = Future()
            broken.set_exception(error)
            return broken

    @staticmethod
    def _start(processes: int) -> ProcessPoolExecutor:
        # "spawn" on all systems: as on Windows, and no held lock of a library is copied. The
        # resource tracker of multiprocessing is started here, too.
        with _blocked("SIGHUP"):
            return ProcessPoolExecutor(
                processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=initialize_process,
            )


def _broke(future: Future[JobResult]) -> bool:
    return future.cancelled() or isinstance(future.exception(), BrokenProcessPool)


def _result(future: Future[JobResult]) -> JobResult:
    # With a timeout, because on Windows Ctrl-C does not interrupt a wait without one.
    while True:
        try:
            return future.result(timeout=0.5)
        except TimeoutError:
            continue


def _submit(pool: ProcessPoolExecutor, options: RunOptions, job: Job) -> Future[JobResult]:
    # Submitting may start a process.
    with _blocked("SIGINT", "SIGHUP"):
        return pool.submit(_run_in_process, options, job)


@contextmanager
def _blocked(*names: str) -> Iterator[None]:
    """Blocks signals; processes started meanwhile inherit the mask.

    Otherwise Ctrl-C while a process starts, before it ignores the signal, would print a traceback.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name) for name in names})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def initialize_process() -> None:
    """Makes a process ignore Ctrl-C, which its parent handles, and end when its parent does.

    Closing a terminal sends SIGHUP to every process, as Ctrl-C sends SIGINT. SIGTERM, which the
    pool sends, ends the process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # If the parent is killed, its queue is not closed, and the processes would wait forever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@lru_cache(maxsize=1)
def _worker(options: RunOptions) -> Worker:
    return Worker(options, load_bundle(options.model), threads=1)


def _run_in_process(options: RunOptions, job: Job) -> JobResult:
    return _worker(options).run(job)
