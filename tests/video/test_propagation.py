"""Chroma follows the optical flow, and is dropped where the picture is new."""

from dataclasses import replace

import numpy as np
from PIL import Image
from skimage import data

from tintype.engine.geometry import plan_fit
from tintype.video.optical_flow import FlowEstimator
from tintype.video.propagation import PropagatedChroma
from tintype.video.shots import is_cut

FIT = plan_fit((128, 192), short_side=128, multiple=32, stride=4)


def piece(left: int, top: int, picture=data.astronaut) -> np.ndarray:
    grey = np.asarray(Image.fromarray(picture()).convert("L"))
    return np.ascontiguousarray(grey[top : top + 128, left : left + 192])


def ramps(left: int = 0, top: int = 0) -> np.ndarray:
    """(2, h, w) ab that encodes the position in the astronaut."""
    y, x = np.mgrid[:32, :48].astype(np.float32)
    return np.stack([x + left / 4, y + top / 4])


def test_chroma_follows_a_pan():
    flow = FlowEstimator().estimate(piece(100, 40), piece(108, 36), FIT)
    warped = PropagatedChroma.predicted(ramps(100, 40)).warped(flow)
    inner = (slice(None), slice(4, -4), slice(4, -4))
    # Two samples of chroma are eight pixels; the error is much less than that.
    assert np.median(np.abs(warped.ab - ramps(108, 36))[inner]) < 0.1
    assert flow.confidence[4:-4, 4:-4].mean() > 0.9
    assert not is_cut(flow)


def test_a_still_picture_is_propagated_exactly():
    flow = FlowEstimator().estimate(piece(100, 40), piece(100, 40), FIT)
    assert flow.confidence.min() == 1
    assert np.abs(PropagatedChroma.predicted(ramps()).warped(flow).ab - ramps()).max() < 1e-3


def test_a_flicker_of_the_exposure_is_no_cut():
    bright = np.clip(piece(100, 40).astype(int) + 14, 0, 255).astype(np.uint8)
    flow = FlowEstimator().estimate(piece(100, 40), bright, FIT)
    assert flow.confidence.mean() > 0.9


def test_what_was_hidden_gets_no_confidence():
    before = piece(100, 40)
    before[40:80, 60:110] = 250
    flow = FlowEstimator().estimate(before, piece(100, 40), FIT)
    assert flow.confidence[12:18, 18:25].mean() < 0.2
    assert flow.confidence[:, 34:].mean() > 0.9


def test_a_prediction_is_blended_in_by_confidence():
    confidence = np.zeros((32, 48), np.float32)
    confidence[:, 24:] = 1
    nothing = np.zeros((2, 32, 48), np.float32)
    chroma = PropagatedChroma(nothing, nothing[0], confidence)
    blended = chroma.blended(np.ones((2, 32, 48), np.float32), 0.75)
    assert np.all(blended.ab[..., :24] == 1)
    assert np.all(blended.ab[..., 24:] == 0.25)
    assert np.all(blended.confidence == 1)


def test_it_is_stale_if_too_much_is_new():
    assert not PropagatedChroma.predicted(ramps()).is_stale
    assert replace(
        PropagatedChroma.predicted(ramps()), confidence=np.full((32, 48), 0.5, np.float32)
    ).is_stale


def test_grain_is_no_change():
    rng = np.random.default_rng(0)
    still, next_ = ((piece(100, 40) + rng.normal(0, 5, (128, 192))).clip(0, 255) for _ in range(2))
    flow = FlowEstimator().estimate(still.astype(np.uint8), next_.astype(np.uint8), FIT)
    assert flow.confidence.mean() > 0.95


def test_blending_two_colours_keeps_their_chroma():
    orange = np.broadcast_to(np.array([30, 40], np.float32)[:, None, None], (2, 32, 48))
    red = np.broadcast_to(np.array([50, 0], np.float32)[:, None, None], (2, 32, 48))
    blended = PropagatedChroma.predicted(orange).blended(red, 0.5)
    assert np.hypot(*blended.ab).max() < 45
    assert np.hypot(*blended.restored()).min() > 49.9
    # Of opposite colours no chroma is left to restore.
    assert np.abs(PropagatedChroma.predicted(red).blended(-red, 0.5).restored()).max() == 0
