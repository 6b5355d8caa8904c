# SPDX-License-Identifier: Apache-2.0
"""A client of Tintype's HTTP API, with nothing but the standard library.

It is packed into every plug-in. Only what docs/reference/http.md and openapi.json describe is used.
The Python of an image editor may be older than that of Tintype: this runs from 3.8 on.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

SERVER = "http://127.0.0.1:7839/"
"""Where `tintype serve` is, unless it was told otherwise."""

_LARGEST = 1 << 30
"""Bytes of an answer that are read: more than 100 megapixels of 16 bits have."""
_SECONDS = 600.0
_WAITS = 20  # times that a busy server is asked again
_LONGEST_WAIT = 30.0
_LONGEST_ERROR = 100_000  # bytes
_LONGEST_MESSAGE = 1000  # characters


class TintypeError(Exception):
    """What went wrong, and what to do: a message for the user."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Makes a redirect an error: the photograph and the key are for the named server alone."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
"""Without the proxy of the environment, which would be sent the photograph and the key as well."""


class Client:
    """A server that colours photographs.

    Args:
        server: Its address.
        key: From `POST /v1/entry`, for a server on another machine; empty for one on this.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, server: str = SERVER, *, key: str = "", timeout: float = _SECONDS) -> None:
        self.server = server.strip().rstrip("/") + "/"
        self._key = key
        self._timeout = timeout

    def color(
        self, picture: bytes, settings: dict[str, Any] | None = None, *, form: str = "png"
    ) -> bytes:
        """Colours a photograph.

        Args:
            picture: The bytes of a file that Tintype reads.
            settings: As in the reference of the API; those left out have their default.
            form: The format of the result.

        Returns:
            The bytes of the coloured file.

        Raises:
            TintypeError: The server cannot be reached, or refuses.
        """
        return self.color_with_certainty(picture, settings, form=form, side=0)[0]

    def color_with_certainty(
        self,
        picture: bytes,
        settings: dict[str, Any] | None = None,
        *,
        form: str = "png",
        side: int = 2048,
    ) -> tuple[bytes, bytes]:
        """Colours a photograph, and says where its colours are a guess.

        Args:
            picture: As for `color`.
            settings: As for `color`.
            form: As for `color`.
            side: The longest side of the map in pixels, at most 2048; 0 makes none.

        Returns:
            The coloured file, and a grey PNG: 0 is certain, 255 is most uncertain.

        Raises:
            TintypeError: As `color`.
        """
        held = self._hold(picture)
        try:
            wanted = json.dumps(settings or {}).encode("utf-8")
            colored = self._post(f"v1/photos/{held}/file", wanted, format=form)
            found = self._post(f"v1/photos/{held}/certainty", wanted, side=side) if side else b""
            return colored, found
        finally:
            self._forget(held)

    def _hold(self, picture: bytes) -> str:
        try:
            held = json.loads(self._post("v1/photos", picture))["id"]
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", held):
                raise ValueError(held)
            return str(held)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise TintypeError(f"What answers at {self.server} is not Tintype.") from None

    def _forget(self, held: str) -> None:
        # Where it fails, the server lets go of it by itself, and the picture is there.
        with contextlib.suppress(TintypeError):
            self._send("DELETE", f"v1/photos/{held}", None)

    def _post(self, path: str, body: bytes, **query: object) -> bytes:
        return self._send("POST", f"{path}?{urllib.parse.urlencode(query)}", body)

    def _send(self, method: str, path: str, body: bytes | None) -> bytes:
        if not self.server.startswith(("http://", "https://")):
            raise TintypeError(f"{self.server} is no address. Write it as {SERVER}")
        request = urllib.request.Request(self.server + path, data=body, method=method)
        request.add_header("Content-Type", "application/octet-stream")
        if self._key:
            request.add_header("Authorization", f"Bearer {self._key}")
        for _ in range(_WAITS):
            try:
                with _OPENER.open(request, timeout=self._timeout) as answer:
                    return _read(answer)
            except urllib.error.HTTPError as refused:
                if refused.code != 503:
                    raise TintypeError(_why(refused)) from None
                time.sleep(_wait_of(refused))
            except (OSError, http.client.HTTPException, UnicodeError) as error:
                reason = getattr(error, "reason", error)
                raise TintypeError(
                    f"No Tintype server answers at {self.server} ({reason}). "
                    "Start one in a terminal: tintype serve --no-browser"
                ) from None
        raise TintypeError("The Tintype server has been busy for too long. Try again later.")


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


def _read(answer: http.client.HTTPResponse) -> bytes:
    """The body of an answer.

    Raises:
        TintypeError: It is longer than any coloured photograph.
    """
    body = bytes(answer.read(_LARGEST + 1))
    if len(body) > _LARGEST:
        raise TintypeError(f"The server's answer is longer than {_LARGEST >> 20} MiB.")
    return body


def _why(refused: urllib.error.HTTPError) -> str:
    """The message of an error; of another program's answer as much as is known."""
    try:
        error = json.loads(refused.read(_LONGEST_ERROR))["error"]
        return f"{error['message']} {error['advice']}".strip()[:_LONGEST_MESSAGE]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, RecursionError):
        return f"What answers there is not Tintype: HTTP {refused.code}."


def _wait_of(refused: urllib.error.HTTPError) -> float:
    try:
        return min(max(float(refused.headers.get("Retry-After", 1)), 0.1), _LONGEST_WAIT)
    except ValueError:
        return 1.0
