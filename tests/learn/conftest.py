"""Small photographs and tiny recipes, so that whole runs take seconds."""

import functools
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import tintype
from learn.inputs import colourful_picture, write_photographs, write_recipe
from tintype.files.own import png_mark

torch = pytest.importorskip("torch", reason="the learn extra is not installed")
torch.set_num_threads(1)  # on networks this small a second thread only waits for the first


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/learn/" in item.path.as_posix():
            item.add_marker(pytest.mark.learn)


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    """Twenty-four photographs in two folders, one group called ``scenes``."""
    return write_photographs(tmp_path / "scenes")


@pytest.fixture
def outputs(photo_folder: Path, tiny_model: Path) -> Path:
    """The photographs and six outputs of this program: three with nothing else in ``maps``."""
    maps = photo_folder / "maps"
    maps.mkdir()
    source = photo_folder / "field" / "03.png"
    colorizer = tintype.Colorizer(tiny_model)
    with warnings.catch_warnings(action="ignore", category=tintype.PhotoWarning):
        colorizer(source, output=maps / "one.jpg")
        colorizer(source, output=maps / "two.png")
    text = PngInfo()
    text.add_text("Software", png_mark("certainty map"))
    picture = Image.fromarray(colourful_picture(900, 96, 128))
    picture.save(maps / "three.png", pnginfo=text)
    picture.save(photo_folder / "beach" / "sheet.jpg", comment=png_mark("contact sheet"))
    # Without a mark, as after an editor.
    picture.save(photo_folder / "field" / "00.color.jpg")
    picture.save(photo_folder / "beach" / "00.color-2.webp")
    return photo_folder


@pytest.fixture
def recipe_file(tmp_path: Path) -> Callable[..., Path]:
    """`write_recipe`, always to the same file."""
    return functools.partial(write_recipe, tmp_path / "tiny.toml")


@pytest.fixture(scope="session")
def colourful() -> Callable[[int], np.ndarray]:
    """Makes pictures whose colours follow from their lightness."""
    return colourful_picture


@pytest.fixture
def train(tmp_path: Path, photo_folder: Path) -> Callable[..., int]:
    """Trains a recipe on these photographs to so many samples, in a folder by its name."""
    from learn.command import main  # below torch, which may be missing

    def run(recipe: Path, folder: str, samples: int, *more: str) -> int:
        return main(
            "train",
            [
                *(str(recipe), "--data", str(photo_folder), "--run", str(tmp_path / folder)),
                *("--cache", str(tmp_path / "cache"), "--max-samples", str(samples), *more),
            ],
        )

    return run
