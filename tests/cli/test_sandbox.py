"""`tintype --sandbox`: what is named on the command line is decoded in a child process."""

from pathlib import Path

import pytest

from photo import hostile_decoders
from photo.hostile_decoders import asking
from photo.samples import saved, scene
from tintype.cli.app import main
from tintype.photo.sandbox import sandbox as module


@pytest.fixture
def words(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In a folder with a photograph, its mask and a hostile file of each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "OPERATIONS", hostile_decoders.__name__)
    grey = scene()[..., 0]
    Path("photo.jpg").write_bytes(saved(grey, "JPEG"))
    Path("mask.png").write_bytes(saved(grey, "PNG"))
    Path("bad.jpg").write_bytes(asking("segfault", saved(grey, "JPEG")))
    Path("bad.png").write_bytes(asking("segfault", saved(grey, "PNG")))
    return ["--model", str(tiny_model), "--sandbox"]


def test_a_photograph_and_its_mask(words: list[str], tmp_path: Path) -> None:
    assert main([*words, "photo.jpg", "--mask", "mask.png", "--check"]) == 0
    assert (tmp_path / "photo.color.jpg").exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["bad.jpg"], 3),
        (["bad.jpg", "-o", "-"], 3),
        (["photo.jpg", "--mask", "bad.png"], 2),
        (["photo.jpg", "--reference", "bad.png"], 2),
        (["photo.jpg", "--colors", "bad.png"], 2),
        (["photo.jpg", "bad.jpg"], 1),
    ],
)
def test_a_crash_is_one_line(
    words: list[str], given: list[str], code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, *given]) == code
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert "bad." in said
    assert sum("bad." in line for line in said.splitlines()) == 1


def test_without_it_nothing_is_started(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPERATIONS", "no.such.module")
    assert main([*words[:2], "photo.jpg"]) == 0
    assert main([*words, "photo.jpg", "--overwrite"]) == 3


def test_where_calls_are_not_filtered_that_is_said(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "FORKS", False)
    assert main([*words, "photo.jpg"]) == 0
    assert module.UNFILTERED in capfd.readouterr().err
