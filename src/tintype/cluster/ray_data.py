"""Distributes a plan with Ray Data. This module imports Ray, so import it only within a session.

It relies on the following behaviour of Ray 2.60 (`ray.data._internal`):

- A read task may be a generator. It is paused until its last blocks are taken, and they are not
  taken while the queue of the actors is long (`DownstreamCapacityBackpressurePolicy`).
- A block goes to one actor as one task. Blocks are split and merged by size in bytes, so with a
  maximum of one byte each row remains a separate block (`BlockOutputBuffer`).
- Actors that died are restarted without limit, and so are their tasks
  (`ActorPoolMapOperator._apply_default_remote_args`). A task knows the number of its attempt, which
  `tintype.cluster.actor` uses to isolate photographs and then to give up.
- With ``preserve_order``, results come in the order of the blocks (`ReorderingBundleQueue`).
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

from tintype.cluster.actor import Actor, WorkerSpec
from tintype.errors import ClusterError, TintypeError, shown
from tintype.jobs.plan import Plan
from tintype.jobs.report import JobResult
from tintype.jobs.run import with_cleanup

_COLUMN = "chunk"
_SCHEMA = pa.schema([(_COLUMN, pa.binary())])

CHUNK_ITEMS = 16
"""Items per task. A task costs Ray a hundredth of a second of CPU time, most of it in the process
of the command; a photograph of one megapixel takes fifteen hundredths. Chunks are smaller if there
are few items."""
_CHUNKS_PER_PROCESS = 8


def stream_results(
    plan: Plan, spec: WorkerSpec, *, items: int, processes: int
) -> Generator[JobResult, None, None]:
    """Runs a plan on the cluster that this process is connected to.

    Args:
        plan: A plan that was checked.
        spec: What each process needs.
        items: Number of results.
        processes: Number of processes.

    Yields:
        A result for each item of the plan, in order.

    Raises:
        ClusterError: Ray failed.
        TintypeError: A process cannot give the same results as this machine.
    """
    _set_up()
    size = max(1, min(CHUNK_ITEMS, items // (_CHUNKS_PER_PROCESS * processes)))
    source = _PlanSource(plan, spec.folder, size)
    blocks = ray.data.read_datasource(source, override_num_blocks=1, num_cpus=0).map_batches(
        _RayActor,
        fn_constructor_args=(ray.put(spec),),
        batch_size=1,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(
            size=processes,
            max_concurrent_calls_per_actor=1,
            # Still one call at a time, but in the thread of the task, where the attempt is known.
            enable_true_multi_threading=True,
        ),
        num_cpus=1,
    )
    try:
        for row in blocks.iter_rows():
            results = pickle.loads(row[_COLUMN])
            if isinstance(results, TintypeError):
                raise results
            yield from results
    except TintypeError:
        raise
    except Exception as error:  # the errors of Ray and Ray Data have no common base class
        raise ClusterError(
            f"Ray failed ({shown(str(error).strip().splitlines()[-1])}).",
            advice="Fix the cause and run the same command again; it continues.",
        ) from error


def _set_up() -> None:
    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.target_max_block_size = 1
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


class _PlanSource(Datasource):
    """The plan, walked on the machine of the command."""

    def __init__(self, plan: Plan, folder: str | None, size: int) -> None:
        super().__init__()
        self._plan = ray.put(plan)  # with --overwrite it contains a digest of each input
        self._folder = folder
        self._size = size

    @property
    def supports_distributed_reads(self) -> bool:
        """False: only this machine reads the folders."""
        return False

    def estimate_inmemory_data_size(self) -> int | None:
        """None: the size is unknown, and not needed."""
        return None

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: DataContext | None = None,
    ) -> list[ReadTask]:
        """One task that walks the whole plan."""
        plan, folder, size = self._plan, self._folder, self._size

        def walk() -> Iterator[pa.Table]:
            if folder is not None:
                os.chdir(folder)
            items = with_cleanup(ray.get(plan))
            while chunk := list(islice(items, size)):
                yield pa.table({_COLUMN: [pickle.dumps(chunk)]}, schema=_SCHEMA)

        unknown = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(walk, unknown, schema=_SCHEMA)]


class _RayActor:
    """An `Actor` with the interface that Ray Data requires."""

    def __init__(self, spec: Any) -> None:  # noqa: ANN401
        self._actor = Actor(ray.get(spec))

    def __call__(self, batch: pa.Table) -> pa.Table:
        # Ray has no public interface for this; a test kills actors to verify that it still works.
        worker = ray._private.worker.global_worker.core_worker
        attempt = worker.get_current_task_attempt_number()
        chunks = batch.column(_COLUMN).to_pylist()
        results = [self._actor.run_chunk(chunk, attempt) for chunk in chunks]
        return pa.table({_COLUMN: results}, schema=_SCHEMA)
