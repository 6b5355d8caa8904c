"""A program: holds the cluster that `--engine ray` would start, until its input ends.

Ray gives its processes half a minute to start, which is short on a machine that runs other tests at
the same time; here its clock goes slower meanwhile.
"""

import os
import sys
import time
from types import SimpleNamespace

PASSED_ON = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")


def patient() -> None:
    from ray._private import node

    node.time = SimpleNamespace(
        sleep=time.sleep, time=time.time, monotonic=lambda: time.monotonic() / 10
    )


def main() -> None:
    from tintype.cluster import session

    import_ray = session._import_ray

    def import_patiently() -> object:
        ray = import_ray()
        patient()
        return ray

    session._import_ray = import_patiently
    with session.session(2):
        import ray

        os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
        print(*(os.environ[name] for name in PASSED_ON), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
