"""A sample of the long checks, on every change; the page that tells of them; and their guards."""

import importlib.util
import json
import re
import subprocess
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from docs.pages import ROOT, make_reference
from promises import __main__ as command
from promises import bombs, calls, fuzz, models, mutants, names
from promises.mutants import fault_of
from promises.mutation import mutant
from promises.outcome import Outcome, Words, run_parts
from promises.outcome import one_line as told_in_one_line
from promises.readers import READERS, one_line
from promises.results import RESULTS, SCRIPTS, changed, with_parts
from promises.watched import Watched
from tintype.cli import app
from tintype.errors import UsageError

PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")

# Those that take long to make, or to read; they are for `make promises`.
LONG = {
    "AVIF, an animation", "AVIF, more pixels than it says", "GIF of 401 frames",
    "HEIC, more pixels than it says", "PNG, flood of iCCP", "PNG, flood of iTXt",
    "TIFF, 1,000 fax pages", "TIFF, a strip for each byte", "TIFF, a tile of a gigapixel",
    "WebP, 256 megapixels", "WebP, an animation", "hints, millions",
    "mask of 25 kB, 1,600 megapixels",
}  # fmt: skip
SMALL = [
    name
    for name, bomb in bombs.BOMBS.items()
    if bomb.pixels < 5_000_000 and name not in LONG and not name.startswith("XMP")
]


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with Watched(seconds=60) as watched:
        yield watched


def kept(outcome: Outcome) -> None:
    assert outcome.broken == []


def test_damaged_files_of_every_kind() -> None:
    outcome = Outcome("mutants")
    mutants.check(Words(240, seed=3), outcome)
    kept(outcome)
    assert int(outcome.figures["refused in one line"]) > 60


@pytest.mark.parametrize("name", SMALL)
def test_a_bomb_is_stopped(name: str, watched: Watched) -> None:
    bomb = bombs.BOMBS[name]
    data = bomb.make(0.2)
    if not data:
        pytest.importorskip("pi_heif", reason="the heic extra is not installed")
        pytest.importorskip("pillow_heif", reason="no HEIC writer for the test picture")
    answer = watched.ask(bomb.task, data, max_pixels=bomb.max_pixels)
    assert answer.kind in ({"refused", "picture"} if not bomb.kind else {bomb.kind}), answer.line
    assert answer.megabytes < 120
    assert answer.seconds < 8


def test_hostile_names() -> None:
    outcome = Outcome("names")
    names.check(Words(0), outcome)
    kept(outcome)


def test_models_that_were_changed() -> None:
    outcome = Outcome("models")
    models.check(Words(30), outcome)
    kept(outcome)


# ----- the page -----


def test_the_page_names_tests_that_exist() -> None:
    found = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))
    assert [name for name in found if not (ROOT / name).is_file()] == []
    assert len(found) > 20


def test_every_script_is_run_and_has_its_figures_on_the_page() -> None:
    assert make_reference().SCRIPTS == SCRIPTS
    for script in SCRIPTS:
        assert f"<!-- generated: promise {script} -->" in PAGE
        assert (ROOT / "tests" / "promises" / f"{script}.py").is_file()


def test_every_promise_was_kept_when_it_was_measured_last() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert {name: said["kept"] for name, said in results.items() if not said["kept"]} == {}
    assert set(results) == set(SCRIPTS)
    for said in results.values():
        assert said["figures"]
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", said["date"])


def test_of_each_part_the_longest_run_is_kept_unless_something_was_found() -> None:
    def said(seconds: float, kept: bool = True) -> dict[str, Any]:
        part = {"figures": {"T": f"{seconds} s"}, "kept": kept, "rounds": 5}
        return {"seed": 1, "parts": {"t": {**part, "seconds": seconds, "length": seconds}}}

    row = with_parts(None, said(60), "here")
    assert row["figures"]["T"].startswith("60 s; 20")
    assert (row["kept"], row["rounds"], row["seconds"]) == (True, 5, 60)
    assert with_parts(row, said(10), "here")["seconds"] == 60
    assert with_parts(row, said(70), "here")["seconds"] == 70
    broken = with_parts(row, said(10, kept=False), "here")
    assert (broken["kept"], broken["seconds"]) == (False, 10)
    assert with_parts(broken, said(5), "here")["kept"]


def test_minutes_of_the_fuzzer_add_up_until_something_is_found() -> None:
    def found(seconds: float, findings: int = 0) -> dict[str, float]:
        return {
            "inputs": 10, "new": 2, "reached": int(seconds), "findings": findings,
            "seconds": seconds,
        }  # fmt: skip

    first = fuzz.part_of("icc", found(120), None)
    assert (first["kept"], first["seconds"], first["rounds"]) == (True, 120, 10)
    second = fuzz.part_of("icc", found(90.5), first)
    assert (second["seconds"], second["rounds"]) == (210.5, 20)
    assert second["figures"] == {
        "ICC profiles": "3.5 min: 20 inputs, 4 reached something new, 120 places, 0 findings"
    }
    broken = fuzz.part_of("icc", found(30, findings=1), second)
    assert (broken["kept"], broken["seconds"]) == (False, 240.5)
    assert fuzz.part_of("icc", found(30), broken)["seconds"] == 30
    assert fuzz.part_of("icc", found(30), {"kept": True, "seconds": 600})["seconds"] == 30


def test_a_reader_that_has_its_minutes_is_not_fuzzed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, int]] = []

    def check(_: str, seconds: float, seed: int, outcome: Outcome) -> dict[str, float]:
        asked.append((seconds, seed))
        findings = int(seed == 9)
        outcome.expect(not findings, "found")
        return {"inputs": 5, "new": 1, "reached": 1, "findings": findings, "seconds": seconds}

    path = tmp_path / "results.json"
    monkeypatch.setattr(fuzz, "check", check)
    monkeypatch.setattr(fuzz, "changed", lambda: changed(path))
    for minutes in (5, 5, 6):
        fuzz.run("icc", minutes * 60.0, 1, Outcome("fuzz"), write=True)
    assert asked == [(120, 1), (120, 2), (60, 3), (60, 3)]
    assert json.loads(path.read_text("utf-8"))["fuzz"]["seconds"] == 360
    fuzz.run("icc", 60.0, 1, Outcome("fuzz"), write=False)
    assert asked[4:] == [(60, 1)]
    fuzz.run("gif", 600.0, 8, Outcome("fuzz"), write=True)
    assert asked[5:] == [(120, 8), (120, 9)]  # a finding ends it


def test_slowness_is_a_finding() -> None:
    timed = fuzz.Timed(lambda _: timed.check(), 1.0)
    timed(b"")
    timed.check()
    with pytest.raises(AssertionError, match="seconds for one input"):
        fuzz.Timed(lambda _: None, -1.0)(b"abc")
    slow = fuzz.Timed(lambda _: slow.check(), -1.0)
    with pytest.raises(AssertionError, match="seconds for one input"):
        slow(b"")


def test_slowness_that_does_not_come_again_is_that_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 25.0, 25.0, 25.1, 25.1])
    monkeypatch.setattr("time.process_time", lambda: next(clock))
    fuzz.Timed(lambda _: None, 20.0)(b"")
    clock = iter([0.0, 25.0, 25.0, 50.0, 50.0])
    with pytest.raises(AssertionError, match="25 seconds for one input"):
        fuzz.Timed(lambda _: None, 20.0)(b"")


def test_a_script_with_parts_is_written_part_by_part() -> None:
    assert command.parts_of("calls")[0] == "JPEG"
    assert {"uploads", "png", "tiff"} <= set(command.parts_of("limits"))
    assert command.parts_of("disk") == ()
    part = {"figures": {"a": "1"}, "kept": True, "rounds": 1, "seconds": 1, "length": 0}
    results: dict[str, Any] = {"calls": {"kept": True, "figures": {"by hand": "2"}}}
    command.keep(results, "calls", {"kept": True, "seed": 0, "parts": {"JPEG": part}}, "here")
    assert list(results["calls"]["figures"]) == ["a"]
    command.keep(results, "calls", {"kept": True, "seed": 0, "parts": {"PNG": part}}, "here")
    assert list(results["calls"]["parts"]) == ["JPEG", "PNG"]
    command.keep(results, "disk", {"kept": True, "figures": {"b": "3"}}, "here")
    assert results["disk"]["figures"] == {"b": "3"}


def test_a_part_that_falls_is_broken_and_spares_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = subprocess.CompletedProcess([], 1, stdout="no JSON\n")
    monkeypatch.setattr(command.subprocess, "run", lambda *_, **__: told)
    said = command.run("calls", quick=True, seed=0, parts=["PNG"])
    assert (said["kept"], said["parts"]["PNG"]["kept"]) == (False, False)
    assert "parts" not in command.run("disk", quick=True, seed=0)


def test_an_unknown_part_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["limits", "--part=nothing"])
    assert run_parts("limits", {}, rounds=1, quick=1) == 2
    assert "no such part: nothing" in capsys.readouterr().err


def test_figures_are_written_in_the_order_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for script in ("fuzz", "mutants"):
        with changed(path) as results:
            results[script] = {"kept": True}
    assert list(json.loads(path.read_text("utf-8"))) == ["mutants", "fuzz"]


# ----- guards -----


def test_a_crash_a_hang_a_word_and_much_memory_are_seen() -> None:
    with Watched(seconds=2) as watched:
        assert watched.ask("sleeps", b"").kind in {"hang"}
    with Watched(seconds=60) as watched:
        fell = watched.ask("falls", b"")
        assert fell.kind == "crash"
        assert fault_of(fell, "picture")
        printed = watched.ask("prints", b"")
        assert (printed.kind, printed.line) == ("printed", "a word\n")
        filled = watched.ask("fills", b"")
        assert filled.megabytes > 400
        assert "MB" in fault_of(filled, "picture")
        fault = watched.ask("nonsense", b"")
        assert fault.kind == "fault"
        assert "AssertionError" in fault_of(fault, "picture")
        assert watched.ask("hints", b"[]").kind == "picture"


def test_the_line_about_an_error_in_the_program_is_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def falls(_argv: object) -> int:
        raise KeyError("x")

    monkeypatch.setattr(app, "run", falls)
    monkeypatch.delenv("TINTYPE_TRACEBACK", raising=False)
    assert app.main(["x"]) == 3
    assert not told_in_one_line(capsys.readouterr().err.encode())
    assert told_in_one_line(b"tintype: x.jpg is damaged.\n")
    assert not told_in_one_line(b"one\ntwo\n")


def test_a_clock_that_rings_while_it_is_answered_hides_no_long_call() -> None:
    found: dict[str, Any] = {}
    exec(calls._WATCH.partition("from tintype")[0], found)
    times = iter([5.0, 5.1, 5.2, 5.3])
    again = iter([True, False])

    def extract_stack(frame: object) -> list[object]:
        if next(again):
            found["tick"](0, frame)
        return []

    found |= {"last": 1.0}
    found["time"] = types.SimpleNamespace(process_time=lambda: next(times))
    found["traceback"] = types.SimpleNamespace(extract_stack=extract_stack)
    found["tick"](0, None)
    assert found["longest"] == pytest.approx(4.1)


def test_a_broken_promise_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    from promises.outcome import run_script

    def breaks(words: Words, outcome: Outcome) -> None:
        outcome.expect(words.rounds != 5, "it is five")

    assert run_script("x", breaks, rounds=5, quick=1, words=[]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["kept"], said["broken"]) == (False, ["it is five"])
    assert run_script("x", breaks, rounds=5, quick=1, words=["--quick"]) == 0


# ----- the fuzzer -----


@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_its_seeds_and_what_damage_leaves_of_them(name: str) -> None:
    rng = np.random.default_rng(0)
    if name == "heic":
        pytest.importorskip("pi_heif", reason="the heic extra is not installed")
        pytest.importorskip("pillow_heif", reason="no HEIC writer for the test picture")
    seeds = READERS[name].seeds()
    assert seeds
    for data in seeds:
        assert len(data) <= READERS[name].longest
        READERS[name].read(data)
    for number in range(12):
        READERS[name].read(mutant(seeds[number % len(seeds)], rng, seeds))
    READERS[name].read(b"")


@pytest.mark.parametrize("name", READERS)
def test_of_every_reader_functions_are_watched(name: str) -> None:
    found = [function for module in fuzz.modules_of(name) for function in fuzz.functions_of(module)]
    assert len(found) >= 5
    assert all(
        function.__module__.startswith(("tintype.", "pickletools", "zipfile")) for function in found
    )


def test_methods_are_watched_as_well() -> None:
    from tintype.learn.data import plain_pickle

    names = {function.__qualname__ for function in fuzz.functions_of(plain_pickle)}
    assert {"loads", "_array", "_Machine.run", "_Name.__init__"} <= names


def test_every_format_has_a_reader() -> None:
    from tintype.photo.formats.registry import FORMATS

    assert {form.lower() for form in FORMATS} <= set(READERS)


@pytest.mark.parametrize("error", [UsageError("x" * 1000), ValueError("another")])
def test_an_error_that_is_no_line_for_people_is_a_fault(error: Exception) -> None:
    with pytest.raises((AssertionError, ValueError)), one_line():
        raise error
    with one_line(KeyError):
        raise UsageError("one line")


def test_the_fuzzer_finds_a_fault_and_keeps_its_input() -> None:
    """Its loop is an extra; everything but that is tested above."""
    if importlib.util.find_spec("atheris") is None:
        return
    outcome = Outcome("fuzz")
    assert fuzz.check("card", 120, 1, outcome, runs=200)["inputs"] >= 200
    kept(outcome)
    assert fuzz.check("card", 2, 1, outcome)["seconds"] < 20  # it would go on for ever
    fuzz.check("card", 0, 1, nothing := Outcome("fuzz"))
    assert nothing.broken == ["card: no input was read"]
    found = fuzz.check("broken", 120, 1, outcome, runs=5000)
    assert found["findings"] > 0
    said = outcome.broken[0]
    assert "KeyError: 'the fault'" in said
    command = said.splitlines()[-1].split()
    assert command[:4] == ["python", "-m", "promises.fuzz", "broken"]
    assert b"W" in (ROOT / command[-1]).read_bytes()
