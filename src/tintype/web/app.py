"""The HTTP API, version 1, and the page that uses it.

Bodies and answers are the bytes of pictures; settings are JSON, or the query of an address. It is
described for programs in ``openapi.json``, and for people in ``docs/reference/http.md``. Nothing
that a client names becomes a path, and nothing is written to a disk or to a log.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tintype import __version__
from tintype.errors import TintypeError
from tintype.photo.formats import FORMATS, format_of_suffix, writable_formats
from tintype.web.answers import failure
from tintype.web.bench import Bench
from tintype.web.body import Intake
from tintype.web.desk import Desk, Finished, Held
from tintype.web.errors import FaultError, MalformedError, TooLargeError, WebError
from tintype.web.guard import Guard, Tokens
from tintype.web.pairs import Pairs
from tintype.web.wish import Wish, wish_of, wish_of_query

Endpoint = Callable[[Request], Awaitable[Response]]

MIME = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "JPEG2000": "image/jp2",
    "BMP": "image/bmp",
    "PPM": "image/x-portable-pixmap",
}
_OF_THE_FILE = frozenset({"hint", "format", "keep_location", "strip_metadata"})
"""Keys of the query of ``/v1/color`` that are no settings."""
_PAGE = files("tintype.web") / "page"
_STATIC = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/which-is-real": ("which.html", "text/html; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/openapi.json": ("openapi.json", "application/json"),
}
"""Files of the page besides its modules: path, file name, type."""


class _GoneAwayError(WebError):
    """A path or a method that there is not."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, hint="The API is described in /openapi.json.")
        self.status = status


@dataclass(frozen=True, slots=True)
class House:
    """What the requests share.

    Attributes:
        desk: What is held.
        bench: Where work is done.
        intake: Reads bodies.
        pairs: Photographs to tell apart; None where no folder was named.
    """

    desk: Desk
    bench: Bench
    intake: Intake
    pairs: Pairs | None


def make_app(house: House, *, tokens: Tokens | None) -> Starlette:
    """The ASGI application.

    Args:
        house: What the requests share.
        tokens: Entry for other machines; None where there are none.
    """
    routes = [
        *(Route(path, _file(*what), methods=["GET"]) for path, what in static_files().items()),
        *(
            Route(path, _guarded(partial(endpoint, house)), methods=[method])
            for method, path, endpoint in ROUTES
        ),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, tokens=tokens)],
        exception_handlers={HTTPException: _no_such_path},
    )


def static_files() -> dict[str, tuple[str, str]]:
    """What the page is made of, its modules included: path, then file name and type.

    The modules are listed from the package when the application is made; a client only ever chooses
    among these paths.
    """
    modules = sorted(file.name for file in _PAGE.iterdir() if file.name.endswith(".js"))
    return _STATIC | {f"/{name}": (name, "text/javascript; charset=utf-8") for name in modules}


async def _no_such_path(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = "There is no such path." if status == 404 else "The path takes another method."
    return failure(_GoneAwayError(status, text))


def _file(name: str, kind: str) -> Endpoint:
    data = (_PAGE / name).read_bytes()

    async def endpoint(_request: Request) -> Response:
        # The page is its own: what it may load is said in the Guard's headers.
        return Response(data, media_type=kind, headers={"Cache-Control": "no-cache"})

    return endpoint


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Turns our errors into answers; anything else is a fault, and says so without details."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except TintypeError as error:
            return failure(error, getattr(request.state, "picture", None))
        except MemoryError:
            return failure(TooLargeError("There is not enough memory for this photograph."))
        except Exception as error:  # noqa: BLE001
            # The door: a fault of ours is an answer as well, and says nothing about the picture.
            return failure(FaultError(f"A fault in Tintype ({type(error).__name__})."))

    return answered


# ----- pictures in, pictures out -----


async def color(house: House, request: Request) -> Response:
    """``POST /v1/color``: a picture in, the coloured file out."""
    house.bench.check()
    query = request.query_params
    rest = {key: value for key, value in query.items() if key not in _OF_THE_FILE}
    wish = wish_of_query(rest, query.getlist("hint"))
    form, location, strip = _form(query.get("format")), *_flags(dict(query))
    data = await house.intake.read(request)
    request.state.picture = data
    done = await house.bench.run(
        lambda: house.desk.finish(
            house.desk.open(data), wish, form=form, keep_location=location, strip_metadata=strip
        )
    )
    return _finished(done)


async def add_photo(house: House, request: Request) -> Response:
    """``POST /v1/photos``: a picture in; it is held, and the model asked about it."""
    house.bench.check()
    data = await house.intake.read(request)
    request.state.picture = data
    held = await house.bench.run(lambda: house.desk.add(data))
    return JSONResponse(_facts(held), 201)


async def get_photo(house: House, request: Request) -> Response:
    """``GET /v1/photos/{id}``: what is held."""
    return JSONResponse(_facts(_held(house, request)))


async def remove_photo(house: House, request: Request) -> Response:
    """``DELETE /v1/photos/{id}``: it is forgotten."""
    house.desk.remove(request.path_params["id"])
    return Response(status_code=204)


async def grey(house: House, request: Request) -> Response:
    """``GET /v1/photos/{id}/grey``: the photograph as it came, for the screen."""
    held, side = _held(house, request), _side(request)
    data = await house.bench.run(lambda: house.desk.grey(held, side=side))
    return Response(data, media_type="image/jpeg")


async def preview(house: House, request: Request) -> Response:
    """``POST /v1/photos/{id}/preview``: settings in, a coloured JPEG for the screen out."""
    held, side, wish = _held(house, request), _side(request), await _wish(house, request)
    data = await house.bench.run(lambda: house.desk.preview(held, wish, side=side))
    return Response(data, media_type="image/jpeg")


async def certainty(house: House, request: Request) -> Response:
    """``POST /v1/photos/{id}/certainty``: settings in, a map of where it guesses out."""
    held, side, wish = _held(house, request), _side(request), await _wish(house, request)
    data = await house.bench.run(lambda: house.desk.certainty(held, wish, side=side))
    return Response(data, media_type="image/png")


async def palettes(house: House, request: Request) -> Response:
    """``POST /v1/photos/{id}/palettes``: settings in, how likely each version is out."""
    held, wish = _held(house, request), await _wish(house, request)
    shares = await house.bench.run(lambda: house.desk.shares(held, wish))
    return JSONResponse({"shares": [round(share, 4) for share in shares]})


async def suggestions(house: House, request: Request) -> Response:
    """``POST /v1/photos/{id}/suggestions``: a place in, colours that are possible there out."""
    held = _held(house, request)
    x = _number(request, "x", 0, held.page.width - 1)
    y = _number(request, "y", 0, held.page.height - 1)
    count = _number(request, "count", 1, 12, default=6)
    wish = await _wish(house, request)
    desk = house.desk
    found, now = await house.bench.run(
        lambda: (
            desk.suggestions(held, wish, x, y, count=count),
            desk.color_at(held, wish, x, y),
        )
    )
    said = [{"color": color, "share": round(share, 4)} for color, share in found]
    return JSONResponse({"suggestions": said, "now": now})


async def finished_file(house: House, request: Request) -> Response:
    """``POST /v1/photos/{id}/file``: settings in, the coloured file at full resolution out."""
    held, wish = _held(house, request), await _wish(house, request)
    form, (location, strip) = (
        _form(request.query_params.get("format")),
        _flags(dict(request.query_params)),
    )
    done = await house.bench.run(
        lambda: house.desk.finish(
            held, wish, form=form, keep_location=location, strip_metadata=strip
        )
    )
    return _finished(done)


async def add_layer(house: House, request: Request) -> Response:
    """``POST /v1/layers``: scribbles or a mask in; settings can name it."""
    data = await house.intake.read(request)
    kind = request.query_params.get("kind", "")
    name = await house.bench.run(lambda: house.desk.add_layer(kind, data))
    return JSONResponse({"id": name}, 201)


async def status(house: House, _request: Request) -> Response:
    """``GET /v1/status``: who answers, and how busy it is."""
    card = house.desk.engine.bundle.card
    return JSONResponse(
        {
            "tintype": __version__,
            "model": card.name,
            "capabilities": sorted(card.capabilities),
            "vividness": card.vividness,
            "formats": list(writable_formats()),
            "pending": house.bench.pending,
            "capacity": house.bench.capacity,
            "pairs": 0 if house.pairs is None else len(house.pairs),
        }
    )


# ----- which is real? -----


async def pair_facts(house: House, _request: Request) -> Response:
    """``GET /v1/pairs``: how many pairs there are, and how they were told apart so far."""
    return JSONResponse(_pairs(house).facts())


async def pair_picture(house: House, request: Request) -> Response:
    """``GET /v1/pairs/{number}/{side}``: one of the two pictures, without its name."""
    pairs, side = _pairs(house), request.path_params["side"]
    number = int(request.path_params["number"])
    data = await house.bench.run(lambda: pairs.picture(number, side))
    return Response(data, media_type="image/jpeg")


async def pair_answer(house: House, request: Request) -> Response:
    """``POST /v1/pairs/{number}``: which side somebody takes for the true one."""
    said = await house.intake.read_json(request)
    number = int(request.path_params["number"])
    seconds = said.get("seconds", 0)
    if not isinstance(seconds, int | float) or not 0 <= seconds < 1e6:
        raise MalformedError("The seconds are no number.")
    return JSONResponse(_pairs(house).answer(number, str(said.get("real")), float(seconds)))


async def pair_results(house: House, _request: Request) -> Response:
    """``GET /v1/pairs/results.csv``: every answer."""
    headers = {"Content-Disposition": 'attachment; filename="which-is-real.csv"'}
    return Response(_pairs(house).csv(), media_type="text/csv; charset=utf-8", headers=headers)


ROUTES: tuple[tuple[str, str, Callable[[House, Request], Awaitable[Response]]], ...] = (
    ("POST", "/v1/color", color),
    ("POST", "/v1/photos", add_photo),
    ("GET", "/v1/photos/{id}", get_photo),
    ("DELETE", "/v1/photos/{id}", remove_photo),
    ("GET", "/v1/photos/{id}/grey", grey),
    ("POST", "/v1/photos/{id}/preview", preview),
    ("POST", "/v1/photos/{id}/certainty", certainty),
    ("POST", "/v1/photos/{id}/palettes", palettes),
    ("POST", "/v1/photos/{id}/suggestions", suggestions),
    ("POST", "/v1/photos/{id}/file", finished_file),
    ("POST", "/v1/layers", add_layer),
    ("GET", "/v1/status", status),
    ("GET", "/v1/pairs", pair_facts),
    ("GET", "/v1/pairs/results.csv", pair_results),
    ("GET", "/v1/pairs/{number:int}/{side}", pair_picture),
    ("POST", "/v1/pairs/{number:int}", pair_answer),
)
"""Method, path, and what answers."""


# ----- pieces of requests and answers -----


def _held(house: House, request: Request) -> Held:
    return house.desk.get(request.path_params["id"])


async def _wish(house: House, request: Request) -> Wish:
    return wish_of(await house.intake.read_json(request))


def _pairs(house: House) -> Pairs:
    if house.pairs is None:
        raise _GoneAwayError(404, "No folder of photographs was named: tintype serve --pairs DIR.")
    return house.pairs


def _side(request: Request) -> int:
    return _number(request, "side", 1, 100_000, default=1024)


def _number(request: Request, key: str, low: int, high: int, *, default: int | None = None) -> int:
    text = request.query_params.get(key, "" if default is None else str(default))
    try:
        value = int(text)
    except ValueError:
        raise MalformedError(f"{key} is no whole number.") from None
    if not low <= value <= high:
        raise MalformedError(f"{key} is {value}, outside of {low} to {high}.")
    return value


def _form(name: str | None) -> str | None:
    if not name:
        return None
    found = next((key for key in FORMATS if key.lower() == name.lower()), None)
    found = found or format_of_suffix(f".{name.lower()}")
    if found not in writable_formats():
        raise MalformedError(f"{name!r} is none of {', '.join(writable_formats())}.")
    return found


def _flags(query: dict[str, str]) -> tuple[bool, bool]:
    """Whether to keep coordinates, and whether to keep no metadata at all."""
    found = []
    for key in ("keep_location", "strip_metadata"):
        text = query.get(key, "0")
        if text not in {"0", "1"}:
            raise MalformedError(f"{key} is 0 or 1.")
        found.append(text == "1")
    return found[0], found[1]


def _facts(held: Held) -> dict[str, Any]:
    page = held.page
    return {
        "id": held.id,
        "width": page.width,
        "height": page.height,
        "bits": page.bits,
        "pages": len(held.photos),
        "format": page.meta.format,
        "writes": FORMATS[page.meta.format].writes,
        "tone": page.tone,
        "notes": list(page.meta.notes),
    }


def _finished(done: Finished) -> Response:
    suffix = FORMATS[done.format].suffixes[0]
    return Response(
        done.data,
        media_type=MIME[done.format],
        headers={
            "X-Tintype-Notes": json.dumps(done.notes),
            "Content-Disposition": f'attachment; filename="photo.color{suffix}"',
        },
    )
