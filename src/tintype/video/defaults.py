"""Defaults for films. The help of the command shows them, so nothing heavy is imported here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Codec = Literal["h264", "h265", "ffv1"]

STEADY = 0.8
"""Share of the propagated chroma that is kept at each frame."""

EVERY = 2
"""The network predicts one frame in this many."""

CRF: Mapping[Codec, float] = MappingProxyType({"h264": 17.0, "h265": 19.0})
"""Constant rate factors at which hardly anybody sees a difference from the original."""

MAX_FRAME_PIXELS = 36_000_000
"""Films with larger frames are refused; 8K (7680 x 4320, 8192 x 4320) is within it."""

LARGE_FRAME_PIXELS = 16_000_000
"""Frames with more pixels are decoded, coloured and encoded with fewer of them at a time."""
