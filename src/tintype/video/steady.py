"""Colours that hold still: they follow the motion, and are let go where the picture is new.

A network that is asked about each frame by itself changes its mind a little from frame to frame,
and that is the flicker of every colorizer of photographs. Here the colours of the last frame are
carried along the optical flow, and a share of the new answer is mixed in, so that an error of one
frame is averaged away while a real change arrives within some frames. Where the carried picture
does not look like the present one (something came out from behind something, a cut) nothing is
carried. The flow is DIS: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016.

What is mixed is the decoded ab. Mixing distributions, as logits or as probabilities, was measured
too: no steadier, less colourful (docs/adr/0023), and ten times the time.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tintype.engine.geometry import Fit

_ALIKE = 8.0  # steps of Y': how different a carried place may look
_GRAIN = 6.0  # steps of Y' in the middle of the picture, at most, that pass for grain
_GAIN = 1.5  # how much of the vividness is given back, that mixing has taken, at most
_BLUR = 2.0  # pixels of the network's input over which that is judged, so that grain is not seen
_CUT = 0.3  # mean trust below which there is a cut
_STALE = 0.6  # mean trust, since the network was last asked, below which it is asked again


@dataclass(frozen=True, slots=True)
class Motion:
    """How a frame lies over the one before it.

    Attributes:
        x: (h, w) column of the last frame's chroma for each place of this one's.
        y: (h, w) row.
        trust: (h, w) in 0..1, how much the carried place looks like this one.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    trust: NDArray[np.float32]

    @property
    def cut(self) -> bool:
        """Whether the two frames show different things."""
        return float(self.trust.mean()) < _CUT


class Follower:
    """Finds the motion between frames; keeps nothing of them."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def between(self, before: NDArray[np.uint8], now: NDArray[np.uint8], fit: Fit) -> Motion:
        """The motion from one frame to the next.

        Args:
            before: ``fit.padded`` Y' of the last frame.
            now: ``fit.padded`` Y' of this one.
            fit: How both lie in the network's input.
        """
        flow = self._flow.calc(now, before, None)
        height, width = now.shape
        x = flow[..., 0] + np.arange(width, dtype=np.float32)
        y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
        carried = cv2.remap(
            before.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        unlike = carried - now
        # The exposure of old film flickers as a whole, which is no motion.
        unlike -= np.median(unlike[: fit.content[0], : fit.content[1]])
        unlike = cv2.GaussianBlur(np.abs(unlike), (0, 0), _BLUR)
        unlike = np.maximum(unlike - min(float(np.median(unlike)), _GRAIN), 0)
        small = width // fit.stride, height // fit.stride
        unlike = cv2.resize(unlike, small, interpolation=cv2.INTER_AREA)
        flow = cv2.resize(flow, small, interpolation=cv2.INTER_AREA) / np.float32(fit.stride)
        x = flow[..., 0] + np.arange(small[0], dtype=np.float32)
        y = flow[..., 1] + np.arange(small[1], dtype=np.float32)[:, None]
        inside = (x > -0.5) & (y > -0.5) & (x < small[0] - 0.5) & (y < small[1] - 0.5)
        trust = np.exp(-((unlike / np.float32(_ALIKE)) ** 2)) * inside
        return Motion(x, y, trust.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Held:
    """What is carried from frame to frame.

    Attributes:
        ab: (2, h, w) CIELAB units.
        chroma: (h, w) CIELAB units, how far from neutral the mixed colours were. The mean of an
            orange and a red is nearer to neutral than either; this remembers how vivid they were.
        trust: (h, w) in 0..1, how much of it was seen by the network and is still the same thing.
    """

    ab: NDArray[np.float32]
    chroma: NDArray[np.float32]
    trust: NDArray[np.float32]

    @property
    def stale(self) -> bool:
        """Whether too much of the picture is new since the network was asked."""
        return float(self.trust.mean()) < _STALE

    def colors(self) -> NDArray[np.float32]:
        """(2, h, w) ab as it is painted."""
        mixed = np.hypot(*self.ab)
        gain = self.chroma / np.maximum(mixed, np.float32(1e-3))
        return np.asarray(self.ab * np.clip(gain, 1, np.float32(_GAIN)))

    def carried(self, motion: Motion) -> "Held":
        """The same one frame later."""

        def along(planes: NDArray[np.float32], how: int) -> NDArray[np.float32]:
            return np.asarray(
                cv2.remap(planes, motion.x, motion.y, how, borderMode=cv2.BORDER_REPLICATE)
            )

        colors = np.stack([*self.ab, self.chroma], -1)
        a, b, chroma = along(colors, cv2.INTER_CUBIC).transpose(2, 0, 1)
        trust = along(self.trust, cv2.INTER_LINEAR) * motion.trust
        return Held(np.stack([a, b]), np.ascontiguousarray(chroma), trust)

    def mixed(self, prediction: NDArray[np.float32], share: float) -> "Held":
        """With what the network says of this frame.

        Args:
            prediction: (2, h, w) CIELAB units.
            share: In 0..1, how much is kept where the trust is full.
        """
        kept = self.trust * np.float32(share)
        now = seen(prediction)
        return Held(
            now.ab + (self.ab - now.ab) * kept,
            now.chroma + (self.chroma - now.chroma) * kept,
            now.trust,
        )


def seen(ab: NDArray[np.float32]) -> Held:
    """Colours that the network has just given."""
    ab = np.asarray(ab, np.float32)
    return Held(ab, np.asarray(np.hypot(*ab)), np.ones(ab.shape[1:], np.float32))
