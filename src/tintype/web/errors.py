"""Error responses of the server: a status, a message and advice."""

from tintype.errors import (
    ModelError,
    PhotoTooLargeError,
    TintypeError,
    UnreadablePhotoError,
    UnsupportedPhotoError,
    UsageError,
)
from tintype.photo.formats.registry import sniff


class WebError(TintypeError):
    """A request that is answered with an error.

    Args:
        message: What happened.
        advice: What to do next.
    """

    status = 400


class MalformedError(WebError):
    """The request is malformed."""


class NoEntryError(WebError):
    """The key is missing, or the code is wrong."""

    status = 401


class ForeignError(WebError):
    """The request may come from another site."""

    status = 403


class GoneError(WebError):
    """Nothing with this id is held."""

    status = 404


class TooSlowError(WebError):
    """The body did not arrive in time."""

    status = 408


class TooLargeError(WebError):
    """There are more bytes or pixels than allowed."""

    status = 413


class UnsupportedBodyError(WebError):
    """The body is wrapped or compressed, so it is not read."""

    status = 415


class FaultError(WebError):
    """An internal error of the server, not of the client."""

    status = 500


class BusyError(WebError):
    """The queue is full, or the server is stopping.

    Args:
        message: What happened.
        retry_after: Seconds after which the client should retry.
    """

    status = 503

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, advice=f"Try again in {retry_after} s.")
        self.retry_after = retry_after


class TooManyError(BusyError):
    """Too many wrong codes came from one address."""

    status = 429


class SlowError(WebError):
    """The work did not finish in time."""

    status = 504


def status_of(error: TintypeError, data: bytes | None = None) -> int:
    """The HTTP status of an error.

    Args:
        error: Any error.
        data: The picture concerned, if any.
    """
    if isinstance(error, WebError):
        return error.status
    if isinstance(error, PhotoTooLargeError):
        return 413
    if isinstance(error, UnsupportedPhotoError):
        return 415
    if isinstance(error, UnreadablePhotoError):
        return 415 if data is not None and sniff(data) is None else 422
    if isinstance(error, UsageError | ModelError):
        return 400
    return 500
