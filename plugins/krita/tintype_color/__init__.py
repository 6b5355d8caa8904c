# SPDX-License-Identifier: Apache-2.0
"""Krita: the colours of a photograph on a layer of their own, in the blending mode "Color"."""

from krita import Krita

from .extension import TintypeExtension

Krita.instance().addExtension(TintypeExtension(Krita.instance()))
