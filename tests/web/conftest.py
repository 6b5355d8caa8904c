"""Servers on ports of their own, with a tiny model; and photographs to send them."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import skimage.data
from PIL import Image

from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions

TINY = str(Path(__file__).parents[1] / "engine" / "tiny.onnx")
FEATURES = str(Path(__file__).parents[1] / "engine" / "tiny-features.onnx")


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """The bytes of a grey photograph."""

    def make(form: str = "JPEG", size: tuple[int, int] = (160, 120), **more: object) -> bytes:
        image = Image.fromarray(skimage.data.camera()).resize(size)
        file = io.BytesIO()
        image.save(file, form, **more)
        return file.getvalue()

    return make


@pytest.fixture(scope="session")
def colorful() -> np.ndarray:
    """(128, 128, 3) uint8: a photograph in colour."""
    return np.asarray(Image.fromarray(skimage.data.astronaut()).resize((128, 128)))


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A program that talks to a server with the usual options."""
    with (
        serving(ServerOptions(port=0, model=TINY)) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        yield client
