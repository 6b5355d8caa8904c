"""Runs plans for tests."""

from contextlib import closing
from pathlib import Path

from tintype.jobs.color_files import RunOptions
from tintype.jobs.plan import Plan
from tintype.jobs.report import JobResult
from tintype.jobs.run import run


def run_plan(plan: Plan, options: RunOptions, *, jobs: int = 1) -> list[JobResult]:
    """The results of a plan, checked first, as the command does it."""
    counts = plan.check()
    with closing(run(plan, options, items=counts.items, jobs=jobs)) as results:
        return list(results)


def names(folder: Path) -> list[str]:
    """The names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())
