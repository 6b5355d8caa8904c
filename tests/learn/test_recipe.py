from pathlib import Path

import pytest

from tintype.errors import LearnError
from tintype.learn.recipe import read_recipe, recipe_to_toml

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_reads_and_its_resolved_copy_means_the_same(path: Path, tmp_path: Path):
    recipe = read_recipe(path)
    copy = tmp_path / "resolved.toml"
    copy.write_text(recipe_to_toml(recipe), encoding="utf-8")
    assert read_recipe(copy) == recipe


def test_an_unknown_key_names_the_nearest_one(tmp_path: Path):
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\n[train]\nlearning_rat = 0.1\n')
    with pytest.raises(LearnError, match=r"no key train\.learning_rat.*train\.learning_rate\?"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not a TOML file"),
        ('name = "x"\n[data]\nsize = 100\n', "data.size"),
        ('name = "x"\n[loss]\nrebalance = 2.0\n', "loss.rebalance"),
        ('name = "x"\n[loss]\nkind = "l3"\n', "loss.kind: Input should be 'classification'"),
        ('name = "x"\n[loss]\nwasserstein = 5.0\n', "loss: .*requires decoded"),
        ('name = "x"\n[loss]\nadversarial = 0.5\n', "loss: .*adversarial requires decoded"),
        ('name = "x"\n[loss]\nperceptual = 0.5\n', "loss: .*perceptual requires decoded"),
        ('name = "x"\n[loss]\nlocal_contrast = 1\n', "loss: .*local_contrast requires decoded"),
        ("[train]\nbatch = 3\n", "name"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path: Path, text: str, message: str):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(LearnError, match=message):
        read_recipe(path)


def test_a_missing_recipe_is_one_clear_line(tmp_path: Path):
    with pytest.raises(LearnError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")
