"""The stream through Ray Data. This module imports Ray; `run` imports it when a session is open.

What is relied on, as read in the sources of Ray 2.60 (`ray.data._internal`):

- A read task may be a generator. It is held back while its last blocks are not taken, and they are
  not taken while much waits for the actors (`DownstreamCapacityBackpressurePolicy`).
- A block goes to one actor as one task. Blocks are cut and joined by their size in bytes, so with
  a greatest size of one byte each row stays a block of its own (`BlockOutputBuffer`).
- Actors that died are started again without end, and so are their tasks
  (`ActorPoolMapOperator._apply_default_remote_args`). A task that is tried again has a number, by
  which `tintype.cluster.actor` becomes careful and then gives up.
- With ``preserve_order``, results are handed out in the order of the blocks
  (`ReorderingBundleQueue`).
- A read task with other resources than the actors is not fused with them (`FuseOperators`).
"""

import logging
import os
import pickle
from collections.abc import Generator, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import ray
import ray.data
from ray.data import ActorPoolStrategy, DataContext, Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask

from tintype.cluster.actor import Actor, Task
from tintype.errors import ClusterError, TintypeError, shown
from tintype.jobs.plan import Plan
from tintype.jobs.report import Row
from tintype.jobs.run import tidied

_COLUMN = "parcel"
_SCHEMA = pa.schema([(_COLUMN, pa.binary())])

# Items for one task. Sharing out a task costs Ray a hundredth of a second of processor time, most
# of it in the one process that the command runs in; a photograph of a megapixel takes fifteen.
# Where there are few items, they are shared out singly.
_PARCEL = 16
_PARCELS_EACH = 8


def flow(plan: Plan, task: Task, *, items: int, processes: int) -> Generator[Row, None, None]:
    """Does a plan on the cluster that this process is connected to.

    Args:
        plan: Checked.
        task: What every process is told.
        items: How many rows there will be.
        processes: How many there are to be.

    Yields:
        One row per item of the plan, in its order.

    Raises:
        ClusterError: Ray gave up.
        TintypeError: A process found that it cannot do the work as it is done here.
    """
    _set_up()
    size = max(1, min(_PARCEL, items // (_PARCELS_EACH * processes)))
    source = _Source(plan, task.folder, size)
    rows = ray.data.read_datasource(source, override_num_blocks=1, num_cpus=0).map_batches(
        _Colour,
        fn_constructor_args=(ray.put(task),),
        batch_size=1,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(
            size=processes,
            max_concurrent_calls_per_actor=1,
            # One call at a time all the same, but in the task's own thread, which knows its number.
            enable_true_multi_threading=True,
        ),
        num_cpus=1,
    )
    try:
        for said in rows.iter_rows():
            found = pickle.loads(said[_COLUMN])
            if isinstance(found, TintypeError):
                raise found
            yield from found
    except TintypeError:
        raise
    except Exception as error:  # Ray and Ray Data have each a tree of errors, with no common root
        raise ClusterError(
            f"Ray gave up ({shown(str(error).strip().splitlines()[-1])}).",
            advice="Put that right; the same command continues.",
        ) from error


def _set_up() -> None:
    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.target_max_block_size = 1
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


class _Source(Datasource):
    """The plan, walked where the command runs."""

    def __init__(self, plan: Plan, folder: str | None, size: int) -> None:
        super().__init__()
        self._plan = ray.put(plan)  # with --overwrite it holds something of each input
        self._folder = folder
        self._size = size

    @property
    def supports_distributed_reads(self) -> bool:
        """No: the file systems are asked by one machine, and by this one."""
        return False

    def estimate_inmemory_data_size(self) -> int | None:
        """Unknown, and of no use."""
        return None

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: DataContext | None = None,
    ) -> list[ReadTask]:
        """One task that walks all of it."""
        plan, folder, size = self._plan, self._folder, self._size

        def walk() -> Iterator[pa.Table]:
            if folder is not None:
                os.chdir(folder)
            items = tidied(ray.get(plan))
            while parcel := list(islice(items, size)):
                yield pa.table({_COLUMN: [pickle.dumps(parcel)]}, schema=_SCHEMA)

        unknown = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(walk, unknown, schema=_SCHEMA)]


class _Colour:
    """An actor, as Ray Data wants it."""

    def __init__(self, task: Any) -> None:  # noqa: ANN401
        self._actor = Actor(ray.get(task))

    def __call__(self, batch: pa.Table) -> pa.Table:
        # Ray has no public word for this; a test kills actors to see that it is still there.
        worker = ray._private.worker.global_worker.core_worker
        attempt = worker.get_current_task_attempt_number()
        done = [self._actor.do(parcel, attempt) for parcel in batch.column(_COLUMN).to_pylist()]
        return pa.table({_COLUMN: done}, schema=_SCHEMA)
