"""`python -m tintype` is the command, and says so."""

import runpy
import sys

import pytest

from tintype import __version__


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "Usage: tintype [OPTIONS] PHOTO..."),
        (["--version"], 0, f"tintype {__version__}"),
        (["--help"], 0, "Usage: tintype [OPTIONS] PHOTO..."),
        (["serve", "--help"], 0, "Usage: tintype serve [OPTIONS]"),
        (["train", "--help"], 0, "Usage: tintype train [OPTIONS] RECIPE"),
        (["--nonsense"], 2, "tintype: No such option '--nonsense'."),
        (["train"], 2, "tintype: Missing argument 'RECIPE'. Run tintype train --help."),
        (["missing.jpg"], 3, "tintype: missing.jpg: no such file or directory."),
    ],
)
def test_the_module_is_the_command(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/tintype/__main__.py", *words])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("tintype", run_name="__main__")
    assert (stop.value.code or 0) == code
    shown = "".join(capfd.readouterr())
    assert said in shown
    assert "__main__" not in shown
