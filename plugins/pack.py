# SPDX-License-Identifier: Apache-2.0
"""Packs the plug-ins, each with the client and the licence, as archives to install.

python plugins/pack.py [FOLDER]

Without a folder they go to dist/.
"""

import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

HERE = Path(__file__).resolve().parent
PLUGINS: Mapping[str, str] = MappingProxyType(
    {"gimp": "tintype-color", "krita": "tintype_color", "comfyui": "tintype_comfyui"}
)
"""The plug-ins, and the folder in each that a program loads."""

_TIME = (1980, 1, 1, 0, 0, 0)  # the same files give the same archive


def files_of(plugin: str) -> dict[str, Path]:
    """What an archive holds.

    Args:
        plugin: A key of `PLUGINS`.

    Returns:
        Names in the archive, and the files.
    """
    folder = PLUGINS[plugin]
    root = HERE / plugin
    found = {
        path.relative_to(root).as_posix(): path
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix in {".py", ".desktop"}
    }
    found[f"{folder}/README.md"] = root / "README.md"
    found[f"{folder}/LICENSE"] = HERE.parent / "LICENSE"
    found[f"{folder}/tintype_client.py"] = HERE / "common" / "tintype_client.py"
    return found


def pack(plugin: str, folder: Path) -> Path:
    """Writes the archive of a plug-in.

    Args:
        plugin: A key of `PLUGINS`.
        folder: Where to.

    Returns:
        The archive.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"tintype-{plugin}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files_of(plugin).items():
            entry = zipfile.ZipInfo(name, _TIME)
            # GIMP starts a plug-in as a program.
            executable = path.read_bytes().startswith(b"#!")
            entry.external_attr = (0o755 if executable else 0o644) << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return target


if __name__ == "__main__":
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "dist"
    for each in PLUGINS:
        print(pack(each, into))  # noqa: T201
