"""A method of several stages: which run comes first, and what is passed from one to the next."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from learn.command import main
from tintype.errors import LearnError
from tintype.learn.compare import run as compare_run
from tintype.learn.compare.measure import ScoringOptions
from tintype.learn.compare.run import StoppedError, origin_notes, read_recipes, run_method
from tintype.learn.compare.score import Pictures
from tintype.learn.compare.seeds import stage_before, with_seed
from tintype.learn.recipe import Recipe, make_recipe
from tintype.learn.train.checkpoint import Progress, save_weights


def recipe(name: str, after: str = "") -> Recipe:
    return make_recipe({"name": name, "train": {"after": after}}, name=name)


def test_the_stage_before_has_the_same_seed():
    first, second = recipe("first"), recipe("second", "first")
    assert stage_before(second, [second, first]) == first
    assert stage_before(with_seed(second, 2), [second, first]) == with_seed(first, 2)
    assert stage_before(with_seed(second, 2), [first]).train.seed == 2
    assert stage_before(first, [second, first]) is None


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ({"b": "c"}, r"b continues c \(train.after\), but that recipe does not exist"),
        ({"b": "b"}, r"b continues itself"),
        ({"a": "b", "b": "a"}, r"continues itself"),
    ],
)
def test_stages_that_lead_nowhere_are_refused(tmp_path: Path, after: dict[str, str], message: str):
    for name in ("a", "b"):
        text = f'name = "{name}"\n[train]\nafter = "{after.get(name, "")}"\n'
        (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(LearnError, match=message):
        read_recipes(tmp_path)


def test_compare_trains_the_stage_before_and_starts_from_it(
    tmp_path: Path, photo_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    calls: list[tuple[str, Path | None]] = []

    def fake(recipe: Recipe, _options: ScoringOptions, *, start: Path | None, report) -> Progress:
        calls.append((recipe.name, start))
        if recipe.name.startswith("last"):
            raise StoppedError("enough")
        return Progress()

    monkeypatch.setattr(compare_run, "train_enough", fake)
    runs = tmp_path / "runs"
    options = ScoringOptions([photo_folder], runs, tmp_path, tmp_path, None, 8, "cpu", [])
    everything = [recipe("first"), recipe("last", "middle"), recipe("middle", "first")]
    wanted = with_seed(everything[1], 1)
    pictures = Pictures({}, [], [])
    with pytest.raises(StoppedError):
        run_method(wanted, pictures, options, recipes=everything, report=lambda _: None)
    names = ["first.seed-1", "middle.seed-1", "last.seed-1"]
    starts = [None, *(runs / name / "checkpoint.safetensors" for name in names[:2])]
    assert calls == list(zip(names, starts, strict=True))

    # A run that exists has all its weights: the stages before it may be gone.
    (runs / "last.seed-1").mkdir(parents=True)
    (runs / "last.seed-1" / "checkpoint.safetensors").touch()
    calls.clear()
    with pytest.raises(StoppedError):
        run_method(wanted, pictures, options, recipes=everything, report=lambda _: None)
    assert [name for name, _ in calls] == ["last.seed-1"]


def test_a_row_says_what_its_run_began_with(tmp_path: Path):
    own = {"name": "own", "model": {"kind": "own"}}
    assert origin_notes(make_recipe(own, name="own"), [], tmp_path) == [
        "**not from scratch**: encoder from ImageNet"
    ]
    own["model"]["pretrained"] = False
    assert origin_notes(make_recipe(own, name="own"), [], tmp_path) == []
    first, second = (
        make_recipe({"name": n, "model": {"kind": "rescnn"}, "train": {"after": after}}, name=n)
        for n, after in (("first", ""), ("second", "first"))
    )
    assert origin_notes(first, [first, second], tmp_path) == []
    assert origin_notes(second, [first, second], tmp_path) == ["continues first"]
    (tmp_path / "first").mkdir()
    file = tmp_path / "first" / "checkpoint.safetensors"
    save_weights(
        file,
        {"ema.x": torch.zeros(1)},
        Progress(samples=12_800),
        {"recipe": {}, "data_hash": "", "versions": {}},
    )
    expected = ["continues first, which had 12,800 samples"]
    assert origin_notes(second, [first, second], tmp_path) == expected


def test_a_next_stage_needs_the_weights_of_the_one_before(
    photo_folder: Path, tmp_path: Path, recipe_file: Callable[..., Path]
):
    file = recipe_file()
    file.write_text(file.read_text().replace("[train]", '[train]\nafter = "first"'))
    words = ["--data", str(photo_folder), "--run", str(tmp_path / "run"), "--max-samples", "4"]
    with pytest.raises(LearnError, match="next stage of first") as caught:
        main("train", [str(file), *words, "--cache", str(tmp_path / "cache")])
    assert "--init" in caught.value.advice
