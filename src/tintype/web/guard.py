"""Access control: this machine's own pages and programs, and with a code those of the home network.

Any web page can send requests to 127.0.0.1, and a name that resolves to it can make them look like
the page's own (DNS rebinding). So the Host of a request must be an address or a name of this
machine that nobody else controls, and the request must not come from another site.
"""

import ipaddress
import socket
from collections.abc import Collection, Mapping
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tintype.web import entry_endpoint
from tintype.web.entry import Entry, client_address, keep_key, key_of
from tintype.web.errors import ForeignError, MalformedError, NoEntryError, TooManyError
from tintype.web.responses import failure

_SAFE = frozenset({"GET", "HEAD"})
_FOREIGN = frozenset({"cross-site", "same-site"})
"""Values that a browser sends for requests from a page of another site or port."""
_DOOR = (files("tintype.web") / "page" / "door.html").read_text("utf-8")
_PAGES = frozenset({"/", "/which-is-real"})
_OPEN = frozenset({"/door.js", "/api.js", "/dom.js", "/page.css", "/beside.css", "/icon.svg"})
"""The files of the page with the field for a code; they contain no user data."""
OWNER = "tintype.owner"
"""Key of the scope under which the request's owner is stored: the key obtained with a code, or an
empty string if the server accepts requests from this machine only."""
_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
            "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
)


class Guard:
    """Passes on permitted requests, and adds the security headers to every response.

    Args:
        app: The guarded application.
        entry: Access for other machines; None if only this one is served.
        hosts: Accepted host names besides those of this machine.
    """

    def __init__(self, app: ASGIApp, *, entry: Entry | None, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._entry = entry
        self._names = {"localhost", *(host.lower().rstrip(".") for host in hosts)}
        if entry is not None:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own}.local"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(scope)
        scope = {**scope, OWNER: "" if self._entry is None else key_of(scope)}
        await (answer or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        try:
            _check_length(headers)
            self._check_host(host)
            if scope["method"] not in _SAFE:
                self._check_origin(headers, host)
            elif headers.get("sec-fetch-site") in _FOREIGN and not _is_visit(headers):
                raise ForeignError("The request comes from another site.")
            return None if self._entry is None else self._enter(scope, self._entry)
        except MalformedError as error:
            answer = failure(error)
            answer.headers["Connection"] = "close"
            return answer
        except (ForeignError, NoEntryError, TooManyError) as error:
            return failure(error)

    def _check_host(self, host: str) -> None:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower().rstrip(".")
        except ValueError:
            name = ""
        if name in self._names or _is_own_address(name, loopback_only=self._entry is None):
            return
        raise ForeignError(
            "The request names a host other than this machine.",
            advice="Open the address that Tintype printed, or start it with --allow-host NAME.",
        )

    def _check_origin(self, headers: Headers, host: str) -> None:
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "same-origin")
        if origin is None and site in {"same-origin", "none"}:
            return
        if origin is not None and _host_of(origin) == host.lower():
            return
        raise ForeignError("The request comes from another site.")

    def _enter(self, scope: Scope, entry: Entry) -> Response | None:
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        if entry.knows(key_of(scope)) or (path in _OPEN and method in _SAFE):
            return None
        if (method, path) == ("POST", entry_endpoint.PATH):
            return None  # that endpoint checks the code
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        token = query.get("token", [""])[0]
        try:
            key = self._try_token(scope, entry, token)
        except (NoEntryError, TooManyError) as error:
            if method in _SAFE and path in _PAGES and "text/html" in headers.get("accept", ""):
                page = Template(_DOOR).substitute(computer=escape(socket.gethostname()))
                return HTMLResponse(page, error.status)
            raise
        # One slash only: after two, the rest would be read as another host.
        answer: Response = RedirectResponse("/" + path.lstrip("/\\"), status_code=303)
        keep_key(answer, key, scope)
        return answer

    def _try_token(self, scope: Scope, entry: Entry, token: str) -> str:
        address = client_address(scope)
        # While the address has to wait, even a correct token is not checked: it could be a guess.
        if wait := entry.attempts.wait(address):
            raise TooManyError("Too many wrong codes came from this address.", retry_after=wait)
        key = entry.open_own(token, scope)
        if key is None:
            # An old cookie is not a guess: a browser sends it with every request.
            if token or "authorization" in Headers(scope=scope):
                entry.attempts.count(address)
            raise NoEntryError(
                "A code is required, and each code works once.",
                advice="Send the newest that Tintype printed in its terminal to POST /v1/entry.",
            )
        return key


def owner_of(request: Request) -> str:
    """The owner of a request; see `OWNER`."""
    return str(request.scope.get(OWNER, ""))


def _check_length(headers: Headers) -> None:
    """Refuses a body whose length is given twice (request smuggling).

    A proxy in front of the server may use the other length, and treat the rest of the body as
    another user's next request (RFC 9112, section 6.1).

    Raises:
        MalformedError: The request has both `Content-Length` and `Transfer-Encoding`. The
            connection must be closed, since the start of the next request is unknown.
    """
    if "content-length" in headers and "transfer-encoding" in headers:
        raise MalformedError(
            "The request has both Content-Length and Transfer-Encoding.", advice="Send one of them."
        )


def _is_visit(headers: Headers) -> bool:
    """Whether the request is a navigation to the page, such as by a link, not for a subresource."""
    mode, target = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return mode == "navigate" and target == "document"


def _host_of(origin: str) -> str:
    """Host and port of an origin; empty if it is invalid."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_own_address(name: str, *, loopback_only: bool) -> bool:
    """Whether the name is an address, which, unlike a name, cannot be made to point elsewhere."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not loopback_only
