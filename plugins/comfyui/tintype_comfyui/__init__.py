# SPDX-License-Identifier: Apache-2.0
"""ComfyUI: a node that colours photographs on a Tintype server."""

from .node import TintypeColor

NODE_CLASS_MAPPINGS = {"TintypeColor": TintypeColor}
NODE_DISPLAY_NAME_MAPPINGS = {"TintypeColor": "Colour with Tintype"}

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
