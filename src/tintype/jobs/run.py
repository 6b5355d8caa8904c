"""Runs a plan in one or several processes and yields results in the order of the plan."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

from tintype.engine.bundle import load_bundle
from tintype.engine.cores import usable_cores
from tintype.engine.devices import device_of
from tintype.engine.sessions import check_device
from tintype.files.remote import Location, clean_up
from tintype.jobs.color_files import RunOptions, Worker
from tintype.jobs.plan import Job, Plan, PlanItem
from tintype.jobs.report import JobResult

# Starting a process (interpreter, libraries, model) costs as much as colouring this many
# photographs of one megapixel.
_PHOTOS_PER_PROCESS = 16


def run(
    plan: Plan, options: RunOptions, *, items: int, jobs: int | None = None
) -> Generator[JobResult, None, None]:
    """Runs a plan.

    Args:
        plan: A plan that was checked.
        options: How to colour.
        items: Number of results, as counted by `Plan.check`.
        jobs: Number of processes, at most the number of items; None for one per core if there is
            enough work. With 1 the plan is run in this process, using all cores for each
            photograph.

    Returns:
        A result for each input, in the order of the plan, up to the one that stops the run, if
        there is one. Closing it ends the processes.

    Raises:
        ModelError: The model cannot be loaded; nothing was done.
        UsageError: The device is not available; nothing was done.
    """
    # Always done here: a damaged model or a missing device is a single error, not one per picture,
    # and it is raised before anything is opened for writing.
    bundle = load_bundle(options.model)
    check_device(device_of(options.settings.device))
    processes = processes_for(items, jobs)
    if processes > 1:
        return until_unwritable(_run_in_processes(plan, options, processes))
    return until_unwritable(_run_here(plan, Worker(options, bundle)))


def processes_for(items: int, jobs: int | None) -> int:
    """Number of processes of a run; arguments as for `run`."""
    return min(jobs or min(usable_cores(), -(-items // _PHOTOS_PER_PROCESS)), items)


def until_unwritable(
    results: Generator[JobResult, None, None],
) -> Generator[JobResult, None, None]:
    """Ends a run whose outputs cannot be written, since further work would be wasted.

    A full or read-only disk affects all outputs. A folder without permission may be one of many
    that contain inputs, so it ends the run only if nothing has been written before.

    Args:
        results: The results of a run.

    Yields:
        The same results; the last one has `stops` set if it ends the run.
    """
    written = False
    with closing(results):
        for result in results:
            written = written or result.status == "done"
            if result.unwritable == "disk" or (result.unwritable == "folder" and not written):
                yield replace(result, stops=True)
                return
            yield result


def _run_here(plan: Plan, worker: Worker) -> Generator[JobResult, None, None]:
    with closing(worker):
        for item in with_cleanup(plan):
            yield item if isinstance(item, JobResult) else worker.run(item)


def _run_in_processes(
    plan: Plan, options: RunOptions, processes: int
) -> Generator[JobResult, None, None]:
    # Imported here, because most runs have a single photograph.
    from tintype.jobs.processes import ProcessPool

    with ProcessPool(options, processes) as pool:
        yield from pool.run(with_cleanup(plan))


def with_cleanup(plan: Plan) -> Iterator[PlanItem]:
    """Walks a plan and cleans up each output folder when it is reached.

    Args:
        plan: A plan that was checked.

    Yields:
        The items of the plan.
    """
    folder: Location | None = None
    for item in plan:
        if isinstance(item, Job) and item.target.parent != folder:
            folder = item.target.parent
            clean_up(folder)
        yield item
