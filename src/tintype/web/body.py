"""Request bodies: raw bytes, limited in size and time, and in total memory.

A body counts until its request is answered, since it is held while the request waits and runs.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request

from tintype.errors import brief, shown
from tintype.files.json_text import parse_json
from tintype.web.errors import (
    BusyError,
    MalformedError,
    TooLargeError,
    TooSlowError,
    UnsupportedBodyError,
)

_JSON = 1 << 20
_DIGITS = 18  # maximum number of digits of a length; nobody sends leading zeros


class BodyReader:
    """Reads bodies; those held at any moment share the memory budget of the photographs.

    Args:
        longest: Maximum size of a body in bytes.
        reserve: Counts this many more bytes as held; returns whether there is room for them.
        release: Stops counting this many bytes.
        seconds: Maximum time for a body to arrive.
    """

    def __init__(
        self,
        *,
        longest: int,
        reserve: Callable[[int], bool],
        release: Callable[[int], None],
        seconds: float,
    ) -> None:
        self._longest = longest
        self._reserve = reserve
        self._release = release
        self._seconds = seconds

    def forget(self, request: Request) -> None:
        """Releases the body of an answered request."""
        self._release(getattr(request.state, "body_bytes", 0))
        request.state.body_bytes = 0

    async def read(self, request: Request) -> bytes:
        """The body of a request.

        Raises:
            MalformedError: The body is empty, or the client disconnected.
            UnsupportedBodyError: The body is a form, or compressed.
            TooLargeError: It is too long; if the header states the length, it is not read at all.
            TooSlowError: It did not arrive in time.
            BusyError: Too much is being read already.
        """
        return await self._read(request, self._longest)

    async def read_json(self, request: Request) -> dict[str, Any]:
        """The body as a JSON object; no body means an empty object.

        Raises:
            MalformedError: It is not a JSON object.
            WebError: As for `read`.
        """
        data = await self._read(request, _JSON, may_be_empty=True)
        try:
            said = parse_json(data) if data else {}
        except ValueError as error:
            raise MalformedError(f"The body is not JSON ({brief(error, most=200)}).") from None
        if not isinstance(said, dict):
            raise MalformedError("The body is not a JSON object.")
        return said

    async def _read(self, request: Request, longest: int, *, may_be_empty: bool = False) -> bytes:
        _check_kind(request, "JSON" if may_be_empty else "the bytes of the picture")
        length = request.headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            raise MalformedError("Content-Length is not a number.")
        if len(length) > _DIGITS or int(length) > longest:
            raise TooLargeError(f"The body is larger than {longest >> 20} MiB.")
        whole = bytearray()  # many small pieces would use ten times the counted memory
        size = 0
        try:
            async with asyncio.timeout(self._seconds):
                async for part in request.stream():
                    size += len(part)
                    if size > longest:
                        raise TooLargeError(f"The body is larger than {longest >> 20} MiB.")
                    if not self._reserve(len(part)):
                        raise BusyError(
                            "Too many photographs are being uploaded at once.", retry_after=2
                        )
                    request.state.body_bytes = size
                    whole += part
        except TimeoutError:
            raise TooSlowError(f"The body took longer than {self._seconds:g} seconds.") from None
        except ClientDisconnect:
            raise MalformedError("The client disconnected.") from None
        if size == 0 and not may_be_empty:
            raise MalformedError(
                "The request has no body.", advice="Send the bytes of the picture as the body."
            )
        return bytes(whole)


def _check_kind(request: Request, wanted: str) -> None:
    """Refuses an encoded or wrapped body before it is read.

    Raises:
        UnsupportedBodyError: The body is a form (``curl -F``), or compressed.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        how = "--json TEXT" if wanted == "JSON" else "--data-binary @photo.jpg"
        raise UnsupportedBodyError(
            "The body is a form.", advice=f"Send {wanted} as the body: curl {how}, not -F."
        )
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity"}:
        raise UnsupportedBodyError(
            f"The body is compressed ({shown(coding[:20])}).",
            advice=f"Send {wanted} as it is, without Content-Encoding.",
        )
