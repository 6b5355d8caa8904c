"""Whole runs of a few seconds: exact resume, schedules, checkpoints, what is left on disk."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from learn.command import main
from tintype.errors import LearnError
from tintype.files.atomic import reserved
from tintype.learn.recipe import TrainRecipe, read_recipe
from tintype.learn.train import loop
from tintype.learn.train.checkpoint import Progress, load_checkpoint, write_whole
from tintype.learn.train.schedule import learning_rate_factor

WriteRecipe = Callable[..., Path]


def words(recipe: Path, data: Path, run: Path, *more: str) -> list[str]:
    cache = run.parent / "cache"
    return [str(recipe), "--data", str(data), "--run", str(run), "--cache", str(cache), *more]


def same(one: Path, other: Path) -> bool:
    a = load_file(one / "checkpoint.safetensors")
    b = load_file(other / "checkpoint.safetensors")
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_in_three_sittings_ends_with_the_same_bits(
    tmp_path: Path, photo_folder: Path, recipe_file: WriteRecipe
):
    recipe = recipe_file()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main("train", words(recipe, photo_folder, whole, "--max-samples", "48")) == 0
    main("train", words(recipe, photo_folder, parts, "--max-samples", "12"))
    main("train", words(recipe, photo_folder, parts, "--max-samples", "32", "--resume"))
    main("train", words(recipe, photo_folder, parts, "--max-samples", "48", "--resume"))
    assert same(whole, parts)


def test_a_run_that_began_from_a_classifier_goes_on_without_it(tmp_path: Path, photo_folder: Path):
    shared = "[data]\nsize = 32\n[train]\nbatch = 2\namp = false\n"
    grey, colors = tmp_path / "grey.toml", tmp_path / "colors.toml"
    grey.write_text(
        f'name = "g"\n{shared}[model]\nkind = "grey-resnet18"\n[loss]\nkind = "labels"\n'
    )
    colors.write_text(f'name = "c"\n{shared}[model]\nkind = "rescnn"\ninit = "classifier"\n')
    assert main("train", words(grey, photo_folder, tmp_path / "g", "--max-samples", "2")) == 0
    classifier = tmp_path / "g" / "checkpoint.safetensors"
    begin = words(colors, photo_folder, tmp_path / "c", "--max-samples", "2")
    with pytest.raises(LearnError, match="needs a trained grey classifier"):
        main("train", begin)
    chosen = ["--classifier", str(classifier)]
    with pytest.raises(LearnError, match="--classifier is only for"):
        main("train", [*begin, *chosen, "--init", str(classifier)])
    with pytest.raises(LearnError, match="g: --classifier is only for"):
        main("train", [*words(grey, photo_folder, tmp_path / "x"), *chosen])
    assert main("train", [*begin, *chosen]) == 0
    classifier.unlink()
    assert main("train", [*begin, "--resume", "--max-samples", "4"]) == 0


def test_the_guard_for_same_bits_sees_one_more_step(
    tmp_path: Path, photo_folder: Path, recipe_file: WriteRecipe
):
    recipe = recipe_file()
    for name, samples in (("one", "8"), ("other", "12")):
        main("train", words(recipe, photo_folder, tmp_path / name, "--max-samples", samples))
    assert not same(tmp_path / "one", tmp_path / "other")


def test_a_killed_run_resumes_to_the_same_weights(
    tmp_path: Path, photo_folder: Path, recipe_file: WriteRecipe
):
    """Killed without warning at some step, it goes on from the last checkpoint it wrote."""
    recipe = recipe_file(train="checkpoint_seconds = 0.001")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    main("train", words(recipe, photo_folder, whole, "--max-samples", "64"))
    command = [sys.executable, "-m", "tintype", "train"]
    child = subprocess.Popen(
        [*command, *words(recipe, photo_folder, killed, "--max-samples", "100000")],
        # As many threads as this process uses: another number adds in another order.
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (killed / "checkpoint.safetensors").exists():
        assert child.poll() is None, "the run ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.kill()
    child.wait()
    _, progress, _ = load_checkpoint(killed / "checkpoint.safetensors")
    samples = str(progress.samples + 12)
    main("train", words(recipe, photo_folder, killed, "--max-samples", samples, "--resume"))
    again = tmp_path / "again"
    main("train", words(recipe, photo_folder, again, "--max-samples", samples))
    assert same(killed, again)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_run_with_a_checkpoint_and_130(
    *,
    tmp_path: Path,
    photo_folder: Path,
    recipe_file: WriteRecipe,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
):
    if not hasattr(signal, name):
        assert sys.platform == "win32"
        return
    recipe = recipe_file()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main("train", words(recipe, photo_folder, whole, "--max-samples", "24")) == 0
    move, moves = loop._train_step, []

    def interrupted(run: object) -> object:
        moves.append(run)
        if len(moves) == 3:
            signal.raise_signal(getattr(signal, name))
        return move(run)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "_train_step", interrupted)
        capsys.readouterr()
        assert main("train", words(recipe, photo_folder, parts, "--max-samples", "24")) == 130
    assert len(moves) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith(f"tintype: Interrupted. {parts}: 12 samples in ")
    assert said.err.endswith("; add --resume to continue.\n")
    main("train", words(recipe, photo_folder, parts, "--max-samples", "24", "--resume"))
    assert same(whole, parts)


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_loss_speed_and_the_time_left(
    tmp_path: Path,
    photo_folder: Path,
    recipe_file: WriteRecipe,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    limit = ("--max-samples", "32")
    main("train", words(recipe_file(), photo_folder, tmp_path / "run", *limit))
    shown = terminal.getvalue()
    assert re.search(r"32 samples, loss [\d.]+, [\d.]+ samples/s, 0:00:00 left", shown)
    assert re.search(r"tintype: \S*run: 32 samples in \d+ s\n$", shown)


def test_what_a_run_leaves_behind(tmp_path: Path, photo_folder: Path, recipe_file: WriteRecipe):
    run = tmp_path / "run"
    recipe = recipe_file()
    main("train", words(recipe, photo_folder, run, "--max-samples", "32"))
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows if "loss" in row] == list(range(4, 36, 4))
    assert [row["samples"] for row in rows if "dev_loss" in row] == [16, 32]
    assert len(list((run / "samples").glob("*.png"))) == 2
    assert list((run / "events").iterdir())
    assert read_recipe(run / "recipe.toml") == read_recipe(recipe)


def test_four_photographs_are_learned_by_heart(
    tmp_path: Path, photo_folder: Path, recipe_file: WriteRecipe
):
    for file in sorted(photo_folder.rglob("*.png"))[4:]:
        file.unlink()
    whole = "crop_area = [1.0, 1.0]\ncrop_ratio = [1.0, 1.0]"
    data = f"dev_share = 0.0\n{whole}\nmirror = false\nage = 0.0"
    recipe = recipe_file(train="learning_rate = 3e-3\nencoder_rate = 1.0")
    text = recipe.read_text().replace("dev_share = 0.25", data)
    recipe.write_text(text)
    run = tmp_path / "run"
    main("train", words(recipe, photo_folder, run, "--max-samples", "480"))
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[0] > 5
    assert min(losses[-5:]) < 2.5


@pytest.mark.parametrize("what", ["recipe", "data"])
def test_a_run_is_not_continued_with_something_else(
    tmp_path: Path, photo_folder: Path, recipe_file: WriteRecipe, what: str
):
    run = tmp_path / "run"
    recipe = recipe_file()
    main("train", words(recipe, photo_folder, run, "--max-samples", "8"))
    if what == "recipe":
        recipe.write_text(recipe.read_text().replace("batch = 4", "batch = 2"))
    else:
        (photo_folder / "field" / "00.png").unlink()
        (photo_folder / "field" / "01.png").unlink()
    with pytest.raises(LearnError, match="started with a different"):
        main("train", words(recipe, photo_folder, run, "--max-samples", "16", "--resume"))


def test_an_existing_run_is_not_begun_again_and_a_missing_one_not_resumed(
    tmp_path: Path, photo_folder: Path, recipe_file: WriteRecipe
):
    run = tmp_path / "run"
    recipe = recipe_file()
    with pytest.raises(LearnError, match="no run to resume"):
        main("train", words(recipe, photo_folder, run, "--resume"))
    main("train", words(recipe, photo_folder, run, "--max-samples", "8"))
    before = (run / "checkpoint.safetensors").read_bytes()
    with pytest.raises(LearnError, match="already contains a run"):
        main("train", words(recipe, photo_folder, run))
    assert (run / "checkpoint.safetensors").read_bytes() == before


def test_two_processes_do_not_train_in_one_folder(
    tmp_path: Path, photo_folder: Path, recipe_file: WriteRecipe
):
    run = tmp_path / "run"
    run.mkdir()
    asked = words(recipe_file(), photo_folder, run, "--max-samples", "8")
    with (
        reserved(run / "checkpoint.safetensors"),
        pytest.raises(LearnError, match="another process is training"),
    ):
        main("train", asked)
    assert list(run.iterdir()) == []
    assert main("train", asked) == 0
    assert not list(run.glob(".tintype-*"))


def test_the_rate_warms_up_holds_and_cools_down():
    settings = TrainRecipe(warmup_samples=100)
    assert learning_rate_factor(Progress(samples=0), settings) == pytest.approx(0.01)
    assert learning_rate_factor(Progress(samples=5000), settings) == 1
    cooling = Progress(samples=5500, cooldown_from=5000, cooldown_samples=1000)
    assert learning_rate_factor(cooling, settings) == pytest.approx(0.5)
    cooling.samples = 6000
    assert learning_rate_factor(cooling, settings) == 0


def test_a_cosine_ends_at_zero():
    settings = TrainRecipe(warmup_samples=0, schedule="cosine", total_samples=1000)
    assert learning_rate_factor(Progress(samples=500), settings) == pytest.approx(0.5)
    assert learning_rate_factor(Progress(samples=1000), settings) == pytest.approx(0)


def test_a_damaged_checkpoint_is_one_clear_line(tmp_path: Path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00nonsense")
    with pytest.raises(LearnError, match="not a checkpoint"):
        load_checkpoint(path)


def test_writing_leaves_no_temporary_file(tmp_path: Path):
    write_whole(tmp_path / "a" / "file", b"x")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["file"]


def test_a_look_at_the_end_counts_as_time(
    tmp_path: Path,
    photo_folder: Path,
    recipe_file: WriteRecipe,
    monkeypatch: pytest.MonkeyPatch,
):
    """Else a run whose time it used up would count as stopped too early."""
    monkeypatch.setattr(loop, "_measure", lambda _run, _log: time.sleep(2))
    recipe, run = recipe_file(train="evaluate_samples = 4").read_text(), tmp_path / "run"
    file = tmp_path / "tiny.toml"
    file.write_text(recipe.replace("evaluate_samples = 16\n", ""))
    main("train", words(file, photo_folder, run, "--max-seconds", "1.5"))
    _, progress, _ = load_checkpoint(run / "checkpoint.safetensors")
    assert progress.seconds >= 1.5
