"""The parent's end of a child process: starts it, sends requests, and replaces it when it dies."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TypeVar

import msgspec

from tintype import cancellation
from tintype.errors import PhotoError, TintypeError
from tintype.photo.sandbox import handover
from tintype.photo.sandbox.handover import READY, STATUS
from tintype.photo.sandbox.wire import LENGTH, DecoderFaultError, NonsenseError, Request, received

_T = TypeVar("_T")

_START = (
    "import json, sys; given = json.loads(sys.argv[1]); sys.path[:] = given['path']; "
    "from tintype.photo.sandbox.child import main; main(given['operations'], given['forks'])"
)
_START_SECONDS = 120.0
_END_SECONDS = 10.0
_TICK = 0.1  # seconds between checks whether the work is still wanted

# The environment variables that a child needs; secrets are not passed on.
_ENVIRONMENT = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP")
# One thread, so that it can fork; few heaps, because they count as address space.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}


class Child:
    """A process that decodes.

    Args:
        operations: Module with the table of operations.
        forks: Whether it forks for each file.

    Attributes:
        served: Number of files that it was sent.

    Raises:
        PhotoError: It cannot be started.
    """

    def __init__(self, operations: str, *, forks: bool) -> None:
        self._forks = forks
        self._owed = 0  # statuses that have not been read yet
        self._ready = False
        self.served = 0
        self._control, theirs = socket.socketpair()
        given = json.dumps({"path": sys.path, "operations": operations, "forks": forks})
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, given],
                stdin=handover.standard_input(theirs),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment | _ONE_THREAD,
                start_new_session=True,  # Ctrl-C is for the parent
            )
            handover.first(self._process.stdin, theirs, self._process.pid)
        except OSError as error:
            self._control.close()
            raise _not_started(str(error)) from error
        finally:
            theirs.close()

    def ask(self, request: Request, data: bytes, kind: type[_T], *, most_bytes: int) -> _T:
        """Sends a request with its file, and waits for the answer.

        Args:
            request: The request.
            data: The file.
            kind: Type of the answer.
            most_bytes: Maximum for the pixels of the answer.

        Raises:
            TintypeError: Raised by the decoder.
            PhotoError: The decoder crashed or exceeded its limits.
            NonsenseError: The answer is not what a decoder returns.
        """
        self._wait_until_ready()
        mine, theirs = socket.socketpair()
        with mine, theirs:
            line = _Line(mine, request.limits.wall)
            try:
                handover.hand(self._control, theirs, self._process.pid)
                theirs.close()
                self.served += 1
                self._owed += self._forks
                head = msgspec.msgpack.encode(request)
                line.send(LENGTH.pack(len(head)) + head)
                line.send(data)
                return received(line.read_into, kind, size=len(data), most_bytes=most_bytes)
            except EOFError:
                raise self._ended(request) from None
            except TimeoutError:
                self.kill()
                why = f"took longer than {request.limits.wall:.0f} seconds"
                raise request.failed(why, by="{}ing it ") from None
            except OSError as error:
                self.kill()
                raise request.failed(f"the process for it has ended ({error})", by="") from None
            except (TintypeError, DecoderFaultError, NonsenseError):
                raise  # of the decoder, not of the child
            except BaseException:
                self.kill()
                raise

    @property
    def alive(self) -> bool:
        """Whether it can take another request."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kills it and whatever it has forked."""
        self._process.kill()
        self._control.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)

    def _wait_until_ready(self) -> None:
        """Waits for the imports of a new child, and for the end of its last work."""
        while not self._ready or self._owed:
            try:
                status = self._next_status(_END_SECONDS if self._ready else _START_SECONDS)
            except (EOFError, TimeoutError):
                self.kill()
                raise _not_started("it ended at once") from None
            if status == READY:
                self._ready = True
            else:
                self._owed -= 1

    def _next_status(self, seconds: float) -> int:
        buffer = bytearray(STATUS.size)
        _Line(self._control, seconds).read_into(memoryview(buffer))
        return int(STATUS.unpack(buffer)[0])

    def _ended(self, request: Request) -> PhotoError:
        """The error to raise when no answer came."""
        try:
            if self._forks:
                status = self._next_status(_END_SECONDS)
                self._owed -= 1
            else:
                status = self._process.wait(_END_SECONDS)
        except (EOFError, TimeoutError, subprocess.TimeoutExpired):  # it has ended itself, or hangs
            self.kill()
            status = self._process.returncode or 0
        if status == -getattr(signal, "SIGXCPU", 0):
            why = f"took more than {request.limits.cpu} seconds of CPU time"
            return request.failed(why, by="{}ing it ")
        if status == -getattr(signal, "SIGKILL", 0):
            why = ", most often for lack of memory"
            return request.failed(why, by="the system killed its {}er")
        return request.failed(f"crashed ({_named(status)})")


class _Line:
    """A connection with a deadline."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._end = time.monotonic() + seconds
        connection.settimeout(_TICK)

    def send(self, data: bytes) -> None:
        """Sends all of it.

        Raises:
            EOFError: The other end has gone.
            TimeoutError: The deadline has passed.
            WorkCancelledError: Nobody waits for the work any more.
        """
        view = memoryview(data)
        while view:
            try:
                view = view[self._connection.send(view) :]
            except TimeoutError:
                self._check()
            except OSError:
                raise EOFError from None

    def read_into(self, view: memoryview) -> None:
        """Fills a buffer; errors as for `send`."""
        while view:
            try:
                count = self._connection.recv_into(view)
            except TimeoutError:
                self._check()
                continue
            except OSError:
                raise EOFError from None
            if count == 0:
                raise EOFError
            view = view[count:]

    def _check(self) -> None:
        cancellation.check()
        if time.monotonic() > self._end:
            raise TimeoutError


def _named(status: int) -> str:
    """How a process ended: the name of a signal, or a number."""
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"exit code {status}"


def _not_started(why: str) -> PhotoError:
    return PhotoError(
        f"The sandbox for decoders could not be started ({why}).",
        advice='Leave out --sandbox; with "tintype serve", give --no-sandbox.',
    )
