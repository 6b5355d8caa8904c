"""Captures what C libraries print to standard error.

libtiff prints its warnings there, between the lines of a progress bar and of no use to a user.
Pillow offers no way to switch them off. Captured, they also reveal what no exception does: that
a picture was decoded around a damaged place.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_STDERR = 2
# Two threads that redirect at once would each restore the other's redirection.
_ONE_AT_A_TIME = threading.Lock()
_MAX_BYTES = 4096


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Redirects file descriptor 2 while C code runs.

    Yields:
        A list that holds the printed lines once the block is left.
    """
    lines: list[str] = []
    with _ONE_AT_A_TIME, _sink() as sink:
        try:
            saved = os.dup(_STDERR)
        except OSError:
            # Started without a standard error (a window program): nothing to protect.
            yield lines
            return
        try:
            os.dup2(sink.fileno(), _STDERR)
            yield lines
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
            sink.seek(0)
            text = sink.read(_MAX_BYTES).decode("utf-8", "replace")
            lines.extend(line.strip(" .") for line in text.splitlines() if line.strip())


def _sink() -> IO[bytes]:
    """A file for what is printed; on Linux in memory, since a sandbox lets no other be made."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("tintype"), "w+b")
    return tempfile.TemporaryFile()
