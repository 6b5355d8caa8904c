"""Small photographs and tiny recipes, so that whole runs take seconds."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import tintype
from tintype.files.own import png_mark

torch = pytest.importorskip("torch", reason="the learn extra is not installed")
torch.set_num_threads(1)  # on networks this small a second thread only waits for the first


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/learn/" in item.path.as_posix():
            item.add_marker(pytest.mark.learn)


def _colourful(seed: int, height: int = 96, width: int = 128) -> np.ndarray:
    """A picture with sky, ground and a bright disc: colours that follow from the lightness."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    horizon = height * draw.uniform(0.3, 0.7)
    sky = np.array([90, 140, 220]) + draw.integers(-20, 20, 3)
    ground = np.array([60, 120, 40]) + draw.integers(-20, 20, 3)
    rgb = np.where((y < horizon)[..., None], sky, ground).astype(float)
    centre, radius = draw.uniform(0.2, 0.8, 2) * (height, width), draw.uniform(10, 25)
    disc = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
    rgb[disc] = np.array([220, 60, 40])
    rgb *= draw.uniform(0.7, 1.1) * (1 + 0.2 * np.sin(x / draw.uniform(3, 9)))[..., None]
    return (rgb + draw.normal(0, 4, rgb.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    """Twenty-four photographs in two folders, one group called ``scenes``."""
    root = tmp_path / "scenes"
    for label in ("field", "beach"):
        (root / label).mkdir(parents=True)
        for index in range(12):
            rgb = _colourful(index + 100 * (label == "beach"), 96 + 8 * (index % 3), 128)
            Image.fromarray(rgb).save(root / label / f"{index:02d}.png")
    return root


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
    picture = Image.fromarray(_colourful(900, 96, 128))
    picture.save(maps / "three.png", pnginfo=text)
    picture.save(photo_folder / "beach" / "sheet.jpg", comment=png_mark("contact sheet"))
    # Without a mark, as after an editor.
    picture.save(photo_folder / "field" / "00.color.jpg")
    picture.save(photo_folder / "beach" / "00.color-2.webp")
    return photo_folder


@pytest.fixture
def recipe_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a recipe of a few seconds; lines of the tables may be replaced."""

    def write(*, model: str = "", data: str = "", train: str = "", loss: str = "") -> Path:
        path = tmp_path / "tiny.toml"
        path.write_text(
            f"""
name = "tiny"
[model]
pretrained = false
widths = [16, 16, 16, 16]
{model}
[data]
size = 64
dev_share = 0.25
{data}
{"[loss]" if loss else ""}
{loss}
[train]
batch = 4
warmup_samples = 8
amp = false
log_every = 1
evaluate_samples = 16
{train}
"""
        )
        return path

    return write


@pytest.fixture(scope="session")
def colourful() -> Callable[[int], np.ndarray]:
    """Makes pictures whose colours follow from their lightness."""
    return _colourful


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
