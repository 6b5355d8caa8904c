"""A file that says how something was coloured, so that it can be done again to the byte.

It is written by ``--save-settings`` and read by ``--settings``. Words of the command that are given
too count for more.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast, get_args

from tintype._version import __version__
from tintype.engine.bundle import Bundle
from tintype.engine.layers import Layer, read_bytes, read_mask, read_scribbles
from tintype.engine.reference import read_reference
from tintype.engine.settings import LAYERS, Settings, settings_of
from tintype.errors import ModelError, UsageError, shown
from tintype.files.atomic import write_atomically
from tintype.photo.decode import MAX_PIXELS
from tintype.photo.formats.registry import writable_formats
from tintype.pipeline import KeepLuminance

_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a run was told that changes its outputs.

    Attributes:
        model: Name of the model.
        model_sha256: Of its file.
        settings: How it coloured.
        format: A key of `tintype.photo.formats.registry.FORMATS`; None kept each picture's own.
        strip_metadata: Whether metadata were left out.
        keep_luminance: How JPEGs kept their luminance.
    """

    model: str
    model_sha256: str
    settings: Settings
    format: str | None
    strip_metadata: bool
    keep_luminance: KeepLuminance = "usual"

    def check(self, bundle: Bundle) -> None:
        """Refuses a model that would colour differently.

        Raises:
            ModelError: It is not the one that the file names.
        """
        if bundle.sha256 != self.model_sha256:
            raise ModelError(
                f"The settings were saved with another model, {shown(self.model)} "
                f"({self.model_sha256[:12]}); this one is {shown(bundle.name)} "
                f"({bundle.sha256[:12]}).",
                advice="Give that model with --model, or leave --settings out.",
            )


def write_sidecar(path: Path, sidecar: Sidecar, *, overwrite: bool) -> None:
    """Writes the file, whole or not at all.

    Raises:
        TargetExistsError: It exists and is not to be replaced.
        WriteError: It cannot be written.
    """
    said = {
        "tintype": __version__,
        "model": sidecar.model,
        "model_sha256": sidecar.model_sha256,
        "settings": json.loads(sidecar.settings.canonical()),
        "format": sidecar.format,
        "strip_metadata": sidecar.strip_metadata,
    }
    if sidecar.keep_luminance != "usual":
        said["keep_luminance"] = sidecar.keep_luminance
    layers = sidecar.settings.layers()
    if layers:  # by their place seen from this file, so that a folder can move as a whole
        home = path.parent.resolve()
        said["files"] = {
            key: Path(os.path.relpath(Path(layer.path).resolve(), home)).as_posix()
            for key, layer in layers.items()
        }
    write_atomically(path, (json.dumps(said, indent=1) + "\n").encode(), overwrite=overwrite)


_READERS: Mapping[str, Callable[..., Layer]] = MappingProxyType(
    {"scribbles": read_scribbles, "mask": read_mask, "reference": read_reference}
)


def _with_layers(said: dict[str, Any], settings: Settings, home: Path, max_pixels: int) -> Settings:
    """The pictures among the settings, read again and compared with what they were."""
    found: dict[str, Any] = {}
    for key in LAYERS:
        wanted = said["settings"].get(key)
        if wanted is None:
            continue
        file = home / str(said["files"][key])
        layer = _READERS[key](file, max_pixels=max_pixels)
        if layer.sha256 != wanted:
            raise UsageError(
                f"{shown(file)} has changed since the settings were saved.",
                advice=f"Give the one you want with --{key}, and save the settings anew.",
            )
        found[key] = layer
    return replace(settings, **found)


def _keep_luminance(said: object) -> KeepLuminance:
    for known in get_args(KeepLuminance):
        if said == known:
            return cast(KeepLuminance, known)
    raise ValueError(f"keep_luminance {said}")


def read_sidecar(path: Path, *, max_pixels: int = MAX_PIXELS) -> Sidecar:
    """Reads it.

    Args:
        path: The file.
        max_pixels: A picture that it names is refused if it has more.

    Raises:
        UsageError: It cannot be read, or is something else.
    """
    try:
        said = json.loads(read_bytes(path, most=_MOST_BYTES))
        form = said["format"]
        if form is not None and form not in writable_formats():
            raise ValueError(f"format {form}")
        return Sidecar(
            model=str(said["model"]),
            model_sha256=str(said["model_sha256"]),
            settings=_with_layers(said, settings_of(said["settings"]), path.parent, max_pixels),
            format=form,
            strip_metadata=bool(said["strip_metadata"]),
            keep_luminance=_keep_luminance(said.get("keep_luminance", "usual")),
        )
    except UsageError as error:
        message = (
            error.message if shown(path) in error.message else f"{shown(path)}: {error.message}"
        )
        raise UsageError(message, advice=error.advice) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(
            f"{shown(path)} holds no settings ({type(error).__name__}: {shown(str(error))}).",
            advice="Give a file that --save-settings has written.",
        ) from error
