"""Title cards are told from scenes, and stay neutral."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from tintype.engine.bundle import load_bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.video.cards import is_card
from tintype.video.layout import PlaneLayout
from tintype.video.render import Renderer

SHAPE = (192, 256)
LAYOUT = PlaneLayout(SHAPE, matrix="bt601", full_range=True)
TEXT = ("In the year 1862 a man", "came to the old harbour,", "and nobody knew him.")


def card(
    ground: int, ink: int, *, text: tuple[str, ...] = TEXT, border: bool = False, grain: float = 3
) -> np.ndarray:
    """A title card with grain, and a little lighter in its middle."""
    picture = Image.new("L", SHAPE[::-1], ground)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(16)
    for number, line in enumerate(text):
        left = (SHAPE[1] - draw.textlength(line, font=font)) / 2
        draw.text((left, 60 + 24 * number), line, fill=ink, font=font)
    if border:
        draw.rectangle((10, 10, SHAPE[1] - 10, SHAPE[0] - 10), outline=ink, width=2)
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    lit = np.asarray(picture) * (1 - 0.06 * (x * x + y * y))
    noise = np.random.default_rng(ground).normal(0, grain, SHAPE)
    return (lit + noise).clip(0, 255).astype(np.uint8)


def scene(name: str) -> np.ndarray:
    picture = getattr(data, name)()
    grey = picture if picture.ndim == 2 else picture[..., 1]
    return cv2.resize(grey, SHAPE[::-1], interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(("ground", "ink"), [(12, 225), (60, 230), (120, 240), (215, 30)])
@pytest.mark.parametrize("border", [False, True])
def test_cards_are_recognised(ground: int, ink: int, border: bool) -> None:
    assert is_card(card(ground, ink, border=border))


@pytest.mark.parametrize("tone", [0, 8, 90, 200])
def test_one_even_tone_is_a_card(tone: int) -> None:
    assert is_card(card(tone, tone, text=()))


@pytest.mark.parametrize("name", ["camera", "coffee", "astronaut", "rocket", "moon", "cat"])
def test_scenes_are_not(name: str) -> None:
    assert not is_card(scene(name))


def test_a_sky_with_birds_is_a_scene() -> None:
    y = np.linspace(230, 140, SHAPE[0])[:, None].repeat(SHAPE[1], axis=1)
    rng = np.random.default_rng(2)
    sky = (y + rng.normal(0, 3, SHAPE)).clip(0, 255).astype(np.uint8)
    for place in rng.integers(20, 170, (12, 2)):
        cv2.line(sky, (int(place[1]), int(place[0])), (int(place[1]) + 8, int(place[0]) + 3), 40, 2)
    assert not is_card(sky)


def test_a_subtitle_makes_no_card() -> None:
    picture = Image.fromarray(scene("coffee"))
    ImageDraw.Draw(picture).text((40, 160), "A cup of coffee.", fill=255)
    assert not is_card(np.asarray(picture))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_bundle(), threads=1)


def chroma(renderer: Renderer, lumas: list[np.ndarray]) -> list[float]:
    """Mean deviation from neutral of each frame."""
    found = []
    for number, luma in enumerate(lumas):
        planes = renderer.render(renderer.prepare(luma, number), number / 25)
        found.append(float(np.mean([np.abs(plane.astype(float) - 128).mean() for plane in planes])))
    return found


def test_a_card_is_neutral_and_the_shots_around_it_are_not(engine: Engine) -> None:
    scenes = [scene("coffee")] * 2, [scene("astronaut")] * 2
    cards = [card(120, 240)] * 2
    lumas = [*scenes[0], *cards, *scenes[1]]
    found = chroma(Renderer(engine, Settings(quality="fast"), LAYOUT), lumas)
    assert found[2:4] == [0, 0]
    alone = chroma(Renderer(engine, Settings(quality="fast"), LAYOUT), scenes[1])
    assert found[4:] == alone
    assert min(found[:2] + found[4:]) > 2


def test_a_single_frame_taken_for_a_card_changes_nothing(engine: Engine) -> None:
    lumas = [scene("coffee")] * 5
    renderer = Renderer(engine, Settings(quality="fast"), LAYOUT)
    wanted = chroma(Renderer(engine, Settings(quality="fast"), LAYOUT), lumas)
    found = []
    for number, luma in enumerate(lumas):
        prepared = renderer.prepare(luma, number)
        if number == 2:
            object.__setattr__(prepared, "card", True)
        planes = renderer.render(prepared, number / 25)
        found.append(float(np.mean([np.abs(plane.astype(float) - 128).mean() for plane in planes])))
    assert found == wanted


def test_the_state_knows_of_the_card(engine: Engine) -> None:
    one, other = (Renderer(engine, Settings(quality="fast"), LAYOUT) for _ in range(2))
    chroma(one, [card(120, 240)] * 2)
    other.restore(one.state())
    assert chroma(other, [card(120, 240)]) == [0]
