"""Every option of every command that names files, and what becomes of others' files under outputs.

An output replaces only what carries its own mark. Another option that names a file must be sorted
into one of the tables here first, and an output needs a case.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from tintype.cli import shortcut
from tintype.cli.app import TINTYPE, main
from tintype.cli.group import COLOR
from tintype.cli.values import FileType

ROOT = Path(__file__).parents[2]
Make = Callable[..., Path]

INPUTS = {
    COLOR: "photos --hints --scribbles --mask --reference --colors --settings --model",
    "graft": "colored photo --mask",
    "video": "film --reference --shots --model",
    "serve": "--model --pairs",
    "models": "names",
    "inspect": "photos",
    "data": "paths --against",
    "train": "recipe --data --never --init --classifier",
    "evaluate": "models --data --regions --dev-of",
    "export": "run --data --card --start --ensemble",
    "compare": "recipes --data --evaluation --originals",
}
"""What is only read."""

OUTPUTS = {
    COLOR: "--output --into --report --contact-sheet --certainty --save-settings",
    "graft": "--output --report",
    "video": "--output",
    "shortcut": "--into",
    "data": "--sheet",
    "train": "--run-folder",
    "evaluate": "--json --sheet",
    "export": "--output --checkpoint",
    "compare": "--runs --into",
}
"""What is written; each has a case below."""

CACHES = {"train": "--cache", "evaluate": "--cache", "export": "--cache", "compare": "--cache"}
"""Folders in which nothing is replaced: what is made there has a hash as its name, and is renamed
only where there is nothing."""

# The command and its words, and the file of somebody else's that lies under an output.
COLORING = [
    ("photo.png --output {}", "mine.png"),
    ("photo.png --output {}", "mine.tif"),
    ("photo.png --into out", "out/photo.color.png"),
    ("photo.png --report {}", "mine.jsonl"),
    ("photo.png --contact-sheet {}", "mine.html"),
    ("photo.png --certainty {}", "mine.png"),
    ("photo.png --save-settings {}", "mine.json"),
    ("graft colors.png photo.png --output {}", "mine.png"),
    ("graft colors.png photo.png --report {}", "mine.jsonl"),
    ("video film.mp4 --output {}", "mine.mp4"),
    ("video film.mp4 --output {}", "mine.mkv"),
    ("shortcut --into menu", "menu/tintype.desktop"),
    ("shortcut --into menu", "menu/tintype-color.desktop"),
]
LEARNING = [
    ("data audit photos --sheet {}", "mine.png"),
    ("train RECIPE --data photos --run-folder run", "run/log.jsonl"),
    ("train RECIPE --data photos --run-folder run", "run/prior.npy"),
    ("train RECIPE --data photos --run-folder run", "run/weights-000001000.safetensors"),
    ("train RECIPE --data photos --run-folder run", "run/samples/000001000.png"),
    ("train RECIPE --data photos --run-folder run --resume", "run/checkpoint.safetensors"),
    ("evaluate MODEL --data photos --json {}", "mine.json"),
    ("evaluate MODEL --data photos --sheet s.jpg", "s-01.jpg"),
    ("export photos --data photos --output {}", "mine.onnx"),
    ("export photos --data photos --output m.onnx --checkpoint {}", "mine.safetensors"),
    ("COMPARE --into out", "out/zhang.json"),
    ("COMPARE --into out", "out/zhang.jpg"),
    ("COMPARE --into out", "out/ground-truth.json"),
    ("COMPARE --into out", "out/cdcgan-places-000001008.jpg"),
    ("COMPARE --into out", "out/curves.png"),
    ("COMPARE --into out", "out.md"),
    ("compare REPORT --page-only --into out", "out.md"),
]


def _commands() -> dict[str, click.Command]:
    context = click.Context(TINTYPE)
    found = {name: TINTYPE.get_command(context, name) for name in TINTYPE.list_commands(context)}
    found[COLOR] = TINTYPE.get_command(context, COLOR)
    return {name: command for name, command in found.items() if command is not None}


def test_every_option_that_names_a_file_is_an_input_or_an_output() -> None:
    named = {
        (name, param.opts[-1] if isinstance(param, click.Option) else str(param.name))
        for name, command in _commands().items()
        for param in command.params
        if isinstance(param.type, FileType)
    }
    sorted_ = [
        (name, option)
        for tables in (INPUTS, OUTPUTS, CACHES)
        for name, options in tables.items()
        for option in options.split()
    ]
    assert len(sorted_) == len(set(sorted_))
    assert set(sorted_) == named


def test_every_output_has_a_case() -> None:
    words = " ".join(line.replace("COMPARE", "compare --runs") for line, _ in COLORING + LEARNING)
    for options in OUTPUTS.values():
        assert [option for option in options.split() if option not in words.split()] == []


def _stays(words: list[str], foreign: str, said: Callable[[], str]) -> None:
    path = Path(foreign)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"somebody's, for years")
    code = main([word.format(foreign) for word in words])
    lines = said().splitlines()
    assert path.read_bytes() == b"somebody's, for years"
    assert code in {1, 2, 3}
    assert lines
    assert path.name in lines[-1]
    assert "Internal error" not in lines[-1]


@pytest.fixture
def said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Callable[[], str]:
    """What was printed on standard error; the current folder is a new one."""
    monkeypatch.chdir(tmp_path)
    if "shortcut" in request.node.name:
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(shortcut, "installed_program", lambda: Path("tintype-desktop"))
    return lambda: capfd.readouterr().err


@pytest.mark.parametrize(("line", "foreign"), COLORING)
def test_another_s_file_stays(
    line: str, foreign: str, tiny_model: Path, make_photo: Make, said: Callable[[], str]
) -> None:
    make_photo(Path("photo.png"))
    Image.fromarray(np.full((30, 40, 3), (200, 90, 40), np.uint8)).save("colors.png")
    words = line.split()
    words += [] if words[0] == "shortcut" else ["--overwrite"]
    words += [] if words[0] in {"graft", "shortcut"} else ["--model", str(tiny_model)]
    if words[0] == "video":
        pytest.importorskip("av", reason="the video extra is not installed")
        from video.clips import make_clip

        make_clip(Path("film.mp4"), count=2)
    _stays(words, foreign, said)


@pytest.mark.learn
@pytest.mark.parametrize(("line", "foreign"), LEARNING)
def test_another_s_file_stays_in_the_commands_of_training(
    line: str, foreign: str, tiny_model: Path, said: Callable[[], str]
) -> None:
    Path("photos").mkdir()
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(noise).save(f"photos/{number}.png")
    report = str(ROOT / "recipes" / "report")
    compare = f"compare {report} --data photos --evaluation photos --samples 8 --runs runs"
    line = line.replace("COMPARE", compare).replace("REPORT", report)
    Path("recipe.toml").write_text('name = "some"\n[data]\nsize = 32\n[train]\nbatch = 2\n')
    line = line.replace("RECIPE", "recipe.toml")
    words = line.replace("MODEL", str(tiny_model)).split()
    _stays(words, foreign, said)


@pytest.mark.learn
def test_an_exported_model_in_a_run_of_compare_is_replaced_only_if_it_is_ours(
    tmp_path: Path,
) -> None:
    from tintype.errors import TargetExistsError
    from tintype.learn.compare import run

    (tmp_path / "model.onnx").write_bytes(b"somebody's")
    with pytest.raises(TargetExistsError, match=r"model\.onnx exists and is not a model"):
        run._replaceable_model(tmp_path / "model.onnx")
