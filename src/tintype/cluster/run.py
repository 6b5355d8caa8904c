"""The run on a cluster: the plan goes in, the rows come out in its order.

Ray Data shares the work out (`tintype.cluster.flow`). The plan is walked by one task, which stops
walking while enough waits to be done, so that it is never held whole.

What is done is recognised by the outputs, as everywhere (`tintype.jobs.resume`): a task that is
done twice does nothing the second time, and so does a run.
"""

import os
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from pathlib import Path

from tintype.cluster.actor import Task, versions
from tintype.cluster.session import session
from tintype.engine.bundle import load_bundle
from tintype.files.remote import Place, place_of, tidy
from tintype.jobs.plan import Job, Plan
from tintype.jobs.report import Row
from tintype.jobs.work import Options

# Folders that are looked through for what interrupted processes left.
_FOLDERS = 1000


def run(
    plan: Plan, options: Options, *, items: int, jobs: int | None = None
) -> Generator[Row, None, None]:
    """Does a plan on a cluster.

    Args:
        plan: Checked.
        options: How.
        items: How many rows there will be, as `Plan.check` counted them.
        jobs: Processes that colour; None is one for each processor core of the cluster.

    Returns:
        One row per input, in the plan's order. Closing it ends the processes.

    Raises:
        ModelError: The model cannot be loaded; nothing was done.
    """
    bundle = load_bundle(options.model)
    folder = os.getcwd() if _is_relative(plan) else None  # noqa: PTH109 (a string is sent)
    task = Task(options, bundle, folder, versions())
    return _rows(plan, task, items, jobs)


def _is_relative(plan: Plan) -> bool:
    named = [*map(place_of, plan.inputs), plan.into, plan.output]
    return any(isinstance(place, Path) and not place.is_absolute() for place in named)


def _rows(plan: Plan, task: Task, items: int, jobs: int | None) -> Generator[Row, None, None]:
    done = 0
    try:
        with session(jobs) as processes:
            # Only now: this imports Ray, which reads what the session has set.
            from tintype.cluster.flow import flow

            with closing(flow(plan, task, items=items, processes=processes)) as rows:
                for row in rows:
                    done += 1
                    yield row
    finally:
        if done < items:
            _tidy_behind(plan, done)


def _tidy_behind(plan: Plan, done: int) -> None:
    """Removes what processes left that were ended in the middle of a file."""
    folders: dict[Place, None] = {}
    for item in islice(plan, done, None):
        if isinstance(item, Job):
            folders[item.target.parent] = None
        if len(folders) == _FOLDERS:
            break
    for folder in folders:
        tidy(folder)
