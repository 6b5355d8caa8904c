"""What a program that uses Tintype looks like to a type checker; read by `check.py`, never run."""

import io
from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tintype
from tintype import Colorizer, TintypeError, UnreadablePhotoError, colorize


def of_every_kind(pixels: NDArray[np.uint8], image: Image.Image) -> None:
    """The result has the type of the input."""
    assert_type(colorize("photo.jpg"), Path)
    assert_type(colorize(Path("photo.jpg"), overwrite=True), Path)
    assert_type(colorize(b"..."), bytes)
    assert_type(colorize(io.BytesIO(b"...")), io.BytesIO)
    assert_type(colorize(pixels, vividness=0.5, quality="high"), NDArray[Any])
    assert_type(colorize(image, hints=[(1, 2, "#c04030"), (3, 4, "#ffffff", 5)]), Image.Image)


def with_a_colorizer(image: Image.Image) -> str:
    """The same through the class, and the errors."""
    color = Colorizer(max_pixels=10_000_000)
    assert_type(color(image, warmth=0.2, reference="other.png"), Image.Image)
    assert_type(color.colorize("photo.jpg"), Path)
    try:
        colorize("missing.jpg")
    except UnreadablePhotoError as error:
        assert_type(error.advice, str)
        assert_type(error.exit_code, int)
    except TintypeError as error:
        return error.message
    return assert_type(tintype.__version__, str)


colorize("photo.jpg", vividness="strong")  # type: ignore[call-overload]
colorize(3)  # type: ignore[call-overload]
colorize("photo.jpg", quality="best")  # type: ignore[call-overload]
Colorizer(strength=1)  # type: ignore[call-arg]
