"""Runs a plan on a cluster and yields results in the order of the plan.

Ray Data distributes the work (`tintype.cluster.ray_data`). One task walks the plan and pauses while
enough jobs are queued, so the plan is never in memory as a whole.

Finished work is recognised by its outputs, as in `tintype.jobs.resume`: a task that is run twice
does nothing the second time, and neither does a run.
"""

import os
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from pathlib import Path

from tintype.cluster.actor import WorkerSpec, versions
from tintype.cluster.session import session
from tintype.engine.bundle import load_bundle
from tintype.files.remote import Location, clean_up, parse_location
from tintype.jobs.color_files import RunOptions
from tintype.jobs.plan import Job, Plan
from tintype.jobs.report import JobResult
from tintype.jobs.run import until_unwritable

# Folders that are searched for temporary files of interrupted processes.
_MAX_FOLDERS = 1000


def run(
    plan: Plan, options: RunOptions, *, items: int, jobs: int | None = None
) -> Generator[JobResult, None, None]:
    """Runs a plan on a cluster, with the arguments of `tintype.jobs.run.run`.

    Args:
        plan: A plan that was checked.
        options: How to colour.
        items: Number of results, as counted by `Plan.check`.
        jobs: Number of processes; None for one per core of the cluster.

    Returns:
        A result for each input, in the order of the plan. Closing it ends the processes.

    Raises:
        ModelError: The model cannot be loaded; nothing was done.
        UsageError: The device is not available; nothing was done.
    """
    bundle = load_bundle(options.model)
    folder = os.getcwd() if _is_relative(plan) else None  # noqa: PTH109 (a string is sent)
    spec = WorkerSpec(options, bundle, folder, versions(options.settings.device))
    return until_unwritable(_results(plan, spec, items, jobs))


def _is_relative(plan: Plan) -> bool:
    paths = [*map(parse_location, plan.inputs), plan.into, plan.output]
    return any(isinstance(path, Path) and not path.is_absolute() for path in paths)


def _results(
    plan: Plan, spec: WorkerSpec, items: int, jobs: int | None
) -> Generator[JobResult, None, None]:
    done = 0
    try:
        with session(jobs) as processes:
            # Only now: this imports Ray, which reads what the session has set.
            from tintype.cluster.ray_data import stream_results

            stream = stream_results(plan, spec, items=items, processes=processes)
            with closing(stream) as results:
                for result in results:
                    done += 1
                    yield result
    finally:
        if done < items:
            _clean_up_from(plan, done)


def _clean_up_from(plan: Plan, done: int) -> None:
    """Removes temporary files of processes that were killed while writing."""
    folders: dict[Location, None] = {}
    for item in islice(plan, done, None):
        if isinstance(item, Job):
            folders[item.target.parent] = None
        if len(folders) == _MAX_FOLDERS:
            break
    for folder in folders:
        clean_up(folder)
