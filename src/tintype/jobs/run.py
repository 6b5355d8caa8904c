"""The run: jobs in, rows out, in the plan's order, in this process or in several."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

from tintype.api import colorize_bytes, provenance_of, read_input
from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.colorizer import Engine, Settings
from tintype.errors import (
    PhotoError,
    SkippedPhotoError,
    TargetExistsError,
    TintypeError,
    WriteError,
    shown,
)
from tintype.jobs.plan import Job, Plan, reason
from tintype.jobs.report import COLOR_PHOTO, OWN_OUTPUT, Row
from tintype.jobs.resume import Marks, remember
from tintype.photo.decode import MAX_PIXELS
from tintype.photo.encode import remove_abandoned, write_atomically
from tintype.photo.formats import format_of_suffix
from tintype.photo.provenance import Provenance, read_provenance

# Starting a process (interpreter, libraries, model) costs as much as colouring so many photographs
# of a megapixel in the process that is there already.
_WORTH_A_PROCESS = 16

ColorPhotos = Literal["skip", "color"]


@dataclass(frozen=True, slots=True)
class Options:
    """How every job of a run is done.

    Attributes:
        model: Name or path of the model; None is the one that is shipped.
        settings: How to colour.
        format: A key of `tintype.photo.formats.FORMATS`; None follows the target's name.
        strip_metadata: Write no more than the pixels need.
        overwrite: Replace earlier outputs.
        color_photos: What to do with colour photographs and with outputs of Tintype; None colours
            a picture given alone and skips them among others.
        max_pixels: Larger pictures are refused.
        check_grey: Compare the grey of each output with its input's.
    """

    model: str | None = None
    settings: Settings = field(default_factory=Settings)
    format: str | None = None
    strip_metadata: bool = False
    overwrite: bool = False
    color_photos: ColorPhotos | None = None
    max_pixels: int = MAX_PIXELS
    check_grey: bool = False


class Worker:
    """Does one job after the other with a model that is loaded when the first one needs it."""

    def __init__(self, options: Options, bundle: Bundle, *, threads: int | None = None) -> None:
        self._options = options
        self._threads = threads
        self._bundle = bundle
        self._engine: Engine | None = None
        self._marks = Marks()

    def do(self, job: Job) -> Row:
        """Colours one file; whatever goes wrong becomes a row.

        Args:
            job: Source and target.

        Returns:
            What became of it.
        """
        began = time.monotonic()
        try:
            row = self._do(job)
        except SkippedPhotoError:
            row = Row.skip(job.source, COLOR_PHOTO)
        except TintypeError as error:
            row = Row.failure(job.source, error)
        except MemoryError:
            row = Row.failure(
                job.source,
                PhotoError(
                    f"There is not enough memory for {shown(job.source)}.",
                    hint="Give --jobs 1, or a smaller picture.",
                ),
            )
        except Exception as error:  # noqa: BLE001
            # The per-file boundary: one file that meets a fault of ours must not end a night's run.
            fault = f"{type(error).__name__}: {error}"
            row = Row.failure(
                job.source,
                PhotoError(
                    f"{shown(job.source)} met a fault in Tintype ({shown(fault)}).",
                    hint="Please report it with the picture.",
                ),
            )
        return row.timed(time.monotonic() - began)

    def _do(self, job: Job) -> Row:
        options = self._options
        data = read_input(job.source, max_pixels=options.max_pixels)
        provenance = provenance_of(
            data, self._bundle, options.settings, strip_metadata=options.strip_metadata
        )
        row = Row("done", str(job.source), str(job.target), input_sha256=provenance.input_sha256)
        policy = options.color_photos or ("color" if job.alone else "skip")
        if policy == "skip" and self._marks.of(job.source, data) is not None:
            return replace(row, status="skipped", output=None, reason=OWN_OUTPUT)
        done = self._look_at_target(job, provenance)
        if done is not None:
            return replace(row, status="already_done", sha256=done)
        if self._engine is None:
            self._engine = Engine(self._bundle, threads=self._threads)
        colored = colorize_bytes(
            data,
            name=shown(job.source),
            engine=self._engine,
            settings=options.settings,
            provenance=provenance,
            form=options.format or format_of_suffix(job.target.suffix),
            strip_metadata=options.strip_metadata,
            max_pixels=options.max_pixels,
            color_photos=policy,
            check_grey=options.check_grey,
        )
        self._write(job, colored.data, provenance)
        digest = sha256(colored.data).hexdigest()
        return replace(row, sha256=digest, notes=colored.notes, grey_check=colored.grey_check)

    def _look_at_target(self, job: Job, provenance: Provenance) -> str | None:
        """The hash of what stands at the target if that is this job done already.

        Raises:
            TargetExistsError: Something else stands there, and it is not to be replaced.
        """
        try:
            if job.target.samefile(job.source):
                raise TargetExistsError(
                    f"{shown(job.target)} is the input itself, which is never replaced."
                )
            data = job.target.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TargetExistsError(
                f"{shown(job.target)} exists and cannot be read: {reason(error)}."
            ) from error
        found = self._marks.of(job.target, data)
        # Another version of the software may write the same colours better: --overwrite says so.
        done = found == provenance if self._options.overwrite else _same_work(found, provenance)
        if done:
            return sha256(data).hexdigest()
        if not self._options.overwrite:
            what = "does not come from Tintype"
            if found is not None:
                what = f"was made {_differently(found, provenance)}"
            raise TargetExistsError(
                f"{shown(job.target)} exists and {what}.",
                hint="Move it away, or give --overwrite.",
            )
        if job.target_is_input and found is None:
            raise TargetExistsError(
                f"{shown(job.target)} is one of the inputs, which are never replaced."
            )
        return None

    def _write(self, job: Job, data: bytes, provenance: Provenance) -> None:
        folder = job.target.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(f"{shown(folder)} cannot be made: {reason(error)}.") from error
        if read_provenance(data) != provenance:
            remember(job.target, data, provenance)
        try:
            write_atomically(job.target, data, overwrite=self._options.overwrite)
        except TargetExistsError:
            # Another run may have finished the very same picture meanwhile.
            if self._look_at_target(job, provenance) is None:
                raise


def _same_work(found: Provenance | None, wanted: Provenance) -> bool:
    """Same input, model and settings; the version of the software does not count."""
    return found is not None and (found.input_sha256, found.model_sha256, found.settings) == (
        wanted.input_sha256,
        wanted.model_sha256,
        wanted.settings,
    )


def _differently(found: Provenance, wanted: Provenance) -> str:
    if found.input_sha256 != wanted.input_sha256:
        return "from another picture"
    if found.model_sha256 != wanted.model_sha256:
        return f"by another model ({shown(found.model)})"
    return "with other settings"


def usable_cores() -> int:
    """Processor cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(
    plan: Plan, options: Options, *, items: int, jobs: int | None = None
) -> Generator[Row, None, None]:
    """Does a plan.

    Args:
        plan: Checked.
        options: How.
        items: How many rows there will be, as `Plan.check` counted them.
        jobs: Processes, never more than there are items; None is one for each core where there is
            enough to do. A single one works here, and uses all cores for each photograph.

    Returns:
        One row per input, in the plan's order. Closing it ends the processes.

    Raises:
        ModelError: The model cannot be loaded; nothing was done.
    """
    # Loaded here in any case: a damaged model is one error, not one for each picture, and it is met
    # before anything is opened for writing.
    bundle = load_bundle(options.model)
    processes = min(jobs or min(usable_cores(), -(-items // _WORTH_A_PROCESS)), items)
    if processes > 1:
        return _run_in_processes(plan, options, processes)
    return _run_here(plan, Worker(options, bundle))


def _run_here(plan: Plan, worker: Worker) -> Generator[Row, None, None]:
    for item in _tidied(plan):
        yield item if isinstance(item, Row) else worker.do(item)


def _run_in_processes(plan: Plan, options: Options, processes: int) -> Generator[Row, None, None]:
    with _Pool(options, processes) as pool:
        yield from pool.run(_tidied(plan))


def _tidied(plan: Plan) -> Iterator[Job | Row]:
    """The plan; what a killed run left in a target's folder is removed when the folder is met."""
    folder: Path | None = None
    for item in plan:
        if isinstance(item, Job) and item.target.parent != folder:
            folder = item.target.parent
            remove_abandoned(folder)
        yield item


class _Pool:
    """Processes that each hold a model and one core.

    A window of a few jobs is kept in the processes' queues, so that neither the plan nor the rows
    pile up. One network session on one core for each process beats one session on all cores, and a
    thread pool would share one lock for decoding and encoding.
    """

    def __init__(self, options: Options, processes: int) -> None:
        self._options = options
        self._processes = processes
        self._pool = self._start(processes)

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *exc: object) -> None:
        # What is in hand is finished and written; what only waits is dropped.
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, plan: Iterable[Job | Row]) -> Iterator[Row]:
        waiting: deque[tuple[Job, Future[Row]] | Row] = deque()
        for item in plan:
            waiting.append(item if isinstance(item, Row) else (item, self._submit(item)))
            if len(waiting) >= 4 * self._processes:
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def _next(self, waiting: "deque[tuple[Job, Future[Row]] | Row]") -> Row:
        first = waiting.popleft()
        if isinstance(first, Row):
            return first
        job, future = first
        try:
            return _result(future)
        except BrokenProcessPool:
            self._recover(waiting)
            return self._do_alone(job)

    def _recover(self, waiting: "deque[tuple[Job, Future[Row]] | Row]") -> None:
        """Starts the pool again after a process died, and hands in again what it took along."""
        self._pool.shutdown(wait=True, cancel_futures=True)
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
                error = PhotoError(
                    f"The process that coloured {shown(job.source)} was ended from outside, "
                    "most often for lack of memory.",
                    hint="Give --jobs 1, or a smaller picture.",
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
            initializer=_begin_process,
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


def _begin_process() -> None:
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
