"""Chroma is consistent over time, and the state can be saved and restored."""

import io
from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from tintype.color.gamut import LUMA_SHARES
from tintype.engine.hints import Hint
from tintype.engine.predict import Engine
from tintype.engine.reference import reference_from
from tintype.engine.settings import Settings
from tintype.errors import UsageError
from tintype.video.layout import PlaneLayout
from tintype.video.render import Renderer
from tintype.video.shots import Shot

SHAPE = (96, 160)
LAYOUT = PlaneLayout(SHAPE, matrix="bt601", full_range=True, subsampled=(False, False))
FAST = Settings(quality="fast")
PICTURES = {"astronaut": data.astronaut, "coffee": data.coffee, "chelsea": data.chelsea}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(threads=1)


def pan(name: str, count: int, *, pixels: float = 2.0, grain: float = 3.0) -> list[np.ndarray]:
    """Luminance planes of a camera that moves over a photograph and into it, with film's grain."""
    picture = np.asarray(Image.fromarray(PICTURES[name]()).convert("L"))
    rng = np.random.default_rng(3)
    frames = []
    for t in range(count):
        zoom = 1.6 - 0.01 * t
        place = np.array([[zoom, 0, 40 + pixels * t], [0, zoom, 20 + pixels * t / 2]])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        frame = cv2.warpAffine(picture, place, SHAPE[::-1], flags=how) * 1.0
        frames.append((frame + rng.normal(0, grain, SHAPE)).clip(0, 255).astype(np.uint8))
    return frames


def rendered(renderer: Renderer, frames: list[np.ndarray], *, first: int = 0) -> list[np.ndarray]:
    """(H, W, 2) Cb and Cr of each frame, as offsets from neutral."""
    found = []
    for number, luma in enumerate(frames, first):
        planes = renderer.render(renderer.prepare(luma, number), number / 25)
        found.append(np.stack(planes, -1).astype(float) - 128)
    return found


def warp_error(frames: list[np.ndarray], chroma: list[np.ndarray]) -> float:
    """Mean change of chroma along the optical flow of the luma, over what stays in sight."""
    flow_of = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    errors = []
    for (before, now), (old, new) in zip(pairwise(frames), pairwise(chroma), strict=True):
        flow = flow_of.calc(now, before, None)
        x = (flow[..., 0] + np.arange(SHAPE[1])).astype(np.float32)
        y = (flow[..., 1] + np.arange(SHAPE[0])[:, None]).astype(np.float32)
        warped = cv2.remap(old.astype(np.float32), x, y, cv2.INTER_LINEAR)
        there = (x >= 0) & (y >= 0) & (x < SHAPE[1] - 1) & (y < SHAPE[0] - 1)
        errors.append(np.linalg.norm(new - warped, axis=-1)[there].mean())
    return float(np.mean(errors))


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_colours_are_consistent_and_stay_as_colourful(engine, name):
    frames = pan(name, 12)
    alone = rendered(Renderer(engine, FAST, LAYOUT, steady=0, every=1), frames)
    steady = rendered(Renderer(engine, FAST, LAYOUT), frames)
    assert warp_error(frames, steady) < 0.6 * warp_error(frames, alone)
    vivid = [np.linalg.norm(np.stack(found), axis=-1).mean() for found in (alone, steady)]
    assert vivid[1] > 0.97 * vivid[0]


def test_a_cut_drops_the_colours(engine):
    frames = [*pan("astronaut", 3), *pan("coffee", 2)]
    both = rendered(Renderer(engine, FAST, LAYOUT, every=8), frames)
    alone = rendered(Renderer(engine, FAST, LAYOUT), frames[3:])
    assert np.array_equal(both[3], alone[0])


def test_between_predictions_colours_follow_the_motion(engine):
    # Fast enough that the motion counts for more than the rounding of chroma to whole codes.
    frames = pan("coffee", 6, pixels=4, grain=0)
    few = rendered(Renderer(engine, FAST, LAYOUT, every=6), frames)
    stuck = [few[0]] * 6
    assert warp_error(frames, few) < 0.4 * warp_error(frames, stuck)


def test_where_much_is_new_the_network_predicts_out_of_turn(engine):
    frames = pan("coffee", 8, pixels=14, grain=0)
    predicted = []
    predict = engine.predict

    class Counting:
        bundle = engine.bundle

        def __getattr__(self, name):
            return getattr(engine, name)

        def predict(self, photo, settings):
            predicted.append(photo)
            return predict(photo, settings)

    rendered(Renderer(Counting(), FAST, LAYOUT, every=100), frames)
    assert 2 <= len(predicted) < 8


def test_the_state_is_complete(engine):
    frames = pan("astronaut", 7)
    shots = [Shot(0.0, (Hint(80, 40, 40.0, 30.0, 4),))]
    options = {"shots": shots, "every": 3}
    whole = rendered(Renderer(engine, FAST, LAYOUT, **options), frames)
    first, second = (Renderer(engine, FAST, LAYOUT, **options) for _ in range(2))
    rendered(first, frames[:4])
    second.restore(first.state())
    rest = rendered(second, frames[4:], first=4)
    assert all(np.array_equal(a, b) for a, b in zip(whole[4:], rest, strict=True))


def test_a_state_before_the_first_frame_can_be_restored(engine):
    renderer = Renderer(engine, FAST, LAYOUT)
    renderer.restore(Renderer(engine, FAST, LAYOUT).state())
    assert len(rendered(renderer, pan("coffee", 1))) == 1


def lab_of(luma: np.ndarray, chroma: np.ndarray, y: int, x: int) -> np.ndarray:
    """CIELAB ab of one pixel, full-range Rec.601."""
    from skimage.color import rgb2lab

    cb, cr = chroma[y, x]
    red, blue = luma[y, x] + 1.402 * cr, luma[y, x] + 1.772 * cb
    green = (luma[y, x] - LUMA_SHARES[0] * red - LUMA_SHARES[2] * blue) / LUMA_SHARES[1]
    return rgb2lab(np.clip([[[red, green, blue]]], 0, 255) / 255)[0, 0, 1:]


def test_a_hint_is_exact_and_is_tracked(engine):
    frames = pan("coffee", 6, grain=0)
    hint = Hint(100, 48, 20.0, -15.0, 3)
    found = rendered(Renderer(engine, FAST, LAYOUT, shots=[Shot(0.0, (hint,))]), frames)
    assert np.abs(lab_of(frames[0], found[0], 48, 100) - (20, -15)).max() < 2.5
    # After five frames the camera of `pan` is 10 and 5 pixels further over the photograph.
    x = (100 * 1.6 + 40 - 40 - 10) / 1.55
    y = (48 * 1.6 + 20 - 20 - 5) / 1.55
    assert np.abs(lab_of(frames[5], found[5], round(y), round(x)) - (20, -15)).max() < 4


def test_a_hint_ends_with_its_shot(engine):
    frames = [*pan("coffee", 2), *pan("astronaut", 2)]
    shots = [Shot(0.0, (Hint(80, 48, 60.0, 40.0, 8),))]
    hinted = rendered(Renderer(engine, FAST, LAYOUT, shots=shots), frames)
    plain = rendered(Renderer(engine, FAST, LAYOUT), frames)
    assert not np.array_equal(hinted[1], plain[1])
    assert np.array_equal(hinted[2], plain[2])


def test_a_shot_begins_at_its_time(engine):
    frames = pan("coffee", 4)
    shots = [Shot(2 / 25, (Hint(80, 48, 60.0, 40.0, 8),))]
    hinted = rendered(Renderer(engine, FAST, LAYOUT, shots=shots), frames)
    plain = rendered(Renderer(engine, FAST, LAYOUT), frames)
    assert np.array_equal(hinted[1], plain[1])
    assert np.linalg.norm(hinted[2] - plain[2], axis=-1)[40:56, 72:88].mean() > 5


def test_a_reference_gives_a_shot_its_colours(engine):
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(data.coffee()[..., ::-1])).save(file, "PNG")
    shots = [Shot(0.0, reference=reference_from(file.getvalue(), name="teal"))]
    frames = pan("coffee", 2)
    referenced = rendered(Renderer(engine, FAST, LAYOUT, shots=shots), frames)
    plain = rendered(Renderer(engine, FAST, LAYOUT), frames)
    # The reference's brown is blue: Cb goes up.
    assert referenced[1][..., 0].mean() > plain[1][..., 0].mean() + 2


def test_settings_of_one_photograph_are_refused(engine):
    with pytest.raises(UsageError, match="one photograph"):
        Renderer(engine, Settings(hints=(Hint(1, 1, 5.0, 5.0),)), LAYOUT)


@pytest.mark.parametrize("options", [{"steady": 1.0}, {"steady": -0.1}, {"every": 0}])
def test_numbers_out_of_range_are_refused(engine, options):
    with pytest.raises(UsageError):
        Renderer(engine, FAST, LAYOUT, **options)
