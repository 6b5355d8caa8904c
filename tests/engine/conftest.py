"""Models and photographs for the engine's tests: tiny, made here, and the same everywhere."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tintype.engine.bundle import Bundle, load_bundle
from tintype.photo.photo import Metadata, Photo

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def tiny() -> Bundle:
    """A model over the 313 colours, with random weights (`make_tiny.py`)."""
    return load_bundle(HERE / "tiny.onnx")


@pytest.fixture(scope="session")
def tiny_ab() -> Bundle:
    """The same network without the distribution among its outputs."""
    return load_bundle(HERE / "tiny-ab.onnx")


@pytest.fixture(scope="session")
def hinted() -> Bundle:
    """The first one, with an input for told colours."""
    return load_bundle(HERE / "tiny-hints.onnx")


@pytest.fixture(scope="session")
def matching() -> Bundle:
    """The first one, with features by which places are compared."""
    return load_bundle(HERE / "tiny-features.onnx")


@pytest.fixture(scope="session")
def photo_of() -> Callable[[np.ndarray], Photo]:
    """A grey photograph of some pixels."""
    return lambda grey: Photo(grey, None, "grey", Metadata(format="PNG"))


@pytest.fixture(scope="session")
def cameraman() -> np.ndarray:
    """(300, 457) uint8: a real photograph at odd sizes."""
    image = Image.fromarray(skimage.data.camera()).resize((457, 300))
    return np.asarray(image)
