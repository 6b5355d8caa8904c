"""Opening the page on another device: one-time codes, and the keys they are exchanged for.

This machine's own browser uses a token instead, which is part of the address it opens. A code is
never part of a requested address, so a program that merely fetches an address (a link preview, a
mail filter, a browser's prefetch) cannot use one up.
"""

import secrets
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from tintype.web.attempts import Attempts, plain_address

_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without characters that look alike."""
_LENGTH = 8
"""39 bits: ten guesses a minute from each of 250 addresses find it within ten years with a
probability of 1 in 50."""


class Entry:
    """Access for other devices: each code works once, for one browser or program.

    Args:
        announce: Called with each new code, to show it to the user.

    Attributes:
        attempts: The wrong codes, tokens and keys.
        own: The token of this machine's browser. It can be used repeatedly, but only from this
            machine.
    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._keys: set[str] = set()
        self._own_keys: set[str] = set()
        self._code = ""
        self.attempts = Attempts()
        self.own = secrets.token_urlsafe(12)
        self._renew()

    def _renew(self) -> None:
        self._code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        self._announce(self._code)

    def open(self, code: str) -> str | None:
        """Exchanges a code for a key.

        Args:
            code: As typed; case, spaces and hyphens are ignored.

        Returns:
            The key, or None if this is not the code announced last.
        """
        typed = "".join(letter for letter in code if letter.isalnum()).upper()
        if not secrets.compare_digest(typed.encode(), self._code.encode()):
            return None
        key = self._new_key()
        self._renew()
        return key

    def open_own(self, token: str, scope: Scope) -> str | None:
        """Exchanges the token of this machine's browser for a key.

        Returns:
            The key, or None if the token is wrong or comes from another machine.
        """
        is_own = secrets.compare_digest(token.encode(), self.own.encode())
        if not is_own or not comes_from_this_machine(scope):
            return None
        key = self._new_key()
        self._own_keys.add(key)
        return key

    def _new_key(self) -> str:
        key = secrets.token_urlsafe(24)
        self._keys.add(key)
        return key

    def knows(self, key: str) -> bool:
        """Whether this key was issued for a code or the token."""
        return key in self._keys

    def is_own(self, key: str) -> bool:
        """Whether this key was issued for the token, to whoever started the server."""
        return key in self._own_keys


def grouped(code: str) -> str:
    """A code as displayed: in two groups."""
    return f"{code[: _LENGTH // 2]}-{code[_LENGTH // 2 :]}"


def key_of(scope: Scope) -> str:
    """The key of a request, from a bearer token or a cookie; empty if there is none."""
    headers = Headers(scope=scope)
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    # Parsed by hand: keys need no quoting, and the standard library's handling of quotes and
    # backslashes takes seconds for a header of 60 kB.
    own = _cookie_name(scope)
    for cookie in headers.get("cookie", "").split(";"):
        name, _, value = cookie.partition("=")
        if name.strip() == own:
            return value.strip()
    return ""


def keep_key(answer: Response, key: str, scope: Scope) -> None:
    """Stores a key in a browser cookie.

    Lax, not strict, so a link clicked in another program opens the page. Requests that change
    something are checked by their origin.
    """
    answer.set_cookie(_cookie_name(scope), key, httponly=True, samesite="lax")


def _cookie_name(scope: Scope) -> str:
    """Cookies are shared between the ports of a host, and two servers can run on it."""
    return f"tintype_{(scope.get('server') or ('', 0))[1]}"


def client_address(scope: Scope) -> str:
    """The address a request comes from; empty if unknown."""
    return str((scope.get("client") or ("",))[0])


def comes_from_this_machine(scope: Scope) -> bool:
    """Whether a request comes from the server's own machine, possibly through a proxy on it."""
    try:
        client = plain_address(client_address(scope))
        server = plain_address(str((scope.get("server") or ("",))[0]))
    except ValueError:
        return False
    return client.is_loopback or client == server


def other_computer(scope: Scope) -> str | None:
    """The name of this machine, for users on another one; None for users on this one."""
    own = socket.gethostname()
    try:
        called = (urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname or "").rstrip(".")
    except ValueError:
        return own
    # Any other name comes from a proxy, and the user may be on another machine.
    is_own_name = called in {"localhost", own.lower(), f"{own.lower()}.local"}
    here = comes_from_this_machine(scope) and (is_own_name or _is_address(called))
    return None if here else own


def _is_address(name: str) -> bool:
    try:
        plain_address(name)
    except ValueError:
        return False
    return True
