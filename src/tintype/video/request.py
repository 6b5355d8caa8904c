"""Requests: how a film is coloured and encoded, and which part of it."""

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tintype.engine.settings import Settings, default_settings
from tintype.video.defaults import EVERY, STEADY, Codec
from tintype.video.encoding import Encoding
from tintype.video.shots import Shot

DEFAULTS = default_settings("film")
"""Default settings: a film has too many frames to predict each at several sizes."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a film.

    Attributes:
        start: Seconds since the first frame.
        seconds: Its duration.
    """

    start: Fraction
    seconds: Fraction


@dataclass(frozen=True, slots=True)
class FilmRequest:
    """How a film is to be coloured.

    Attributes:
        settings: As for a photograph; hints belong to `shots`.
        shots: Hints and references for single shots.
        steady: As for `tintype.video.render.Renderer`.
        every: As for `tintype.video.render.Renderer`.
        codec: As for `tintype.video.encoding.choose_encoding`, and so are `crf` and `lossless`.
        crf: Constant rate factor.
        lossless: Whether to compress without loss.
        convert_sound: Whether sound that the container does not support is compressed again.
        window: The part to colour; None is the whole film.
    """

    settings: Settings = DEFAULTS
    shots: tuple[Shot, ...] = ()
    steady: float | None = None
    every: int | None = None
    codec: Codec | None = None
    crf: float | None = None
    lossless: bool = False
    convert_sound: bool = False
    window: Window | None = None

    def canonical(self, encoding: Encoding) -> str:
        """Canonical JSON, the same for equivalent requests; stored in provenance.

        Args:
            encoding: As chosen for this request.
        """
        data: dict[str, Any] = json.loads(self.settings.canonical())
        data |= encoding.canonical()
        data["steady"] = STEADY if self.steady is None else float(self.steady)
        data["every"] = EVERY if self.every is None else self.every
        if self.shots:
            data["shots"] = [shot.canonical() for shot in self.shots]
        if self.convert_sound:
            data["convert_sound"] = True
        if self.window is not None:
            data["window"] = [str(self.window.start), str(self.window.seconds)]
        return json.dumps(data, sort_keys=True, separators=(",", ":"))
