"""Services shared by the endpoints of the HTTP API."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from tintype.web.body import BodyReader
from tintype.web.entry import Entry
from tintype.web.errors import WebError
from tintype.web.photos import PhotoStore
from tintype.web.which_is_real import Pairs
from tintype.web.workers import WorkerPool

_T = TypeVar("_T")


class NoSuchPathError(WebError):
    """The path or the method does not exist."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, advice="The API is described in /openapi.json.")
        self.status = status


@dataclass(frozen=True, slots=True)
class Services:
    """Services shared by all requests.

    Attributes:
        photos: The held photographs.
        workers: Runs the work.
        bodies: Reads request bodies.
        pairs: Pairs for "which is real?"; None if no folder was given.
        entry: Access for other devices; None if only this machine is served.
    """

    photos: PhotoStore
    workers: WorkerPool
    bodies: BodyReader
    pairs: Pairs | None
    entry: Entry | None


ApiRoute = tuple[str, str, Callable[[Services, Request], Awaitable[Response]]]
"""Method, path and endpoint."""


async def run_work(services: Services, request: Request, work: Callable[[], _T]) -> _T:
    """Runs work in a thread, as long as the client waits for it."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return await services.workers.run(work, gone=gone)
