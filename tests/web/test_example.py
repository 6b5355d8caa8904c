"""The example client of the documentation, against a server."""

import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from PIL import Image

FILE = Path(__file__).parents[2] / "examples" / "http_client.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("http_client", FILE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


def test_the_example_colours_a_photograph(
    client: httpx.Client, picture: Callable[..., bytes]
) -> None:
    example = loaded()
    server = str(client.base_url)
    colored = example.color(picture("PNG"), server=server, query="vividness=1.5")
    assert Image.open(io.BytesIO(colored)).mode == "RGB"
    with pytest.raises(RuntimeError, match="not a picture that Tintype can read"):
        example.color(b"nothing", server=server)


def test_it_replaces_no_file_and_sends_only_given_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example, sent = loaded(), []
    source, target = tmp_path / "photo.jpg", tmp_path / "photo.color.jpg"
    source.write_bytes(b"photo")

    def color(photo: bytes, *, query: str) -> bytes:
        sent.append((photo, query))
        return b"colored"

    monkeypatch.setattr(example, "color", color)
    example.main([str(source), str(target)])
    example.main([str(source), str(tmp_path / "vivid.jpg"), "vividness=1.3"])
    assert sent == [(b"photo", ""), (b"photo", "vividness=1.3")]
    assert target.read_bytes() == b"colored"
    target.write_bytes(b"mine")
    with pytest.raises(SystemExit, match="exists and is not replaced"):
        example.main([str(source), str(target)])
    assert len(sent) == 2  # refused before the work
    appeared = tmp_path / "appeared.jpg"
    monkeypatch.setattr(example, "color", lambda *_, **__: appeared.write_bytes(b"mine") or b"x")
    with pytest.raises(SystemExit, match="exists and is not replaced"):
        example.main([str(source), str(appeared)])
    assert (target.read_bytes(), appeared.read_bytes()) == (b"mine", b"mine")
    with pytest.raises(SystemExit, match="Usage"):
        example.main([])
    with pytest.raises(SystemExit, match="nowhere"):
        example.main([str(tmp_path / "nowhere.jpg"), str(tmp_path / "new.jpg")])
