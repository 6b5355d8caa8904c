"""The Tab key, in the shells themselves: what they offer after what was typed."""

import os
import select
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from tintype.cli.app import main
from tintype.cli.completion import SHELLS, script
from tintype.cli.group import COLOR, COMMANDS, COMPLETE, TINTYPE

HERE = [shell for shell in SHELLS if shutil.which(shell)]
"""Those of this machine; CI has all but PowerShell, which is asked as its script would ask."""

FILES = (
    "old photo.JPG",
    "one.tif",
    "Smith, J.png",
    "letter.txt",
    "mine.onnx",
    "run.toml",
    "set.zip",
    "~.png",
    ".hidden.png",
)

Capture = pytest.CaptureFixture[bytes]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of every kind and a folder, and the command on the path."""
    desk, programs = tmp_path / "desk", tmp_path / "bin"
    (desk / "old album").mkdir(parents=True)
    for name in FILES:
        (desk / name).touch()
    (desk / "old album" / "inside.png").touch()
    programs.mkdir()
    command = programs / "tintype"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tintype "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    for shell in SHELLS:
        (tmp_path / f"completion.{shell}").write_text(script(shell), encoding="utf-8")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TINTYPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(desk)
    return desk


def run(*words: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL
    )
    assert done.stderr == "", done.stderr
    return done.stdout


# ----- bash: the function is called as readline calls it -----


def offered_by_bash(*words: str) -> set[str]:
    """What bash offers for the last of some words, already cut as readline cuts them."""
    code = """
        source ../completion.bash
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _tintype_completion "$1"
        printf "%s\\n" "${COMPREPLY[@]}"
    """
    return set(run("bash", "--norc", "-c", code, "bash", *words).split("\n")) - {""}


PHOTOS = {"old photo.JPG", "one.tif", "Smith, J.png", "~.png", "old album"}


@pytest.mark.usefixtures("desk")
def test_bash_knows_the_function_for_the_command() -> None:
    said = run("bash", "--norc", "-c", "source ../completion.bash; complete -p tintype")
    assert said == "complete -o filenames -F _tintype_completion tintype\n"


BASH: list[tuple[list[str], set[str]]] = [
    (["tintype", ""], {*COMMANDS, *PHOTOS}),
    (["tintype", "s"], {"serve", "shortcut"}),
    (["tintype", "--qual"], {"--quality"}),
    (["tintype", "--hint"], {"--hint", "--hints"}),
    (["tintype", "one.tif", "--quality", ""], {"fast", "normal", "high"}),
    (["tintype", "one.tif", "--quality", "=", "h"], {"high"}),
    (["tintype", "one.tif", "--quality", "="], {"fast", "normal", "high"}),
    (["tintype", "--quality", "high", ""], PHOTOS),
    (["tintype", "o"], {"old photo.JPG", "one.tif", "old album"}),
    (["tintype", '"old p'], {"old photo.JPG"}),
    (["tintype", "old\\ p"], {"old photo.JPG"}),
    (["tintype", '"old album/i'], {"old album/inside.png"}),
    (["tintype", "~/des"], {"~/desk"}),
    (["tintype", "."], {".hidden.png"}),
    (["tintype", "--", "-"], set()),
    (["tintype", "--", ""], PHOTOS),
    (["tintype", "--into", ""], {"old album"}),
    (["tintype", "-o", "l"], {"letter.txt"}),
    (["tintype", "nowhere/"], set()),
    (["tintype", "--vividness", ""], set()),
    (["tintype", "--model", ""], {"tintype-own", "mine.onnx", "old album"}),
    (["tintype", "--format", "j"], {"jpeg", "jpeg2000"}),
    (["tintype", "serve", "--no"], {"--no-browser", "--no-sandbox"}),
    (["tintype", "serve", ""], set()),
    (["tintype", "models", "tin"], {"tintype-own"}),
    (["tintype", "inspect", "o"], {"old photo.JPG", "one.tif", "old album"}),
    (["tintype", "data", ""], {"audit"}),
    (["tintype", "data", "audit", ""], {"set.zip", "old album"}),
    (["tintype", "train", "r"], {"run.toml"}),
    (["tintype", "train", "run.toml", "--data", "set.zip", ""], {"set.zip", "old album"}),
    (["tintype", "train", "run.toml", "--data", "set.zip", "--res"], {"--resume"}),
    (["tintype", "train", "run.toml", "--resume", "--res"], set()),
    (["tintype", "evaluate", "--data", "set.zip", "--quality", "n"], {"normal"}),
    (["tintype", "completion", ""], {"bash", "zsh", "fish", "powershell"}),
]


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(("typed", "offered"), BASH, ids=[" ".join(typed) for typed, _ in BASH])
def test_bash_offers_what_fits(typed: list[str], offered: set[str]) -> None:
    assert offered_by_bash(*typed) == offered


# ----- fish: asked what a Tab would show -----


def offered_by_fish(line: str) -> set[str]:
    said = run("fish", "--no-config", "-c", f"source ../completion.fish; complete -C '{line}'")
    return {row.split("\t")[0].rstrip("/") for row in said.splitlines()}


@pytest.mark.usefixtures("desk")
@pytest.mark.skipif("fish" not in HERE, reason="fish is not installed")
def test_fish_offers_what_fits() -> None:
    expected = {
        "tintype ": {*COMMANDS, *PHOTOS},
        "tintype s": {"serve", "shortcut"},
        "tintype --qual": {"--quality"},
        "tintype one.tif --quality ": {"fast", "normal", "high"},
        "tintype one.tif --quality=h": {"--quality=high"},
        "tintype --quality high ": PHOTOS,
        "tintype o": {"old photo.JPG", "one.tif", "old album"},
        "tintype --into ": {"old album"},
        "tintype --vividness ": set(),
        "tintype -o l": {"letter.txt"},
        "tintype Sm": {"Smith, J.png"},
        "tintype train --data set.zip s": {"set.zip"},
        "tintype --model ": {"tintype-own", "mine.onnx", "old album"},
        "tintype serve --no": {"--no-browser", "--no-sandbox"},
        "tintype serve ": set(),
        "tintype data ": {"audit"},
        "tintype train --init ": {"old album"},
        "tintype completion ": {"bash", "zsh", "fish", "powershell"},
    }
    assert {line: offered_by_fish(line) for line in expected} == expected


# ----- bash and zsh: on a terminal, as a person types -----

TYPED = {
    "tintype one.tif --overw": "<one.tif><--overwrite>",
    "tintype one.tif --quality hi": "<one.tif><--quality><high>",
    "tintype one.tif --quality=hi": "<one.tif><--quality=high>",
    "tintype one.tif --model tin": "<one.tif><--model><tintype-own>",
    "tintype old\\ p": "<old photo.JPG>",
    "tintype 'old p": "<old photo.JPG>",
    "tintype inspect on": "<inspect><one.tif>",
    "tintype serve --no-b": "<serve><--no-browser>",
    "tintype train --data set.zip --in": "<train><--data><set.zip><--init>",
    "tintype compl": "<completion>",
    "tintype Sm": "<Smith, J.png>",
    "tintype ~/desk/on": "<~/desk/one.tif>",
    "tintype old\\ al\tin": "<old album/inside.png>",
}
"""Lines, and what the command is given when they are ended by a Tab and the Enter key."""


@pytest.mark.parametrize("shell", [shell for shell in HERE if shell in {"bash", "zsh"}])
def test_a_tab_completes_what_was_typed(shell: str, desk: Path) -> None:
    import pty

    # A command that shows what it was given, and answers the shell as the real one does.
    program = desk.parent / "bin" / "tintype"
    real = program.read_text(encoding="utf-8").splitlines()[1]
    program.write_text(
        f'#!/bin/sh\nif [ -n "${COMPLETE}" ]; then\n{real}\nfi\n'
        "printf 'given '; printf '<%s>' \"$@\"; echo\n"
    )
    start = {"bash": ["bash", "--norc", "-i"], "zsh": ["zsh", "-f", "-i"]}[shell]
    prepare = {"bash": "", "zsh": "autoload compinit; compinit -D; "}[shell]
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        start, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=os.environ | {"TERM": "dumb"},
    )  # fmt: skip
    os.close(theirs)
    try:
        os.write(terminal, f"{prepare}source ../completion.{shell}; echo rea''dy\n".encode())
        read_until(terminal, "ready\r\n")
        for typed, given in TYPED.items():
            os.write(terminal, f"{typed}\t\n".encode())
            expected = given.replace("~", str(desk.parent))
            assert f"given {expected}\r\n" in read_until(terminal, ">\r\n"), typed
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def read_until(terminal: int, mark: str) -> str:
    shown, deadline = "", time.monotonic() + 30
    while mark not in shown:
        assert time.monotonic() < deadline, shown
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


# ----- PowerShell: asked as its script asks -----


def offered_by_powershell(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture, *words: str
) -> dict[str, str]:
    """What is answered for the last of some words: values, and what is shown beside each."""
    monkeypatch.setenv(COMPLETE, "powershell_complete")
    monkeypatch.setenv("COMP_WORDS", "\n".join(words[:-1]))
    if words[-1]:
        monkeypatch.setenv("COMP_CWORD", words[-1])
    else:  # PowerShell cannot set a variable to nothing
        monkeypatch.delenv("COMP_CWORD", raising=False)
    assert main([]) == 0
    said = capsysbinary.readouterr()
    assert said.err == b""
    return dict(line.split("\t") for line in said.out.decode().splitlines() if line)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["tintype", ""], {*COMMANDS, *PHOTOS}),
        (["tintype", "old photo.JPG", "--qual"], {"--quality"}),
        (["tintype", "--quality=h"], {"--quality=high"}),
        (["tintype", "--quality", "h"], {"high"}),
        (["tintype", "old p"], {"old photo.JPG"}),
        (["tintype", "--into", ""], {"old album"}),
        (["tintype", "train", "--data", "set.zip", ""], {"set.zip", "old album"}),
    ],
)
def test_powershell_is_answered_what_fits(
    typed: list[str],
    offered: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: Capture,
) -> None:
    found = offered_by_powershell(monkeypatch, capsysbinary, *typed)
    assert set(found) == offered
    assert all(found.values()), "a tip must not be empty"


def test_the_script_for_powershell_asks_in_the_words_that_are_answered() -> None:
    text = script("powershell")
    assert text.startswith("Register-ArgumentCompleter -Native -CommandName tintype -ScriptBlock {")
    assert text.count("{") == text.count("}")
    assert f"$env:{COMPLETE} = 'powershell_complete'" in text
    for name in ("COMP_WORDS", "COMP_CWORD"):
        assert f"$env:{name} = " in text
    assert f"Remove-Item Env:{COMPLETE}, Env:COMP_WORDS, Env:COMP_CWORD" in text
    assert "%(" not in text


# ----- the scripts -----


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script(shell: str, capsysbinary: Capture) -> None:
    assert main(["completion", shell]) == 0
    assert capsysbinary.readouterr().out.decode() == script(shell)


@pytest.mark.parametrize("shell", HERE)
def test_the_shell_can_parse_the_script(shell: str, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(script(shell), encoding="utf-8")
    assert run(shell, "-n", str(tmp_path / "script")) == ""


def test_an_unknown_shell_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish', 'powershell'" in capsys.readouterr().err
    monkeypatch.setenv(COMPLETE, "tcsh_complete")
    assert main([]) == 1
    assert capsys.readouterr().out == ""


# ----- all commands -----


@pytest.mark.parametrize("name", [COLOR, *COMMANDS], ids=lambda name: name or "photos")
def test_every_option_is_offered(
    name: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    command = TINTYPE.get_command(click.Context(TINTYPE), name)
    assert command is not None
    words = ["tintype", *([name] if name else []), "-"]
    offered = offered_by_powershell(monkeypatch, capsysbinary, *words)
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    known = {name for option in options for name in option.opts}
    assert set(offered) == known
