"""Defaults of films that the help of the command shows, where nothing heavy may be imported."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Codec = Literal["h264", "h265", "ffv1"]

STEADY = 0.8
"""How much of the carried colours is kept at each frame."""

EVERY = 2
"""Of so many frames the network is asked about one."""

CRF: Mapping[Codec, float] = MappingProxyType({"h264": 17.0, "h265": 19.0})
"""Constant rate factors at which hardly anybody can tell the result from the original."""
