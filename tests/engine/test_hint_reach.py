"""How far hints and strokes reach: not beyond what they cover, or through the thing they lie on."""

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from tintype.color.cielab import rgb01_to_lab
from tintype.engine import hint_reach
from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.geometry import plan_fit
from tintype.engine.hint_reach import Surroundings, limited, painted, surroundings
from tintype.engine.hints import Hint, hint_of, hints_at
from tintype.engine.layers import Scribbles
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.photo.photo import Photo

PhotoOf = Callable[[np.ndarray], Photo]
BLUE = (32, 80, 192)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_bundle(), threads=1)


def stroke(shape: tuple[int, int], points: list[tuple[int, int]], width: int) -> Scribbles:
    image = Image.new("RGBA", shape[::-1])
    ImageDraw.Draw(image).line(points, (*BLUE, 255), width)
    pixels = np.asarray(image)
    return Scribbles("stroke.png", hashlib.sha256(pixels.tobytes()).hexdigest(), pixels)


def pixels_of(engine: Engine, photo: Photo, settings: Settings) -> np.ndarray:
    color = engine.colorize(photo, settings).color
    assert isinstance(color, np.ndarray)
    return color.astype(int)


def far_from(where: np.ndarray, pixels: int) -> np.ndarray:
    """(H, W) what is more than so many pixels from what is painted."""
    image = Image.fromarray(where.astype(np.uint8) * 255)
    for _ in range(pixels):
        image = image.filter(ImageFilter.MaxFilter(3))
    return np.asarray(image) == 0


def test_with_only_here_a_stroke_changes_nothing_outside_twice_its_width(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    photo = photo_of(cameraman)
    layer = stroke(photo.shape, [(60, 60), (180, 90)], 16)
    before = pixels_of(engine, photo, Settings(quality="fast"))
    after = pixels_of(engine, photo, Settings(quality="fast", scribbles=layer, reach=0))
    moved = np.abs(after - before).max(axis=-1)
    where = layer.pixels[..., 3] > 0
    assert moved[far_from(where, 9)].max() <= 12
    assert np.median(moved[where]) > 20
    # The same stroke with the whole reach goes far beyond.
    whole = pixels_of(engine, photo, Settings(quality="fast", scribbles=layer, reach=1))
    assert (np.abs(whole - before).max(axis=-1)[far_from(where, 9)] > 12).mean() > 0.02


@pytest.mark.parametrize("radius", [0, 4, 20])
def test_with_only_here_a_hint_changes_nothing_outside_twice_its_width(
    engine: Engine, photo_of: PhotoOf, cameraman: np.ndarray, radius: int
) -> None:
    photo = photo_of(cameraman)
    hint = hint_of(90, 70, "#b05010", radius)
    before = pixels_of(engine, photo, Settings(quality="fast"))
    after = pixels_of(engine, photo, Settings(quality="fast", hints=(hint,), reach=0))
    moved = np.abs(after - before).max(axis=-1)
    where = np.zeros(photo.shape, bool)
    where[70 - radius : 71 + radius, 90 - radius : 91 + radius] = True
    assert moved[far_from(where, max(3, radius + 1))].max() <= 12
    assert moved[70, 90] > 20


def test_with_only_here_no_hint_is_as_without_any(
    hinted: Bundle, photo_of: PhotoOf, cameraman: np.ndarray
) -> None:
    # The colours beyond the reach are those that the network gives without hints, to the bit.
    engine, photo = Engine(hinted, threads=1), photo_of(cameraman)
    told = Settings(hints=(hint_of(20, 20, "#c04030", 2),), reach=0)
    before, after = pixels_of(engine, photo, Settings()), pixels_of(engine, photo, told)
    np.testing.assert_array_equal(after[100:], before[100:])


Things = tuple[Surroundings, np.ndarray, np.ndarray]
FIT = plan_fit((128, 192), short_side=128, multiple=32, stride=4)


def two_things(*, logits: bool) -> Things:
    """A disc on a ground: what a network says of them, and the disc on the grid of its output.

    It is sure of a green disc and of a brown ground, and would turn everything blue.
    """
    y, x = np.mgrid[:128, :192]
    disc = (y - 64) ** 2 + (x - 80) ** 2 < 40**2
    rng = np.random.default_rng(0)
    luma = (np.where(disc, 90, 150) + rng.normal(0, 3, disc.shape)).astype(np.float32)
    small = np.asarray(Image.fromarray(disc).convert("L").reduce(4)) > 127
    ab = np.where(small, np.array([-20, 20])[:, None, None], np.array([10, 15])[:, None, None])
    bins = rng.normal(0, 0.3, (8, 32, 48)).astype(np.float32)
    bins[0] += 3 * small
    bins[1] += 3 * ~small
    ab = ab.astype(np.float32)
    found = surroundings(ab, luma, FIT, logits=bins if logits else None, features=None)
    return found, small, np.broadcast_to(np.float32([10, -40])[:, None, None], ab.shape).copy()


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("place", [(80, 64), (60, 50), (100, 90)])
def test_the_whole_reach_fills_a_thing_and_leaves_the_rest(
    place: tuple[int, int], logits: bool
) -> None:
    around, disc, flood = two_things(logits=logits)
    planes = hints_at([Hint(*place, 10, -40, radius=3)], None, FIT, cell=4)
    found = limited(flood, around, planes, reach=1)
    took = np.linalg.norm(found - flood, axis=0) < 12
    assert took[disc].mean() > 0.8
    assert took[~disc].mean() < 0.05
    np.testing.assert_allclose(found[:, :, -6:], around.ab[:, :, -6:], atol=3)


def test_the_region_grows_with_the_reach() -> None:
    around, _, flood = two_things(logits=True)
    planes = hints_at([Hint(80, 64, 10, -40, radius=3)], None, FIT, cell=4)
    reached = [
        (np.abs(limited(flood, around, planes, reach=reach) - around.ab) > 1).mean()
        for reach in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
    assert reached == sorted(reached)
    assert reached[0] == 0
    assert reached[-1] > 3 * reached[1]


def test_each_of_two_hints_has_its_own_region_and_colour() -> None:
    around, disc, flood = two_things(logits=True)
    hints = [Hint(80, 64, 10, -40, radius=3), Hint(170, 64, 40, 30, radius=3)]
    found = limited(flood, around, hints_at(hints, None, FIT, cell=4), reach=1)
    inside, outside = found[:, disc].mean(axis=1), found[:, ~disc].mean(axis=1)
    assert inside[1] < -25
    assert outside[1] > inside[1] + 25


def test_hints_beyond_the_most_that_have_a_region_still_count() -> None:
    around, _, flood = two_things(logits=True)
    hints = [Hint(x, y, 10, -40) for x in range(4, 190, 20) for y in range(4, 126, 20)]
    assert len(hints) > 40
    planes = hints_at(hints, None, FIT, cell=4)
    found = limited(flood, around, planes, reach=1)
    assert (np.linalg.norm(found - flood, axis=0) < 12).mean() > 0.9


def test_the_edge_of_a_stroke_follows_that_of_a_thing() -> None:
    grey = np.full((200, 300), 200, np.uint8)
    grey[:, 150:] = 60
    # A vertical stroke along the edge, a little of it on the wrong side.
    layer = stroke((200, 300), [(136, 20), (136, 180)], 36)
    ab, share = painted(layer, grey)
    rows = slice(60, 140)
    assert share[rows, 128:142].min() > 0.95
    assert share[rows, 153].mean() < 0.55
    beyond = share[rows, 100:115]
    assert 0 < beyond.mean() < 1
    blue = rgb01_to_lab(np.array(BLUE) / 255)[1:]
    np.testing.assert_allclose(ab[:, 100, 130], blue, atol=0.3)
    np.testing.assert_allclose(ab[:, 100, 116], blue, atol=1.5)  # beyond it, its colour goes on


def test_a_thin_stroke_is_as_it_was_painted() -> None:
    layer = stroke((60, 80), [(10, 30), (70, 30)], 1)
    ab, share = painted(layer, np.full((60, 80), 128, np.uint8))
    where = layer.pixels[..., 3] > 0
    np.testing.assert_array_equal(share, where.astype(np.float16))
    assert not ab[:, ~where].any()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_the_depth_of_the_grey_does_not_matter(kind: type[np.unsignedinteger]) -> None:
    grey = np.tile(np.linspace(0, np.iinfo(kind).max, 120).astype(kind), (90, 1))
    layer = stroke((90, 120), [(30, 40), (90, 50)], 14)
    eight = np.tile(np.linspace(0, 255, 120).astype(np.uint8), (90, 1))
    np.testing.assert_allclose(painted(layer, grey)[1], painted(layer, eight)[1], atol=0.02)


def test_a_hint_in_a_very_long_photograph_gives_no_warning() -> None:
    """Warnings are errors here; the exponential of a long distance is infinite."""
    luma = np.zeros((1, 60_000), np.float32)
    around = Surroundings(luma, np.zeros((2, *luma.shape), np.float32), None, None, luma.size)
    seed = np.zeros(luma.shape, bool)
    seed[0, 0] = True
    prior = hint_reach._prior(around, seed, 1.0)
    assert prior[0, 0] > prior[0, 5000]
    assert prior[0, -1] == 0
