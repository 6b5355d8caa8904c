"""Timeouts for connections that occupy a slot without making progress.

uvicorn closes connections that are idle between two requests. It keeps connections that send half a
request head and stall, never read the response, or keep sending the body of a request answered long
ago; a few hundred of them exhaust the process's limit of open files. Bodies have their own limit,
see `tintype.web.body`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Length: 0\r\n\r\n"
)
# A client that reads less than a kilobyte a second is treated as not reading.
_LEAST_READ = 60 << 10
_READ_SECONDS = 60.0


class Patient(H11Protocol):
    """One connection, with timeouts.

    Attributes:
        head_seconds: Time limit for the head of a request, from the connection or from its first
            byte.
        most: Maximum number of connections. A further one replaces the connection that has been
            idle longest; if all have active requests, it is refused with a 503.
        reserve: Counts unread response bytes as held; returns whether there is room.
        release: Stops counting this many bytes.
    """

    head_seconds: float = 10.0
    most: int = 512
    reserve: Callable[[int], bool] = staticmethod(lambda _size: True)
    release: Callable[[int], None] = staticmethod(lambda _size: None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as uvicorn calls it
        super().__init__(*args, **kwargs)
        self._clock: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._since = time.monotonic()
        self._unread = 0
        self._reserved = 0
        self._paused = 0.0

    @property
    def _asks(self) -> bool:
        """Whether a request has arrived and is not yet answered."""
        return self.conn.their_state is not h11.IDLE

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accepts or refuses the connection."""
        super().connection_made(transport)
        if self._made_room():
            self._watch_head()
        else:
            transport.write(_FULL)
            transport.close()

    def _made_room(self) -> bool:
        """Whether there is a free slot; if not, an idle connection is closed to free one."""
        # A closing connection stays in the list until the event loop removes it.
        others = [
            other
            for other in self.connections
            if isinstance(other, Patient) and other is not self and not other.transport.is_closing()
        ]
        if len(others) < self.most:
            return True
        idle = [other for other in others if not other._asks or other._has_unwanted_body]
        if idle:
            min(idle, key=lambda other: other._since).transport.abort()
        return bool(idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancels the timers."""
        super().connection_lost(exc)
        self._release_unread()
        for clock in (self._clock, self._reader, self._rest):
            if clock is not None:
                clock.cancel()

    def data_received(self, data: bytes) -> None:
        """Passes on the data, and starts the timer for the rest of a request head."""
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """The connection is idle again, and uvicorn's own timer runs.

        If the response was sent before the end of the body (it was refused, or took too long), the
        rest is discarded for a few seconds: if the connection were closed at once, the client would
        not read the response.
        """
        self._since = time.monotonic()
        super().on_response_complete()
        if self._has_unwanted_body:
            if self._rest is not None:
                self._rest.cancel()
            self._rest = self.loop.call_later(self.head_seconds, self._end_body)

    @property
    def _has_unwanted_body(self) -> bool:
        """Whether the body of an answered request is still arriving."""
        return self.conn.their_state is h11.SEND_BODY and self.conn.our_state in {
            h11.DONE,
            h11.MUST_CLOSE,
        }

    def _end_body(self) -> None:
        self._rest = None
        if self._has_unwanted_body:
            self.transport.abort()

    def _watch_head(self) -> None:
        if self._asks:
            if self._clock is not None:
                self._clock.cancel()
                self._clock = None
        elif self._clock is None:
            self._clock = self.loop.call_later(self.head_seconds, self._give_up)

    def _give_up(self) -> None:
        self._clock = None
        if self._asks or self.transport.is_closing():
            return
        if self.conn.trailing_data[0]:
            self.transport.write(_SLOW)
        self.transport.close()

    def pause_writing(self) -> None:
        """Starts monitoring the client, since it reads more slowly than the server writes."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._paused = time.monotonic()
        self._reserve_unread()
        self._reader = self.loop.call_later(_READ_SECONDS, self._look_at_reader)

    def resume_writing(self) -> None:
        """Stops monitoring, since the client has caught up."""
        super().resume_writing()
        self._release_unread()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _reserve_unread(self) -> None:
        """Counts an unread answer; without room, the answers that wait longest are dropped.

        A single answer is always sent, even if it is larger than the memory.
        """
        while not self.reserve(self._unread):
            others = [
                other
                for other in self.connections
                if isinstance(other, Patient) and other._reserved
            ]
            if not others:
                return
            slowest = min(others, key=lambda other: other._paused)
            slowest.transport.abort()
            slowest._release_unread()
        self._reserved = self._unread

    def _release_unread(self) -> None:
        self.release(self._reserved)
        self._reserved = 0

    def _look_at_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if self._unread - unread < _LEAST_READ:
            self.transport.abort()
            return
        self._unread = unread
        self._reader = self.loop.call_later(_READ_SECONDS, self._look_at_reader)


def patient(
    *,
    head_seconds: float,
    most: int,
    reserve: Callable[[int], bool],
    release: Callable[[int], None],
) -> type[Patient]:
    """The protocol class with these limits, as uvicorn requires.

    Args:
        head_seconds: As in `Patient`.
        most: As in `Patient`.
        reserve: As in `Patient`.
        release: As in `Patient`.
    """
    limits = {
        "head_seconds": head_seconds,
        "most": most,
        "reserve": staticmethod(reserve),
        "release": staticmethod(release),
    }
    return type("Patient", (Patient,), limits)
