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
