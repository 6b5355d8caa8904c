"""How to colour and what to write: one table for every interface.

`Settings` and `Output` form the table. Each field has its type, its default, and a `Setting` with
everything else: the range, a sentence of help, what has to be recomputed when it changes, and which
interfaces offer it. `SETTINGS` and `OUTPUT` determine the options of the command, the parameters
and description of the HTTP API, the signature of the Python API, the settings file, the provenance
in outputs, the cache keys, and the reference pages.

A new decoding option needs a field here, a line in `tintype.api_options.ColorOptions`, and its
implementation in `tintype.engine.color_distribution` or `tintype.engine.predict`.

Imports are kept light, since the command's help is generated from this module.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from tintype.engine.devices import AUTOMATIC, DeviceName
from tintype.engine.setting_row import Interface, Setting, canonical_json, recorded, table_of
from tintype.errors import ModelError, UsageError, brief
from tintype.photo.formats import open_raster

if TYPE_CHECKING:
    from tintype.engine.given_colors import GivenColors
    from tintype.engine.hints import Hint
    from tintype.engine.layers import Layer, Mask, Scribbles
    from tintype.engine.reference import Reference

Quality = Literal["fast", "normal", "high"]
KeepLuminance = Literal["standard", "exact"]
"""How a JPEG made from a JPEG keeps its luminance: re-encoded, or coefficient by coefficient."""
Rotate = Literal["0", "90", "180", "270"]
"""Degrees by which an output is rotated clockwise."""


_OF_ONE_PHOTOGRAPH = ("hints", "scribbles", "mask", "colors")
"""Settings that refer to positions in one photograph, and so cannot apply to another."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to colour; see `Setting` for the metadata of each field.

    Attributes:
        vividness: None uses the recommendation in the model's card.
        quality: "high" averages the predictions at the smallest and the largest size; "normal" and
            "fast" predict once.
        warmth: Shift of uncertain colours, towards blue or towards orange.
        hints: Hints for one particular photograph; a later one covers an earlier one.
        scribbles: Strokes painted over that photograph; they cover the hints.
        reach: How far both spread: from 0, only what they cover, to 1, the whole object they lie
            on.
        mask: The parts of that photograph to colour.
        reference: A colour picture, which may apply to any photograph.
        colors: Another program's version of that photograph, whose colours it gets. No network is
            run, so settings that need a prediction are refused with it.
        palettes: Number of versions.
        palette: Number of this version, from 1; 0 is the single result.
        device: What the network runs on. Another device may produce different pixels, so it is
            recorded.
    """

    vividness: Annotated[
        float | None,
        Setting(
            help="How strong the colours are.",
            stage="decoding",
            low=0,
            high=2,
            unset="the model's",
            named={"sober": 0.6, "vivid": 1.3},
            recorded="always",
        ),
    ] = None
    quality: Annotated[
        Quality,
        Setting(
            help="Speed against accuracy of the prediction; outputs always have full resolution.",
            stage="network",
            defaults={"film": "normal"},
            recorded="always",
        ),
    ] = "high"
    warmth: Annotated[
        float,
        Setting(
            help="Shift the colours towards blue (below 0) or orange (above 0) where the model is "
            "uncertain.",
            stage="decoding",
            low=-1,
            high=1,
        ),
    ] = 0.0
    hints: Annotated[
        "tuple[Hint, ...]",
        Setting(
            kind="hints",
            help="Known colours at given points.",
            stage="network",
            heard_by="hints",
            spelling={
                "http": 'A list of {"x", "y", "color", "radius"}: pixels of the upright '
                "photograph, a colour as #c04030 or its name, and an optional radius.",
                "python": 'Each is (x, y, "#c04030") or (x, y, "#c04030", radius), in pixels of '
                'the upright photograph; the colour may also be a name such as "steelblue", or '
                "(192, 64, 48).",
            },
        ),
    ] = ()
    scribbles: Annotated[
        "Scribbles | None",
        Setting(
            kind="layer",
            help="Colours painted over the photograph: a picture of the same size, transparent "
            "elsewhere.",
            stage="network",
            heard_by="hints",
            interfaces=("command", "http", "python", "file"),
            spelling={"http": "The id of a layer, from POST /v1/layers?kind=scribbles."},
        ),
    ] = None
    reach: Annotated[
        float,
        Setting(
            help="How far hints and scribbles spread: 0 colours only what they cover, 1 the whole "
            "object they lie on.",
            stage="decoding",
            low=0,
            high=1,
        ),
    ] = 1.0
    mask: Annotated[
        "Mask | None",
        Setting(
            kind="layer",
            help="What to colour: a picture of the same size as the photograph; black stays grey.",
            stage="decoding",
            interfaces=("command", "http", "python", "file"),
            spelling={"http": "The id of a layer, from POST /v1/layers?kind=mask."},
        ),
    ] = None
    reference: Annotated[
        "Reference | None",
        Setting(
            kind="layer",
            help="A colour picture of any size; its colours are used for similar objects.",
            stage="network",
            needs=("logits", "features"),
            spelling={"http": "The id of a layer, from POST /v1/layers?kind=reference."},
        ),
    ] = None
    colors: Annotated[
        "GivenColors | None",
        Setting(
            kind="layer",
            help="The same photograph in colour, from any other program and in any size: the "
            "photograph gets its colours and keeps its own grey.",
            stage="network",
            interfaces=("command", "http", "python", "file"),
            spelling={"http": "The id of a layer, from POST /v1/layers?kind=colors."},
        ),
    ] = None
    palettes: Annotated[
        int,
        Setting(
            help="Number of plausible versions.",
            stage="decoding",
            low=1,
            high=16,
            interfaces=("command", "http", "file"),
            spelling={
                "command": "Each is written to its own file, name.color-1.jpg and so on: the "
                "default version first, then the others, most likely first.",
            },
            needs=("logits",),
            recorded="never",  # with `palette`, as a pair
        ),
    ] = 1
    palette: Annotated[
        int,
        Setting(
            help="Number of this version, counted from 1; 0 is the single result.",
            stage="decoding",
            interfaces=("http", "file"),
            recorded="never",
        ),
    ] = 0
    device: Annotated[
        DeviceName,
        Setting(
            help="What the network runs on. Devices other than the CPU need other packages; "
            "`tintype models --devices` lists them.",
            stage="network",
            same=(AUTOMATIC,),
            # A server uses one device for all its clients.
            interfaces=("command", "film", "python", "file"),
        ),
    ] = "auto"

    def __post_init__(self) -> None:
        for row in SETTINGS.values():
            value = row.current(getattr(self, row.name))
            row.check(value)
            object.__setattr__(self, row.name, value)
        if not 0 <= self.palette <= self.palettes:
            raise UsageError(f"Palette {brief(self.palette)} of {self.palettes} does not exist.")

        if self.colors is not None:
            self._refuse_with_colors()

    def _refuse_with_colors(self) -> None:
        """Refuses settings that need a network's prediction, since given colours replace it.

        Raises:
            UsageError: Such a setting is used.
        """
        for name in ("hints", "scribbles", "reference", "palettes"):
            if getattr(self, name) != SETTINGS[name].default:
                raise UsageError(
                    f"The settings colors and {name} cannot be used together: with colors "
                    "nothing is predicted.",
                    advice=f"Leave {name} out, or colour the result of the first again.",
                )

    @property
    def one_of_several(self) -> bool:
        """Whether this is one of several versions."""
        return self.palette > 0 and self.palettes > 1

    @property
    def hinted(self) -> bool:
        """Whether there are hints or scribbles."""
        return bool(self.hints) or self.scribbles is not None

    @property
    def of_one_photograph(self) -> bool:
        """Whether they refer to positions, and so to one photograph."""
        return any(getattr(self, name) for name in _OF_ONE_PHOTOGRAPH)

    @property
    def needs(self) -> frozenset[str]:
        """The capabilities that a model's card must list for them."""
        return frozenset(need for row in self._changed() for need in row.needs)

    def check_model(self, name: str, capabilities: Collection[str]) -> None:
        """Refuses a model that does not support these settings.

        Args:
            name: Name of the model.
            capabilities: Capabilities listed in its card.

        Raises:
            ModelError: The model lacks a capability.
        """
        for row in self._changed():
            missing = [need for need in row.needs if need not in capabilities]
            if missing:
                raise ModelError(
                    f"The setting {row.name} needs {' and '.join(missing)}, which the model {name} "
                    "does not provide.",
                    advice="Use tintype-own, or another model whose card lists "
                    f"{' and '.join(row.needs)}.",
                )

    def check_size(self, shape: tuple[int, int]) -> None:
        """Refuses a photograph whose size differs from that of the layers, and too many hints.

        Args:
            shape: (height, width).

        Raises:
            UsageError: A layer does not match this size, or the hints paint too many pixels.
        """
        if self.hints:
            from tintype.engine.hints import check_painted

            check_painted(self.hints, shape)
        for layer in (self.scribbles, self.mask, self.colors):
            if layer is not None:
                layer.check_size(shape)

    def for_network(self, capabilities: Collection[str]) -> "Settings":
        """The settings that a network's prediction depends on; all others are at their defaults.

        Args:
            capabilities: Capabilities listed in the model's card.
        """
        kept = {
            row.name: getattr(self, row.name)
            for row in SETTINGS.values()
            if row.stage == "network" and (not row.heard_by or row.heard_by in capabilities)
        }
        return Settings(**kept)

    def canonical(self) -> str:
        """Canonical JSON of the settings, as compared in provenance and by resumed runs."""
        data = recorded(self, SETTINGS)
        if self.palettes > 1:
            data["palette"] = [self.palette, self.palettes]
        return canonical_json(data)

    def layers(self) -> "dict[str, Layer]":
        """The pictures among the settings, by field name."""
        found = {name: getattr(self, name) for name in LAYERS}
        return {name: layer for name, layer in found.items() if layer is not None}

    def _changed(self) -> list[Setting]:
        """The rows whose value is not the default."""
        return [row for row in SETTINGS.values() if not row.is_default(getattr(self, row.name))]


@dataclass(frozen=True, slots=True)
class Output:
    """What to write: the other half of the table.

    Attributes:
        format: A key of `tintype.photo.formats.registry.FORMATS`; None uses the source's format.
        strip_metadata: Write only the metadata that the pixels need.
        keep_luminance: "exact" reads every output back and compares it.
        keep_location: Whether coordinates and place names stay in the metadata.
        layer: Whether the colours are written as a layer for an image editor: without a format, as
            an OpenRaster file with the photograph in grey below them; with one, as that layer
            alone.
        rotate: Clockwise rotation of the output. The pixels themselves are rotated, and the
            orientation tag is upright, as in every output. Positions in the settings refer to the
            photograph before rotation.
    """

    format: Annotated[
        str | None,
        Setting(
            kind="format",
            help="Format of the output.",
            stage="writing",
            interfaces=("command", "http", "file"),
            unset="that of the input",
            recorded="never",  # the output's own bytes show it
        ),
    ] = None
    strip_metadata: Annotated[
        bool,
        Setting(
            help="Remove location, date, camera and all other metadata, except the note that the "
            "colours are computed.",
            stage="writing",
            interfaces=("command", "http", "file"),
            spelling={"http": "1 or 0."},
        ),
    ] = False
    keep_luminance: Annotated[
        KeepLuminance,
        Setting(
            help="With exact, a JPEG made from a JPEG keeps the luminance coefficients of its "
            "input, which is verified; needs the extra tintype-colorizer[exact].",
            stage="writing",
            interfaces=("command", "python", "file"),
            former={"usual": "standard"},
        ),
    ] = "standard"
    keep_location: Annotated[
        bool,
        Setting(
            help="Keep the location in the metadata: coordinates, place names and the camera's "
            "maker note. Not together with strip_metadata.",
            stage="writing",
            interfaces=("http",),
            # A file sent over a network leaves the user's machine.
            defaults={"http": False},
            spelling={"http": "1 or 0."},
            recorded="never",
        ),
    ] = True

    layer: Annotated[
        bool,
        Setting(
            help="Write the colours as a layer for an image editor: an OpenRaster file (.ora) that "
            "has the photograph in grey below it, or with the format PNG or TIFF that layer alone.",
            stage="writing",
            interfaces=("command", "python", "http", "file"),
            spelling={"http": "1 or 0."},
        ),
    ] = False

    rotate: Annotated[
        Rotate,
        Setting(
            help="Degrees by which to rotate the output clockwise.",
            stage="writing",
            interfaces=("http",),
        ),
    ] = "0"

    def __post_init__(self) -> None:
        for row in OUTPUT.values():
            value = row.current(getattr(self, row.name))
            row.check(value)
            object.__setattr__(self, row.name, value)
        if self.rotate != "0" and self.keep_luminance == "exact":
            raise UsageError("An output with exact luminance cannot be rotated.")
        if self.layer and self.format not in (None, *open_raster.ALONE):
            raise UsageError(
                f"A layer cannot be written as {self.format}.",
                advice="Use PNG or TIFF, or leave the format out for an OpenRaster file (.ora).",
            )

    def recorded_with(self, settings: str) -> str:
        """`Settings.canonical` combined with the output options that are also recorded."""
        data = recorded(self, OUTPUT)
        return canonical_json(json.loads(settings) | data) if data else settings


def were_of_one_photograph(recorded_settings: str, *, numbered: bool = False) -> bool:
    """Whether recorded settings were chosen for one photograph, so no run of a folder has them.

    They refer to positions, as for `Settings.of_one_photograph`, or rotate the output, or select a
    version for a file that is not one of several.

    Args:
        recorded_settings: Canonical JSON, from the provenance of an output.
        numbered: Whether the output is one of several versions, as a run of a folder writes them.
    """
    try:
        data = json.loads(recorded_settings)
    except ValueError:
        return False
    chosen = (*_OF_ONE_PHOTOGRAPH, "rotate", *(() if numbered else ("palette",)))
    return isinstance(data, dict) and not data.keys().isdisjoint(chosen)


def default_settings(interface: Interface) -> Settings:
    """The default settings of an interface."""
    return Settings(**{row.name: row.default_of(interface) for row in SETTINGS.values()})


def default_output(interface: Interface) -> Output:
    """The default output options of an interface."""
    return Output(**{row.name: row.default_of(interface) for row in OUTPUT.values()})


def rows_of(interface: Interface) -> dict[str, Setting]:
    """The settings and output options of an interface, in the order of the table."""
    return {
        row.name: row
        for row in (*SETTINGS.values(), *OUTPUT.values())
        if interface in row.interfaces
    }


SETTINGS: Mapping[str, Setting] = table_of(Settings)
"""How to colour: one row for each field of `Settings`."""

OUTPUT: Mapping[str, Setting] = table_of(Output)
"""What to write: one row for each field of `Output`."""

LAYERS = tuple(name for name, row in SETTINGS.items() if row.kind == "layer")
"""The fields that are pictures; `Settings.canonical` identifies them by the hash of their file."""
