"""Optical flow between two frames, and how well one, warped along it, matches the other.

Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016 (DIS).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tintype.engine.geometry import Fit

_MATCH_SCALE = 8.0  # steps of Y': a difference of this size lowers the confidence to 1/e
_MAX_GRAIN = 6.0  # steps of Y': a median difference up to this counts as grain
_BLUR = 2.0  # pixels of the network's input; smooths the differences, so grain is ignored


@dataclass(frozen=True, slots=True)
class FlowField:
    """Backward optical flow: where each place of a frame was in the previous frame.

    Attributes:
        x: (h, w) column in the chroma of the previous frame.
        y: (h, w) row.
        confidence: (h, w) in 0..1, how well the warped previous frame matches this one.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    confidence: NDArray[np.float32]


class FlowEstimator:
    """Estimates the optical flow between two frames; keeps no state."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def estimate(
        self, previous: NDArray[np.uint8], current: NDArray[np.uint8], fit: Fit
    ) -> FlowField:
        """The flow from one frame back to the frame before it.

        Args:
            previous: ``fit.padded`` Y' of the previous frame.
            current: ``fit.padded`` Y' of this one.
            fit: The position of both in the network's input.
        """
        flow = self._flow.calc(current, previous, None)
        height, width = current.shape
        x = flow[..., 0] + np.arange(width, dtype=np.float32)
        y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
        warped = cv2.remap(
            previous.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        difference = warped - current
        # The exposure of old film flickers as a whole, which is not motion.
        difference -= np.median(difference[: fit.content[0], : fit.content[1]])
        difference = cv2.GaussianBlur(np.abs(difference), (0, 0), _BLUR)
        difference = np.maximum(difference - min(float(np.median(difference)), _MAX_GRAIN), 0)
        size = width // fit.stride, height // fit.stride
        difference = cv2.resize(difference, size, interpolation=cv2.INTER_AREA)
        flow = cv2.resize(flow, size, interpolation=cv2.INTER_AREA) / np.float32(fit.stride)
        x = flow[..., 0] + np.arange(size[0], dtype=np.float32)
        y = flow[..., 1] + np.arange(size[1], dtype=np.float32)[:, None]
        inside = (x > -0.5) & (y > -0.5) & (x < size[0] - 0.5) & (y < size[1] - 0.5)
        confidence = np.exp(-((difference / np.float32(_MATCH_SCALE)) ** 2)) * inside
        return FlowField(x, y, confidence.astype(np.float32))
