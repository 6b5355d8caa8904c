"""Grey, toned or in colour: colour photographs are not taken for old ones, nor old ones for them.

How often it is wrong on hundreds of photographs is in benchmarks/tone.md.
"""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from photo.samples import saved
from tintype.photo.decode import decode, photo_from_array
from tintype.photo.tone import find_tone
from tintype.photo.tone_features import FEATURES, inside_of_frames, small_copy
from tintype.photo.tone_weights import TERMS

PHOTOS = {"astronaut": data.astronaut(), "coffee": data.coffee(), "chelsea": data.chelsea()}
SEPIA = (0.75, 1.0, 1.5)
CYANOTYPE = (1.8, 1.1, 0.7)


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
    spot = np.clip(1.3 - np.hypot(y - 100, x - 100) / 60, 0, 1)[..., None]
    return np.clip(grey[..., None] * 255 - spot * np.array([0, 14, 45]), 0, 255).astype(np.uint8)


def yellower_to_the_right(grey: np.ndarray) -> np.ndarray:
    slope = np.linspace(0, 1, grey.shape[1])[None, :, None]
    return (grey[..., None] * 255 * (1 - slope * np.array([0.02, 0.08, 0.25]))).astype(np.uint8)


def faded(rgb: np.ndarray) -> np.ndarray:
    """A colour print after decades of light: weak dyes, low contrast, a red cast."""
    mean = rgb.mean(-1, keepdims=True)
    washed = 50 + 0.7 * (mean + 0.55 * (rgb - mean)) + np.array([22, 4, -10])
    return np.clip(washed, 0, 255).astype(np.uint8)


def as_jpeg(pixels: np.ndarray, quality: int = 80) -> Image.Image:
    return Image.open(io.BytesIO(saved(pixels, "JPEG", quality=quality))).convert("RGB")


def tone_of(picture: Image.Image) -> str:
    return find_tone(picture).tone


def at_192(pixels: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(pixels)
    scale = 192 / min(picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))


def horse_in_a_garden() -> np.ndarray:
    """Brown before green: two hues, in one line through neutral."""
    rng = np.random.default_rng(0)
    grain = np.asarray(
        Image.fromarray(rng.integers(0, 255, (24, 32), np.uint8)).resize((256, 192)), np.float64
    )
    level = (0.45 + 0.5 * grain / 255)[..., None]
    rgb = level * np.array([95.0, 125.0, 60.0])
    y, x = np.mgrid[0:192, 0:256]
    horse = (np.hypot((y - 100) / 50, (x - 128) / 75) < 1)[..., None]
    rgb = np.where(horse, level * np.array([125.0, 85.0, 50.0]), rgb)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def parachute() -> np.ndarray:
    """Red and blue in a plain sky above a dark wood."""
    y, x = np.mgrid[0:192, 0:256]
    rgb = np.zeros((192, 256, 3)) + np.array([120.0, 165.0, 215.0])
    rgb += (y / 8)[..., None] + np.random.default_rng(0).normal(0, 8, (192, 256, 1))
    rgb[160:] = rgb[160:] * 0.3 + np.array([35.0, 50.0, 10.0])
    dome = (np.hypot((y - 120) / 80, (x - 128) / 100) < 1) & (y < 120)
    rgb[dome & (x < 128)] = (190, 40, 50)
    rgb[dome & (x >= 128)] = (40, 60, 140)
    return np.clip(rgb, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("quality", [50, 95])
def test_colour_photographs_are_in_colour(name: str, quality: int) -> None:
    assert tone_of(as_jpeg(PHOTOS[name], quality)) == "color"


@pytest.mark.parametrize(
    "pixels", [horse_in_a_garden(), parachute(), *(at_192(photo) for photo in PHOTOS.values())]
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_small_colour_photographs_are_in_colour(pixels: np.ndarray, form: str) -> None:
    (photo,) = decode(saved(pixels, form), name="x")
    assert photo.tone == "color"


# Not the ginger cat on a brown blanket: faded, it has one hue like a sepia print.
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_a_faded_colour_photograph_is_still_one(name: str) -> None:
    assert tone_of(as_jpeg(faded(PHOTOS[name]))) == "color"


# Not the astronaut where it is small: her black blurs into strong colours, and she is skipped.
SIZES = [*((name, False) for name in PHOTOS), ("coffee", True), ("chelsea", True)]


@pytest.mark.parametrize(("name", "small"), SIZES)
@pytest.mark.parametrize("powers", [SEPIA, CYANOTYPE, (0.95, 1.05, 1.0), (1.0, 1.0, 1.25)])
def test_sepia_cyanotype_and_selenium_are_toned(
    name: str, powers: tuple[float, float, float], small: bool
) -> None:
    pixels = toned(grey01(name), *powers)
    assert tone_of(as_jpeg(at_192(pixels) if small else pixels)) == "toned"


@pytest.mark.parametrize("name", PHOTOS)
def test_split_toning_stains_and_yellowing_are_no_colour_photograph(name: str) -> None:
    assert tone_of(as_jpeg(split_toned(grey01(name)))) == "toned"
    assert tone_of(as_jpeg(yellower_to_the_right(grey01(name)))) == "toned"
    assert tone_of(as_jpeg(stained(grey01(name)))) != "color"


def absorbed(rgb: np.ndarray, amount: np.ndarray, color: tuple[float, ...]) -> np.ndarray:
    return np.clip(rgb * (1 - amount[..., None] * np.array(color)), 0, 255).astype(np.uint8)


def places(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    y, x = (np.linspace(-1, 1, side) for side in shape[:2])
    return y[:, None], x[None, :]


def browner_to_the_edges(rgb: np.ndarray) -> np.ndarray:
    """Beginning sharply: creases along the diagonals, as under an oval or a frame."""
    y, x = places(rgb.shape)
    return absorbed(rgb, np.maximum(np.abs(y), np.abs(x)) ** 3, (0.02, 0.1, 0.3))


def blotched(rgb: np.ndarray) -> np.ndarray:
    """Stains over a third of it, one light and one dark."""
    y, x = places(rgb.shape)
    wide = np.clip(1.2 - np.hypot(y - 0.4, x - 0.5) / 0.6, 0, 1) * 0.5
    small = np.clip(1.2 - np.hypot(y + 0.5, x + 0.3) / 0.3, 0, 1)
    return absorbed(rgb, np.maximum(wide, small), (0.05, 0.14, 0.3))


def strongly_split(grey: np.ndarray) -> np.ndarray:
    """Blue shadows and orange lights, with no neutral between."""
    level = grey[..., None]
    shadow = 1 / (1 + np.exp((level - 0.45) * 10))
    cool, warm = np.array([-0.2, 0.0, 0.3]), np.array([0.3, 0.12, -0.3])
    rgb = level + 0.55 * (shadow * (1 - 0.4 * shadow) * cool + (1 - shadow) * level * warm)
    return np.clip(rgb * 255, 0, 255).astype(np.uint8)


def sepia_filter(grey: np.ndarray) -> np.ndarray:
    """As programs do it: white clips, and black stays black."""
    factors = np.array([1.35, 1.2, 0.94])
    return np.clip(grey[..., None] * 255 * factors, 0, 255).astype(np.uint8)


AGED = {
    "browner to the edges": browner_to_the_edges,
    "blotched": blotched,
}


@pytest.mark.parametrize(("name", "small"), SIZES)
@pytest.mark.parametrize("powers", [(1.0, 1.0, 1.0), (0.9, 1.0, 1.2)])
@pytest.mark.parametrize("age", AGED)
def test_uneven_yellowing_is_no_colour_photograph(
    age: str, powers: tuple[float, float, float], name: str, small: bool
) -> None:
    pixels = AGED[age](toned(grey01(name), *powers))
    assert tone_of(as_jpeg(at_192(pixels) if small else pixels)) != "color"


@pytest.mark.parametrize(("name", "small"), SIZES)
@pytest.mark.parametrize("made", [strongly_split, sepia_filter])
def test_two_tones_and_a_filter_are_no_colour_photograph(
    made: Callable[[np.ndarray], np.ndarray], name: str, small: bool
) -> None:
    pixels = made(grey01(name))
    assert tone_of(as_jpeg(at_192(pixels) if small else pixels)) == "toned"


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
@pytest.mark.parametrize("age", AGED)
def test_a_colour_photograph_that_yellowed_is_still_one(age: str, name: str) -> None:
    assert tone_of(as_jpeg(AGED[age](PHOTOS[name]))) == "color"
    assert tone_of(as_jpeg(AGED[age](faded(PHOTOS[name])))) == "color"


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


Draw = Callable[[Image.Image], Image.Image]


def stamped(picture: Image.Image) -> Image.Image:
    pen, side = ImageDraw.Draw(picture), min(picture.size)
    box = [side * 0.6, side * 0.6, side * 0.95, side * 0.95]
    pen.ellipse(box, outline=(180, 30, 60), width=max(2, side // 50))
    return picture


def written_on(picture: Image.Image) -> Image.Image:
    pen, side = ImageDraw.Draw(picture), min(picture.size)
    for row in range(12):
        y = side * (0.3 + 0.03 * row)
        pen.line([(side * 0.1, y), (side * 0.7, y + 2)], fill=(40, 40, 150), width=side // 150)
    return picture


def with_target(picture: Image.Image) -> Image.Image:
    """A strip of colours below, as thick as 6 % of the height."""
    width, height = picture.size
    thick = round(0.06 * height)
    scan = Image.new("RGB", (width, height + thick + 8), (200, 200, 200))
    scan.paste(picture)
    pen, step = ImageDraw.Draw(scan), width // 12
    colors = [(0, 90, 160), (0, 140, 70), (255, 220, 0), (200, 20, 40), (190, 40, 120)]
    for number, color in enumerate([*colors, (110, 80, 60), (20, 20, 20)]):
        left = 10 + number * step
        pen.rectangle([left, height + 4, left + step - 2, height + 4 + thick], fill=color)
    return scan


def mounted(color: tuple[int, int, int]) -> Draw:
    def on_card(picture: Image.Image) -> Image.Image:
        margin = round(0.15 * picture.width)
        card = Image.new("RGB", (picture.width + 2 * margin, picture.height + 2 * margin), color)
        card.paste(picture, (margin, margin))
        return card

    return on_card


def lined(picture: Image.Image) -> Image.Image:
    pen, side = ImageDraw.Draw(picture), min(picture.size)
    pen.rectangle(
        [0, 0, picture.width - 1, picture.height - 1], outline="#b01818", width=side // 40
    )
    return picture


def rouged(picture: Image.Image) -> Image.Image:
    """Cheeks coloured by hand, 3 % of the picture."""
    rgb = np.asarray(picture, np.float64)
    y, x = np.mgrid[0 : rgb.shape[0], 0 : rgb.shape[1]]
    for at in (0.4, 0.6):
        far = np.hypot(y - 0.4 * rgb.shape[0], x - at * rgb.shape[1]) / (0.07 * min(rgb.shape[:2]))
        rgb = rgb + np.exp(-(far**2))[..., None] * np.array([28, -18, -12])
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def dated(picture: Image.Image) -> Image.Image:
    side = min(picture.size)
    box = [picture.width - side // 6, picture.height - side // 25, picture.width, picture.height]
    ImageDraw.Draw(picture).rectangle(box, fill=(255, 90, 0))
    return picture


def with_wide_target(picture: Image.Image) -> Image.Image:
    """A strip of colours beside it, as thick as 12 % of the width, over the whole height."""
    width, height = picture.size
    thick = round(0.12 * width)
    scan = Image.new("RGB", (width + thick + 8, height), (12, 12, 12))
    scan.paste(picture)
    pen, step = ImageDraw.Draw(scan), height // 7
    colors = [(0, 90, 160), (0, 140, 70), (255, 220, 0), (200, 20, 40), (190, 40, 120)]
    for number, color in enumerate([*colors, (110, 80, 60), (255, 255, 255)]):
        box = [width + 4, number * step, width + 4 + thick, (number + 1) * step - 2]
        pen.rectangle(box, fill=color)
    return scan


def lined_in_a_margin(picture: Image.Image) -> Image.Image:
    """A green line around it, inside a white margin."""
    framed = Image.new("RGB", (picture.width + 24, picture.height + 24), (242, 242, 242))
    framed.paste(Image.new("RGB", (picture.width + 12, picture.height + 12), (25, 102, 51)), (6, 6))
    framed.paste(picture, (12, 12))
    return framed


PARTS = {
    "wide target": with_wide_target,
    "line in a margin": lined_in_a_margin,
    "stamp": stamped,
    "ink": written_on,
    "target": with_target,
    "brown mount": mounted((120, 80, 50)),
    "green mount": mounted((60, 90, 60)),
    "blue mount": mounted((60, 80, 140)),
    "red line": lined,
    "cheeks": rouged,
    "date": dated,
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
@pytest.mark.parametrize("powers", [(1.0, 1.0, 1.0), SEPIA])
def test_coloured_parts_make_no_colour_photograph(
    part: str, name: str, powers: tuple[float, float, float]
) -> None:
    picture = PARTS[part](Image.fromarray(toned(grey01(name), *powers)))
    (photo,) = decode(saved(picture, "JPEG", quality=92), name="x")
    assert photo.tone == ("grey" if powers[0] == 1 else "toned")
    if part not in {"cheeks", "ink", "brown mount"}:  # faint, thin, and like the tone
        assert any("colour of their own" in note for note in photo.meta.notes)


@pytest.mark.parametrize("name", ["coffee", "chelsea"])
@pytest.mark.parametrize("part", ["wide target", "target", "line in a margin", "red line"])
def test_small_prints_with_coloured_parts_are_toned(part: str, name: str) -> None:
    print_of = Image.fromarray(at_192(toned(grey01(name), *SEPIA)))
    assert tone_of(as_jpeg(np.asarray(PARTS[part](print_of)))) == "toned"


@pytest.mark.parametrize(
    "part", ["wide target", "target", "line in a margin", "brown mount", "red line"]
)
def test_a_colour_photograph_in_a_mount_stays_one(part: str) -> None:
    assert tone_of(PARTS[part](Image.fromarray(PHOTOS["coffee"]))) == "color"


def test_without_such_parts_nothing_is_said() -> None:
    for pixels in (
        PHOTOS["coffee"],
        toned(grey01("coffee"), *SEPIA),
        split_toned(grey01("coffee")),
    ):
        (photo,) = decode(saved(pixels, "PNG"), name="x")
        assert not photo.meta.notes


def test_frames_inside_each_other_are_left_out() -> None:
    picture = Image.fromarray(PHOTOS["coffee"])
    framed = mounted((120, 80, 50))(mounted((245, 245, 245))(picture))
    inside = inside_of_frames(small_copy(framed))
    whole = small_copy(framed)
    share = inside.shape[0] * inside.shape[1] / (whole.shape[0] * whole.shape[1])
    printed = picture.width * picture.height / (framed.width * framed.height)
    assert 0.8 * printed < share <= printed


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 500), (3, 3), (9, 9), (500, 3)])
def test_the_smallest_pictures_have_a_tone(size: tuple[int, int]) -> None:
    assert tone_of(Image.new("RGB", size, (200, 30, 40))) == "toned"
    assert tone_of(Image.new("RGB", size, (99, 99, 99))) == "grey"
    noise = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)
    assert tone_of(Image.fromarray(noise)) in {"toned", "color"}


def test_each_feature_has_its_weight() -> None:
    assert len(TERMS) == len(FEATURES) == len(set(FEATURES))
