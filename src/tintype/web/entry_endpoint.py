"""The endpoint that gives another device access."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tintype.web.entry import client_address, keep_key
from tintype.web.errors import NoEntryError, TooManyError
from tintype.web.services import ApiRoute, NoSuchPathError, Services

PATH = "/v1/entry"


async def enter(services: Services, request: Request) -> Response:
    """``POST /v1/entry``: a code in, a key out, which is also set as a cookie."""
    entry = services.entry
    if entry is None:
        raise NoSuchPathError(404, "This server answers only this machine, and needs no code.")
    code = (await services.bodies.read_json(request)).get("code")
    address = client_address(request.scope)
    # While the address has to wait, even a correct code is not checked: it could be a guess.
    if wait := entry.attempts.wait(address):
        raise TooManyError("Too many wrong codes came from this address.", retry_after=wait)
    key = entry.open(code) if isinstance(code, str) else None
    if key is None:
        entry.attempts.count(address)
        raise NoEntryError(
            "This code is wrong, or has been used.",
            advice="Enter the newest code that Tintype printed in its terminal.",
        )
    answer = JSONResponse({"key": key})
    keep_key(answer, key, request.scope)
    return answer


ENTRY_ROUTES: tuple[ApiRoute, ...] = (("POST", PATH, enter),)
