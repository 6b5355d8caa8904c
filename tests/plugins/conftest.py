"""The plug-ins as they are packed, and a server for them."""

import importlib
import importlib.util
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions

ROOT = Path(__file__).parents[2]


def loaded(path: Path, name: str) -> ModuleType:
    """A module of a file, under a name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def png_header(width: int, height: int, *, depth: int = 8, kind: int = 2) -> bytes:
    """The beginning of a PNG, whose pixels are missing."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + check


def answering_with_another_size(client: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the server of a client answer with the header of a huge picture."""
    post = client.Client._post

    def answered(*given: Any, **query: object) -> Any:
        found = post(*given, **query)
        large = png_header(20_000, 20_000)
        return found._replace(body=large) if given[1].endswith("/file") else found

    monkeypatch.setattr(client.Client, "_post", answered)


@pytest.fixture(scope="session")
def pack() -> ModuleType:
    return loaded(ROOT / "plugins" / "pack.py", "pack_plugins")


@pytest.fixture(scope="session")
def installed(pack: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all plug-ins, unpacked from their archives."""
    archives, folder = tmp_path_factory.mktemp("packed"), tmp_path_factory.mktemp("installed")
    for plugin in pack.PLUGINS:
        with zipfile.ZipFile(pack.pack(plugin, archives)) as archive:
            archive.extractall(folder)
    return folder


@pytest.fixture
def import_plugin(installed: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Imports from the folder of a program; what was imported is forgotten afterwards."""
    before = set(sys.modules)
    path = list(sys.path)

    def plugin(name: str, *, below: str = "") -> ModuleType:
        sys.path.insert(0, str(installed / below))
        return importlib.import_module(name)

    yield plugin
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.split(".")[0] in {"tintype_client", "tintype_color", "tintype_comfyui"}:
            del sys.modules[name]


@pytest.fixture(scope="session")
def server(tiny_model: Path) -> Iterator[str]:
    """The address of a server with the tiny model."""
    with serving(ServerOptions(port=0, model=str(tiny_model))) as found:
        yield found.url
