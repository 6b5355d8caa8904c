"""What the server answers when something is wrong: a status, a sentence, what to do next."""

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
    """The request does not say what it should."""


class NoEntryError(WebError):
    """No key, or a wrong code."""

    status = 401


class ForeignError(WebError):
    """A request that another site may have sent."""

    status = 403


class GoneError(WebError):
    """Nothing of that name is held."""

    status = 404


class TooSlowError(WebError):
    """The body did not arrive in time."""

    status = 408


class TooLargeError(WebError):
    """More bytes or pixels than allowed."""

    status = 413


class UnsupportedBodyError(WebError):
    """A body that is wrapped in something, so that it is not read."""

    status = 415


class FaultError(WebError):
    """Ours, not the client's."""

    status = 500


class BusyError(WebError):
    """The queue is full, or the server is stopping.

    Args:
        message: What happened.
        retry_after: Seconds after which trying again makes sense.
    """

    status = 503

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, advice=f"Try again in {retry_after} s.")
        self.retry_after = retry_after


class TooManyError(BusyError):
    """Too many wrong codes came from one address."""

    status = 429


class SlowError(WebError):
    """The work did not end in time."""

    status = 504


def status_of(error: TintypeError, data: bytes | None = None) -> int:
    """The status that an error is answered with.

    Args:
        error: Any.
        data: The picture it is about, where it is about one.
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
