"""Shots: where cuts are, and the hints that apply from one frame to the next cut."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tintype.engine.geometry import Fit
from tintype.engine.hints import Hint
from tintype.engine.reference import Reference
from tintype.video.optical_flow import FlowField

_CUT_BELOW = 0.3  # mean confidence of the flow
_TRACKING_LOST = 20.0  # mean difference of Y' around a tracked point, beyond which it is dropped
_TRACKING_WINDOW = (15, 15)  # pixels of the network's input around a tracked point


@dataclass(frozen=True, slots=True)
class Shot:
    """Hints for one shot.

    Attributes:
        start: Seconds. The hints apply from the first frame that is not earlier to the next cut.
        hints: Colours at positions in that first frame; they are tracked through the shot.
        reference: A picture from which to take colours.
    """

    start: float
    hints: tuple[Hint, ...] = ()
    reference: Reference | None = None

    def canonical(self) -> dict[str, Any]:
        """The shot as JSON, for `FilmRequest.canonical`."""
        data: dict[str, Any] = {"at": float(self.start)}
        if self.hints:
            data["hints"] = [[h.x, h.y, float(h.a), float(h.b), h.radius] for h in self.hints]
        if self.reference is not None:
            data["reference"] = self.reference.sha256
        return data


def is_cut(flow: FlowField) -> bool:
    """Whether the two frames of a flow show different scenes."""
    return float(flow.confidence.mean()) < _CUT_BELOW


def track_hints(
    hints: tuple[Hint, ...], before: NDArray[np.uint8], after: NDArray[np.uint8], fit: Fit
) -> tuple[Hint, ...]:
    """Hints moved to the next frame; those that are lost are dropped.

    Args:
        hints: At positions in the earlier frame, in its pixels.
        before: ``fit.padded`` Y' of the earlier frame.
        after: ``fit.padded`` Y' of the later one.
        fit: The position of both in the network's input.

    Source: Bouguet, "Pyramidal Implementation of the Lucas Kanade Feature Tracker", 1999.
    """
    scale = np.array([fit.content[1] / fit.shape[1], fit.content[0] / fit.shape[0]], np.float32)
    start = (np.array([[h.x, h.y] for h in hints], np.float32) + 0.5) * scale
    now, status, difference = cv2.calcOpticalFlowPyrLK(
        before, after, start, None, winSize=_TRACKING_WINDOW
    )
    kept = []
    for hint, point, found, apart in zip(
        hints, now / scale, status.ravel(), difference.ravel(), strict=True
    ):
        x, y = (int(v) for v in np.floor(point))
        inside = 0 <= x < fit.shape[1] and 0 <= y < fit.shape[0]
        if found and inside and apart < _TRACKING_LOST:
            kept.append(replace(hint, x=x, y=y))
    return tuple(kept)
