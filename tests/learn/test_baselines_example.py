from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.color.cielab import rgb01_to_lab, rgb_u8_to_luma_u8
from tintype.errors import LearnError
from tintype.learn.baselines import example
from tintype.learn.baselines.example import local_deviation, open_references, predict
from tintype.learn.data.photos import Photos, open_photos
from tintype.learn.evaluate.recolor import recolor
from tintype.learn.recipe import DataRecipe

Paint = Callable[[int], np.ndarray]


@pytest.fixture
def photos(photo_folder: Path, tmp_path: Path) -> Photos:
    return open_photos([photo_folder], DataRecipe(dev_share=0.25), cache=tmp_path / "cache")


def test_a_picture_takes_its_own_colours_back():
    dark, bright = np.array([40, 60, 120]), np.array([230, 200, 120])
    rgb = np.where((np.arange(64) < 32)[None, :, None], dark, bright).astype(np.uint8)
    rgb = np.repeat(rgb, 64, axis=0)
    lab = rgb01_to_lab(rgb / 255)
    found = predict(lab[..., 0], rgb, seed=0)
    away = np.abs(found - lab[..., 1:].transpose(2, 0, 1)).max(axis=0)
    assert away[:, :29].max() < 1e-3
    assert away[:, 35:].max() < 1e-3


def test_a_darker_and_flatter_copy_takes_the_same_colours(colourful: Paint):
    rgb = colourful(3)
    L = rgb01_to_lab(rgb / 255)[..., 0]
    first, again = predict(L, rgb, seed=0), predict(L * 0.5 + 7, rgb, seed=0)
    assert np.mean(np.abs(first - again).max(axis=0) > 1e-3) < 0.01


def test_texture_tells_apart_what_lightness_does_not():
    noise = np.where(np.indices((64, 64)).sum(axis=0) % 2 == 0, 0.7, 1.3)
    smooth = np.arange(64) < 32
    grey = np.where(smooth[None, :], 1.0, noise) * 110
    tint = np.where(smooth[None, :, None], [1.0, 0.9, 1.1], [0.9, 1.07, 0.9])
    reference = (grey[..., None] * tint).clip(0, 255).astype(np.uint8)
    lab = rgb01_to_lab(reference / 255)
    found = predict(lab[..., 0], reference, seed=0)
    assert np.median(found[0, :, :28]) > 5
    assert np.median(found[0, :, 36:]) < -5


def test_local_deviation_is_of_five_by_five():
    L = np.random.default_rng(0).uniform(0, 100, (9, 11))
    assert local_deviation(L)[4, 5] == pytest.approx(L[2:7, 3:8].std())
    assert local_deviation(L).shape == L.shape


def test_the_reference_looks_alike_and_is_neither_dev_nor_the_picture(photos: Photos):
    references = open_references(photos)
    train = int(references.indices[3])
    grey = np.asarray(Image.fromarray(photos.picture(train)).convert("L"))
    chosen = references.nearest(grey)
    assert chosen != train
    assert not photos.dev[chosen]
    darker = (grey * 0.7).astype(np.uint8)
    assert references.nearest(darker) == chosen
    likeness = references.features @ example.grey_features(grey)
    assert int(references.indices[np.argsort(likeness)[-2]]) == chosen


def test_no_reference_is_an_error(photos: Photos, photo_folder: Path, tmp_path: Path):
    with pytest.raises(LearnError, match="no training picture"):
        open_references(
            open_photos([photo_folder], DataRecipe(dev_share=1), cache=tmp_path / "cache")
        )
    references = open_references(photos)
    alone = example.References(
        photos, references.indices[:1], references.features[:1], references.signs[:1]
    )
    grey = np.asarray(Image.fromarray(photos.picture(int(alone.indices[0]))).convert("L"))
    with pytest.raises(LearnError, match="no other picture"):
        alone.nearest(grey)
    assert not example.AUTOMATIC


@pytest.mark.parametrize("size", [(96, 128), (24, 32), (17, 40)])
def test_recoloured_greys_keep_their_grey(colourful: Paint, size: tuple[int, int]):
    rgb = colourful(1)
    grey = rgb_u8_to_luma_u8(rgb)
    lab = rgb01_to_lab(rgb / 255)
    planes = [Image.fromarray(lab[..., c].astype(np.float32)) for c in (1, 2)]
    ab = np.stack([np.asarray(p.resize(size[::-1], Image.Resampling.BOX)) for p in planes])
    shown = recolor(grey, ab)
    assert np.array_equal(rgb_u8_to_luma_u8(shown), grey)
    away = np.abs(rgb01_to_lab(shown / 255) - lab)[..., 1:].mean()
    assert away < 0.5 * np.abs(lab[..., 1:]).mean()
    assert np.array_equal(recolor(grey, np.zeros((2, *size))), np.repeat(grey[..., None], 3, 2))


def test_chroma_that_is_none_is_refused():
    grey = np.zeros((8, 8), np.uint8)
    with pytest.raises(LearnError, match="Chroma"):
        recolor(grey, np.zeros((3, 8, 8)))
    with pytest.raises(LearnError, match="Chroma"):
        recolor(grey, np.full((2, 8, 8), np.nan))
