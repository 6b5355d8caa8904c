"""A lock keeps others out until its file is closed, or its process is killed."""

import subprocess
import sys
import threading
from pathlib import Path

from tintype.files.lock import try_lock, wait_for_lock

HOLD = (
    "import sys, time; from tintype.files.lock import wait_for_lock; "
    "file = open(sys.argv[1], 'a+b'); wait_for_lock(file); print('held', flush=True); "
    "time.sleep(60)"
)


def test_one_holds_it_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a+b") as first, path.open("a+b") as second:
        assert try_lock(first)
        assert not try_lock(second)
        first.close()
        assert try_lock(second.fileno())


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with path.open("a+b") as file:
            assert not try_lock(file)
            waiting = threading.Timer(0.2, holder.kill)
            waiting.start()
            wait_for_lock(file)
            waiting.join()
