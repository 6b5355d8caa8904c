"""Recipes run on data that they were not written for, and say what they leave out."""

from pathlib import Path

import pytest

from learn.command import main
from tintype.learn.recipe import Recipe, make_recipe, read_recipe
from tintype.learn.train.adapt import adapt_recipe

ROOT = Path(__file__).parents[2] / "recipes"


def recipe(**tables: dict) -> Recipe:
    return make_recipe({"name": "x"} | tables, name="x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Groups "people" and "views"; adapting reads names only."""
    for name in ("people/a/1.jpg", "people/b/2.jpg", "views-01/alps/3.jpg"):
        (tmp_path / "data" / name).parent.mkdir(parents=True)
        (tmp_path / "data" / name).write_bytes(b"")
    return tmp_path / "data"


def adapted(asked: Recipe, folder: Path) -> tuple[Recipe, str]:
    found, remarks = adapt_recipe(asked, [folder / "people", folder / "views-01"])
    return found, " ".join(remarks)


def test_a_recipe_that_fits_is_not_changed(folder: Path):
    asked = recipe(data={"mix": {"people": 0.7, "views": 0.3}, "only_labels": ["alps", "[ab]"]})
    assert adapted(asked, folder) == (asked, "")


def test_shares_of_absent_groups_are_left_out_with_a_remark(folder: Path):
    found, remark = adapted(recipe(data={"mix": {"people": 0.5, "places": 0.5}}), folder)
    assert found.data.mix == {"people": 0.5}
    assert remark == ("x: the data have no group places (data.mix); used: people; not used: views.")
    found, remark = adapted(recipe(data={"mix": {"places": 0.5, "various": 0.5}}), folder)
    assert found.data.mix == {}
    assert "no group places, various (data.mix); all groups are used in proportion" in remark


def test_a_share_of_nothing_that_is_left_counts_as_none(folder: Path):
    found, remark = adapted(recipe(data={"mix": {"people": 0.0, "places": 0.5}}), folder)
    assert found.data.mix == {}
    assert "all groups are used in proportion" in remark


@pytest.mark.parametrize("table", ["mix", "only_groups", "only_labels"])
def test_long_and_hostile_names_are_quoted_in_short(folder: Path, table: str):
    name = "\x1b[2J" + "n" * 6000
    value = {name: 1.0} if table == "mix" else [name]
    _, remark = adapted(recipe(data={table: value}), folder)
    assert remark.isprintable()
    assert len(remark) < 250


def test_absent_groups_and_labels_leave_everything(folder: Path):
    found, remark = adapted(recipe(data={"only_groups": ["places"]}), folder)
    assert found.data.only_groups == ()
    assert "no group places (data.only_groups); all groups are used" in remark
    found, remark = adapted(recipe(data={"only_groups": ["places", "views"]}), folder)
    assert found.data.only_groups == ("views",)
    assert "used: views" in remark
    found, remark = adapted(recipe(data={"only_labels": ["k", "l", "m", "n"]}), folder)
    assert found.data.only_labels == ()
    assert "no label k, l, m and 1 more (data.only_labels); all are used" in remark


def test_a_class_head_has_a_class_for_each_label(folder: Path):
    labels = {"loss": {"kind": "labels"}}
    found, remark = adapted(recipe(**labels), folder)
    assert (found.model.classes, remark) == (3, "")
    found, _ = adapted(recipe(**labels, model={"classes": 9}), folder)
    assert found.model.classes == 9
    found, remark = adapted(recipe(**labels, data={"only_labels": ["alps"]}), folder)
    assert found.model.classes == 1
    assert "nothing to classify" in remark
    assert adapted(recipe(), folder)[0].model.classes == 0


def test_the_report_trains_its_gans_on_outdoor_scenes():
    for name in ("cdcgan-places", "cdcgan-improved"):
        labels = read_recipe(ROOT / "report" / f"{name}.toml").data.only_labels
        assert len(labels) > 50
        assert "a_abbey" in labels


def test_no_method_of_the_report_ages_the_grey():
    ages = {path.stem: read_recipe(path).data.age for path in (ROOT / "report").glob("*.toml")}
    assert set(ages.values()) == {0.0}, ages


def test_training_says_what_a_recipe_names_in_vain(
    tmp_path: Path, photo_folder: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "r.toml").write_text(
        'name = "r"\n[model]\npretrained = false\nwidths = [8, 8, 8, 8]\n'
        "[data]\nsize = 64\nmix = { places = 1.0 }\n[train]\nbatch = 4\namp = false\n"
    )
    arguments = [str(tmp_path / "r.toml"), "--data", str(photo_folder), "--max-samples", "4"]
    arguments += ["--cache", str(tmp_path / "cache"), "--run-folder", str(tmp_path / "run")]
    assert main("train", arguments) == 0
    assert "r: the data have no group places (data.mix)" in capsys.readouterr().err
    # Continuing needs neither the weights that it began from, nor another word.
    assert main("train", [*arguments, "--resume", "--max-samples", "8"]) == 0
