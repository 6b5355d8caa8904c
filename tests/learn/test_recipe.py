from pathlib import Path

import pytest

from tintype.errors import LearnError
from tintype.learn.recipe import DataRecipe, LossRecipe, TrainRecipe, read_recipe, recipe_to_toml

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


HARD = ["inf", "nan", "-1e999", "9" * 4000, "9" * 5000, "-" + "9" * 30, '"x"', "[[]]", "{}"]


@pytest.mark.parametrize("value", HARD, ids=lambda text: text[:12])
@pytest.mark.parametrize(
    "place",
    [
        "[train]\nbatch = {}", "[train]\nseed = {}", "[train]\nlearning_rate = {}",
        "[train]\nbetas = [{}, 0.9]", "[train]\nmilestones = [{}]", "[train]\nlog_every = {}",
        "[loss]\ndecoded = {}", "[loss]\nneighbors = {}", "[data]\nsize = {}",
        "[data]\ncrop_ratio = [0.5, {}]", "[data]\nmin_colorfulness = {}",
        "[data.mix]\na = {}", "[model]\nwidths = [8, 8, {}, 8]", "[model]\nclasses = {}",
    ],
)  # fmt: skip
def test_hard_numbers_are_one_line(tmp_path: Path, place: str, value: str):
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\n' + place.format(value))
    with pytest.raises(LearnError) as error:
        read_recipe(path)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


FACTORS = [
    f"[{table}]\n{field.alias or name} = {{}}"
    for table, model in (("loss", LossRecipe), ("train", TrainRecipe), ("data", DataRecipe))
    for name, field in model.model_fields.items()
    if isinstance(field.default, float) and name not in {"checkpoint_seconds", "min_colorfulness"}
]


@pytest.mark.parametrize("place", [*FACTORS, "[data]\nmix = {{ a = {} }}"])
def test_a_factor_whose_products_overflow_is_refused(tmp_path: Path, place: str):
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\n' + place.format("1e300"))
    with pytest.raises(LearnError, match="less than"):
        read_recipe(path)


def test_a_mix_of_nothing_is_refused(tmp_path: Path):
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\n[data]\nmix = { a = 0, b = 0.0 }\n')
    with pytest.raises(LearnError, match=r"data\.mix: at least one group needs a share above 0"):
        read_recipe(path)


def test_a_hostile_key_is_quoted_in_short(tmp_path: Path):
    path = tmp_path / "r.toml"
    path.write_text(f'name = "x"\n[train]\n"\\u001b[2J{"k" * 100_000}" = 1\n')
    with pytest.raises(LearnError, match=r"there is no key train\.\\x1b\[2J") as error:
        read_recipe(path)
    assert len(str(error.value)) < 400


def test_a_text_cannot_become_keys_of_the_resolved_copy(tmp_path: Path):
    path = tmp_path / "r.toml"
    text = '"x\\n[train]\\nbatch = 1 \\u0000\\u007f\\U0001F600\\\\"'
    path.write_text(f'name = "x"\n[data]\nexclude = [{text}]\n')
    recipe = read_recipe(path)
    path.write_text(recipe_to_toml(recipe), encoding="utf-8")
    assert read_recipe(path) == recipe
    assert recipe.train.batch == 32


def test_a_missing_recipe_is_one_clear_line(tmp_path: Path):
    with pytest.raises(LearnError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")
