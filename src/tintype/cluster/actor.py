"""The actor of a cluster process: it holds a model and colours one photograph at a time."""

import multiprocessing
import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import version

from tintype._version import __version__
from tintype.engine.bundle import Bundle
from tintype.engine.devices import DeviceName, device_of
from tintype.engine.sessions import runtime_version
from tintype.errors import ClusterError, PhotoError, TintypeError, UsageError, shown
from tintype.files.remote import clean_up
from tintype.jobs.color_files import RunOptions, Worker
from tintype.jobs.plan import Job, PlanItem
from tintype.jobs.processes import initialize_process
from tintype.jobs.report import JobResult

# Number of processes killed while they worked on a chunk, after which the rest of it fails.
_MAX_ATTEMPTS = 4

# The bytes of an output depend on these libraries, on Tintype, and on what runs the network.
_LIBRARIES = ("numpy", "pillow", "simplejpeg")


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What each process needs, from the machine on which the run was started.

    Attributes:
        options: The options of the run.
        bundle: The model that was verified there; a file of the same name on another machine is not
            used.
        folder: The working folder, if there are relative paths; otherwise None.
        versions: Versions of the installed software.
    """

    options: RunOptions
    bundle: Bundle
    folder: str | None
    versions: tuple[str, ...]


def versions(device: DeviceName) -> tuple[str, ...]:
    """Versions of the installed software that the bytes of an output depend on.

    Args:
        device: What the network runs on.

    Raises:
        UsageError: It is not available.
    """
    libraries = (f"{name} {version(name)}" for name in _LIBRARIES)
    return (f"tintype {__version__}", runtime_version(device_of(device)), *libraries)


class Actor:
    """Runs chunks of a plan in one process.

    Args:
        spec: What the process needs.
    """

    def __init__(self, spec: WorkerSpec) -> None:
        self._spec = spec
        self._refusal = _refusal(spec)
        self._worker = _worker(spec)

    def run_chunk(self, chunk: bytes, attempt: int) -> bytes:
        """Runs some items of the plan, one after the other.

        Args:
            chunk: Pickled list of jobs and of results of inputs that failed while the plan was
                walked.
            attempt: Number of processes that have ended, for any reason, while they worked on this
                chunk.

        Returns:
            Pickled list of the results, one per item, or an error that concerns the whole run.
        """
        return pickle.dumps(self._refusal or self._results(pickle.loads(chunk), attempt))

    def _results(self, chunk: Sequence[PlanItem], attempt: int) -> list[JobResult]:
        if attempt == 0:
            return _run_each(chunk, self._worker.run)
        for folder in {item.target.parent for item in chunk if isinstance(item, Job)}:
            clean_up(folder)
        if attempt >= _MAX_ATTEMPTS:
            return _run_each(chunk, self._give_up)
        with _IsolatedWorker(self._spec) as isolated:
            return _run_each(chunk, isolated.run)

    def _give_up(self, job: Job) -> JobResult:
        error = PhotoError(
            f"{_MAX_ATTEMPTS} processes that worked on {shown(job.source)} or one of its "
            "neighbours were killed, most often for lack of memory.",
            advice="Run the same command again, with a smaller --jobs.",
        )
        return self._worker.run(job, refusal=error)


def _run_each(chunk: Sequence[PlanItem], run: Callable[[Job], JobResult]) -> list[JobResult]:
    return [item if isinstance(item, JobResult) else run(item) for item in chunk]


class _IsolatedWorker:
    """Runs each job in a separate process, so that a crash costs one photograph and not the chunk.

    It is used for chunks whose process died. The cause is unknown, so a photograph fails only if
    its own process dies too.
    """

    def __init__(self, spec: WorkerSpec) -> None:
        self._spec = spec
        self._pool = self._start()

    def __enter__(self) -> "_IsolatedWorker":
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown()

    def run(self, job: Job) -> JobResult:
        """Runs one job."""
        try:
            return self._pool.submit(_run_in_process, job).result()
        except BrokenProcessPool:
            clean_up(job.target.parent)
            self._pool.shutdown()
            self._pool = self._start()
            error = PhotoError(
                f"Each process that coloured {shown(job.source)} was killed, most often for lack "
                "of memory.",
                advice="Give a smaller --jobs, or a smaller picture.",
            )
            return JobResult.failure(job.source, error)

    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            1, mp_context=context, initializer=_initialize, initargs=(self._spec,)
        )


_workers: list[Worker] = []
"""The worker of an isolated process."""


def _initialize(spec: WorkerSpec) -> None:
    initialize_process()
    _workers.append(_worker(spec))


def _run_in_process(job: Job) -> JobResult:
    return _workers[0].run(job)


def _worker(spec: WorkerSpec) -> Worker:
    return Worker(spec.options, spec.bundle, threads=1)


def _refusal(spec: WorkerSpec) -> TintypeError | None:
    """The error if results here would differ from those of the machine that started the run."""
    try:
        here = versions(spec.options.settings.device)
    except UsageError as error:
        return ClusterError(f"A machine in the cluster: {error.message}", advice=error.advice)
    if here != spec.versions:
        other = ", ".join(sorted(set(here) - set(spec.versions)))
        expected = ", ".join(sorted(set(spec.versions) - set(here)))
        return ClusterError(
            f"A machine in the cluster has {other}, but this one has {expected}.",
            advice="Install the same versions on all machines, since others produce different "
            "pictures.",
        )
    if spec.folder is not None:
        try:
            os.chdir(spec.folder)
        except OSError as error:
            return ClusterError(
                f"A machine in the cluster has no folder {shown(spec.folder)} ({error.strerror}).",
                advice="Relative paths need the same folder on all machines; give absolute paths.",
            )
    return None
