"""Options that are names for a value of another one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import tintype
from tintype.cli.app import main
from tintype.engine.settings import SETTINGS, Settings
from tintype.errors import UsageError

Make = Callable[..., Path]
NAMED = SETTINGS["vividness"].named


def test_the_names_are_in_range_and_in_order() -> None:
    assert list(NAMED) == ["sober", "vivid"]
    assert 0 < NAMED["sober"] < 1 < NAMED["vivid"] < 2
    for name, value in NAMED.items():
        assert Settings(vividness=name) == Settings(vividness=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMED)
def test_a_named_value_is_recorded_as_the_number(
    name: str, make_photo: Make, tiny_model: Path, tmp_path: Path
) -> None:
    photo, how = make_photo(tmp_path / "photo.png"), tmp_path / "how.json"
    words = [f"--{name}", "--save-settings", str(how), "--model", str(tiny_model)]
    assert main([str(photo), *words]) == 0
    assert json.loads(how.read_text())["settings"]["vividness"] == NAMED[name]
    colorizer = tintype.Colorizer(tiny_model)
    assert colorizer(photo.read_bytes(), vividness=name) == colorizer(
        photo.read_bytes(), vividness=NAMED[name]
    )
    with pytest.raises(UsageError, match="vividness"):
        colorizer(photo.read_bytes(), vividness="bright")


@pytest.mark.parametrize(
    "words",
    [["--sober", "--vivid"], ["--sober", "--vividness", "1"], ["--vivid", "--vividness", "0"]],
)
@pytest.mark.parametrize("command", [["photo.png"], ["video", "film.mp4"], ["graft", "a", "b"]])
def test_names_and_numbers_contradict_each_other(
    words: list[str], command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *words]) == 2
    said = capsys.readouterr().err
    assert "contradict each other" in said
    assert all(word in said for word in words if word.startswith("--"))
