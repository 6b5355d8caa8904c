"""The HTTP API, version 1, and the page that uses it.

Request and response bodies are the bytes of pictures; settings are JSON or query parameters. The
API is described in ``openapi.json`` and ``docs/reference/http.md``. Names from clients are never
used as paths, and nothing is written to disk or to a log.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tintype._version import __version__
from tintype.engine.color_names import color_names
from tintype.engine.settings import OUTPUT, default_settings
from tintype.errors import TintypeError, shown
from tintype.photo.comparison import TYPES, possible
from tintype.photo.formats import open_raster
from tintype.photo.formats.registry import CODECS, FORMATS, accepted_types, writable_formats
from tintype.web.entry import other_computer
from tintype.web.entry_endpoint import ENTRY_ROUTES
from tintype.web.errors import FaultError, TooLargeError
from tintype.web.guard import Guard, owner_of
from tintype.web.pair_endpoints import PAIR_ROUTES
from tintype.web.parameters import (
    comparison_form_of,
    number_of,
    refuse_repeated_keys,
    side_of,
    tile_of,
)
from tintype.web.photos import Finished
from tintype.web.request import (
    ColorRequest,
    coloring_from,
    coloring_from_query,
    output_from_query,
)
from tintype.web.responses import failure
from tintype.web.services import ApiRoute, NoSuchPathError, Services, run_work
from tintype.web.static_files import static_file, static_files
from tintype.web.stored_photo import StoredPhoto
from tintype.web.tiles import TILE

_T = TypeVar("_T")
Endpoint = Callable[[Request], Awaitable[Response]]

_NO_SETTINGS = frozenset(
    {"hint"} | {row.name for row in OUTPUT.values() if "http" in row.interfaces}
)
"""Query parameters of ``/v1/color`` that are not settings."""
_LONGEST_NAME = 255


def make_app(services: Services, *, hosts: Collection[str] = ()) -> Starlette:
    """The ASGI application.

    Args:
        services: Shared by all requests.
        hosts: As for `Guard`.
    """
    routes = [
        *(
            Route(path, static_file(*what), methods=["GET"])
            for path, what in static_files().items()
        ),
        *(
            Route(path, _guarded(services, endpoint), methods=[method])
            for method, path, endpoint in ROUTES
        ),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, entry=services.entry, hosts=hosts)],
        exception_handlers={HTTPException: _no_such_path},
    )
    app.router.redirect_slashes = False  # a redirect would contain the host of the request
    return app


async def _no_such_path(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = (
        "This path does not exist." if status == 404 else "This path does not support this method."
    )
    return failure(NoSuchPathError(status, text))


def _guarded(
    services: Services, endpoint: Callable[[Services, Request], Awaitable[Response]]
) -> Endpoint:
    """Turns our errors into responses; any other exception is reported without details."""

    async def answered(request: Request) -> Response:
        try:
            refuse_repeated_keys(request)
            return await endpoint(services, request)
        except asyncio.CancelledError:
            if services.workers.draining:  # a body that is still arriving when the server stops
                return failure(services.workers.stopping())
            raise
        except TintypeError as error:
            return failure(error, getattr(request.state, "picture", None))
        except MemoryError:
            return failure(TooLargeError("There is not enough memory for this photograph."))
        except Exception as error:  # noqa: BLE001
            # The response to an internal error reveals nothing about the picture.
            return failure(FaultError(f"Internal error in Tintype ({type(error).__name__})."))
        finally:
            services.bodies.forget(request)

    return answered


# ----- pictures in, pictures out -----


async def color(services: Services, request: Request) -> Response:
    """``POST /v1/color``: a picture in, the coloured file out."""
    services.workers.check()
    query = request.query_params
    rest = {key: value for key, value in query.items() if key not in _NO_SETTINGS}
    coloring = coloring_from_query(rest, query.getlist("hint"))
    output = output_from_query(query)
    data = await services.bodies.read(request)
    request.state.picture = data
    photos, owner = services.photos, owner_of(request)
    done = await run_work(
        services, request, lambda: photos.finish(photos.open(data, owner=owner), coloring, output)
    )
    return _finished(done)


async def add_photo(services: Services, request: Request) -> Response:
    """``POST /v1/photos``: stores a picture; the model runs when colours are first requested."""
    services.workers.check()
    data = await services.bodies.read(request)
    request.state.picture = data
    name, owner = _file_name(request), owner_of(request)
    stored = await run_work(
        services, request, lambda: services.photos.add(data, owner=owner, name=name)
    )
    return JSONResponse(_facts(stored), 201)


async def get_photo(services: Services, request: Request) -> Response:
    """``GET /v1/photos/{id}``: describes a stored photograph."""
    return JSONResponse(_facts(_stored(services, request)))


async def remove_photo(services: Services, request: Request) -> Response:
    """``DELETE /v1/photos/{id}``: removes a stored photograph."""
    services.photos.remove(request.path_params["id"], owner=owner_of(request))
    return Response(status_code=204)


async def grey(services: Services, request: Request) -> Response:
    """``GET /v1/photos/{id}/grey``: the grey photograph, for the screen."""
    stored, side = _stored(services, request), side_of(request)
    data = await run_work(services, request, lambda: services.photos.grey(stored, side=side))
    return Response(data, media_type="image/jpeg")


async def preview(services: Services, request: Request) -> Response:
    """``POST /v1/photos/{id}/preview``: settings in, a coloured JPEG for the screen out."""
    stored, side, draft, coloring = (
        _stored(services, request),
        side_of(request),
        _is_draft(request),
        await _coloring(services, request),
    )
    data = await run_work(
        services, request, lambda: services.photos.preview(stored, coloring, side=side, draft=draft)
    )
    return Response(data, media_type="image/jpeg")


async def grey_tile(services: Services, request: Request) -> Response:
    """``GET /v1/photos/{id}/tile``: a part of the grey photograph, at up to full size."""
    stored, tile = _stored(services, request), tile_of(request)
    data = await run_work(services, request, lambda: services.photos.grey_tile(stored, tile))
    return Response(data, media_type="image/jpeg")


async def tile(services: Services, request: Request) -> Response:
    """``POST /v1/photos/{id}/tile``: settings in, a part of the coloured photograph out."""
    stored, which, coloring = (
        _stored(services, request),
        tile_of(request),
        await _coloring(services, request),
    )
    data = await run_work(services, request, lambda: services.photos.tile(stored, coloring, which))
    return Response(data, media_type="image/jpeg")


async def comparison(services: Services, request: Request) -> Response:
    """``POST /v1/photos/{id}/comparison``: settings in, before and after in one file out."""
    stored, form = _stored(services, request), comparison_form_of(request)
    coloring = await _coloring(services, request)
    turn = {key: value for key, value in request.query_params.items() if key == "rotate"}
    rotate = output_from_query(turn).rotate
    data = await run_work(
        services,
        request,
        lambda: services.photos.comparison(stored, coloring, form=form, rotate=rotate),
    )
    mime, suffix = TYPES[form]
    place = f'attachment; filename="photo.comparison{suffix}"'
    return Response(data, media_type=mime, headers={"Content-Disposition": place})


async def certainty(services: Services, request: Request) -> Response:
    """``POST /v1/photos/{id}/certainty``: settings in, a map of the uncertainty out."""
    stored, side, coloring = (
        _stored(services, request),
        side_of(request),
        await _coloring(services, request),
    )
    data = await run_work(
        services, request, lambda: services.photos.certainty(stored, coloring, side=side)
    )
    return Response(data, media_type="image/png")


async def palettes(services: Services, request: Request) -> Response:
    """``POST /v1/photos/{id}/palettes``: settings in, each palette's probability and look out."""
    stored, coloring = _stored(services, request), await _coloring(services, request)
    found = await run_work(services, request, lambda: services.photos.palettes(stored, coloring))
    return JSONResponse(
        {"shares": [round(share, 4) for share, _ in found], "looks": [name for _, name in found]}
    )


async def suggestions(services: Services, request: Request) -> Response:
    """``POST /v1/photos/{id}/suggestions``: a place in, colours plausible there out."""
    stored = _stored(services, request)
    x = number_of(request, "x", 0, stored.page.width - 1)
    y = number_of(request, "y", 0, stored.page.height - 1)
    count = number_of(request, "count", 1, 12, default=6)
    draft = _is_draft(request)
    coloring = await _coloring(services, request)
    photos = services.photos
    found, now = await run_work(
        services,
        request,
        lambda: photos.suggestions(stored, coloring, (x, y), count=count, draft=draft),
    )
    shares = [{"color": color, "share": round(share, 4)} for color, share in found]
    return JSONResponse({"suggestions": shares, "now": now})


async def finished_file(services: Services, request: Request) -> Response:
    """``POST /v1/photos/{id}/file``: settings in, the coloured file at full resolution out."""
    stored, coloring = _stored(services, request), await _coloring(services, request)
    output = output_from_query(request.query_params)
    done = await run_work(
        services, request, lambda: services.photos.finish(stored, coloring, output)
    )
    return _finished(done)


async def add_layer(services: Services, request: Request) -> Response:
    """``POST /v1/layers``: stores a layer, such as scribbles or a mask, for use in settings."""
    data = await services.bodies.read(request)
    kind = request.query_params.get("kind", "")
    name, owner = _file_name(request), owner_of(request)
    made = await run_work(
        services,
        request,
        lambda: services.photos.add_layer(kind, data, owner=owner, name=name),
    )
    return JSONResponse({"id": made}, 201)


async def status(services: Services, request: Request) -> Response:
    """``GET /v1/status``: what the server is, and how busy it is."""
    card = services.photos.engine.bundle.card
    return JSONResponse(
        {
            "tintype": __version__,
            "computer": other_computer(request.scope),
            "model": card.name,
            "capabilities": sorted(card.capabilities),
            "vividness": card.vividness,
            "reach": default_settings("http").reach,
            "formats": list(writable_formats()),
            "reads": [codec.title for codec in CODECS],
            "accept": list(accepted_types()),
            "comparisons": list(possible()),
            "tile": TILE,
            "pending": services.workers.pending,
            "capacity": services.workers.capacity,
            "pairs": 0 if services.pairs is None else len(services.pairs),
        }
    )


async def colors(services: Services, request: Request) -> Response:
    """``GET /v1/colors``: the supported colour names."""
    return JSONResponse(dict(color_names()))


ROUTES: tuple[ApiRoute, ...] = (
    ("POST", "/v1/color", color),
    ("POST", "/v1/photos", add_photo),
    ("GET", "/v1/photos/{id}", get_photo),
    ("DELETE", "/v1/photos/{id}", remove_photo),
    ("GET", "/v1/photos/{id}/grey", grey),
    ("POST", "/v1/photos/{id}/preview", preview),
    ("GET", "/v1/photos/{id}/tile", grey_tile),
    ("POST", "/v1/photos/{id}/tile", tile),
    ("POST", "/v1/photos/{id}/comparison", comparison),
    ("POST", "/v1/photos/{id}/certainty", certainty),
    ("POST", "/v1/photos/{id}/palettes", palettes),
    ("POST", "/v1/photos/{id}/suggestions", suggestions),
    ("POST", "/v1/photos/{id}/file", finished_file),
    ("POST", "/v1/layers", add_layer),
    ("GET", "/v1/colors", colors),
    ("GET", "/v1/status", status),
    *ENTRY_ROUTES,
    *PAIR_ROUTES,
)
"""Method, path and endpoint."""


# ----- parts of requests and responses -----


def _stored(services: Services, request: Request) -> StoredPhoto:
    return services.photos.get(request.path_params["id"], owner=owner_of(request))


async def _coloring(services: Services, request: Request) -> ColorRequest:
    return coloring_from(await services.bodies.read_json(request))


def _is_draft(request: Request) -> bool:
    return number_of(request, "draft", 0, 1, default=0) == 1


def _file_name(request: Request) -> str:
    """The client's name of a file, for messages; it is never used as a path."""
    return shown(request.query_params.get("name", ""))[:_LONGEST_NAME]


def _facts(stored: StoredPhoto) -> dict[str, Any]:
    page = stored.page
    return {
        "id": stored.id,
        "width": page.width,
        "height": page.height,
        "bits": page.bits,
        "pages": len(stored.photos),
        "format": page.meta.format,
        "writes": FORMATS[page.meta.format].writes,
        "tone": page.tone,
        "notes": list(page.meta.notes),
    }


def _finished(done: Finished) -> Response:
    mime = open_raster.MIME if done.format == open_raster.NAME else FORMATS[done.format].mime
    return Response(
        done.data,
        media_type=mime,
        headers={
            "X-Tintype-Notes": json.dumps(done.notes),
            "Content-Disposition": f'attachment; filename="{done.name}"',
        },
    )
