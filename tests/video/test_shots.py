"""Where a cut is."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from tintype.engine.geometry import plan_fit
from tintype.video.optical_flow import FlowEstimator, FlowField
from tintype.video.shots import is_cut

FIT = plan_fit((128, 192), short_side=128, multiple=32, stride=4)


def piece(left: int, top: int, picture=data.astronaut) -> np.ndarray:
    grey = np.asarray(Image.fromarray(picture()).convert("L"))
    return np.ascontiguousarray(grey[top : top + 128, left : left + 192])


def flow_of(before: np.ndarray, after: np.ndarray) -> FlowField:
    return FlowEstimator().estimate(before, after, FIT)


def test_another_picture_is_a_cut() -> None:
    assert is_cut(flow_of(piece(100, 40), piece(60, 40, data.coffee)))


@pytest.mark.parametrize("brighter", [0, 14, -14])
def test_the_same_picture_is_no_cut_whatever_its_exposure(brighter: int) -> None:
    after = np.clip(piece(100, 40).astype(int) + brighter, 0, 255).astype(np.uint8)
    assert not is_cut(flow_of(piece(100, 40), after))


def test_a_pan_is_no_cut() -> None:
    assert not is_cut(flow_of(piece(100, 40), piece(116, 36)))
