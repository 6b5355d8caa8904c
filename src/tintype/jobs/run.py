"""The run: jobs in, rows out, in the plan's order, in this process or in several."""

from collections.abc import Generator, Iterator

from tintype.engine.bundle import load_bundle
from tintype.engine.render import usable_cores
from tintype.files.remote import Place, tidy
from tintype.jobs.plan import Job, Plan
from tintype.jobs.report import Row
from tintype.jobs.work import Options, Worker

# Starting a process (interpreter, libraries, model) costs as much as colouring so many photographs
# of a megapixel in the process that is there already.
_WORTH_A_PROCESS = 16


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
    for item in tidied(plan):
        yield item if isinstance(item, Row) else worker.do(item)


def _run_in_processes(plan: Plan, options: Options, processes: int) -> Generator[Row, None, None]:
    # Most runs are one photograph, which needs none of it.
    from tintype.jobs.processes import Pool

    with Pool(options, processes) as pool:
        yield from pool.run(tidied(plan))


def tidied(plan: Plan) -> Iterator[Job | Row]:
    """The plan; what a killed run left in a target's folder is removed when the folder is met.

    Args:
        plan: Checked.

    Yields:
        What the plan does.
    """
    folder: Place | None = None
    for item in plan:
        if isinstance(item, Job) and item.target.parent != folder:
            folder = item.target.parent
            tidy(folder)
        yield item
