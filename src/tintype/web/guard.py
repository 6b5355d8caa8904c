"""Who may ask: this machine's own pages and programs, and with a token those of the home network.

A page from anywhere can send requests to 127.0.0.1, and a name that resolves there can make them
look like the page's own (DNS rebinding). So a request must name this machine as its host by an
address or a name that nobody else controls, and must not come from another site.
"""

import ipaddress
import secrets
import socket
from collections.abc import Callable, Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tintype.web.attempts import Attempts
from tintype.web.errors import ForeignError, NoEntryError, TooManyError
from tintype.web.responses import failure

_SAFE = frozenset({"GET", "HEAD"})
_COOKIE = "tintype"
OWNER = "tintype.owner"
"""Under this key of the scope stands whose request it is: the key that a token opened with, or
nothing where only this machine can ask."""
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


class Tokens:
    """Entry for other machines: each token opens once, for one browser or program.

    Args:
        announce: Called with each new token, so that somebody can see it.

    Attributes:
        attempts: The wrong ones.
    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._keys: set[str] = set()
        self._token = ""
        self.attempts = Attempts()
        self._own: set[str] = set()
        self._renew()

    def _renew(self) -> None:
        self._token = secrets.token_urlsafe(12)
        self._announce(self._token)

    def own(self) -> str:
        """One more token, for the browser of this machine; it is not announced."""
        token = secrets.token_urlsafe(12)
        self._own.add(token)
        return token

    def open(self, token: str) -> str | None:
        """The key that a token opens with.

        Returns:
            None where it is neither the one that was announced last nor one of `own`.
        """
        known = [
            each
            for each in (self._token, *self._own)
            if secrets.compare_digest(token.encode(), each.encode())
        ]
        if not known:
            return None
        key = secrets.token_urlsafe(24)
        self._keys.add(key)
        if known[0] in self._own:
            self._own.remove(known[0])
        else:
            self._renew()
        return key

    def knows(self, key: str) -> bool:
        """Whether a token has opened for this key."""
        return key in self._keys


class Guard:
    """Lets through what may ask, and puts the headers on every answer.

    Args:
        app: What is guarded.
        tokens: Where requests come from other machines; None where only from this one.
        hosts: Names besides those of this machine that a request may call it by.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens | None, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._tokens = tokens
        self._names = {"localhost", *(host.lower().rstrip(".") for host in hosts)}
        if tokens is not None:
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
        scope = {**scope, OWNER: "" if self._tokens is None else _key_of(Headers(scope=scope))}
        await (answer or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        try:
            self._check_host(host)
            if scope["method"] not in _SAFE:
                self._check_origin(headers, host)
            return None if self._tokens is None else self._enter(scope, headers, self._tokens)
        except (ForeignError, NoEntryError, TooManyError) as error:
            return failure(error)

    def _check_host(self, host: str) -> None:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower().rstrip(".")
        except ValueError:
            name = ""
        if name in self._names or _is_own_address(name, loopback_only=self._tokens is None):
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

    def _enter(self, scope: Scope, headers: Headers, tokens: Tokens) -> Response | None:
        if tokens.knows(_key_of(headers)):
            return None
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        token = query.get("token", [""])[0]
        address = str((scope.get("client") or ("",))[0])
        # Where it has to wait, a right token is not looked at either: it could be a guess.
        if wait := tokens.attempts.wait(address):
            raise TooManyError("Too many wrong tokens came from this address.", retry_after=wait)
        key = tokens.open(token)
        if key is None:
            # An old cookie is no guess: a browser sends it with everything.
            if token or "authorization" in headers:
                tokens.attempts.count(address)
            raise NoEntryError(
                "A token is required, and each token works once.",
                advice="Open the newest address that Tintype printed in its terminal.",
            )
        # One slash: with two of them another host would follow.
        answer: Response = RedirectResponse("/" + scope["path"].lstrip("/\\"), status_code=303)
        answer.set_cookie(_COOKIE, key, httponly=True, samesite="strict")
        answer.headers["X-Tintype-Key"] = key
        return answer


def _key_of(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(_COOKIE)
    except CookieError:
        return ""
    return "" if cookie is None else cookie.value


def _host_of(origin: str) -> str:
    """Host and port of an origin; empty where it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_own_address(name: str, *, loopback_only: bool) -> bool:
    """An address cannot be made to point elsewhere, as a name can."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not loopback_only
