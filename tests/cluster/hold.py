"""A program that runs the cluster of `--executor ray` until its standard input ends, or a signal.

Ray gives its processes a quarter of a minute to report their ports, and half a minute to start,
which is short on a machine that runs other tests at the same time. Here their ports are fixed in
advance, and the clock of the timeouts is slowed down.
"""

import os
import socket
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PASSED_ON = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")

# Kills a process that writes an output into a folder named poison. As `sitecustomize.py` it is
# loaded by every process with its folder in PYTHONPATH.
POISON = """
import os, sys
def watch(event, args):
    if event == "open" and (args[2] or 0) & os.O_CREAT:
        if os.path.basename(os.path.dirname(str(args[0]))) == "poison":
            os._exit(9)
sys.addaudithook(watch)
"""

PORTS = (
    "metrics_agent_port",
    "metrics_export_port",
    "dashboard_agent_listen_port",
    "runtime_env_agent_port",
)


def patient() -> None:
    from ray._private import node, parameter

    node.time = SimpleNamespace(
        sleep=time.sleep, time=time.time, monotonic=lambda: time.monotonic() / 10
    )
    init = parameter.RayParams.__init__

    def init_with_ports(self: Any, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True):
            setattr(self, name, port)

    start_raylet = node.Node.start_raylet

    def start_raylet_with_port(self: Any, *args: Any, **options: Any) -> None:
        # The raylet reads this one from a file only.
        name = "dashboard_agent_listen_port"
        file = Path(self._session_dir, f"{name}_{self._node_id}")
        file.write_text(str(getattr(self._ray_params, name)))
        start_raylet(self, *args, **options)

    parameter.RayParams.__init__ = init_with_ports
    node.Node.start_raylet = start_raylet_with_port


def free_ports(count: int) -> list[int]:
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in listening]
    for server in listening:
        server.close()
    return ports


def main() -> int:
    from tintype.cli.signals import INTERRUPTED, ending_as_interrupts
    from tintype.cluster import session

    import_ray = session._import_ray

    def import_patiently() -> object:
        ray = import_ray()
        patient()
        return ray

    session._import_ray = import_patiently
    try:
        with ending_as_interrupts(), session.session(2):
            import ray

            os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
            print(*(os.environ[name] for name in PASSED_ON), flush=True)
            sys.stdin.read()
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
