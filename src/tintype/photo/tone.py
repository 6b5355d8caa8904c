"""Classifies pictures as grey, toned (sepia, selenium, yellowed paper) or colour photographs.

The tone is measured once for each photo, on a small copy: colouring a colour photograph discards
its colours, so users are warned first. A toned print is not a colour photograph, however strong its
tone; nor is a grey or toned one with a stamp, ink, a colour target or a coloured mount.

The decision is a logistic regression on `tintype.photo.tone_features`, fitted and measured by
benchmarks/tone.py; benchmarks/tone.md reports how often it is wrong, and on which pictures.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from tintype.photo.photo import Tone
from tintype.photo.tone_features import Chroma, inside_of_frames, small_copy
from tintype.photo.tone_fit import F32, luma_and_chroma
from tintype.photo.tone_weights import BIAS, TERMS, THRESHOLD

# Chroma in 8-bit Cb/Cr steps. Compression alone leaves up to about 3 after shrinking.
_MAX_GREY_CHROMA = 4.0
# The same for the fitted tone, in the units of `Chroma`; a stamp does not change it.
_MAX_GREY_TONE = 5.0
# Distance to the tone from which pixels have a colour of their own, and the share of such pixels
# from which this is reported.
_PART_DISTANCE = 30.0
_PART_SHARE = 0.004


@dataclass(frozen=True, slots=True)
class FoundTone:
    """The kind of a picture.

    Attributes:
        tone: Grey, toned or in colour.
        parts: Whether parts of a grey or toned picture have a colour of their own: a stamp, ink, a
            colour target, a mount, strong stains.
    """

    tone: Tone
    parts: bool = False


def find_tone(picture: Image.Image) -> FoundTone:
    """Classifies a picture by its chroma.

    Args:
        picture: Mode "RGB" or "L", any size.
    """
    if picture.mode == "L":
        return FoundTone("grey")
    rgb = small_copy(picture)
    inside = inside_of_frames(rgb)
    chroma = Chroma.of(inside)
    weak = _percentile_98(inside) <= _MAX_GREY_CHROMA
    if not weak and score(chroma.features()) > 0:
        return FoundTone("color")
    parts = chroma.distance(*luma_and_chroma(rgb)) > _PART_DISTANCE
    grey = weak or chroma.strength() <= _MAX_GREY_TONE
    return FoundTone("grey" if grey else "toned", float(parts.mean()) >= _PART_SHARE)


def score(features: F32) -> float:
    """Evidence of the features for a colour photograph: the log-odds above the threshold."""
    means, scales, weights = np.array(TERMS).T
    return float((features - means) / scales @ weights) + BIAS - THRESHOLD


def _percentile_98(rgb: F32) -> float:
    """98th percentile, not the maximum: a date in the corner is not the photograph."""
    picture = Image.fromarray(rgb.astype(np.uint8)).convert("YCbCr")
    chroma = np.asarray(picture, np.float32)[..., 1:] - 128
    return float(np.percentile(np.hypot(chroma[..., 0], chroma[..., 1]), 98))
