"""Whole adversarial runs of a few seconds: both networks, the watch, the way back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tintype.errors import LearnError
from tintype.learn.train import run as runs
from tintype.learn.train.collapse import CollapseDetector, Verdict, observe

WriteRecipe = Callable[..., Path]
MODEL = 'kind = "cdcgan"\nvariant = "cifar"\nwidth = 0.06'
LOSS = '\n[loss]\nkind = "adversarial"\ngenerator_steps = 2\n'
CHROMAGAN = 'kind = "chromagan"\nwidth = 0.06\nglobal_size = 32'
SEMANTIC = '\n[loss]\nkind = "semantic"\nclass_weight = 0.003\n'


class Scripted(CollapseDetector):
    """Finds the state at 16 samples best, and a collapse at 32."""

    def observe(
        self, samples: int, guess: Tensor, truth: Tensor, *, accuracy: float, loss: float
    ) -> Verdict:
        self.last = observe(samples, guess, truth, accuracy=accuracy, loss=loss)
        if samples == 32:
            return Verdict(collapsed=True, reasons=("as the script says",), best=False)
        self.healthy.append(self.last)
        return Verdict(collapsed=False, reasons=(), best=samples == 16)


def rows(folder: Path) -> list[dict[str, float | str]]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if "collapsed" in row]


def same(one: Path, other: Path) -> bool:
    a, b = load_file(one), load_file(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("model", "loss"), [(MODEL, LOSS), (CHROMAGAN, SEMANTIC)], ids=["cdcgan", "chromagan"]
)
def test_both_networks_are_trained_and_resumed_to_the_same_bits(
    tmp_path: Path, recipe_file: WriteRecipe, train: Callable[..., int], model: str, loss: str
):
    recipe = recipe_file(model=model, train=f"watch_collapse = true{loss}")
    assert train(recipe, "whole", 40) == 0
    assert train(recipe, "parts", 12) == 0
    first = load_file(tmp_path / "parts" / "checkpoint.safetensors")
    assert train(recipe, "parts", 40, "--resume") == 0
    last = load_file(tmp_path / "parts" / "checkpoint.safetensors")
    assert same(
        tmp_path / "whole/checkpoint.safetensors", tmp_path / "parts/checkpoint.safetensors"
    )
    assert all(0 <= row["dev_d_accuracy"] <= 1 for row in rows(tmp_path / "whole"))
    for network in ("model.", "discriminator.", "optimizer.discriminator."):
        names = [name for name in first if name.startswith(network)]
        assert names
        assert not all(torch.equal(first[name], last[name]) for name in names)


def test_a_collapse_goes_back_to_the_best_and_cuts_the_rate(
    tmp_path: Path,
    recipe_file: WriteRecipe,
    train: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(runs, "CollapseDetector", Scripted)
    recipe = recipe_file(model=MODEL, train=f"watch_collapse = true\nrollback = true{LOSS}")
    assert train(recipe, "run", 32) == 0
    run = tmp_path / "run"
    assert same(run / "best.safetensors", run / "checkpoint.safetensors")
    assert (
        "collapsed at 32 samples: as the script says; rolled back to 16 samples."
        in capsys.readouterr().err
    )
    assert [(row["samples"], row["collapsed"], row["reasons"]) for row in rows(run)] == [
        (16, 0.0, ""),
        (32, 1.0, "as the script says"),
    ]
    assert train(recipe, "run", 36, "--resume") == 0
    assert not same(run / "best.safetensors", run / "checkpoint.safetensors")
    line = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert line["cuts"] == 1
    assert train(recipe, "whole", 36) == 0
    assert same(run / "checkpoint.safetensors", tmp_path / "whole" / "checkpoint.safetensors")


def test_without_rollback_a_collapse_is_only_told(
    tmp_path: Path,
    recipe_file: WriteRecipe,
    train: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(runs, "CollapseDetector", Scripted)
    recipe = recipe_file(model=MODEL, train=f"watch_collapse = true{LOSS}")
    assert train(recipe, "run", 32) == 0
    assert "collapsed at 32 samples: as the script says.\n" in capsys.readouterr().err
    run = tmp_path / "run"
    assert not same(run / "best.safetensors", run / "checkpoint.safetensors")


def test_a_generator_without_a_hold_collapses_and_the_log_says_why(
    tmp_path: Path, recipe_file: WriteRecipe, train: Callable[..., int]
):
    """The settings of collapse-on-purpose.toml, on a network of a few channels."""
    wild = 'learning_rate = 3e-2\noptimizer = "adam"\nbetas = [0.5, 0.999]\nclip = 0.0\nema = 0.0'
    loss = '\n[loss]\nkind = "adversarial"\nlambda = 0.0\n'
    recipe = recipe_file(model=MODEL, train=f"watch_collapse = true\n{wild}{loss}")
    # When it falls depends on the processor's last bits; that it does within so many does not.
    assert train(recipe, "run", 256) == 0
    assert any(row["collapsed"] == 1 and row["reasons"] for row in rows(tmp_path / "run"))


@pytest.mark.parametrize(
    ("model", "settings", "complaint"),
    [
        ('kind = "cdcgan"\nvariant = "places"\nwidth = 0.06', LOSS, "not a multiple of 128"),
        ('kind = "own"', "watch_collapse = true", "needs a discriminator"),
        (MODEL, f"rollback = true{LOSS}", "has no effect"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    recipe_file: WriteRecipe,
    train: Callable[..., int],
    model: str,
    settings: str,
    complaint: str,
):
    with pytest.raises(LearnError, match=complaint) as caught:
        train(recipe_file(model=model, train=settings), "run", 8)
    assert caught.value.advice
    assert "\n" not in str(caught.value)
