"""The house in order: one version, one test command, no strangers among the files."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tintype

ROOT = Path(__file__).parents[2]

LARGEST = 25 * 2**20

INSTALLED = 250 * 10**6
"""What the core installation may take on the disk, in bytes."""

# Written in two halves, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")

ELSEWHERE = re.compile(r"/(work|opt/tt|tmp/brief)/|\.\./shared")


def tracked() -> list[Path]:
    """Files that git knows; in an unpacked source archive, all that are there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    return [path for path in sorted(ROOT.rglob("*")) if path.is_file()]


def texts(*folders: str) -> list[tuple[Path, str]]:
    """Tracked text files below some folders."""
    found = []
    for path in tracked():
        if path.relative_to(ROOT).parts[0] in folders:
            try:
                found.append((path, path.read_text(encoding="utf-8")))
            except UnicodeDecodeError:
                continue
    return found


def marked_block(text: str, mark: str) -> str:
    """The fenced block behind an HTML comment in a Markdown page."""
    found = re.search(rf"<!-- {re.escape(mark)} -->\s*```\w*\n(.*?)```", text, re.DOTALL)
    assert found is not None, f"no block marked {mark!r}"
    return found[1].strip()


# ----- one version -----


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.MULTILINE)
    assert newest is not None
    assert project["version"] == tintype.__version__ == newest[1]


# ----- one test command -----


def test_ci_runs_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    lines = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert lines[-1] == marked_block(readme, "the test command")


def test_ci_asks_for_the_tests_of_training() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.index("export TINTYPE_REQUIRE_LEARN=1") < script.rindex("make check")


@pytest.mark.parametrize(
    ("contents", "code", "said"),
    [
        ("def test_a(): pass", 1, "no test of training passed"),
        ("import pytest\n@pytest.mark.learn\ndef test_a(): pass", 0, None),
        (
            "import pytest\n@pytest.mark.learn\ndef test_a(): pass\n"
            "def test_b(): pytest.importorskip('no_such_module')",
            1,
            "test_b was skipped",
        ),
        ("import pytest\npytest.importorskip('no_such_module')", 1, "test_it.py was skipped"),
    ],
)
def test_a_run_that_must_learn_fails_when_it_did_not(
    tmp_path: Path, contents: str, code: int, said: str | None
) -> None:
    done = run_that_must_learn(tmp_path, "-p", "no:xdist", test_it=contents)
    assert done.returncode == code, done.stdout
    assert said is None or said in done.stdout


def test_a_run_in_several_processes_must_learn_as_well(tmp_path: Path) -> None:
    learned = "import pytest\n@pytest.mark.learn\ndef test_a(): pass"
    assert run_that_must_learn(tmp_path, "-n", "2", test_it=learned).returncode == 0
    missing = "import pytest\npytest.importorskip('no_such_module')"
    skipping = "import pytest\ndef test_b(): pytest.importorskip('no_such_module')"
    done = run_that_must_learn(tmp_path, "-n", "2", test_missing=missing, test_skipping=skipping)
    assert done.returncode == 1, done.stdout
    assert "test_missing.py was skipped" in done.stdout
    assert "test_b was skipped" in done.stdout


def run_that_must_learn(
    tmp_path: Path, *words: str, **files: str
) -> "subprocess.CompletedProcess[str]":
    """A run of pytest over test files of these names and contents."""
    (tmp_path / "require_learn.py").write_text(
        (ROOT / "tests" / "require_learn.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (tmp_path / "conftest.py").write_text("from require_learn import *", encoding="utf-8")
    for name, contents in files.items():
        (tmp_path / f"{name}.py").write_text(contents, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n    learn\npythonpath = .\n", encoding="utf-8"
    )
    plain = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plain, *words],
        cwd=tmp_path,
        env=os.environ | {"TINTYPE_REQUIRE_LEARN": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


# ----- a small installation -----


def core_distributions() -> set[str]:
    """What an installation without extras brings along."""
    # Ours are read from the source, since an installation of earlier may lie beside newer sources.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [Requirement(text) for text in project["dependencies"]]
    found: set[str] = set()
    while waiting:
        need = waiting.pop()
        name = canonicalize_name(need.name)
        if name not in found and (need.marker is None or need.marker.evaluate({"extra": ""})):
            found.add(name)
            waiting += [Requirement(text) for text in distribution(name).requires or ()]
    return found


def size_on_disk(name: str) -> int:
    files = (Path(str(file.locate())) for file in distribution(name).files or ())
    return sum(file.stat().st_size for file in files if file.is_file())


def test_the_core_installation_is_small_and_without_torch() -> None:
    core = core_distributions()
    assert {"numpy", "onnxruntime", "pillow"} <= core
    assert core.isdisjoint({"torch", "onnx", "pydantic", "scikit-image"})
    # The package itself is installed from its sources, so its files are counted where they are.
    own = sum(p.stat().st_size for p in Path(tintype.__file__).parent.rglob("*") if p.is_file())
    assert own + sum(size_on_disk(name) for name in core) < INSTALLED


# ----- no strangers -----


def test_no_tracked_file_is_too_large() -> None:
    large = [str(path) for path in tracked() if path.stat().st_size > LARGEST]
    assert large == []


def test_nothing_is_left_for_later() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path, text in texts("src", "tests", "benchmarks", "examples", "docs")
        for match in UNFINISHED.finditer(text)
    ]
    assert found == []


def test_no_path_of_one_machine_stands_in_the_files() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path, text in texts("src", "recipes", "benchmarks", "examples", "docs", ".ci")
        for match in ELSEWHERE.finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME"])
def test_the_guard_finds_unfinished_work(word: str) -> None:
    assert UNFINISHED.search(f"x = 1  # {word}: later")
    assert not UNFINISHED.search(f"the {word}S_OF_OTHERS")


def test_the_guard_looks_at_something() -> None:
    assert len(texts("src")) > 30
    assert len(texts("tests")) > 20
