"""What is said of pictures that come out otherwise than hoped."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from photo.samples import deep, opened, saved, scene
from tintype.photo.decode import decode, photo_from_array
from tintype.photo.negative import evidence
from tintype.photo.remarks import is_black_and_white, on_photos

GREY = Image.fromarray(scene(80, 96)).convert("L")
LETTERS = Image.fromarray(
    np.kron(np.random.default_rng(2).integers(0, 2, (10, 12)), np.ones((8, 8))) > 0
)
SAID = "There is nothing to colour in pure black and white."


PICTURES = {
    name: np.asarray(Image.fromarray(getattr(data, name)()).convert("L"))
    for name in ("astronaut", "camera", "chelsea", "coffee", "rocket", "cat")
}


def said_of(*greys: np.ndarray) -> list[str]:
    return on_photos([photo_from_array(grey) for grey in greys])


@pytest.mark.parametrize(
    "file",
    [
        saved(GREY.convert("1"), "TIFF", compression="group4"),
        saved(GREY.convert("1"), "PNG"),
        saved(GREY.convert("1").convert("P"), "GIF"),
        saved(LETTERS.convert("L"), "JPEG", quality=85),
        saved(LETTERS.convert("RGB"), "PNG"),
        saved(Image.new("L", (40, 30), 255), "PNG"),
    ],
    ids=["fax", "halftone", "palette", "JPEG", "RGB", "blank"],
)
def test_black_and_white_has_nothing_to_colour(file: bytes) -> None:
    assert on_photos(decode(file, name="x")) == [SAID]


def test_16_bits_are_asked_on_their_own_scale() -> None:
    assert is_black_and_white(np.asarray(LETTERS).astype(np.uint16) * 65_535)
    assert not is_black_and_white(deep(40, 56, 1))


@pytest.mark.parametrize("factor", [1.0, 0.1])
def test_a_photograph_is_not_black_and_white(factor: float) -> None:
    assert not is_black_and_white((np.asarray(GREY) * factor + 20).astype(np.uint8))


def test_a_drawing_with_a_small_photograph_in_it_is_coloured() -> None:
    page = np.full((400, 400), 255, np.uint8)
    page[40:120, 40:136] = opened(saved(GREY, "PNG"))
    assert not is_black_and_white(page)


NEGATIVE = "It looks like a negative; invert it before it is coloured."


@pytest.mark.parametrize("name", PICTURES)
def test_a_photograph_is_no_negative(name: str) -> None:
    assert said_of(PICTURES[name]) == []


@pytest.mark.parametrize("name", ["chelsea", "cat"])
def test_a_negative_is_told_where_it_is_nearly_certain(name: str) -> None:
    assert said_of(255 - PICTURES[name]) == [NEGATIVE]


def test_a_negative_of_16_bits_is_told_as_well() -> None:
    deep_grey = PICTURES["chelsea"].astype(np.uint16) * 257
    assert said_of(65_535 - deep_grey) == [NEGATIVE]
    assert said_of(deep_grey) == []


def test_the_inverse_has_the_opposite_evidence() -> None:
    for grey in PICTURES.values():
        assert np.abs(evidence(grey) + evidence(255 - grey)).max() < 0.05


def test_a_colour_photograph_is_not_asked() -> None:
    flipped = 255 - np.asarray(data.chelsea())
    assert on_photos([photo_from_array(flipped)]) == []


@pytest.mark.parametrize("shape", [(1, 1), (20, 500), (63, 64)])
def test_a_small_picture_is_not_judged(shape: tuple[int, int]) -> None:
    small = Image.fromarray(255 - PICTURES["chelsea"]).resize(shape[::-1])
    assert said_of(np.asarray(small)) == []


def test_pages_are_named() -> None:
    assert said_of(np.asarray(GREY), np.asarray(LETTERS.convert("L"))) == [f"Page 2: {SAID}"]
