"""Grey, toned or in colour: colour photographs must not be taken for old ones."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from photo.samples import saved
from tintype.photo.decode import decode, photo_from_array
from tintype.photo.tone import tone_of

PHOTOS = {"astronaut": data.astronaut(), "coffee": data.coffee(), "chelsea": data.chelsea()}


def grey01(name: str) -> np.ndarray:
    grey: np.ndarray = np.asarray(Image.fromarray(PHOTOS[name]).convert("L")) / 255.0
    return grey


def toned(grey: np.ndarray, red: float, green: float, blue: float) -> np.ndarray:
    """Each channel a power of the grey, as toning baths and inks act."""
    return (np.stack([grey**red, grey**green, grey**blue], -1) * 255).astype(np.uint8)


def split_toned(grey: np.ndarray) -> np.ndarray:
    tint = np.array([28.0, 0.0, -34.0])
    return np.clip(grey[..., None] * 255 + (grey[..., None] - 0.45) * tint, 0, 255).astype(np.uint8)


def stained(grey: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]]
    spot = np.clip(1.3 - np.hypot(y - 150, x - 150) / 160, 0, 1)[..., None]
    return np.clip(grey[..., None] * 255 - spot * np.array([0, 14, 45]), 0, 255).astype(np.uint8)


def faded(rgb: np.ndarray) -> np.ndarray:
    """A colour print after decades of light: weak dyes, low contrast, a red cast."""
    mean = rgb.mean(-1, keepdims=True)
    washed = 50 + 0.7 * (mean + 0.55 * (rgb - mean)) + np.array([22, 4, -10])
    return np.clip(washed, 0, 255).astype(np.uint8)


def as_jpeg(pixels: np.ndarray, quality: int = 80) -> Image.Image:
    return Image.open(io.BytesIO(saved(pixels, "JPEG", quality=quality))).convert("RGB")


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("quality", [50, 95])
def test_colour_photographs_are_in_colour(name: str, quality: int) -> None:
    assert tone_of(as_jpeg(PHOTOS[name], quality)) == "color"


# Not the ginger cat on a brown blanket: faded, it has one hue like a sepia print.
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_a_faded_colour_photograph_is_still_one(name: str) -> None:
    assert tone_of(as_jpeg(faded(PHOTOS[name]))) == "color"


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize(
    "powers", [(0.75, 1.0, 1.5), (1.8, 1.1, 0.7), (0.95, 1.05, 1.0), (1.0, 1.0, 1.25)]
)
def test_sepia_cyanotype_and_selenium_are_toned(
    name: str, powers: tuple[float, float, float]
) -> None:
    assert tone_of(as_jpeg(toned(grey01(name), *powers))) == "toned"


@pytest.mark.parametrize("name", PHOTOS)
def test_split_toning_and_stains_are_no_colour_photograph(name: str) -> None:
    assert tone_of(as_jpeg(split_toned(grey01(name)))) == "toned"
    assert tone_of(as_jpeg(stained(grey01(name)))) == "toned"


@pytest.mark.parametrize("name", PHOTOS)
def test_neutral_pictures_are_grey_whatever_their_container(name: str) -> None:
    grey = np.asarray(Image.fromarray(PHOTOS[name]).convert("L"))
    rgb = np.stack([grey] * 3, -1)
    assert tone_of(as_jpeg(rgb)) == "grey"
    assert photo_from_array(rgb).tone == "grey"
    assert photo_from_array(grey).tone == "grey"
    noise = np.random.default_rng(0).normal(0, 2, rgb.shape)
    assert tone_of(Image.fromarray(np.clip(rgb + noise, 0, 255).astype(np.uint8))) == "grey"


def test_every_road_asks_the_same_question() -> None:
    pixels = PHOTOS["coffee"]
    for form in ("JPEG", "PNG", "TIFF", "WEBP"):
        (photo,) = decode(saved(pixels, form), name="x")
        assert photo.tone == "color"
    assert photo_from_array(pixels.astype(np.uint16) * 257).tone == "color"


def test_a_coloured_date_in_the_corner_does_not_make_a_colour_photograph() -> None:
    rgb = np.stack([np.asarray(Image.fromarray(PHOTOS["astronaut"]).convert("L"))] * 3, -1)
    rgb[-20:, -80:] = (255, 90, 0)
    assert tone_of(Image.fromarray(rgb)) != "color"


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 500)])
def test_the_smallest_pictures_have_a_tone(size: tuple[int, int]) -> None:
    assert tone_of(Image.new("RGB", size, (200, 30, 40))) == "toned"
    assert tone_of(Image.new("RGB", size, (99, 99, 99))) == "grey"
