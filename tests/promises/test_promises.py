"""A sample of the long checks, on every change; the page that tells of them; and their guards."""

import importlib.util
import json
import re
from collections.abc import Iterator

import pytest

from docs.pages import ROOT, make_reference
from promises import bombs, models, mutants, names
from promises.__main__ import RESULTS, SCRIPTS
from promises.mutants import fault_of
from promises.outcome import Outcome, Words
from promises.watched import Watched

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


def test_a_broken_promise_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    from promises.outcome import run_script

    def breaks(words: Words, outcome: Outcome) -> None:
        outcome.expect(words.rounds != 5, "it is five")

    assert run_script("x", breaks, rounds=5, quick=1, words=[]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["kept"], said["broken"]) == (False, ["it is five"])
    assert run_script("x", breaks, rounds=5, quick=1, words=["--quick"]) == 0


def test_the_fuzzer_starts_where_atheris_is_installed() -> None:
    from promises.fuzz_decode import one_input
    from promises.seeds import PICTURES

    for make in PICTURES.values():
        one_input(make()[:-7])
    if importlib.util.find_spec("atheris") is None:
        return  # an extra for `make fuzz`; everything but its loop was run above
    from promises import fuzz_decode

    outcome = Outcome("fuzz_decode")
    fuzz_decode.check(120, 1, outcome, runs=100)
    kept(outcome)
    assert outcome.rounds > 0
