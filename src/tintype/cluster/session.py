"""A Ray cluster for one run: the one given by RAY_ADDRESS, or a small one on this machine.

Tintype opens no network connection by itself. By default Ray listens on every interface of the
machine, reports usage statistics, and serves a dashboard. A cluster that is started here listens on
the loopback interface only, requires a random token, reports nothing, has no dashboard, and leaves
no files behind. An existing cluster is used as its owner has configured it.
"""

import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tintype.engine.cores import usable_cores
from tintype.errors import ClusterError, UsageError, shown

ADDRESS = "RAY_ADDRESS"
"""Ray's own variable. "auto" is the cluster that `ray start` started on this machine."""

# The minimum that Ray accepts. Only jobs and results are stored there, no pixels.
_STORE_BYTES = 80 * 2**20

_EXTRA = 'Type: pip install "tintype-colorizer[ray]"'


@contextmanager
def session(jobs: int | None) -> Iterator[int]:
    """Connects to a cluster, or starts one and stops it afterwards.

    Args:
        jobs: Number of processes that colour; None for one per core of the cluster.

    Yields:
        The number of processes.

    Raises:
        UsageError: Ray is not installed, or the address cannot be used.
        ClusterError: The cluster cannot be reached, or does not start.
    """
    address = os.environ.get(ADDRESS)
    # No usage statistics, neither here nor, by Ray Data, on the cluster.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # The processes have their own logs; here their messages would be mixed with ours.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    loaded = sys.modules.get("ray")
    if loaded is not None and loaded.is_initialized():
        yield jobs or _cores()  # a program that uses Tintype has connected already
    elif address and address != "local":
        with _connected(address):
            yield jobs or _cores()
    else:
        processes = jobs or usable_cores()
        with _started(processes):
            yield processes


@contextmanager
def _connected(address: str) -> Iterator[None]:
    if address.startswith("ray://"):
        raise UsageError(
            f"{ADDRESS} is {shown(address)}, which connects to a cluster from outside.",
            advice="Run this command on a machine of the cluster, or with ray job submit.",
        )
    try:
        with _silenced_stderr():
            ray = _import_ray()
            _init(ray, address=address)
    except UsageError:
        raise
    except Exception as error:
        raise ClusterError(
            f"The Ray cluster at {shown(address)} cannot be reached ({_first_line(error)}).",
            advice=f"Start it with ray start --head, or set {ADDRESS} to its address.",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _started(processes: int) -> Iterator[None]:
    # Ray reads these when it is imported, and passes them to its processes.
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # With "0" the node address is that of the loopback interface, on every system.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    folder = tempfile.mkdtemp(prefix="tintype-ray-", dir=_short_folder())
    try:
        try:
            with _silenced_stderr():
                ray = _import_ray()
                with _own_session():
                    _init(
                        ray,
                        address="local",
                        num_cpus=processes,
                        num_gpus=0,
                        object_store_memory=_STORE_BYTES,
                        include_dashboard=False,
                        # Ray makes this folder accessible to everyone; the one around it is not.
                        _temp_dir=str(Path(folder, "r")),
                    )
        except UsageError:
            raise
        except Exception as error:
            raise ClusterError(
                f"Ray did not start on this machine ({_first_line(error)}).",
                advice="Leave out --executor to colour without Ray.",
            ) from error
        try:
            yield
        finally:
            ray.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _init(ray: Any, **options: Any) -> None:  # noqa: ANN401
    """Runs `ray.init`, but keeps our handler of SIGTERM, which Ray replaces by its own."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except SystemExit:  # SIGTERM while Ray starts
        raise KeyboardInterrupt from None
    finally:
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _own_session() -> Iterator[None]:
    """Starts Ray's processes in a session of their own.

    `timeout`, supervisors and terminals send their signals to the whole process group. If Ray's
    processes end first, Ray aborts this one. Only on Linux, where the kernel ends them with this
    process; elsewhere Ray finds them by their process group.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    # Ray has no public option for this.
    from ray._private import services

    popen = services.ConsolePopen
    services.ConsolePopen = partial(popen, start_new_session=True)
    try:
        yield
    finally:
        services.ConsolePopen = popen


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Discards messages of Ray while it starts; errors are raised anyway."""
    try:
        before = os.dup(2)
    except OSError:  # this process was started without standard error
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _short_folder() -> str | None:
    # The paths of Ray's sockets are long, and a socket path is limited to about 100 characters.
    return "/tmp" if Path("/tmp").is_dir() and sys.platform != "win32" else None


def _import_ray() -> Any:  # noqa: ANN401
    try:
        import ray
        import ray.data
        from ray._private import worker
    except ImportError as error:
        raise UsageError("--executor ray needs an extra.", advice=_EXTRA) from error
    # Otherwise Ray reports the death of a process on standard output, between our results.
    worker._worker_logs_enabled = False
    return ray


def _cores() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 0)))


def _first_line(error: Exception) -> str:
    return shown((str(error).strip() or type(error).__name__).splitlines()[0])
