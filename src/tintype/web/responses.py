"""The shapes of answers."""

from starlette.responses import JSONResponse, Response

from tintype.errors import TintypeError
from tintype.web.errors import BusyError, status_of


def failure(error: TintypeError, data: bytes | None = None) -> Response:
    """An error as JSON: ``{"error": {"message": ..., "advice": ...}}``.

    Args:
        error: What went wrong.
        data: The picture it is about, where it is about one.
    """
    answer = JSONResponse(
        {"error": {"message": error.message, "advice": error.advice}}, status_of(error, data)
    )
    if isinstance(error, BusyError):
        answer.headers["Retry-After"] = str(error.retry_after)
    if answer.status_code == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
