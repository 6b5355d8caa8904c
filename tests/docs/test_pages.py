"""The pages hold together: links lead somewhere, tables say what the code says."""

import ast
import inspect
import re
from pathlib import Path

import click
import pytest

import tintype
from docs.pages import ROOT, anchors, blocks, links, make_reference, pages
from tintype.cli.group import COLOR, COMMANDS

PAGES = pages()
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

REFERENCE = make_reference()


def broken_links(page: Path, text: str) -> list[str]:
    broken = []
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        found = target.exists()
        if found and anchor:
            found = anchor in anchors(target.read_text(encoding="utf-8"))
        if not found:
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


def test_the_guard_finds_broken_links() -> None:
    page = ROOT / "README.md"
    assert broken_links(page, "[a](docs/nowhere.md) [b](docs/index.md#nowhere)") == [
        "docs/nowhere.md",
        "docs/index.md#nowhere",
    ]
    assert broken_links(page, "[a](docs/index.md) [c](https://example.org/x)") == []


def test_every_page_is_found_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {
        (index.parent / link.partition("#")[0]).resolve()
        for link in links(index.read_text(encoding="utf-8"))
    }
    missing = [p for p in (ROOT / "docs").rglob("*.md") if p != index and p not in linked]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_has_a_language_that_somebody_checks(page: Path) -> None:
    """A misspelt language would be a snippet that nobody runs."""
    known = {"python", "console", "sh", "powershell", "toml", "text"}
    assert {block.language for block in blocks(page.read_text(encoding="utf-8"))} <= known


@pytest.mark.parametrize("page", [*REFERENCE.PAGES, REFERENCE.MANUAL], ids=lambda page: page.name)
def test_generated_tables_say_what_the_code_says(page: Path) -> None:
    """If this fails: python docs/make_reference.py."""
    text = page.read_text(encoding="utf-8")
    assert REFERENCE.rewritten(text) == text


def test_every_generated_table_is_on_a_page() -> None:
    used = {
        found[2]
        for page in REFERENCE.PAGES
        for found in REFERENCE.BLOCK.finditer(page.read_text(encoding="utf-8"))
    }
    assert used == set(REFERENCE.GENERATED)


def test_every_generated_part_is_on_the_manual_page() -> None:
    text = REFERENCE.MANUAL.read_text(encoding="utf-8")
    assert [found[2] for found in REFERENCE.ROFF_BLOCK.finditer(text)] == list(
        REFERENCE.ROFF_GENERATED
    )


def test_the_manual_page_names_every_command_and_option() -> None:
    text = REFERENCE.MANUAL.read_text(encoding="utf-8").replace("\\-", "-")
    for name in (COLOR, *COMMANDS):
        start = text.index(f".SS {name}\n") if name else 0
        for param in REFERENCE.command_of(name)[0].params:
            if isinstance(param, click.Option) and not param.hidden:
                for option in param.opts:
                    assert f"\\fB{option}\\fR" in text[start:], (name, option)


@pytest.mark.parametrize("text", [".SH forged", "'br", "a\\fBb", "It is -1. .br"])
def test_nothing_in_the_words_of_an_option_is_roff(text: str) -> None:
    said = REFERENCE._roff(text)
    assert [line for line in said.splitlines() if line.startswith((".", "'"))] == []
    assert said.replace("\\&", "").replace("\\-", "-").replace("\\e", "\\").split() == text.split()


def test_every_row_of_a_generated_table_says_something() -> None:
    for name, make in REFERENCE.GENERATED.items():
        rows = make().splitlines()
        assert rows, name
        if not rows[0].startswith("|"):
            continue  # a line of code
        rows = rows[2:]
        assert rows, name
        assert [row for row in rows if row.endswith(("|  |", "| . |"))] == [], name


def test_the_reference_of_the_api_names_every_public_name() -> None:
    text = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    assert [
        name for name in tintype.__all__ if f"{name}`" not in text and f"{name}(" not in text
    ] == []


def defaults_in(text: str) -> dict[str, object]:
    """The keyword arguments with their defaults of a call of `colorize` on a page."""
    found = re.search(r"`(colorize\(.*?\))`", text)
    assert found is not None
    function = ast.parse(f"def {found[1]}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    names = [argument.arg for argument in function.args.kwonlyargs]
    values = [value and ast.literal_eval(value) for value in function.args.kw_defaults]
    return dict(zip(names, values, strict=True))


def test_the_reference_of_the_api_has_the_defaults_of_the_code() -> None:
    text = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    parameters = inspect.signature(tintype.colorize).parameters.values()
    named = [one for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    assert defaults_in(text) == {one.name: one.default for one in named}


def test_the_guard_sees_another_default() -> None:
    assert defaults_in('`colorize(x, *, quality="normal", model=None)`') == {
        "quality": "normal",
        "model": None,
    }
