"""Numbers in the paths and queries of requests."""

from starlette.requests import Request

from tintype.errors import brief
from tintype.numerals import whole_of
from tintype.photo.comparison import SIDES
from tintype.web.errors import MalformedError
from tintype.web.tiles import Tile

_MOST_PAIRS = 10**9
_MOST_TILES = 10**6
_REPEATABLE = "hint"


def refuse_repeated_keys(request: Request) -> None:
    """Refuses a query with a key twice, of which only one could count; hints may be repeated.

    Raises:
        MalformedError: A key is there twice.
    """
    seen: set[str] = set()
    for key, _ in request.query_params.multi_items():
        if key in seen and key != _REPEATABLE:
            raise MalformedError(
                f"The query has {brief(repr(key))} twice.", advice="Give each key once."
            )
        seen.add(key)


def side_of(request: Request) -> int:
    """The requested longest side, in pixels.

    Raises:
        MalformedError: As `number_of`.
    """
    return number_of(request, "side", 1, 100_000, default=1024)


def tile_of(request: Request) -> Tile:
    """The requested tile.

    Raises:
        MalformedError: As `number_of`.
    """
    level = number_of(request, "level", 0, _MOST_TILES, default=0)
    column, row = (number_of(request, key, 0, _MOST_TILES) for key in ("column", "row"))
    return Tile(level, column, row)


def comparison_form_of(request: Request) -> str:
    """The format of a comparison: a key of `tintype.photo.comparison.SIDES`.

    Raises:
        MalformedError: The format is unknown.
    """
    text = request.query_params.get("format", next(iter(SIDES))).lower()
    if text in SIDES:
        return text
    raise MalformedError(f"{brief(repr(text))} is not one of {', '.join(SIDES)}.")


def number_of(
    request: Request, key: str, low: int, high: int, *, default: int | None = None
) -> int:
    """A whole number in the query.

    Args:
        request: The request.
        key: The name of the parameter.
        low: The smallest accepted value.
        high: The largest accepted value.
        default: Used if the parameter is missing; None if it is required.

    Raises:
        MalformedError: It is missing, not a whole number, or out of range.
    """
    text = request.query_params.get(key, "" if default is None else str(default))
    return _whole(key, text, low, high)


def pair_of(request: Request) -> int:
    """The number of a pair, in the path.

    Raises:
        MalformedError: As `number_of`.
    """
    return _whole("The number of the pair", request.path_params["number"], 0, _MOST_PAIRS)


def _whole(key: str, text: str, low: int, high: int) -> int:
    try:
        value = whole_of(text)
    except ValueError:
        raise MalformedError(f"{key} is not a whole number.") from None
    if not low <= value <= high:
        raise MalformedError(f"{key} is {brief(value)}, outside {low} to {high}.")
    return value
