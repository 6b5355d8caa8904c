"""Runs, results and recipes that came from somebody else lead to no other file."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the learn extra is not installed")

import torch

from tintype.errors import LearnError
from tintype.learn.compare.page import check_outputs, page_of, write_page
from tintype.learn.compare.results import read_result, read_results
from tintype.learn.compare.run import read_log
from tintype.learn.evaluate.figures import FIGURES
from tintype.learn.export.weights import _prior_of
from tintype.learn.recipe import make_recipe
from tintype.learn.train.checkpoint import Progress, load_checkpoint, save_weights
from tintype.learn.train.run import check_links

RUN = (
    "checkpoint.safetensors",
    "recipe.toml",
    "prior.npy",
    "log.jsonl",
    "best.safetensors",
    "weights-000000008.safetensors",
    "samples",
    "samples/000000064.png",
    "events",
    "events/events.out",
)


@pytest.mark.parametrize("name", RUN)
def test_a_link_in_a_run_leads_nowhere(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    path = run / name
    path.parent.mkdir(parents=True)
    (tmp_path / "diary").touch()
    check_links(run)
    path.symlink_to(tmp_path / "diary")
    with pytest.raises(LearnError, match="is a link or not a regular file"):
        check_links(run)
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(LearnError, match="is a link or not a regular file"):
        check_links(run)


@pytest.mark.parametrize("name", ["samples", "events", "log.jsonl", "prior.npy", "recipe.toml"])
def test_a_file_in_the_place_of_a_folder_ends_the_run_before_it_begins(
    tmp_path: Path, name: str, recipe_file: Callable[..., Path], train: Callable[..., int]
) -> None:
    run = tmp_path / "run"
    path = run / name
    path.parent.mkdir()
    if name in {"samples", "events"}:
        path.write_text("my notes")
    else:
        path.mkdir()
    with pytest.raises(LearnError, match=rf"{re.escape(name)} is a \w+, and a run has a \w+"):
        train(recipe_file(), "run", 4)
    assert [*tmp_path.glob("run/**/*")] == [path]
    assert not (tmp_path / "cache").exists()


def test_a_log_with_another_name_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "diary").touch()
    (tmp_path / "log.jsonl").hardlink_to(tmp_path / "diary")
    with pytest.raises(LearnError, match="hard link"):
        check_links(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("checkpoint.safetensors", "prior.npy", "log.jsonl"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(LearnError, match="is a link or not a regular file"):
        check_links(tmp_path)
    with pytest.raises(LearnError, match="not a regular file"):
        load_checkpoint(tmp_path / "checkpoint.safetensors")
    with pytest.raises(LearnError, match="not a table of 313 shares"):
        _prior_of(tmp_path)
    with pytest.raises(LearnError, match="not the log of a run"):
        read_log(tmp_path / "log.jsonl")


def _npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))


def _long(path: Path) -> None:
    np.save(path, np.zeros(100_000))


@pytest.mark.parametrize("write", [_npz, _long])
def test_a_prior_of_another_kind_is_one_line(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "prior.npy")
    with pytest.raises(LearnError, match=r"prior\.npy: cannot be read"):
        _prior_of(tmp_path)


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b"[" * 100_000, b"[1]", b'{"loss": [1]}', b'{"loss": ', b"5", b'{"a": {"b": 1}}'],
    ids=["bytes", "brackets", "list", "values", "torn", "number", "nested"],
)
def test_a_log_of_something_else_is_one_line(tmp_path: Path, line: bytes) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(b'{"samples": 8, "loss": 1.5, "dev_loss": NaN}\n')
    assert read_log(log)["curve"] == [{"samples": 8, "loss": 1.5}]
    log.write_bytes(log.read_bytes() + line + b"\n")
    with pytest.raises(LearnError, match=r"log\.jsonl, line 2: cannot be read") as error:
        read_log(log)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "values",
    [{"published": [1]}, {"samples": "many"}, {"curve": {"a": 1}}, {"name": None}, {"later": 1}],
)
def test_a_result_of_wrong_kinds_is_one_line(tmp_path: Path, values: dict[str, object]) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"name": "one"}))
    assert read_result(path).name == "one"
    path.write_text(json.dumps({"name": "one"} | values))
    with pytest.raises(LearnError, match="not a result"):
        read_result(path)


@pytest.mark.parametrize("text", ["[]", "null", '{"later": 1, "name": "one"}', "9" * 5000])
def test_a_result_that_is_none_is_said_in_plain_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "one.json"
    path.write_text(text)
    with pytest.raises(LearnError, match="not a result") as error:
        read_result(path)
    assert not re.search(r"Result\(|__init__|set_int_max_str_digits", error.value.message)


def test_the_results_of_the_repository_are_read() -> None:
    assert len(read_results(Path(__file__).parents[2] / "docs" / "reproduction")) > 15


_FIGURES = dict.fromkeys(FIGURES, (1.0, 0.5, 1.5))


@pytest.mark.parametrize(
    "values",
    [
        {"measured": {"x": 1}},
        {"measured": {"sha256": "a", "sets": [], "size": 1, "dev": 1}},
        {"published": {"all": {}}},
        {"equal": {"places": _FIGURES}},
        {"native": {"ab_mae": (1, 1, 1)}},
        {"samples": 10**400},
        {"parameters": 10**400},
        {"file_bytes": -1},
        {"dev": [{"samples": 1}]},
        {"verdicts": [{"samples": 1}]},
        {"epochs": [{"samples": 1}]},
        {"distribution": {"all": {}}},
        {"pictures": {"published": {"cf": [1.0]}}},
    ],
)
def test_a_result_that_gives_no_page_is_one_line(tmp_path: Path, values: dict[str, object]) -> None:
    (tmp_path / "one.json").write_text(json.dumps({"name": "one"} | values))
    with pytest.raises(LearnError, match=r"one\.json: not a result") as error:
        write_page(tmp_path, [])
    assert len(str(error.value)) < 500


def test_a_page_lies_beside_the_folder_that_a_dot_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "results")
    assert write_page(Path(), []) == tmp_path / "results.md"
    monkeypatch.chdir(tmp_path / "results" / "inner")
    assert page_of(Path("..")) == tmp_path / "results.md"
    with pytest.raises(LearnError, match="--into"):
        check_outputs(Path("/"), [])


@pytest.mark.parametrize("devices", [5, [1], "cpu", {"a": 1}])
def test_a_checkpoint_without_names_of_devices_is_one_line(tmp_path: Path, devices: object) -> None:
    path = tmp_path / "checkpoint.safetensors"
    facts = {"recipe": {}, "data_hash": "", "versions": {}}
    save_weights(path, {"a": torch.zeros(1)}, Progress(), facts | {"trained_on": ["cpu"]})
    assert load_checkpoint(path)[2]["trained_on"] == ["cpu"]
    save_weights(path, {"a": torch.zeros(1)}, Progress(), facts | {"trained_on": devices})
    with pytest.raises(LearnError, match="`trained_on` is not a list of names"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "name",
    ["../elsewhere", "/etc", "..", "", "a/b", "a\\b", ".ssh", "a\x1b[31m", "a\nb", "x" * 101],
)
def test_a_recipe_does_not_choose_where_it_is_written(name: str) -> None:
    with pytest.raises(LearnError, match="name of a folder, not a path"):
        make_recipe({"name": name}, name="x.toml")


def test_names_of_runs_may_be_of_any_language() -> None:
    for name in ("own-2.1", "rescnn-ce.seed-1", "Стъклени плаки (1912)", "七"):
        assert make_recipe({"name": name}, name="x.toml").name == name
