# SPDX-License-Identifier: Apache-2.0
"""A client of Tintype's HTTP API, with nothing but the standard library.

It is packed into every plug-in. Only what docs/reference/http.md and openapi.json describe is used.
The Python of an image editor may be older than that of Tintype: this runs from 3.8 on.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import re
import socket
import struct
import threading
import time
import urllib.parse
from typing import Any, NamedTuple

SERVER = "http://127.0.0.1:7839/"
"""Where `tintype serve` is, unless it was told otherwise."""

_LARGEST = 1 << 30
"""Bytes of an answer that are read: more than 100 megapixels of 16 bits have."""
_SECONDS = 600.0
_WAITS = 20  # times that a busy server is asked again
_LONGEST_WAIT = 30.0
_FORGETTING = 10.0  # seconds that a finished picture waits until the server has let go of it
_LONGEST_ERROR = 100_000  # bytes
_LONGEST_MESSAGE = 1000  # characters
_LONGEST_QUOTE = 200  # characters of an address or a reason within a message
_MOST_NOTES = 20
_SLICE = 1 << 14  # bytes sent at once; a TLS record has no more
_SIDES = (64, 2048)  # limits of the longest side of a map
_GREY, _COLORED = {0}, {2, 6}  # kinds of PNG, with and without transparency


class TintypeError(Exception):
    """What went wrong, and what to do: a printable line for the user, of bounded length."""

    def __init__(self, message: str) -> None:
        super().__init__(_shown(message, _LONGEST_MESSAGE))


class _Answer(NamedTuple):
    """An answer of a server.

    Attributes:
        status: Of HTTP.
        wait: Seconds until a busy server may be asked again.
        body: Its bytes.
        notes: Of a coloured file, printable.
    """

    status: int
    wait: float
    body: bytes
    notes: list[str]


class Client:
    """A server that colours photographs.

    Args:
        server: Its address.
        key: From `POST /v1/entry`, for a server on another machine; empty for one on this.
        timeout: Seconds from a request to the end of its answer. A busy server is asked again
            within this time.

    Attributes:
        notes: Sentences about the last coloured photograph: what was unusual, such as a hint whose
            colour does not exist at that lightness. Printable, and bounded in length and number.

    Raises:
        TintypeError: The address or the key cannot be one.
    """

    def __init__(self, server: str = SERVER, *, key: str = "", timeout: float = _SECONDS) -> None:
        self.server = server.strip().rstrip("/") + "/"
        self._secure, self._host, self._port, self._root = _parts_of(server.strip())
        if not re.fullmatch("[!-~]*", key):
            raise TintypeError(
                "The key has a space, a line break or another character that no key has. "
                "Copy it again."
            )
        self._key = key
        self._timeout = timeout
        self.notes: list[str] = []

    def color(
        self,
        picture: bytes,
        settings: dict[str, Any] | None = None,
        *,
        form: str = "png",
        size: tuple[int, int] | None = None,
    ) -> bytes:
        """Colours a photograph.

        Args:
            picture: The bytes of a file that Tintype reads.
            settings: As in the reference of the API; those left out have their default.
            form: The format of the result.
            size: (width, height) of the photograph. With it, a result in the format "png" is
                refused unless its header has this size, so that a decoder can be given it: a few
                kilobytes of PNG may decode to gigabytes.

        Returns:
            The bytes of the coloured file.

        Raises:
            TintypeError: The server cannot be reached, refuses, or answers with something else.
        """
        return self.color_with_certainty(picture, settings, form=form, size=size, side=0)[0]

    def color_with_certainty(
        self,
        picture: bytes,
        settings: dict[str, Any] | None = None,
        *,
        form: str = "png",
        size: tuple[int, int] | None = None,
        side: int = 2048,
    ) -> tuple[bytes, bytes]:
        """Colours a photograph, and says where its colours are a guess.

        Args:
            picture: As for `color`.
            settings: As for `color`.
            form: As for `color`.
            size: As for `color`; the size of the map is checked as well.
            side: The longest side of the map in pixels, at most 2048; 0 makes none.

        Returns:
            The coloured file, and a grey PNG: 0 is certain, 255 is most uncertain.

        Raises:
            TintypeError: As `color`.
        """
        self.notes = []
        held = self._hold(picture)
        try:
            wanted = json.dumps(settings or {}).encode("utf-8")
            colored = self._post(f"v1/photos/{held}/file", wanted, format=form)
            self.notes = colored.notes
            if size and form == "png":
                self._check_png(colored.body, _COLORED, size)
            if not side:
                return colored.body, b""
            found = self._post(f"v1/photos/{held}/certainty", wanted, side=side).body
            if size:
                self._check_png(found, _GREY, _shrunk(size, side), off=1)  # however it rounds
            return colored.body, found
        finally:
            self._forget(held)

    def _check_png(
        self, data: bytes, kinds: set[int], size: tuple[int, int], *, off: int = 0
    ) -> None:
        """Refuses what has no header of a PNG of this size (PNG specification, 11.2.1)."""
        if data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") and len(data) >= 33:
            width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
            fits = max(abs(width - size[0]), abs(height - size[1])) <= off and width and height
            if fits and depth in (8, 16) and kind in kinds:
                return
        raise TintypeError(
            f"What {self._where} has answered with is no PNG of {size[0]} x {size[1]} pixels. "
            "Check the address of the server."
        )

    def _hold(self, picture: bytes) -> str:
        try:
            held = json.loads(self._post("v1/photos", picture).body)["id"]
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", held):
                raise ValueError(held)
            return str(held)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise TintypeError(f"What answers at {self._where} is not Tintype.") from None

    def _forget(self, held: str) -> None:
        # Where it fails, the server lets go of it by itself. Whatever goes wrong, the picture that
        # has arrived is not lost, and hardly kept waiting.
        with contextlib.suppress(Exception):
            self._ask("DELETE", f"v1/photos/{held}", None, min(self._timeout, _FORGETTING))

    def _post(self, path: str, body: bytes, **query: object) -> _Answer:
        path = f"{path}?{urllib.parse.urlencode(query)}"
        # A server that is busy after each long wait is not asked for hours.
        end = time.monotonic() + self._timeout
        for _ in range(_WAITS):
            answer = self._ask("POST", path, body, self._timeout)
            if 200 <= answer.status < 300:
                return answer
            if answer.status != 503:
                raise TintypeError(_why(answer.status, answer.body))
            if time.monotonic() >= end:
                break
            time.sleep(answer.wait)
        raise TintypeError("The Tintype server has been busy for too long. Try again later.")

    def _ask(self, method: str, path: str, body: bytes | None, seconds: float) -> _Answer:
        """A request and its answer.

        `urllib.request` would follow redirects and use the proxy of the environment: both would be
        sent the photograph and the key, which are for the named server alone.
        """
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=seconds)
        headers = {"Content-Type": "application/octet-stream", "Connection": "close"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        end = time.monotonic() + seconds
        try:
            _connect(connection, end)
            connection.sock = _TimedSocket(connection.sock, end)
            connection.request(method, self._root + path, body, headers)
            with connection.getresponse() as answer:
                wait = _wait_of(str(answer.headers.get("Retry-After", "")))
                notes = _notes_of(str(answer.headers.get("X-Tintype-Notes", "")))
                return _Answer(answer.status, wait, self._body_of(answer), notes)
        except http.client.IncompleteRead:
            raise TintypeError(f"The answer of {self._where} was cut off. Try again.") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if time.monotonic() >= end:
                raise TintypeError(
                    f"{self._where} has not answered within {seconds:g} seconds. Try again later, "
                    "or with a smaller photograph."
                ) from None
            raise TintypeError(
                f"No Tintype server answers at {self._where} "
                f"({_shown(str(error).strip(), _LONGEST_QUOTE)}). "
                "Start one in a terminal: tintype serve --no-browser"
            ) from None
        finally:
            connection.close()

    def _body_of(self, answer: http.client.HTTPResponse) -> bytes:
        """The body of an answer; of an error, nothing unless it can be one of Tintype's.

        Only a body with a length is read. Tintype sends no other, and `http.client` reads chunks of
        a negative size without end, and keeps tiny ones at twenty times their size.

        Raises:
            TintypeError: It is longer than any coloured photograph, or has no length.
        """
        good = 200 <= answer.status < 300
        length = None if answer.chunked else answer.length
        if length is not None and length <= (_LARGEST if good else _LONGEST_ERROR):
            return answer.read()
        if not good:
            return b""
        if length is None:
            raise TintypeError(
                f"What answers at {self._where} is not Tintype, or a proxy in front of it removes "
                "the length of its answers."
            )
        raise TintypeError(f"The server's answer is longer than {_LARGEST >> 20} MiB.")

    @property
    def _where(self) -> str:
        return _shown(self.server, _LONGEST_QUOTE)


def _connect(connection: http.client.HTTPConnection, end: float) -> None:
    """Connects until a time of `time.monotonic`.

    In a thread that can be left behind: looking up a name has no timeout, and that of a socket
    starts again with each address of the name and each part of a TLS handshake.
    """
    errors: list[BaseException] = []

    def connect() -> None:
        try:
            connection.connect()
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            errors.append(error)
        if time.monotonic() >= end:
            connection.close()  # nobody waits for it any more

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(max(0.0, end - time.monotonic()))
    if errors:
        raise errors[0]
    if thread.is_alive() or connection.sock is None:
        raise TimeoutError("timed out")


class _TimedSocket:
    """A connected socket, for `http.client`, that can be used until a time of `time.monotonic`.

    A socket's own timeout starts again with every byte that arrives.
    """

    def __init__(self, connected: socket.socket, end: float) -> None:
        self._socket, self._end = connected, end

    def sendall(self, data: bytes) -> None:
        for at in range(0, len(data), _SLICE):
            _limit(self._socket, self._end)
            self._socket.sendall(memoryview(data)[at : at + _SLICE])

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._socket, self._end))

    def close(self) -> None:
        self._socket.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, connected: socket.socket, end: float) -> None:
        self._socket, self._end = connected, end
        self._file = connected.makefile("rb", buffering=0)  # keeps the socket open

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401
        _limit(self._socket, self._end)
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _limit(connected: socket.socket, end: float) -> None:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    connected.settimeout(left)


def hints_from(text: str) -> list[dict[str, Any]]:
    """Hints as they are typed: a line each, ``X,Y,COLOUR`` or ``X,Y,COLOUR,RADIUS``.

    Args:
        text: Lines; empty ones are left out. A colour is ``#c04030`` or a name.

    Raises:
        TintypeError: A line is written otherwise.
    """
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        parts = [part.strip() for part in line.split(",")]
        try:
            x, y, color, *radius = parts
            hint = {"x": int(x), "y": int(y), "color": color}
            if radius:
                (pixels,) = radius
                hint["radius"] = int(pixels)
        except ValueError:
            raise TintypeError(
                f"The hint {line!r} is not understood. Write it as X,Y,COLOUR or X,Y,COLOUR,RADIUS."
            ) from None
        found.append(hint)
    return found


def _parts_of(address: str) -> tuple[bool, str, int | None, str]:
    """Whether an address is https, its host, its port, and its path with a slash at the end."""
    try:
        parts = urllib.parse.urlsplit(address)
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except ValueError:  # UnicodeError is one
        parts, host, port = urllib.parse.urlsplit(""), "", None
    # urlsplit drops line breaks: the text itself is looked at for them.
    plain = re.fullmatch("[!-~]+", host + parts.path) and not re.search(
        r"[\s?#@\x00-\x1f]", address
    )
    if parts.scheme not in ("http", "https") or not host or not plain:
        raise TintypeError(
            f'"{_shown(address, _LONGEST_QUOTE)}" is no address of a server. Write it as {SERVER}'
        )
    return parts.scheme == "https", host, port, parts.path.rstrip("/") + "/"


def _shrunk(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size of a map of a photograph."""
    longest = max(size)
    side = min(max(side, _SIDES[0]), _SIDES[1], longest)
    return max(1, round(size[0] * side / longest)), max(1, round(size[1] * side / longest))


def _shown(text: str, most: int) -> str:
    """A text as printable characters, at most `most`: what cannot be printed is escaped."""
    # What is cut off here could only make it longer.
    found = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
        for c in text[: most + 1]
    )
    return found if len(found) <= most else found[: most - 3] + "..."


def _why(status: int, answer: bytes) -> str:
    """The message of an error; of another program's answer as much as is known."""
    try:
        error = json.loads(answer)["error"]
        return f"{error['message']} {error['advice']}".strip()
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"What answers there is not Tintype: HTTP {status}."


def _notes_of(header: str) -> list[str]:
    """The notes in the header of a coloured file; none where it is not Tintype's."""
    try:
        found = json.loads(header)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, list):
        return []
    return [_shown(note, _LONGEST_MESSAGE) for note in found[:_MOST_NOTES] if isinstance(note, str)]


def _wait_of(retry_after: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", retry_after):
        return 1.0  # also where there is none, or a date
    return min(max(float(retry_after), 0.1), _LONGEST_WAIT)
