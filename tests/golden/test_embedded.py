"""Small photographs through the embedded model: what a stranger sees after the first command.

The goldens were made by ``python tests/golden/make_goldens.py`` and looked at. Another processor
rounds int8 sums in another order, so a few steps of difference are allowed, and no more.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tintype

HERE = Path(__file__).parent
NAMES = ("astronaut", "chelsea", "coffee", "wall")


def histogram(difference: np.ndarray) -> str:
    """How many samples are how far off, for the message of a failure."""
    steps, counts = np.unique(difference, return_counts=True)
    return ", ".join(f"{step}: {count}" for step, count in zip(steps, counts, strict=True))


def assert_close(rgb: np.ndarray, golden: np.ndarray) -> None:
    difference = np.abs(rgb.astype(int) - golden)
    assert (difference <= 6).mean() > 0.99, histogram(difference)
    assert difference.mean() < 1, histogram(difference)


@pytest.mark.parametrize("name", NAMES)
def test_the_embedded_model_colours_as_it_did(name: str):
    grey = np.asarray(Image.open(HERE / f"{name}.grey.png"))
    golden = np.asarray(Image.open(HERE / f"{name}.color.png"))
    assert_close(tintype.colorize(grey), golden)


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_has_the_grey_of_its_input_and_colours(name: str):
    grey = Image.open(HERE / f"{name}.grey.png")
    golden = Image.open(HERE / f"{name}.color.png")
    assert np.array_equal(np.asarray(golden.convert("L")), np.asarray(grey))
    if name != "wall":
        saturation = np.ptp(np.asarray(golden).astype(int), axis=2)
        assert saturation.mean() > 3


def test_the_guard_for_goldens_sees_a_colour_cast():
    golden = np.asarray(Image.open(HERE / "astronaut.color.png"))
    cast = golden.astype(int)
    cast[..., 0] += 8
    with pytest.raises(AssertionError, match="8: "):
        assert_close(cast.clip(0, 255).astype(np.uint8), golden)


def test_every_golden_is_tested():
    assert {p.name.split(".")[0] for p in HERE.glob("*.png")} == set(NAMES)
