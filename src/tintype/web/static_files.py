"""Serves the static files of the page.

They are compressed and have an ETag, so a browser with a cached copy receives a 304. Only these
files are compressed: they are the same for everybody and contain no secrets, so their compressed
length reveals nothing (BREACH). API responses are never compressed.
"""

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

_PAGE = files("tintype.web") / "page"
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/stage.css": ("stage.css", "text/css; charset=utf-8"),
    "/beside.css": ("beside.css", "text/css; charset=utf-8"),
    "/which-is-real": ("which.html", "text/html; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/openapi.json": ("openapi.json", "application/json"),
}
"""Files of the page besides its modules: path, file name, type."""


def static_files() -> dict[str, tuple[str, str]]:
    """The files of the page, including modules and samples: path, then file name and type.

    They are listed from the package when the application is created; a client can only select one
    of these paths.
    """
    modules = sorted(file.name for file in _PAGE.iterdir() if file.name.endswith(".js"))
    samples = sorted(f"samples/{file.name}" for file in (_PAGE / "samples").iterdir())
    return (
        _FILES
        | {f"/{name}": (name, "text/javascript; charset=utf-8") for name in modules}
        | {f"/{name}": (name, "image/jpeg") for name in samples}
    )


def static_file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint for one file.

    Args:
        name: Of the file, in the package.
        kind: Its MIME type.
    """
    data = (_PAGE / name).read_bytes()
    packed = gzip.compress(data, mtime=0)
    is_smaller = len(packed) < len(data)  # photographs are compressed already
    tag = hashlib.sha256(data).hexdigest()[:20]

    async def endpoint(request: Request) -> Response:
        compressed = is_smaller and _takes_gzip(request.headers.get("accept-encoding", ""))
        # The tag identifies the bytes sent, so the compressed form has its own.
        own_tag = f'"{tag}{"-gzip" if compressed else ""}"'
        headers = {"Cache-Control": "no-cache", "ETag": own_tag, "Vary": "Accept-Encoding"}
        known = request.headers.get("if-none-match", "").split(",")
        if own_tag in {one.strip().removeprefix("W/") for one in known}:
            return Response(status_code=304, headers=headers)
        if compressed:
            headers["Content-Encoding"] = "gzip"
        # What the page may load is restricted by the headers that Guard adds.
        return Response(packed if compressed else data, media_type=kind, headers=headers)

    return endpoint


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header accepts gzip, with a weight above 0 (RFC 9110, 12.5.3)."""
    for one in accepted.lower().split(","):
        coding, _, weight = one.partition(";")
        if coding.strip() in {"gzip", "x-gzip"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
