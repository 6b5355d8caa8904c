"""The example client of the documentation, against a server."""

import importlib.util
import io
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image

FILE = Path(__file__).parents[2] / "examples" / "http_client.py"


def test_the_example_colours_a_photograph(
    client: httpx.Client, picture: Callable[..., bytes]
) -> None:
    spec = importlib.util.spec_from_file_location("http_client", FILE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    server = str(client.base_url)
    colored = example.color(picture("PNG"), server=server, query="vividness=1.5")
    assert Image.open(io.BytesIO(colored)).mode == "RGB"
    with pytest.raises(RuntimeError, match="not a picture that Tintype can read"):
        example.color(b"nothing", server=server)
