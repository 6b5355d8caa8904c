"""The files that the page is made of, as the server sends them.

They are compressed, and a browser that has one already is told so. Only these files are: they are
the same for everybody and hold no secret, so that their compressed length tells nothing (BREACH).
Answers of the API are never compressed.
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
    """What the page is made of, its modules and samples included: path, then file name and type.

    They are listed from the package when the application is made; a client only ever chooses
    among these paths.
    """
    modules = sorted(file.name for file in _PAGE.iterdir() if file.name.endswith(".js"))
    samples = sorted(f"samples/{file.name}" for file in (_PAGE / "samples").iterdir())
    return (
        _FILES
        | {f"/{name}": (name, "text/javascript; charset=utf-8") for name in modules}
        | {f"/{name}": (name, "image/jpeg") for name in samples}
    )


def static_file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """What answers for one of them.

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
        # The tag names the bytes that are sent, so each form has its own.
        own_tag = f'"{tag}{"-gzip" if compressed else ""}"'
        headers = {"Cache-Control": "no-cache", "ETag": own_tag, "Vary": "Accept-Encoding"}
        known = request.headers.get("if-none-match", "").split(",")
        if own_tag in {one.strip().removeprefix("W/") for one in known}:
            return Response(status_code=304, headers=headers)
        if compressed:
            headers["Content-Encoding"] = "gzip"
        # The page is its own: what it may load is said in the Guard's headers.
        return Response(packed if compressed else data, media_type=kind, headers=headers)

    return endpoint


def _takes_gzip(accepted: str) -> bool:
    """Whether a header Accept-Encoding names gzip, and not to refuse it (RFC 9110, 12.5.3)."""
    for one in accepted.lower().split(","):
        coding, _, weight = one.partition(";")
        if coding.strip() in {"gzip", "x-gzip"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
