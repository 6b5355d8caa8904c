"""The quick part of `make release-check`, and that its checks can say no."""

import shutil
from pathlib import Path

import pytest

from release.check import ROOT, changelog_versions, strangers, version_faults
from tintype import __version__

SAYING = ("pyproject.toml", "CHANGELOG.md", "src/tintype/_version.py", "docs/man/tintype.1")


def test_version_and_changelog_fit_together() -> None:
    assert version_faults(ROOT, final=False) == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in SAYING:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", SAYING)
def test_another_version_in_one_place_is_seen(copy: Path, name: str) -> None:
    text = (copy / name).read_text(encoding="utf-8")
    (copy / name).write_text(text.replace(__version__, "9.9.9"), encoding="utf-8")
    assert version_faults(copy, final=False) != []


def test_a_version_without_a_date_does_not_go_out(copy: Path) -> None:
    changes = copy / "CHANGELOG.md"
    text = changes.read_text(encoding="utf-8")
    newest = changelog_versions(text)[0]
    heading = "## [{}] - {}".format(*newest)
    changes.write_text(text.replace(heading, f"## [{__version__}] - 2026-01-31"), encoding="utf-8")
    assert version_faults(copy, final=True) == []
    changes.write_text(text.replace(heading, f"## [{__version__}] - unreleased"), encoding="utf-8")
    assert version_faults(copy, final=True) == [f"{__version__} has no date in the changelog"]


def test_a_version_that_changes_nothing_is_seen(copy: Path) -> None:
    changes = copy / "CHANGELOG.md"
    changes.write_text(
        f"# Changelog\n\n## [{__version__}] - unreleased\n\n## [0.0.1] - 2020-01-01\n\n- x\n"
    )
    assert version_faults(copy, final=False) == [f"the changelog says nothing about {__version__}"]


def test_strangers_in_a_wheel_are_seen() -> None:
    ours = [
        "tintype/py.typed",
        "tintype/engine/bundles/own.onnx",
        "tintype/web/page/samples/valley.jpg",
        "tintype_colorizer-1.0.dist-info/METADATA",
    ]
    theirs = [
        "tintype/photo.jpg",
        "tintype/web/page/photo.jpg",
        "tintype/web/page/samples/photo.gif",
        "tests/test_x.py",
        "tintype/tests/a.py",
        "x/y.py",
        "runs/log.json",
    ]
    assert strangers([*ours, *theirs], "1.0") == theirs
