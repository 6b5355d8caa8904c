"""The endpoints of "Which is real?": pairs of pictures, and how many people were fooled."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tintype.web.errors import MalformedError
from tintype.web.guard import owner_of
from tintype.web.parameters import number_of, pair_of
from tintype.web.services import ApiRoute, NoSuchPathError, Services, run_work
from tintype.web.which_is_real import SHARED, Pairs

_PAIRS_OF_A_ROUND = 10
_MOST_PAIRS_OF_A_ROUND = 1000


async def begin_round(services: Services, request: Request) -> Response:
    """``POST /v1/pairs/rounds``: begins a round with some of the pairs, for one visitor."""
    most = number_of(request, "pairs", 1, _MOST_PAIRS_OF_A_ROUND, default=_PAIRS_OF_A_ROUND)
    pairs, owner = _pairs(services), owner_of(request)
    name = pairs.begin(most, owner=owner)
    return JSONResponse({"round": name} | pairs.facts(name=name, owner=owner), 201)


async def pair_facts(services: Services, request: Request) -> Response:
    """``GET /v1/pairs``: the number of pairs, and the results so far."""
    return JSONResponse(_pairs(services).facts(**_round_of(request)))


async def pair_picture(services: Services, request: Request) -> Response:
    """``GET /v1/pairs/{number}/{side}``: one of the two pictures, without its file name."""
    pairs, side = _pairs(services), request.path_params["side"]
    number, which = pair_of(request), _round_of(request)
    data = await run_work(services, request, lambda: pairs.picture(number, side, **which))
    return Response(data, media_type="image/jpeg")


async def pair_answer(services: Services, request: Request) -> Response:
    """``POST /v1/pairs/{number}``: records which side the visitor believes to be real."""
    data = await services.bodies.read_json(request)
    number = pair_of(request)
    seconds = data.get("seconds", 0)
    number_given = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number_given or not 0 <= seconds < 1e6:
        raise MalformedError("The value of seconds is not a number.")
    pairs, which = _pairs(services), _round_of(request)
    return JSONResponse(pairs.answer(number, str(data.get("real")), float(seconds), **which))


async def pair_results(services: Services, request: Request) -> Response:
    """``GET /v1/pairs/results.csv``: every answer, for whoever started the server; else one's own.

    A row has the name of a file and which side is real.
    """
    owner: str | None = owner_of(request)
    if services.entry is None or services.entry.is_own(owner_of(request)):
        owner = None
    headers = {"Content-Disposition": 'attachment; filename="which-is-real.csv"'}
    data = _pairs(services).csv(owner=owner)
    return Response(data, media_type="text/csv; charset=utf-8", headers=headers)


def _round_of(request: Request) -> dict[str, str]:
    return {"name": request.query_params.get("round", SHARED), "owner": owner_of(request)}


def _pairs(services: Services) -> Pairs:
    if services.pairs is None:
        raise NoSuchPathError(
            404, "The server was started without a folder of pairs: tintype serve --pairs DIR."
        )
    return services.pairs


PAIR_ROUTES: tuple[ApiRoute, ...] = (
    ("GET", "/v1/pairs", pair_facts),
    ("POST", "/v1/pairs/rounds", begin_round),
    ("GET", "/v1/pairs/results.csv", pair_results),
    ("GET", "/v1/pairs/{number}/{side}", pair_picture),
    ("POST", "/v1/pairs/{number}", pair_answer),
)
