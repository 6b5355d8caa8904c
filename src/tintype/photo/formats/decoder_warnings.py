"""Captures what C libraries print to standard error.

libtiff prints its warnings there, between the lines of a progress bar and useless to the user.
Pillow offers no way to disable them. Captured, they also reveal what no exception does: that a
picture was decoded around a damaged place.
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
        A list that contains the printed lines after the end of the block.
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
    """A file for the printed lines; in memory on Linux, where a sandbox allows no other."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("tintype"), "w+b")
    return tempfile.TemporaryFile()
