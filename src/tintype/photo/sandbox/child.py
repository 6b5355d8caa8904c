"""The process that decodes: it imports every decoder, waits, and processes one file at a time.

On Linux it forks for each file: a process that has just decoded one person's photograph never sees
another's, and any damage done by a decoder ends with it. It is single-threaded, so forking is safe.
Elsewhere it decodes by itself, and is replaced after some files.
"""

import codecs
import contextlib
import gc
import importlib
import io
import os
import pkgutil
import select
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from tintype.errors import UnsupportedPhotoError
from tintype.photo.sandbox import handover, seccomp
from tintype.photo.sandbox.answers import Protection
from tintype.photo.sandbox.handover import READY, STATUS
from tintype.photo.sandbox.limits import hold_to
from tintype.photo.sandbox.wire import LENGTH, Request, packed

# Codecs of text that decoders look up by name while they run.
_CODINGS = (
    *("ascii", "latin-1", "utf-8", "utf-8-sig", "cp1252", "mac-roman", "idna", "unicode_escape"),
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "raw_unicode_escape"),
    "cp437",  # names in ZIP archives: OpenRaster
)


def main(operations: str, forks: bool) -> None:
    """Decodes until the parent is gone.

    Args:
        operations: Module with the table of operations.
        forks: Whether each file gets a process of its own.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = handover.taken_first()
    preload()
    seccomp.prepare()
    module = importlib.import_module(operations)
    control.sendall(STATUS.pack(READY))
    if forks:
        _serve_in_forks(control, module)
    else:
        _serve_here(control, module)


def preload() -> None:
    """Imports whatever decoding may import: no file can be opened later."""
    import defusedxml.ElementTree  # noqa: F401
    from PIL import Image

    import tintype.photo as package
    from tintype.photo import decode
    from tintype.photo.formats import jpeg_coefficients

    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.startswith(__package__):
            importlib.import_module(found.name)
    Image.init()
    for name in ("simplejpeg", "pi_heif"):
        with contextlib.suppress(ImportError):  # an extra
            importlib.import_module(name)
    with contextlib.suppress(UnsupportedPhotoError):  # an extra
        jpeg_coefficients.library()
    for coding in _CODINGS:
        codecs.lookup(coding)
    # NumPy imports parts of itself on first use: here, for measuring the tone.
    file = io.BytesIO()
    Image.frombytes("RGB", (32, 32), bytes(n * n % 251 for n in range(3 * 32 * 32))).save(
        file, "PNG"
    )
    decode.decode(file.getvalue(), name="")


def _serve_in_forks(control: socket.socket, module: Any) -> None:  # noqa: ANN401 (a module)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    gc.collect()
    gc.freeze()  # so its pages stay shared
    while (connection := handover.taken(control)) is not None:
        pid = os.fork()
        if pid == 0:
            control.close()
            _end(lambda: _work(connection, module, for_good=True))
        connection.close()
        control.sendall(STATUS.pack(_status_of(pid, control)))
    os._exit(0)


def _end(work: Any) -> None:  # noqa: ANN401
    """Does the work of a forked process, and exits without cleanup that is not its own."""
    status = 1
    try:
        seccomp.end_with_parent()
        work()
        status = 0
    finally:
        os._exit(status)


def _status_of(pid: int, control: socket.socket) -> int:
    """Waits for a process, and kills it when the parent has gone."""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        signal.sigtimedwait({signal.SIGCHLD}, 1.0)
        # The parent sends nothing before the status: if this is readable, it has closed.
        if select.select([control], [], [], 0)[0]:
            os.kill(pid, signal.SIGKILL)


def _serve_here(control: socket.socket, module: Any) -> None:  # noqa: ANN401
    while (connection := handover.taken(control)) is not None:
        with contextlib.suppress(OSError):  # the parent no longer waits for it
            _work(connection, module, for_good=False)
        connection.close()


def _work(connection: socket.socket, module: Any, *, for_good: bool) -> None:  # noqa: ANN401
    """Reads a request, applies its limits to this process, and answers."""
    length = LENGTH.unpack(connection.recv(LENGTH.size, socket.MSG_WAITALL))[0]
    said = connection.recv(length, socket.MSG_WAITALL)
    request = msgspec.msgpack.decode(said, type=Request)
    data = connection.recv(request.size, socket.MSG_WAITALL) if request.size else b""
    hold_to(request.limits, for_good=for_good)
    reads = request.operation in module.READS_FILES
    filtered = for_good and seccomp.filter_calls(may_read_files=reads)
    if request.operation == "protection":
        _send(connection, Protection(filtered))
        return
    operations: Mapping[str, Any] = module.OPERATIONS
    answer: object
    try:
        answer = operations[request.operation](data, request.name, request.numbers)
    except Exception as error:  # noqa: BLE001 (the boundary of a process: the parent decides)
        answer = error
    _send(connection, answer)


def _send(connection: socket.socket, answer: object) -> None:
    head, planes = packed(answer)
    for part in (memoryview(head), *(plane.data.cast("B") for plane in planes)):
        view = part
        while view:
            # `write` and no other call on POSIX: the filter allows only that.
            if sys.platform == "win32":
                view = view[connection.send(view) :]
            else:
                view = view[os.write(connection.fileno(), view) :]
