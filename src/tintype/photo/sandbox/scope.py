"""Where files are decoded and pictures encoded: in this process, or in a sandbox.

Every function that passes foreign bytes to a decoder calls `current` first, and so does the one
that calls encoders which cannot be interrupted (`tintype.photo.formats.pillow.save`). So a caller
that wants a sandbox requests it once, around all the work, and no decoder can be forgotten.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tintype.photo.sandbox.sandbox import Sandbox

_current: "ContextVar[Sandbox | None]" = ContextVar("sandbox", default=None)


@contextmanager
def decoding_in(sandbox: "Sandbox | None") -> Iterator[None]:
    """Within this block, this thread decodes files in a sandbox.

    Args:
        sandbox: None leaves everything as it is.
    """
    if sandbox is None:
        yield
        return
    token = _current.set(sandbox)
    try:
        yield
    finally:
        _current.reset(token)


def new_sandbox() -> "Sandbox":
    """Creates a sandbox; its code is loaded only when one is wanted."""
    from tintype.photo.sandbox.sandbox import Sandbox

    return Sandbox()


def current() -> "Sandbox | None":
    """The sandbox that files are to be decoded in; None for this process."""
    return _current.get()
