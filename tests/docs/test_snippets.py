"""What the pages tell people to type does what the pages say.

Blocks of language ``python`` and ``console`` are run, page by page and in order, in a folder with
the files that the pages talk about. ``...`` in an answer stands for anything, seconds are not
compared. Blocks of language ``sh`` are not run, since they install things or train for hours, but
a shell must be able to read them, and their `tintype` commands must parse. Options that the text
names exist.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import fields
from pathlib import Path

import click
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from docs.pages import FENCE, ROOT, Block, blocks, make_reference, pages
from tintype.cli.film import _KEYS
from tintype.cli.group import COLOR, COMMANDS, TINTYPE
from tintype.engine.bundle import Card
from video.clips import make_clip

SECONDS = re.compile(r"\d+\.\d s\b")


def pages_with(*languages: str) -> list[Path]:
    return [
        page
        for page in pages()
        if any(block.language in languages for block in blocks(page.read_text(encoding="utf-8")))
    ]


def blocks_of(page: Path) -> list[Block]:
    return blocks(page.read_text(encoding="utf-8"))


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Iterator[Path]:
    """A folder with the files that the pages talk about, where the snippets are run."""
    desk = tmp_path / "desk"
    examples = ROOT / "examples"
    shutil.copytree(examples, desk / "examples", ignore=shutil.ignore_patterns("*.color.*"))
    for name in ("photo.jpg", "album/wedding.jpg", "album/1931/picnic.jpg"):
        (desk / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(examples / "coffee.jpg", desk / name)
    grey = Image.open(examples / "coffee.jpg").convert("L").resize((200, 133))
    ImageOps.colorize(grey, (20, 40, 90), (255, 220, 180)).save(desk / "result.jpg")
    (desk / "album" / "notes.txt").write_text("1931: the picnic at the lake", encoding="utf-8")
    (desk / "scans").mkdir()
    row = np.linspace(0, 65535, 96).astype(np.uint16)
    for number in (1, 2):
        scan = np.ascontiguousarray(np.broadcast_to(np.roll(row, number), (64, 96)))
        tifffile.imwrite(desk / "scans" / f"box-7-{number:03d}.tif", scan)
    make_clip(desk / "film.mp4", sound="aac")
    shutil.copy(tiny_model, desk / "mine.onnx")
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    monkeypatch.setenv("TINTYPE_HOME", str(models.parent))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(desk)
    return desk


def expected(pattern: str, text: str) -> bool:
    """Whether a text is what a page says, but for seconds and for what ``...`` stands for."""
    pattern, text = SECONDS.sub("N s", pattern).strip(), SECONDS.sub("N s", text).strip()
    text = text.replace(os.sep, "/") if os.sep != "/" else text
    parts = [re.escape(part) for part in pattern.split("...")]
    return re.fullmatch(".*?".join(parts), text, re.DOTALL) is not None


def run_console(text: str) -> None:
    """Runs each line that begins with a dollar sign and compares what follows it."""
    commands = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert commands[0] == "", "a console block begins with a command"
    for command in commands[1:]:
        words, _, answer = command.partition("\n")
        done = subprocess.run(
            words, shell=True, capture_output=True, text=True, timeout=60, check=False
        )
        said = done.stderr + done.stdout
        assert "Traceback" not in said, said
        assert expected(answer, said), f"$ {words}\n{said}"


def run_python(block: Block, names: dict[str, object], where: str) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(block.text, where, "exec"), names)
    if block.answer is not None:
        assert expected(block.answer, out.getvalue()), out.getvalue()


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("page", pages_with("python", "console"), ids=named)
def test_the_snippets_of_a_page_do_what_it_says(page: Path) -> None:
    names: dict[str, object] = {}
    for block in blocks_of(page):
        if block.language == "console":
            run_console(block.text)
        elif block.language == "python":
            run_python(block, names, named(page))


@pytest.mark.parametrize("page", pages_with("sh", "powershell"), ids=named)
def test_the_commands_that_are_not_run_parse(page: Path) -> None:
    for block in blocks_of(page):
        if block.language in {"sh", "powershell"}:
            for words in commands(block.text, posix=block.language == "sh"):
                parse(words)


def commands(text: str, *, posix: bool) -> Iterator[list[str]]:
    """The commands of a script, without what joins them and without redirections."""
    text = text.replace("\\\n", " ").replace("\n", " ;\n")
    lexer = shlex.shlex(text, posix=posix, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in {"<", ">", ">>", ">&"}:
            next(lexer)
        elif set(word) <= set("();<>|&"):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def shell_refuses(text: str) -> str:
    """What a shell says against a script that it only reads; it runs nothing."""
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return done.stderr


@pytest.mark.skipif(os.name != "posix", reason="there is no shell to ask")
@pytest.mark.parametrize("page", pages_with("sh"), ids=named)
def test_a_shell_can_read_the_commands_that_are_not_run(page: Path) -> None:
    assert [shell_refuses(b.text) for b in blocks_of(page) if b.language == "sh"] == [
        "" for b in blocks_of(page) if b.language == "sh"
    ]


SPAN = re.compile(r"`([^`]+)`")
OTHERS = {"pip", "python", "twine", "ray", "git", "docker", "podman", "uvx"}
"""Programs with options of their own."""

OPTION = re.compile(r"(?:^|(?<=\s))--?[a-z][\w-]*")


def command_of(name: str) -> click.Command:
    command = TINTYPE.get_command(click.Context(TINTYPE), name)
    assert command is not None
    return command


def unknown_options(text: str) -> list[str]:
    """Options in the text of a page, outside its blocks, that no command has."""
    unknown = []
    for span in SPAN.findall(FENCE.sub("", text)):
        words = span.split()
        if {Path(word).name for word in words} & OTHERS:
            continue  # another program's
        # Within a whole command, those of that command; named alone, those of any.
        name = words[1] if words[0] == "tintype" and len(words) > 1 else None
        first = name if name in COMMANDS else COLOR
        asked = [first] if name else [COLOR, *COMMANDS]
        params = [param for command in asked for param in command_of(command).params]
        known = {name for param in params for name in param.opts}
        unknown += [
            option for option in OPTION.findall(span.split("-- ")[0]) if option not in known
        ]
    return unknown


@pytest.mark.parametrize("page", pages(), ids=named)
def test_options_that_the_text_names_exist(page: Path) -> None:
    assert unknown_options(page.read_text(encoding="utf-8")) == []


def parse(words: list[str]) -> str | None:
    """Parses one command if it is `tintype`; returns which of its commands it was."""
    if not words or Path(words[0].replace("\\", "/")).name != "tintype":
        return None
    words = words[1:]
    name = words[0] if words and words[0] in COMMANDS else COLOR
    command_of(name).make_context(name, words[1:] if name else words)
    return name or "photos"


@pytest.mark.parametrize("page", pages_with("toml"), ids=named)
def test_recipes_and_cards_on_pages_have_known_keys(page: Path) -> None:
    recipe = set(re.findall(r"^\| `([\w.]+)`", make_reference().recipe_table(), re.MULTILINE))
    card = {field.name for field in fields(Card)}
    for block in blocks_of(page):
        if block.language == "toml":
            values = tomllib.loads(block.text)
            if set(values) == {"shot"}:  # of a film
                assert {key for shot in values["shot"] for key in shot} <= _KEYS
                continue
            keys = {
                f"{table}.{key}" if isinstance(inner, dict) else table
                for table, inner in values.items()
                for key in (inner if isinstance(inner, dict) else [None])
            }
            assert keys <= recipe or set(values) <= card, keys


# ----- guards -----


def test_the_guard_sees_a_wrong_answer() -> None:
    assert expected("a ... z in 1.0 s", "a b c z in 22.3 s\n")
    assert not expected("a ... z", "a b c")
    with pytest.raises(AssertionError, match="tintype 0"):
        run_console(f'$ "{sys.executable}" -m tintype --version\ntintype 9\n')
    with pytest.raises(AssertionError):
        run_python(Block("python", "print(1)", "2"), {}, "here")


def test_the_guard_sees_every_command_of_a_line() -> None:
    line = "cd x && tintype a.jpg > b 2>&1; cat <(tintype models) | head \\\n -1  # tintype not\n"
    assert [words for words in commands(line, posix=True) if words] == [
        ["cd", "x"],
        ["tintype", "a.jpg", "2"],  # whose number only looks like a word
        ["cat"],
        ["tintype", "models"],
        ["head", "-1"],
    ]
    assert "unexpected EOF" in shell_refuses("tintype 'a.jpg\n")


def test_the_guard_sees_an_option_that_is_none() -> None:
    assert unknown_options("`--strong` and `tintype serve --check`, `tintype x.jpg --port 1`") == [
        "--strong",
        "--check",
        "--port",
    ]
    assert unknown_options("`tintype serve --port 1`, `--quality high`, `pip -q`, `-1`") == []


def test_the_guard_sees_a_wrong_command() -> None:
    assert parse(["tintype", "a.jpg", "--vividness", "1"]) == "photos"
    assert parse([".venv/bin/tintype", "train", "a.toml", "--data", "b"]) == "train"
    assert parse(["pip", "install"]) is None
    with pytest.raises(click.UsageError, match="No such option '--date'"):
        parse(["tintype", "train", "a.toml", "--date", "b"])
