"""The processor cores that this process may use."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable_cores(root: Path = Path("/")) -> int:
    """The number of cores this process may use, which containers and `taskset` may restrict.

    A container's limit is CPU time rather than cores: 150 ms per 100 ms counts as two cores, one of
    them used half of the time. More threads than that would only wait for each other.

    Args:
        root: Folder that contains ``proc`` and ``sys``.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """CPU limits in cores of this process's control group and of its ancestors.

    Source: Linux kernel documentation, admin-guide/cgroup-v2 (cpu.max) and scheduler/sched-bwc
    (version 1: cpu.cfs_quota_us and cpu.cfs_period_us).
    """
    groups = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = groups / controllers if controllers else groups
        if controllers and not mount.is_dir():
            mount = groups / "cpu"
        # Inside a container the path may be the host's, while only the own group is mounted.
        own = PurePosixPath(path.lstrip("/"))
        for group in {mount / part for part in (own, *own.parents)}:
            if controllers:
                words = [_text(group / f"cpu.cfs_{what}_us") for what in ("quota", "period")]
            else:
                words = _text(group / "cpu.max").split()
            try:
                quota, period = map(int, words)
            except ValueError:
                continue  # there is no limit, or no such file
            if quota > 0 and period > 0:
                yield quota / period


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
