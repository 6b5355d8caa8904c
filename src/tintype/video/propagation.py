"""Temporal consistency: chroma is propagated along the optical flow and blended with predictions.

A network that colours each frame by itself predicts slightly different colours from frame to frame,
which is seen as flicker. Here the chroma of the previous frame is warped along the optical flow and
blended with a share of the new prediction, so the errors of single frames average out while a real
change arrives within a few frames. Where the warped picture does not match the current one
(something was uncovered, a cut), nothing is propagated.

The decoded ab is blended. Blending distributions, as logits or as probabilities, was measured too:
it is no steadier, less colourful (docs/adr/0023), and takes ten times as long.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tintype.video.optical_flow import FlowField

_MAX_GAIN = 1.5  # largest factor for restoring the chroma lost in blending
_STALE_BELOW = 0.6  # mean confidence since the last prediction


@dataclass(frozen=True, slots=True)
class PropagatedChroma:
    """Chroma that is propagated from frame to frame.

    Attributes:
        ab: (2, h, w) CIELAB units.
        magnitude: (h, w) CIELAB units, the chroma of the colours before they were blended. The mean
            of an orange and a red is closer to neutral than either; this records their chroma.
        confidence: (h, w) in 0..1, the degree to which it comes from a prediction of the same
            object.
    """

    ab: NDArray[np.float32]
    magnitude: NDArray[np.float32]
    confidence: NDArray[np.float32]

    @classmethod
    def predicted(cls, ab: NDArray[np.float32]) -> "PropagatedChroma":
        """Chroma that the network has just predicted.

        Args:
            ab: (2, h, w) CIELAB units.
        """
        ab = np.asarray(ab, np.float32)
        return cls(ab, np.asarray(np.hypot(*ab)), np.ones(ab.shape[1:], np.float32))

    @property
    def is_stale(self) -> bool:
        """Whether too much of the picture is new since the last prediction."""
        return float(self.confidence.mean()) < _STALE_BELOW

    def restored(self) -> NDArray[np.float32]:
        """(2, h, w) ab, with the chroma that blending lost restored."""
        blended = np.hypot(*self.ab)
        gain = self.magnitude / np.maximum(blended, np.float32(1e-3))
        return np.asarray(self.ab * np.clip(gain, 1, np.float32(_MAX_GAIN)))

    def warped(self, flow: FlowField) -> "PropagatedChroma":
        """The same chroma one frame later."""

        def remap(planes: NDArray[np.float32], interpolation: int) -> NDArray[np.float32]:
            return np.asarray(
                cv2.remap(planes, flow.x, flow.y, interpolation, borderMode=cv2.BORDER_REPLICATE)
            )

        colors = np.stack([*self.ab, self.magnitude], -1)
        a, b, magnitude = remap(colors, cv2.INTER_CUBIC).transpose(2, 0, 1)
        confidence = remap(self.confidence, cv2.INTER_LINEAR) * flow.confidence
        return PropagatedChroma(np.stack([a, b]), np.ascontiguousarray(magnitude), confidence)

    def blended(self, prediction: NDArray[np.float32], share: float) -> "PropagatedChroma":
        """Blends in the prediction for this frame.

        Args:
            prediction: (2, h, w) CIELAB units.
            share: In 0..1, how much of the propagated chroma is kept at full confidence.
        """
        kept = self.confidence * np.float32(share)
        new = PropagatedChroma.predicted(prediction)
        return PropagatedChroma(
            new.ab + (self.ab - new.ab) * kept,
            new.magnitude + (self.magnitude - new.magnitude) * kept,
            new.confidence,
        )
