"""The format of error responses."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.responses import JSONResponse, Response

from tintype.errors import (
    ModelError,
    PhotoTooLargeError,
    TintypeError,
    UnreadablePhotoError,
    UnsupportedPhotoError,
    UsageError,
)
from tintype.web.errors import (
    BusyError,
    ForeignError,
    GoneError,
    MalformedError,
    NoEntryError,
    SlowError,
    TooLargeError,
    TooManyError,
    TooSlowError,
    UnsupportedBodyError,
    status_of,
)

_CODES: Mapping[type[TintypeError], str] = MappingProxyType(
    {
        MalformedError: "malformed_request",
        UsageError: "invalid_value",
        ModelError: "unsupported_by_model",
        NoEntryError: "token_required",
        ForeignError: "foreign_request",
        GoneError: "unknown_id",
        TooSlowError: "body_timeout",
        TooLargeError: "too_large",
        PhotoTooLargeError: "too_large",
        UnsupportedBodyError: "unsupported_body",
        UnsupportedPhotoError: "unsupported_photo",
        UnreadablePhotoError: "unreadable_photo",
        BusyError: "busy",
        TooManyError: "too_many_attempts",
        SlowError: "work_timeout",
    }
)
"""Clients rely on these, so a code does not change when a class or a message does."""
_CODES_OF_STATUS = MappingProxyType({404: "unknown_path", 405: "method_not_allowed"})
"""Codes of errors without a class of their own."""
_FAULT = "internal_error"
_SPELLINGS = MappingProxyType(
    {"--format ": "format=", "Add --max-megapixels": "Start the server with --max-megapixels"}
)
"""How advice on the options of the command reads over HTTP: one is a parameter of the request, the
other an option of the server."""


def codes() -> tuple[str, ...]:
    """Every code that an error response can have."""
    return tuple(dict.fromkeys([*_CODES.values(), *_CODES_OF_STATUS.values(), _FAULT]))


def code_of(error: TintypeError, status: int) -> str:
    """The stable code of an error, for programs.

    Args:
        error: Any error.
        status: The HTTP status of the response.
    """
    known = (_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
    return next(known, _CODES_OF_STATUS.get(status, _FAULT))


def failure(error: TintypeError, data: bytes | None = None) -> Response:
    """An error as JSON: ``{"error": {"code": ..., "message": ..., "advice": ...}}``.

    Args:
        error: The error.
        data: The picture concerned, if any.
    """
    status, advice = status_of(error, data), error.advice
    for option, spelling in _SPELLINGS.items():
        advice = advice.replace(option, spelling)
    content = {"code": code_of(error, status), "message": error.message, "advice": advice}
    answer = JSONResponse({"error": content}, status)
    if isinstance(error, BusyError):
        answer.headers["Retry-After"] = str(error.retry_after)
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
