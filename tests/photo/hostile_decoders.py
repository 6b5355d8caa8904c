"""Decoders that a file can take over: what a child of the sandbox is given in tests.

A file that ends with ``DO:NAME`` has NAME done in the child; any other is decoded as always.
"""

import ctypes
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import numpy as np

from tintype.errors import UnreadablePhotoError
from tintype.photo.photo import AttachedPage, Metadata
from tintype.photo.sandbox import operations
from tintype.photo.sandbox.answers import Page, Pages
from tintype.photo.sandbox.operations import READS_FILES, Operation

__all__ = ["ACTIONS", "OPERATIONS", "READS_FILES", "asking"]

_GREY = np.zeros((4, 5), np.uint8)


def asking(action: str, data: bytes = b"") -> bytes:
    """A file that has something done."""
    return data + b"DO:" + action.encode()


def _loop() -> None:
    while True:
        pass


def _eat_memory() -> object:
    return [np.ones(1 << 27, np.uint8) for _ in range(1 << 10)]


def _forbidden() -> None:
    """Tries what a decoder never needs, and says what succeeded."""
    attempts: dict[str, Callable[[], object]] = {
        "read a file": lambda: Path("/etc/passwd").read_bytes(),
        "write a file": lambda: Path("/tmp/tintype-was-here").write_bytes(b"x"),
        "list a folder": lambda: list(Path("/").iterdir()),
        "remove a file": lambda: Path("/tmp/tintype-was-here").unlink(),
        "open a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "make a pair of sockets": socket.socketpair,
        "fork": os.fork,
        "start a program": lambda: subprocess.run(["/bin/true"], check=True),
        "signal its parent": lambda: os.kill(os.getppid(), 9),
        "raise its limits": _raise_limits,
        "trace a process": lambda: _checked(ctypes.CDLL(None).ptrace(0, 0, 0, 0)),
    }
    done = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except (OSError, ValueError):
            continue
        done.append(name)
    raise UnreadablePhotoError(f"It could: {', '.join(done) or 'nothing'}.")


def _raise_limits() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))


def _checked(result: int) -> None:
    if result < 0:
        raise OSError


def _environment() -> None:
    raise UnreadablePhotoError(" ".join(sorted(os.environ)))


def _shout() -> object:
    """Writes wherever it can, before the answer."""
    for descriptor in range(64):
        try:
            os.write(descriptor, b"\xff" * 4096)
        except OSError:
            continue
    return None


def _page(grey: np.ndarray = _GREY, alpha: np.ndarray | None = None, **meta: object) -> Pages:
    said = Metadata(**{"format": "PNG", **meta})  # type: ignore[arg-type]
    return Pages((Page(grey, alpha, "grey", said),))


def _escapes() -> None:
    raise UnreadablePhotoError("a\x1b[2Jb\nc" + 10_000 * "d", advice="\x07")


ACTIONS: dict[str, Callable[[], object]] = {
    "segfault": lambda: ctypes.string_at(1),
    "abort": os.abort,
    "exit": lambda: os._exit(7),
    "loop": _loop,
    "sleep": lambda: time.sleep(1000),
    "eat memory": _eat_memory,
    "forbidden": _forbidden,
    "environment": _environment,
    "shout": _shout,
    "escapes": _escapes,
    "bug": lambda: 1 // 0,
    # Answers that are none.
    "no pages": lambda: Pages(()),
    "another type": lambda: 5,
    "floating point": lambda: _page(np.zeros((4, 5), np.float32)),
    "three dimensions": lambda: _page(np.zeros((4, 5, 3), np.uint8)),
    "signed": lambda: _page(np.zeros((4, 5), np.int16)),
    "other alpha": lambda: _page(alpha=np.zeros((5, 4), np.uint8)),
    "deep alpha": lambda: _page(alpha=np.zeros((4, 5), np.uint16)),
    "too many pixels": lambda: _page(np.zeros((400, 600), np.uint8)),
    "pixels attached": lambda: _page(
        attached=(AttachedPage("mask", np.zeros((400, 600), np.uint8), 8, 4),)
    ),
    "format": lambda: _page(format="../../etc/passwd"),
    "orientation": lambda: _page(turned=9),
    "packing": lambda: _page(packing="rar"),
    "resolution": lambda: _page(dpi=(float("nan"), 1.0)),
    "bits": lambda: _page(attached=(AttachedPage("mask", _GREY, 7, 4),)),
    "notes": lambda: _page(notes=("x",) * 100_000),
    "metadata": lambda: _page(icc=bytes(60 << 20)),
}


def _taken_over(operation: Operation) -> Operation:
    def run(data: bytes, name: str, numbers: tuple[int, ...]) -> object:
        _, marked, action = data[-64:].rpartition(b"DO:")
        if not marked:
            return operation(data, name, numbers)
        return ACTIONS[action.decode()]()

    return run


OPERATIONS = MappingProxyType({k: _taken_over(v) for k, v in operations.OPERATIONS.items()})
