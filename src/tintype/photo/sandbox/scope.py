"""Where files are decoded and pictures encoded: in this process, or in a sandbox.

Every function that gives foreign bytes to a decoder asks `current` first, and so does the one that
calls encoders which cannot be interrupted (`tintype.photo.formats.pillow.save`). So whoever wants a
sandbox says so once, around all the work, and no decoder on the way can be forgotten.
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
    """A sandbox, whose code is not loaded where nobody wants one."""
    from tintype.photo.sandbox.sandbox import Sandbox

    return Sandbox()


def current() -> "Sandbox | None":
    """The sandbox that files are to be decoded in; None for this process."""
    return _current.get()
