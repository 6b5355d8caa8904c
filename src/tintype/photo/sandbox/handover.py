"""Passes connections from parent to child: one for each file, so answers cannot be mixed up.

On POSIX an open socket is sent over another one; Windows describes a socket in bytes that only the
other process can use.
"""

import socket
import struct
import subprocess
import sys
from typing import IO

READY = 1 << 30
"""Sent once over the control connection, before the first file; statuses of processes follow."""

STATUS = struct.Struct("!i")
"""Its encoding."""

_LENGTH = struct.Struct("!I")


def first(process_input: IO[bytes] | None, control: socket.socket, pid: int) -> None:
    """Passes a new child its end of the control connection.

    Args:
        process_input: Standard input of the child, on Windows.
        control: The child's end. On other systems it is standard input.
        pid: Of the child.
    """
    if sys.platform == "win32" and process_input is not None:
        described = control.share(pid)
        process_input.write(_LENGTH.pack(len(described)) + described)
        process_input.flush()


def taken_first() -> socket.socket:
    """In the child: its end of the control connection."""
    if sys.platform == "win32":
        size = _LENGTH.unpack(sys.stdin.buffer.read(_LENGTH.size))[0]
        return socket.fromshare(sys.stdin.buffer.read(size))
    return socket.socket(fileno=0)


def standard_input(control: socket.socket) -> int:
    """The standard input with which a child is started."""
    return subprocess.PIPE if sys.platform == "win32" else control.fileno()


def hand(control: socket.socket, connection: socket.socket, pid: int) -> None:
    """Sends a connection; arguments as for `first`."""
    if sys.platform == "win32":
        described = connection.share(pid)
        control.sendall(_LENGTH.pack(len(described)) + described)
    else:
        socket.send_fds(control, [b"+"], [connection.fileno()])


def taken(control: socket.socket) -> socket.socket | None:
    """In the child: the next connection; None once the parent has gone."""
    if sys.platform == "win32":
        head = control.recv(_LENGTH.size, socket.MSG_WAITALL)
        if len(head) < _LENGTH.size:
            return None
        size = _LENGTH.unpack(head)[0]
        return socket.fromshare(control.recv(size, socket.MSG_WAITALL))
    _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    return socket.socket(fileno=descriptors[0]) if descriptors else None
