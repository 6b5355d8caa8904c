"""The experiments behind the claims: every run once, resumed, summarised, and what is missing."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learn.benchmarks.programs import program
from tintype.errors import LearnError
from tintype.learn.recipe import read_recipe

claims = program("claims")
measures = program("claims_measures")
summary = program("claims_summary")
tables = program("claims_tables")

_SMALL = claims.Scale(
    vibrancy=8,
    epochs=2,
    epoch=16,
    dev=2,
    shown=(1, 2),
    classifier=16,
    pretrained=8,
    scratch=16,
    cifar=16,
)
_RECIPES = {
    "cnn": ("rescnn", 32, 'kind = "classification"', 8),
    "collapse": ("cdcgan", 32, 'kind = "adversarial"', 8),
    "classifier": ("grey-resnet18", 32, 'kind = "labels"', 8),
    "cifar": ("cdcgan", 32, 'kind = "adversarial"', 8),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, colourful) -> Path:
    """Photographs of two classes in two groups, and narrow recipes of the same names."""
    home = tmp_path_factory.mktemp("claims")
    for group, label in (("places", "a_abbey"), ("various", "b_beach")):
        (home / group / label).mkdir(parents=True)
        for seed in range(60):
            picture = Image.fromarray(colourful(seed + 100 * (label == "b_beach"), 40, 40))
            picture.save(home / group / label / f"{seed}.png")
    for group, label, count in (("animals", "animals-3k/cats", 5), ("cifar", "test/frog", 3)):
        (home / group / label).mkdir(parents=True)
        for seed in range(count):
            Image.fromarray(colourful(500 + seed, 32, 32)).save(
                home / group / label / f"{seed}.png"
            )
    # Of these nothing is an animal.
    Image.fromarray(colourful(600, 32, 32)).save(home / "animals" / "car.png")
    (home / "recipes").mkdir()
    for name, (kind, size, loss, batch) in _RECIPES.items():
        watch = str(name == "collapse").lower()
        (home / "recipes" / f"{name}.toml").write_text(
            f'name = "{name}"\n[model]\nkind = "{kind}"\nwidth = 0.1\n[data]\nsize = {size}\n'
            f"dev_share = 0.1\n[loss]\n{loss}\n[train]\nbatch = {batch}\nwarmup_samples = 0\n"
            f"evaluate_samples = 8\nwatch_collapse = {watch}\n"
        )
    return home


@pytest.fixture
def run(small: Path, monkeypatch: pytest.MonkeyPatch):
    """Calls the program with one seed, two losses and a grid of two."""
    monkeypatch.setattr(claims, "RECIPES", small / "recipes")
    monkeypatch.setattr(claims, "CIFAR", small / "recipes" / "cifar.toml")
    monkeypatch.setattr(claims, "CONTENT_GAN", "lambda-3-l1")
    monkeypatch.setattr(claims, "SEEDS", (1,))
    monkeypatch.setattr(claims, "LAMBDAS", (3,))
    monkeypatch.setattr(claims, "DISTANCES", ("l1",))
    monkeypatch.setattr(claims, "LOSSES", {arm: claims.LOSSES[arm] for arm in ("l1", "ce")})
    words = ["claims.py", "--data", small / "places", small / "various", "--runs", small / "runs"]
    words += ["--cache", small / "cache"]

    def call(*more: str | Path) -> int:
        monkeypatch.setattr("sys.argv", [str(word) for word in (*words, *more)])
        return claims.main(_SMALL)

    return call


def test_all_runs_then_nothing_is_left(run, small: Path, capsys: pytest.CaptureFixture[str]):
    animals = ("--animals", small / "animals")
    cifar = ("--cifar", small / "places", "--cifar-test", small / "cifar")
    assert run("--only", "pretraining", *animals) == 0
    # The run from random weights is that of the first experiment, so it comes with it.
    assert (small / "runs" / "cnn-ce.seed-1" / "vibrancy.json").exists()
    facts = json.loads((small / "runs" / "claims.json").read_text())
    assert facts["missing"] == [
        "vibrancy/l1, seed 1",
        "content/l1, seed 1",
        "collapse/lambda-3-l1, seed 1",
        "content/lambda-3-l1, seed 1",
        "collapse/lambda-3-l1-plateau, seed 1",
        "collapse/lambda-3-l1-unnormalized, seed 1",
        "cifar/quarter, seed 1",
    ]
    capsys.readouterr()
    assert run() == 0
    out = capsys.readouterr().out
    assert "content is left out: it needs --animals.\n" in out
    assert "cifar is left out: it needs --cifar and --cifar-test.\n" in out
    facts = json.loads((small / "runs" / "claims.json").read_text())
    assert [name.split("/")[0] for name in facts["missing"]] == ["content", "content", "cifar"]
    assert run(*animals, *cifar) == 0
    facts = json.loads((small / "runs" / "claims.json").read_text())
    assert facts["missing"] == []
    assert facts["collapse"]["lambda-3-l1"]["1"]["epochs"] == 2
    assert set(facts["vibrancy"]["by_arm"]) == {"l1|", "ce|1", "ce|0.38"}
    assert facts["vibrancy"]["verdicts"]["ce|1"] == "withheld: 0 of 3 seeds"
    assert facts["pretraining"]["seeds"]["1"]["compared_until_seconds"] is None or math.isfinite(
        facts["pretraining"]["seeds"]["1"]["compared_until_seconds"]
    )
    text = (small / "runs" / "claims.md").read_text()
    assert "| 3 | L1 + plateau |" in text
    assert "| 3 | L1 without batch normalisation |" in text
    assert "12 of 12 runs are done" in text
    by_content = facts["content"]["by_arm"]
    assert list(by_content) == ["l1", "ce", "lambda-3-l1"]
    animals = by_content["ce"]["animals"]["1"]
    assert (animals["pictures"], animals["grey_ab"] > 0) == (5, True)
    assert "| cDCGAN, lambda-3-l1 |" in text
    (one,) = facts["cifar"]
    assert one["pictures"] == 3
    assert one["accuracy_2"] >= one["accuracy_2_code"]
    assert f"| {one['ab_mae']:.1f} | 5.1 |" in text
    for picture in ("claims-cnn-ce.seed-1-strip-000000008.jpg", "claims-by-time.png"):
        assert f"({picture})" in text
        assert (small / "runs" / picture).exists()
    # The middle of a run is kept, and what is over is thrown away.
    gan = small / "runs" / "gan-lambda-3-l1.seed-1"
    assert {path.name for path in gan.glob("strip*")} == {
        "strip-000000016.jpg",
        "strip-000000032.jpg",
    }
    assert not (gan / "best.safetensors").exists()
    capsys.readouterr()
    before = (gan / "checkpoint.safetensors").stat().st_mtime_ns
    assert run() == 0
    assert "seed 1" not in capsys.readouterr().out
    assert (gan / "checkpoint.safetensors").stat().st_mtime_ns == before
    assert run("--list") == 0
    assert capsys.readouterr().out.endswith("0.0 hours of one core are left\n")


def test_arms_differ_in_one_thing_and_see_the_same_photographs():
    tasks = claims.list_tasks(claims.Scale())
    assert len(tasks) == 12 + 15 + 51 + 7 + 1
    assert [task.seed for task in tasks] == sorted(task.seed for task in tasks)
    grid = [task for task in tasks if task.experiment == "collapse" and task.seed == 2]
    assert len({task.recipe.name for task in grid}) == 17
    assert {task.stops[-1] for task in grid} == {60 * 704}
    assert {task.few for task in grid} == {(704, 128)}
    for task in grid:
        assert task.recipe.loss.discriminator_rate == task.recipe.loss.generator_steps == 1
        assert f"lambda-{task.recipe.loss.lambda_:g}-{task.recipe.loss.distance}" in task.arm
        assert (task.recipe.train.schedule == "plateau") == task.arm.endswith("-plateau")
        assert task.recipe.train.evaluate_samples % task.recipe.train.batch == 0
        assert len(task.recipe.data.only_labels) > 50
    unnormalized = [task.arm for task in grid if not task.recipe.model.batch_norm]
    assert unnormalized == ["lambda-3-l1-unnormalized"]
    first = [task for task in tasks if task.experiment == "vibrancy" and task.seed == 1]
    assert {task.recipe.model.outputs for task in first[:2]} == {"ab"}
    assert [task.recipe.loss.rebalance for task in first[2:]] == [0.0, 1.0]
    for task in first:
        assert task.recipe.train == first[0].recipe.train
        assert task.recipe.data == first[0].recipe.data
        assert task.stops == first[0].stops


@pytest.mark.parametrize("name", ["cnn", "collapse", "classifier"])
def test_recipes_are_not_aged_and_at_most_64_px(name: str):
    recipe = read_recipe(claims.RECIPES / f"{name}.toml")
    assert recipe.data.age == 0
    assert recipe.data.size <= 64


def test_a_few_photographs_of_every_class(run, small: Path):
    recipe = read_recipe(small / "recipes" / "cnn.toml").data
    photos = claims.open_photos(
        [small / "places", small / "various"], recipe, cache=small / "cache"
    )
    few = claims.few_photos(photos, 10, 3)
    assert ((~few.dev).sum(), few.dev.sum()) == (10, 3)
    assert set(few.labels) == {0, 1}
    assert few.data_hash != photos.data_hash
    np.testing.assert_array_equal(
        few.picture(0), photos.picture(int(np.flatnonzero(photos.offsets == few.offsets[0])[0]))
    )
    with pytest.raises(LearnError, match="needs 1000 photographs for training"):
        claims.few_photos(photos, 1000, 3)


def test_animals_are_judged_by_what_is_left_of_the_error():
    def scores(ab: float, grey: float) -> dict:
        return {"ab": ab, "grey_ab": grey, "cf_ratio": 0.5, "pictures": 4}

    # The animals are farther off in units of ab, and nearer in what is left: 0.8 beside 0.9.
    near = {"scenery": scores(9, 10), "animals": scores(16, 20)}
    far = {"scenery": scores(9, 10), "animals": scores(19, 20)}
    runs = {"near": [near] * 3, "far": [far] * 3, "both": [near, far, far], "two": [far] * 2}
    found = [
        {"arm": arm, "seed": seed, "by_content": one}
        for arm, several in runs.items()
        for seed, one in enumerate(several)
    ]
    assert tables.content(found)["verdicts"] == {
        "near": "not worse",
        "far": "worse",
        "both": "undecided",
        "two": "withheld: 2 of 3 seeds",
    }


def test_a_run_that_has_gone_on_is_not_measured(
    run, small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(claims, "progress_of", lambda _run: (400_000, 1.0))
    assert run("--only", "content", "--animals", small / "animals", "--runs", small / "later") == 1
    assert "has gone on to 400,000 photographs, and is not what it was after 8." in (
        capsys.readouterr().out
    )


def test_without_animals_nothing_is_measured(small: Path):
    with pytest.raises(LearnError, match="No photographs"):
        measures.animal_squares([small / "places"])


def test_student_interval():
    # Of 1, 2, 3: mean 2, deviation 1, so 4.303 / sqrt(3) on either side.
    assert tables.mean_over_seeds([1, 2, 3]) == pytest.approx((2, 2 - 2.4843, 2 + 2.4843), abs=1e-3)
    assert tables.mean_over_seeds([]) is None
    assert tables.mean_over_seeds([5]) == (5, -math.inf, math.inf)


def _table(ce: list[float], l1: list[float], l2: list[float]) -> dict:
    rows = {"ce|1": ce, "l1|": l1, "l2|": l2}
    return {
        key: {str(seed): {"cf_ratio": value} for seed, value in enumerate(values)}
        for key, values in rows.items()
    }


@pytest.mark.parametrize(
    ("ce", "verdict"),
    [
        ([0.6, 0.7, 0.8], "more"),
        ([0.1, 0.1, 0.2], "less"),
        ([0.6, 0.7, 0.45], "undecided"),
        ([0.6, 0.7], "withheld: 2 of 3 seeds"),
    ],
)
def test_all_seeds_have_to_agree(ce: list[float], verdict: str):
    table = _table(ce, [0.4, 0.4, 0.4], [0.5, 0.5, 0.5])
    assert summary.vibrancy_verdicts(table) == {"ce|1": verdict}


def _line(xs: list[float], ys: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(xs, float), np.array(ys, float)


def test_where_curves_cross():
    scratch = _line([0, 10, 20, 30, 40], [5, 4, 3, 2.5, 2.4])
    late = _line([15, 20, 25, 30, 50], [6, 3.5, 2.6, 2.2, 1])
    found = summary.compare(late, scratch)
    assert found["ahead_from"] == 25
    assert found["until"] == 30
    assert found["ahead_until"] is None
    # At 15, 20, 25 and 30: 3.5 - 6, 3 - 3.5, 2.75 - 2.6, 2.5 - 2.2.
    assert found["lead"] == pytest.approx((-2.5 - 0.5 + 0.15 + 0.3) / 4)
    never = summary.compare(_line([15, 20], [6, 6]), scratch)
    assert never["ahead_from"] is None
    assert never["ahead_until"] == 15
    assert summary.compare(_line([50], [1]), scratch)["lead"] is None


def test_a_killed_run_repeats_what_it_had_not_kept(monkeypatch: pytest.MonkeyPatch):
    rows = [{"samples": s, "loss": v} for s, v in ((8, 1), (16, 2), (24, 3), (16, 4), (24, 5))]
    assert [row["loss"] for row in measures.once(rows)] == [1, 4, 5]


def test_an_interruption_ends_with_130(
    run, small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(claims, "run_task", lambda *_: False)
    monkeypatch.setattr(claims, "is_done", lambda *_: False)
    assert run() == 130
    assert "the same command continues" in capsys.readouterr().out


def test_a_run_that_fails_does_not_keep_the_others(
    run, small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    begun: list[str] = []

    def fake(task: claims.Task, _arguments: object) -> bool:
        begun.append(task.arm)
        if task.arm == "lambda-3-l1":
            raise LearnError("The gradient is no longer finite.")
        return True

    monkeypatch.setattr(claims, "run_task", fake)
    monkeypatch.setattr(claims, "is_done", lambda *_: False)
    monkeypatch.setattr(claims, "write_summary", lambda *_: None)
    assert run() == 1
    assert begun[2:4] == ["lambda-3-l1", "lambda-3-l1-plateau"]
    assert len(begun) == 8  # without those of further photographs
    out = capsys.readouterr().out
    assert "collapse/lambda-3-l1, seed 1: The gradient is no longer finite.\n" in out
    assert out.endswith("1 runs failed: collapse/lambda-3-l1, seed 1.\n")
