"""What is in the archives, and what the plug-ins may use."""

import ast
import json
import re
import zipfile
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest

from plugins.conftest import ROOT

FOLDERS = {
    "gimp": {"tintype-color/tintype-color.py"},
    "krita": {
        "tintype_color.desktop",
        "tintype_color/__init__.py",
        "tintype_color/extension.py",
    },
    "comfyui": {"tintype_comfyui/__init__.py", "tintype_comfyui/node.py"},
}


@pytest.mark.parametrize("plugin", FOLDERS)
def test_an_archive_is_whole_and_the_same_each_time(
    pack: ModuleType, plugin: str, tmp_path: Path
) -> None:
    archive = pack.pack(plugin, tmp_path)
    folder = pack.PLUGINS[plugin]
    common = {f"{folder}/{name}" for name in ("README.md", "LICENSE", "tintype_client.py")}
    with zipfile.ZipFile(archive) as found:
        assert set(found.namelist()) == FOLDERS[plugin] | common
        assert b"Apache-2.0" in found.read(f"{folder}/README.md")
        for entry in found.infolist():
            executable = bool(entry.external_attr >> 16 & 0o111)
            assert executable == (entry.filename == "tintype-color/tintype-color.py")
    first = archive.read_bytes()
    assert pack.pack(plugin, tmp_path).read_bytes() == first


def test_an_old_python_can_read_the_plugins(installed: Path) -> None:
    sources = list(installed.rglob("*.py"))
    assert len(sources) == 8
    for path in sources:
        text = path.read_text(encoding="utf-8")
        ast.parse(text, feature_version=(3, 8))
        assert "SPDX-License-Identifier: Apache-2.0" in text


def test_the_client_asks_only_for_what_is_documented() -> None:
    text = (ROOT / "plugins" / "common" / "tintype_client.py").read_text(encoding="utf-8")
    said = json.loads((files("tintype.web") / "page" / "openapi.json").read_text("utf-8"))["paths"]
    used = {re.sub(r"\{\w+\}", "{id}", path) for path in re.findall(r'"(v1/[^"?]*)"', text)}
    assert len(used) == 4
    for path in used:
        assert f"/{path}" in said, path
