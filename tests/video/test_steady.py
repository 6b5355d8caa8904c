"""Motion is followed, and let go where the picture is new."""

from dataclasses import replace

import numpy as np
from PIL import Image
from skimage import data

from tintype.engine.geometry import plan_fit
from tintype.video.steady import Follower, Held, seen

FIT = plan_fit((128, 192), short_side=128, multiple=32, stride=4)


def piece(left: int, top: int, picture=data.astronaut) -> np.ndarray:
    grey = np.asarray(Image.fromarray(picture()).convert("L"))
    return np.ascontiguousarray(grey[top : top + 128, left : left + 192])


def ramps(left: int = 0, top: int = 0) -> np.ndarray:
    """(2, h, w) ab that says where each place of the astronaut is."""
    y, x = np.mgrid[:32, :48].astype(np.float32)
    return np.stack([x + left / 4, y + top / 4])


def test_colours_follow_a_pan():
    motion = Follower().between(piece(100, 40), piece(108, 36), FIT)
    carried = seen(ramps(100, 40)).carried(motion)
    inner = (slice(None), slice(4, -4), slice(4, -4))
    # Two places of chroma are eight pixels: much less than that is lost on the way.
    assert np.median(np.abs(carried.ab - ramps(108, 36))[inner]) < 0.1
    assert motion.trust[4:-4, 4:-4].mean() > 0.9
    assert not motion.cut


def test_what_stands_still_is_carried_exactly():
    motion = Follower().between(piece(100, 40), piece(100, 40), FIT)
    assert motion.trust.min() == 1
    assert np.abs(seen(ramps()).carried(motion).ab - ramps()).max() < 1e-3


def test_another_picture_is_a_cut():
    assert Follower().between(piece(100, 40), piece(60, 40, data.coffee), FIT).cut


def test_a_flicker_of_the_exposure_is_no_cut():
    bright = np.clip(piece(100, 40).astype(int) + 14, 0, 255).astype(np.uint8)
    motion = Follower().between(piece(100, 40), bright, FIT)
    assert motion.trust.mean() > 0.9


def test_what_was_hidden_is_not_trusted():
    before = piece(100, 40)
    before[40:80, 60:110] = 250
    motion = Follower().between(before, piece(100, 40), FIT)
    assert motion.trust[12:18, 18:25].mean() < 0.2
    assert motion.trust[:, 34:].mean() > 0.9


def test_an_answer_is_mixed_in_as_far_as_the_carried_is_trusted():
    trust = np.zeros((32, 48), np.float32)
    trust[:, 24:] = 1
    nothing = np.zeros((2, 32, 48), np.float32)
    held = Held(nothing, nothing[0], trust)
    mixed = held.mixed(np.ones((2, 32, 48), np.float32), 0.75)
    assert np.all(mixed.ab[..., :24] == 1)
    assert np.all(mixed.ab[..., 24:] == 0.25)
    assert np.all(mixed.trust == 1)


def test_it_is_stale_where_too_much_is_new():
    assert not seen(ramps()).stale
    assert replace(seen(ramps()), trust=np.full((32, 48), 0.5, np.float32)).stale


def test_grain_is_no_change():
    rng = np.random.default_rng(0)
    still, next_ = ((piece(100, 40) + rng.normal(0, 5, (128, 192))).clip(0, 255) for _ in range(2))
    motion = Follower().between(still.astype(np.uint8), next_.astype(np.uint8), FIT)
    assert motion.trust.mean() > 0.95


def test_mixing_two_colours_keeps_how_vivid_they_were():
    orange = np.broadcast_to(np.array([30, 40], np.float32)[:, None, None], (2, 32, 48))
    red = np.broadcast_to(np.array([50, 0], np.float32)[:, None, None], (2, 32, 48))
    mixed = seen(orange).mixed(red, 0.5)
    assert np.hypot(*mixed.ab).max() < 45
    assert np.hypot(*mixed.colors()).min() > 49.9
    # Of opposites nothing is left to be made vivid.
    assert np.abs(seen(red).mixed(-red, 0.5).colors()).max() == 0
