import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.errors import LearnError
from tintype.learn.data.known_datasets import read_classes, read_pickle
from tintype.learn.data.manifest import find_sources, read_sources
from tintype.learn.data.photos import open_photos
from tintype.learn.recipe import DataRecipe, Recipe, read_recipe
from tintype.learn.train.adapt import adapt_recipe
from tintype.learn.train.loop import train
from tintype.learn.train.run import TrainingSession

RECIPES = Path(__file__).parents[2] / "recipes"
REPORT = RECIPES / "report"
CLASSES = [b"airplane", b"automobile", b"bird"]


def _pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (4, 3072), np.uint8)


def _python_cifar(root: Path) -> Path:
    """As Python 2 wrote it: protocol 2, keys that are bytes, the old name of NumPy's module."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": CLASSES}, protocol=2))
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        batch = {b"labels": [0, 1, 2, 1], b"data": _pixels(number)}
        data = pickle.dumps(batch, protocol=2)
        (folder / name).write_bytes(data.replace(b"numpy._core.", b"numpy.core."))
    return folder


def _binary_cifar(root: Path) -> Path:
    folder = root / "cifar-10-batches-bin"
    folder.mkdir()
    (folder / "batches.meta.txt").write_bytes(b"\n".join(CLASSES) + b"\n\n")
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        rows = np.concatenate([np.array([[0], [1], [2], [1]], np.uint8), _pixels(number)], axis=1)
        (folder / f"{name}.bin").write_bytes(rows.tobytes())
    return folder


def _decoded(path: Path) -> list[tuple[str, str, np.ndarray]]:
    return [
        (source.label, source.group, np.asarray(Image.open(io.BytesIO(data))))
        for source, data in read_sources(find_sources([path]))
    ]


@pytest.mark.parametrize("make", [_python_cifar, _binary_cifar])
def test_both_versions_of_cifar_give_the_same_pictures(
    tmp_path: Path, make: Callable[[Path], Path]
):
    folder = make(tmp_path)
    found = _decoded(folder)
    assert len(found) == 20
    assert [label for label, _, _ in found[:4]] == ["airplane", "automobile", "bird", "automobile"]
    assert {group for _, group, _ in found} == {"cifar-10"}
    expected = _pixels(1)[2].reshape(3, 32, 32).transpose(1, 2, 0)
    assert np.array_equal(found[6][2], expected)
    test = next(f for f in folder.iterdir() if f.name.startswith("test_batch"))
    assert np.array_equal(_decoded(test)[0][2][..., 0].ravel(), _pixels(5)[0, :1024])
    photos = open_photos([folder], DataRecipe(size=32), cache=tmp_path / "cache")
    assert len(photos) == 20
    assert np.array_equal(photos.picture(6), expected)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("ran",))


def test_a_pickle_that_calls_something_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "batches.meta"
    path.write_bytes(pickle.dumps({b"label_names": _Evil()}))
    with pytest.raises(LearnError, match=r"builtins\.print") as caught:
        read_pickle(path)
    assert "ran" not in capsys.readouterr().out
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"no pickle", pickle.dumps([1]), pickle.dumps({b"data": 1, b"labels": [1]})]
)
def test_a_damaged_batch_is_one_line(tmp_path: Path, data: bytes):
    folder = _python_cifar(tmp_path)
    (folder / "data_batch_2").write_bytes(data)
    with pytest.raises(LearnError, match=r"data_batch_2: not a batch of CIFAR-10"):
        find_sources([folder])


def test_a_damaged_binary_batch_is_one_line(tmp_path: Path):
    folder = _binary_cifar(tmp_path)
    (folder / "data_batch_3.bin").write_bytes(bytes(3000))
    with pytest.raises(LearnError, match="its length is 3000"):
        find_sources([folder])
    (folder / "data_batch_3.bin").write_bytes(bytes([9]) + bytes(3072))
    with pytest.raises(LearnError, match="there is no class 9"):
        find_sources([folder])


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(path.as_posix().encode())
    rgb = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(rgb).save(path)


def _places(root: Path) -> Path:
    names = ["/a/airfield", "/a/apartment_building/outdoor", "/a/art_studio"]
    (root / "categories_places365.txt").write_text(
        "".join(f"{name} {i}\n" for i, name in enumerate(names))
    )
    (root / "IO_places365.txt").write_text(f"{names[0]} 2\n{names[1]} 2\n{names[2]} 1\n")
    (root / "places365_train_standard.txt").write_text(
        "".join(f"{name}/00000001.jpg {i}\n" for i, name in enumerate(names))
    )
    (root / "places365_val.txt").write_text("Places365_val_00000001.jpg 2\n")
    for name in names:
        _picture(root / f"data_256{name}" / "00000001.jpg")
    _picture(root / "data_256" / "a" / "airfield" / "99999999.jpg")  # not in the list
    _picture(root / "val_256" / "Places365_val_00000001.jpg")
    return root


def test_places_is_read_by_its_lists(tmp_path: Path):
    root = _places(tmp_path)
    sources = find_sources([root])
    labels = ["a/airfield", "a/apartment_building/outdoor", "a/art_studio"]
    assert [source.label for source in sources] == labels
    assert len([data for _, data in read_sources(sources)]) == 3
    (validation,) = find_sources([root / "val_256"])
    assert (validation.label, validation.group) == ("a/art_studio", "places365")


def test_the_outdoor_half_of_places(tmp_path: Path):
    root = _places(tmp_path)
    outdoor = read_classes(root / "IO_places365.txt")
    labels = {source.label for source in find_sources([root], only_labels=outdoor)}
    assert labels == {"a/airfield", "a/apartment_building/outdoor"}


def test_places_in_its_easy_form_gives_its_training_part(tmp_path: Path):
    root = tmp_path / "places365_standard"
    _picture(root / "train" / "apartment_building-outdoor" / "1.jpg")
    _picture(root / "train" / "art_studio" / "1.jpg")
    _picture(root / "val" / "airfield" / "2.jpg")
    (root / "train.txt").write_text("train/airfield/1.jpg\n")
    (tmp_path / "lists").mkdir()
    outdoor = read_classes(_places(tmp_path / "lists") / "IO_places365.txt")
    assert [s.label for s in find_sources([root], only_labels=outdoor)] == [
        "apartment_building-outdoor"
    ]


@pytest.mark.parametrize("make", [_python_cifar, _binary_cifar])
def test_the_recipe_for_cifar_trains_on_its_archive(tmp_path: Path, make: Callable[[Path], Path]):
    folder = make(tmp_path)
    recipe, remarks = adapt_recipe(_small("cifar-10"), [folder])
    assert remarks == []
    photos = open_photos([folder], recipe.data, cache=tmp_path / "cache")
    assert len(photos) == 20
    progress = train(tmp_path / "run", recipe, photos, TrainingSession(max_samples=8))
    assert progress.samples == 8


def test_the_recipe_for_outdoor_places_takes_the_outdoor_classes(tmp_path: Path):
    (tmp_path / "lists").mkdir()
    root, easy = _places(tmp_path / "lists"), tmp_path / "places365_standard"
    for name in ("apartment_building-outdoor", "art_studio", "airfield"):
        _picture(easy / "train" / name / "1.jpg")
    (easy / "train.txt").write_text("")
    for folder in (root, easy):
        recipe, remarks = adapt_recipe(_small("places365-outdoor"), [folder])
        assert remarks == []
        photos = open_photos([folder], recipe.data, cache=tmp_path / "cache")
        assert len(photos) == 2
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"size": 128})})
    progress = train(tmp_path / "run", recipe, photos, TrainingSession(max_samples=2))
    assert progress.samples == 2


def test_the_recipe_for_a_folder_takes_any_folder(tmp_path: Path):
    for name in ("1.jpg", "2.png", "holidays/3.jpg", "holidays/sea/4.jpg"):
        _picture(tmp_path / "mine" / name)
    recipe, remarks = adapt_recipe(_small("own-folder"), [tmp_path / "mine"])
    assert remarks == []
    photos = open_photos([tmp_path / "mine"], recipe.data, cache=tmp_path / "cache")
    assert len(photos) == 4
    progress = train(tmp_path / "run", recipe, photos, TrainingSession(max_samples=2))
    assert progress.samples == 2


def _small(name: str) -> Recipe:
    """A recipe of the folder, with a small network, small batches and no dev."""
    recipe = read_recipe(RECIPES / "data" / f"{name}.toml")
    model = recipe.model.model_copy(
        update={"width": 0.05, "widths": (8, 8, 8, 8), "pretrained": False, "train_encoder_from": 0}
    )
    data = recipe.data.model_copy(update={"dev_share": 0.0})
    settings = recipe.train.model_copy(update={"batch": 2, "amp": False, "warmup_samples": 2})
    return recipe.model_copy(update={"model": model, "data": data, "train": settings})


@pytest.mark.parametrize("part", ["places365_train_standard.txt", "data_256"])
def test_places_without_a_part_says_what_to_unpack(tmp_path: Path, part: str):
    root = _places(tmp_path)
    (root / part).rename(tmp_path / "elsewhere")
    with pytest.raises(LearnError, match="Unpack"):
        find_sources([root])


def test_places_with_a_missing_picture_or_a_wrong_line_is_one_line(tmp_path: Path):
    root = _places(tmp_path)
    (root / "data_256" / "a" / "airfield" / "00000001.jpg").unlink()
    with pytest.raises(LearnError, match=r"00000001\.jpg: cannot be read"):
        list(read_sources(find_sources([root])))
    (root / "places365_train_standard.txt").write_text("/a/airfield/00000001.jpg 7\n")
    with pytest.raises(LearnError, match="no class 7"):
        find_sources([root])
    (root / "places365_train_standard.txt").write_text("nonsense\n")
    with pytest.raises(LearnError, match="not a name and a number"):
        find_sources([root])


def test_imagenet_gives_its_training_part_under_its_wordnet_names(tmp_path: Path):
    root = tmp_path / "imagenet"
    _picture(root / "train" / "n01440764" / "n01440764_1.JPEG")
    (root / "train" / "n01440764" / "notes.txt").write_text("no picture")
    _picture(root / "val" / "n01443537" / "1.JPEG")
    (source,) = find_sources([root])
    assert (source.label, source.group) == ("n01440764", "imagenet")
    (held_out,) = find_sources([root / "val"])
    assert held_out.label == "n01443537"


def test_a_zip_of_folders_needs_no_recognition(tmp_path: Path):
    _picture(tmp_path / "n01440764" / "1.png")
    with zipfile.ZipFile(tmp_path / "pack-00.zip", "w") as archive:
        archive.write(tmp_path / "n01440764" / "1.png", "n01440764/1.png")
    (source,) = find_sources([tmp_path / "pack-00.zip"])
    assert (source.label, source.group) == ("n01440764", "pack")


def test_a_recipe_takes_the_classes_of_a_file_beside_it(tmp_path: Path):
    (tmp_path / "some.txt").write_text("# scenes\na_abbey\n\nb_bridge\n")
    recipe = tmp_path / "r.toml"
    recipe.write_text('name = "r"\n[data]\nonly_labels = ["@some.txt", "c*"]\n')
    assert read_recipe(recipe).data.only_labels == ("a_abbey", "b_bridge", "c*")
    (tmp_path / "some.txt").write_text("# nothing\n")
    with pytest.raises(LearnError, match="names no class"):
        read_recipe(recipe)
    (tmp_path / "some.txt").unlink()
    with pytest.raises(LearnError, match="cannot be read"):
        read_recipe(recipe)


@pytest.mark.parametrize(
    "name", ["../list.txt", "{folder}/list.txt", "a/../../list.txt", "link.txt", "\\u0000"]
)
def test_a_recipe_reads_no_list_outside_its_folder(tmp_path: Path, name: str):
    (tmp_path / "list.txt").write_text("secret\n")
    recipe = tmp_path / "recipes" / "r.toml"
    (recipe.parent / "a").mkdir(parents=True)
    (recipe.parent / "link.txt").symlink_to(tmp_path / "list.txt")
    name = name.format(folder=tmp_path)
    recipe.write_text(f'name = "r"\n[data]\nonly_labels = ["@{name}"]\n')
    with pytest.raises(LearnError, match="which is not in its folder") as error:
        read_recipe(recipe)
    assert "secret" not in str(error.value)


def test_the_claims_see_the_outdoor_classes_of_the_report():
    claims = REPORT.parent / "claims"
    assert (claims / "outdoor.txt").read_bytes() == (REPORT / "outdoor.txt").read_bytes()


def test_the_reports_outdoor_classes_are_a_plain_list():
    names = read_classes(REPORT / "outdoor.txt")
    assert len(set(names)) == len(names) == 58
    assert {"a_abbey", "c_church_outdoor", "y_yard"} <= set(names)
    assert not {"k_kitchen", "m_museum_indoor", "b_bus_interior"} & set(names)


def _listing_places(root: Path, listed: str) -> Path:
    (root / "data_256").mkdir(parents=True)
    (root / "categories_places365.txt").write_text("/a/abbey 0\n")
    (root / "places365_train_standard.txt").write_text(listed)
    return root


@pytest.mark.parametrize(
    "name", ["../secret.png", "a/../../../secret.png", "../data_256_other/x.png"]
)
def test_a_list_leads_out_of_its_folder_nowhere(tmp_path: Path, name: str):
    root = _listing_places(tmp_path / "places", f"{name} 0\n")
    Image.new("RGB", (40, 40)).save(root / "secret.png")
    with pytest.raises(LearnError, match=r"standard\.txt: .* leads out of its folder"):
        find_sources([root])


def test_a_nul_in_a_list_is_one_line(tmp_path: Path):
    root = _listing_places(tmp_path / "places", "x\0y.jpg 0\n")
    with pytest.raises(LearnError, match=r"standard\.txt: .* is not a name and a number"):
        find_sources([root])


def test_a_pipe_in_a_data_set_is_not_waited_for(tmp_path: Path):
    if not hasattr(os, "mkfifo"):
        return  # there are none on Windows
    root = _listing_places(tmp_path / "places", "pipe.png 0\n")
    os.mkfifo(root / "data_256" / "pipe.png")
    assert [data for _, data in read_sources(find_sources([root]))] == [b""]
    python, binary = _python_cifar(tmp_path), _binary_cifar(tmp_path)
    for batch in (python / "data_batch_1", binary / "data_batch_1.bin"):
        batch.unlink()
        os.mkfifo(batch)
        with pytest.raises(LearnError, match=f"{batch.name}: .*it is not a regular file"):
            find_sources([batch.parent])


def test_a_device_in_a_data_set_is_not_read(tmp_path: Path):
    if not Path("/dev/zero").exists():
        return  # there are none on Windows
    root = _listing_places(tmp_path / "places", "zero.png 0\n")
    (root / "data_256" / "zero.png").symlink_to("/dev/zero")
    assert [data for _, data in read_sources(find_sources([root]))] == [b""]
    binary = _binary_cifar(tmp_path)
    (binary / "data_batch_2.bin").unlink()
    (binary / "data_batch_2.bin").symlink_to("/dev/zero")
    with pytest.raises(LearnError, match=r"data_batch_2\.bin: .*it is not a regular file"):
        find_sources([binary])


def test_a_list_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tintype.learn.data.known_datasets._LONGEST_LIST", 1 << 20)
    root = _listing_places(tmp_path / "places", "")
    with (root / "places365_train_standard.txt").open("wb") as file:
        file.truncate(2 << 20)
    with pytest.raises(LearnError, match=r"standard\.txt: cannot be read \(it is longer than"):
        find_sources([root])
