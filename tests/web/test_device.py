"""The device of a server: one for all clients, chosen by whoever starts it."""

import sys
from collections.abc import Callable

import pytest

from tintype.engine.bundle import load_bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Output, Settings
from tintype.errors import UsageError
from tintype.web.errors import MalformedError
from tintype.web.photos import PhotoStore
from tintype.web.request import ColorRequest, coloring_from
from tintype.web.serve import listen
from tintype.web.server_options import ServerOptions
from web.conftest import TINY

MISSING = "directml" if sys.platform != "win32" else "coreml"


def test_a_server_without_its_device_does_not_start() -> None:
    options = ServerOptions(port=0, model=TINY, device=MISSING)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"The device {MISSING} is not available"):
        listen(options, invite=lambda _: None)


def test_what_is_asked_for_is_done_on_the_device_of_the_server(
    picture: Callable[..., bytes],
) -> None:
    photos = PhotoStore(
        Engine(load_bundle(TINY), threads=1),
        max_pixels=10**8,
        budget=1 << 30,
        device=MISSING,  # type: ignore[arg-type]
    )
    held = photos.add(picture("PNG"), owner="me")
    with pytest.raises(UsageError, match=f"The device {MISSING} is not available"):
        photos.finish(held, ColorRequest(Settings()), Output())


def test_a_client_does_not_choose_it() -> None:
    with pytest.raises(MalformedError, match="'device' is not a setting"):
        coloring_from({"device": "cpu"})
