"""What a process of the cluster does: it holds one model and colours one photograph at a time."""

import multiprocessing
import os
import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import version

from tintype._version import __version__
from tintype.engine.bundle import Bundle
from tintype.errors import ClusterError, PhotoError, TintypeError, shown
from tintype.files.remote import tidy
from tintype.jobs.plan import Job
from tintype.jobs.processes import begin_process
from tintype.jobs.report import Row
from tintype.jobs.work import Options, Worker

# After so many processes ended with a parcel in hand, what is not done of it is given up.
_TRIES = 4

# What the bytes of an output depend on, beside our own code.
_LIBRARIES = ("numpy", "onnxruntime", "pillow", "simplejpeg")


@dataclass(frozen=True, slots=True)
class Task:
    """What every process of a run is told.

    Attributes:
        options: How every job is done.
        bundle: The model, as it was verified where the run was started: no other file of the same
            name on another machine can take its place.
        folder: Where relative paths start; None where there are none.
        versions: What is installed where the run was started.
    """

    options: Options
    bundle: Bundle
    folder: str | None
    versions: tuple[str, ...]


def versions() -> tuple[str, ...]:
    """What is installed here, of what the bytes of an output depend on."""
    libraries = (f"{name} {version(name)}" for name in _LIBRARIES)
    return (f"tintype {__version__}", *libraries)


class Actor:
    """The work of one process.

    Args:
        task: What to do.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._refusal = _refusal(task)
        self._worker = _worker(task)

    def do(self, parcel: bytes, attempt: int) -> bytes:
        """Does a few items of the plan, one after the other.

        Args:
            parcel: Pickled: jobs, and rows of what failed while the plan was walked.
            attempt: How many processes ended before, from whatever cause, with this parcel in hand.

        Returns:
            Pickled: as many rows; or an error that concerns the whole run.
        """
        found = self._refusal or self._rows(pickle.loads(parcel), attempt)
        return pickle.dumps(found)

    def _rows(self, parcel: Sequence[Job | Row], attempt: int) -> list[Row]:
        if attempt == 0:
            return [item if isinstance(item, Row) else self._worker.do(item) for item in parcel]
        for folder in {item.target.parent for item in parcel if isinstance(item, Job)}:
            tidy(folder)
        if attempt >= _TRIES:
            return [item if isinstance(item, Row) else self._give_up(item) for item in parcel]
        with _Apart(self._task) as apart:
            return [item if isinstance(item, Row) else apart.do(item) for item in parcel]

    def _give_up(self, job: Job) -> Row:
        error = PhotoError(
            f"{_TRIES} processes were ended from outside that were to colour "
            f"{shown(job.source)} or one of its neighbours, most often for lack of memory.",
            advice="Run the same command again, with a smaller --jobs.",
        )
        return self._worker.do(job, given_up=error)


class _Apart:
    """Does jobs in another process: it takes one photograph along when it dies, and not the rest.

    A parcel whose process died comes here. Who killed it is not known, so nothing is held against
    any photograph but that its own process died too.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._pool = self._start()

    def __enter__(self) -> "_Apart":
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown()

    def do(self, job: Job) -> Row:
        """Does one job."""
        try:
            return self._pool.submit(_do_apart, job).result()
        except BrokenProcessPool:
            tidy(job.target.parent)
            self._pool.shutdown()
            self._pool = self._start()
            error = PhotoError(
                f"Each process that coloured {shown(job.source)} was ended from outside, "
                "most often for lack of memory.",
                advice="Give a smaller --jobs, or a smaller picture.",
            )
            return Row.failure(job.source, error)

    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            1, mp_context=context, initializer=_begin_apart, initargs=(self._task,)
        )


_apart: list[Worker] = []


def _begin_apart(task: Task) -> None:
    begin_process()
    _apart.append(_worker(task))


def _do_apart(job: Job) -> Row:
    return _apart[0].do(job)


def _worker(task: Task) -> Worker:
    return Worker(task.options, task.bundle, threads=1)


def _refusal(task: Task) -> TintypeError | None:
    """Why nothing can be done here as it would be done where the run was started."""
    here = versions()
    if here != task.versions:
        other = ", ".join(sorted(set(here) - set(task.versions)))
        wanted = ", ".join(sorted(set(task.versions) - set(here)))
        return ClusterError(
            f"A machine of the cluster has {other}, but this one has {wanted}.",
            advice="Install the same on all, so that all give the same pictures.",
        )
    if task.folder is not None:
        try:
            os.chdir(task.folder)
        except OSError as error:
            return ClusterError(
                f"A machine of the cluster has no folder {shown(task.folder)} ({error.strerror}).",
                advice="Relative paths need the same folder on all machines; give whole ones.",
            )
    return None
