"""Opening the page on another device: codes that are typed once, and the keys they open with.

This machine's own browser has a token instead, which is part of the address that opens it. A code
never is part of an address that the server is asked for, so nothing that only fetches an address
(a preview of a link, a mail filter, a browser that looks ahead) can use one up.
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
"""Without those that look alike."""
_LENGTH = 8
"""39 bits: ten guesses a minute from each of 250 addresses find it in ten years once in fifty."""


class Entry:
    """Entry for other devices: each code opens once, for one browser or program.

    Args:
        announce: Called with each new code, so that somebody can see it.

    Attributes:
        attempts: The wrong codes, tokens and keys.
        own: The token of this machine's browser. It works as often as its address is opened, and
            only from this machine.
    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._keys: set[str] = set()
        self._code = ""
        self.attempts = Attempts()
        self.own = secrets.token_urlsafe(12)
        self._renew()

    def _renew(self) -> None:
        self._code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        self._announce(self._code)

    def open(self, code: str) -> str | None:
        """The key that a code opens with.

        Args:
            code: As somebody typed it: small letters, spaces and hyphens make no difference.

        Returns:
            None where it is not the one that was announced last.
        """
        typed = "".join(letter for letter in code if letter.isalnum()).upper()
        if not secrets.compare_digest(typed.encode(), self._code.encode()):
            return None
        key = self._new_key()
        self._renew()
        return key

    def open_own(self, token: str, scope: Scope) -> str | None:
        """The key that the token of this machine's browser opens with.

        Returns:
            None where it is another one, or comes from another machine.
        """
        is_own = secrets.compare_digest(token.encode(), self.own.encode())
        return self._new_key() if is_own and comes_from_this_machine(scope) else None

    def _new_key(self) -> str:
        key = secrets.token_urlsafe(24)
        self._keys.add(key)
        return key

    def knows(self, key: str) -> bool:
        """Whether a code or the token has opened for this key."""
        return key in self._keys


def grouped(code: str) -> str:
    """A code as it is shown: in two groups."""
    return f"{code[: _LENGTH // 2]}-{code[_LENGTH // 2 :]}"


def key_of(scope: Scope) -> str:
    """The key that a request shows, as a bearer or a cookie; empty where there is none."""
    headers = Headers(scope=scope)
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    # By hand: keys need no quoting, and what the standard library does with quotes and backslashes
    # takes seconds for a header of 60 kB.
    own = _cookie_name(scope)
    for cookie in headers.get("cookie", "").split(";"):
        name, _, value = cookie.partition("=")
        if name.strip() == own:
            return value.strip()
    return ""


def keep_key(answer: Response, key: str, scope: Scope) -> None:
    """Lets a browser keep a key.

    Lax, not strict: a link that is clicked in another program leads to the page as well. What
    changes something is refused by its origin.
    """
    answer.set_cookie(_cookie_name(scope), key, httponly=True, samesite="lax")


def _cookie_name(scope: Scope) -> str:
    """Cookies are shared between the ports of a host, and two servers can run on it."""
    return f"tintype_{(scope.get('server') or ('', 0))[1]}"


def client_address(scope: Scope) -> str:
    """Where a request comes from; empty where that is unknown."""
    return str((scope.get("client") or ("",))[0])


def comes_from_this_machine(scope: Scope) -> bool:
    """Whether a request comes from the machine that answers it, perhaps through a proxy there."""
    try:
        client = plain_address(client_address(scope))
        server = plain_address(str((scope.get("server") or ("",))[0]))
    except ValueError:
        return False
    return client.is_loopback or client == server


def other_computer(scope: Scope) -> str | None:
    """The name of this machine, for people who sit at another one; None for those at this one."""
    own = socket.gethostname()
    try:
        called = (urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname or "").rstrip(".")
    except ValueError:
        return own
    # By another name it is called by a proxy, and whoever is behind that.
    is_own_name = called in {"localhost", own.lower(), f"{own.lower()}.local"}
    here = comes_from_this_machine(scope) and (is_own_name or _is_address(called))
    return None if here else own


def _is_address(name: str) -> bool:
    try:
        plain_address(name)
    except ValueError:
        return False
    return True
