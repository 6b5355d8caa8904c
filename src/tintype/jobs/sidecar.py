"""The settings file: records how a picture was coloured, to reproduce it byte for byte.

It is written by ``--save-settings`` and read by ``--settings``. Options of the command override it.
"""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from tintype._version import __version__
from tintype.engine.bundle import Bundle
from tintype.engine.layers import read_bytes
from tintype.engine.settings import LAYERS, OUTPUT, Output, Settings
from tintype.engine.settings_parsing import (
    convert,
    plain,
    read_layer,
    saved_settings,
    value_type,
    with_name,
)
from tintype.errors import ModelError, UsageError, brief, shown
from tintype.files.atomic import write_atomically
from tintype.files.json_text import parse_json
from tintype.photo.limits import MAX_PIXELS

_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Sidecar:
    """All options of a run that change its outputs.

    Attributes:
        model: Name of the model.
        model_sha256: Hash of its file.
        settings: Colouring settings.
        output: Output options.
    """

    model: str
    model_sha256: str
    settings: Settings
    output: Output

    def check(self, bundle: Bundle, path: Path) -> None:
        """Refuses a different model.

        Args:
            bundle: The model that is used.
            path: The settings file, for the message.

        Raises:
            ModelError: It is not the model named in the file.
        """
        if bundle.sha256 != self.model_sha256:
            raise ModelError(
                f"{shown(path)} was saved with another model, {brief(self.model)} "
                f"({shown(self.model_sha256[:12])}); this one is {shown(bundle.name)} "
                f"({bundle.sha256[:12]}).",
                advice="Give that model with --model, or leave out --settings.",
            )


class _Head(msgspec.Struct):
    """The contents of a settings file, except output options."""

    model: str
    model_sha256: str
    settings: dict[str, Any]
    files: dict[str, str] = {}  # msgspec copies it


_ROWS = [row for row in OUTPUT.values() if "file" in row.interfaces]
_FIRST = ("format", "strip_metadata")
"""Output options that every file contains; options added later are written only if used."""

_OutputFields = msgspec.defstruct(
    "OutputFields",
    [
        (
            row.name,
            value_type(row, "file"),
            msgspec.NODEFAULT if row.name in _FIRST else row.default,
        )
        for row in _ROWS
    ],
    kw_only=True,
)


def write_sidecar(path: Path, sidecar: Sidecar, *, overwrite: bool) -> None:
    """Writes the file atomically.

    Raises:
        TargetExistsError: It exists and is not to be replaced.
        WriteError: It cannot be written.
    """
    data = {
        "tintype": __version__,
        "model": sidecar.model,
        "model_sha256": sidecar.model_sha256,
        "settings": json.loads(sidecar.settings.canonical()),
    }
    for row in _ROWS:
        value = getattr(sidecar.output, row.name)
        if row.name in _FIRST or value != row.default:
            data[row.name] = value
    layers = sidecar.settings.layers()
    if layers:  # relative to this file, so that the folder can be moved as a whole
        home = path.parent.resolve()
        data["files"] = {
            name: Path(os.path.relpath(Path(layer.path).resolve(), home)).as_posix()
            for name, layer in layers.items()
        }
    write_atomically(path, (json.dumps(data, indent=1) + "\n").encode(), overwrite=overwrite)


def is_sidecar(data: bytes) -> bool:
    """Whether a file identifies itself as written by `write_sidecar`."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"tintype", "model", "model_sha256", "settings"} <= set(
        found
    )


def read_sidecar(path: Path, *, max_pixels: int = MAX_PIXELS) -> Sidecar:
    """Reads a settings file.

    Args:
        path: The file.
        max_pixels: Maximum size of the pictures that it names.

    Raises:
        UsageError: It cannot be read, or is not a settings file.
    """
    try:
        data = parse_json(read_bytes(path, most=_MOST_BYTES))
        head = convert(data, _Head)
        settings = _with_layers(head, saved_settings(head.settings), path.parent, max_pixels)
        output = msgspec.structs.asdict(convert(data, _OutputFields, strict=True))
        return Sidecar(
            model=head.model,
            model_sha256=head.model_sha256,
            settings=settings,
            output=Output(**{name: plain(value) for name, value in output.items()}),
        )
    except UsageError as error:
        raise with_name(error, path) from error
    except ValueError as error:
        raise UsageError(
            f"{shown(path)} is not a valid settings file ({brief(error, most=200)}).",
            advice="Give a file written by --save-settings.",
        ) from error


def _with_layers(head: _Head, settings: Settings, home: Path, max_pixels: int) -> Settings:
    """Reads the pictures that the settings name and verifies that they have not changed."""
    found: dict[str, Any] = {}
    for name in LAYERS:
        wanted = head.settings.get(name)
        if wanted is None:
            continue
        if name not in head.files:
            raise ValueError(f"the file of the {name} is missing")
        file = home / head.files[name]
        layer = read_layer(name, file, max_pixels=max_pixels, regular=True)
        if layer.sha256 != wanted:
            raise UsageError(
                f"{shown(file)} has changed since the settings were saved.",
                advice=f"Give the one you want with --{name}, and save the settings again.",
            )
        found[name] = layer
    return replace(settings, **found)
